"""When a failed item is tried again."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from batchwork.domain.item import CRASHED, Failure


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """Three attempts with exponential backoff and equal jitter; a far side's Retry-After is the least wait.

    longest: SQS delays a message by 15 minutes at the most. crashes: the last attempt that follows a worker's death, so that
    an item that kills its workers does not go on for as long as one that its far side asked to wait.
    """

    attempts: int = 3
    crashes: int = 3
    first: timedelta = timedelta(seconds=2)
    longest: timedelta = timedelta(minutes=15)

    def wait(self, failure: Failure, attempts: int, chance: float) -> timedelta | None:
        """Return how long to wait after `attempts` tries, or None to give up. chance: uniform in [0, 1)."""
        last = self.crashes if failure.error == CRASHED else self.attempts
        if not failure.retryable or attempts >= last:
            return None
        backoff: timedelta = self.first * int(2 ** (attempts - 1))
        jittered = backoff / 2 + backoff / 2 * chance
        return min(self.longest, max(jittered, failure.retry_after or timedelta()))
