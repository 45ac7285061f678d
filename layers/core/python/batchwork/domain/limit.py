"""Rate limits: how many requests of a key pass in a minute and in a day (UTC, fixed windows)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Taken:
    """What a store answered to one request: whether it passed, and the requests that did, this one included."""

    passed: bool
    minute: int
    day: int


@dataclass(frozen=True, slots=True)
class Window:
    """One limit as it stands after a request. ends_at: when it starts again."""

    name: str
    length: timedelta
    limit: int
    used: int
    ends_at: datetime

    @property
    def remaining(self) -> int:
        """Return how many more requests pass."""
        return max(0, self.limit - self.used)


@dataclass(frozen=True, slots=True)
class Allowance:
    """Both limits as they stand after a request, at the time it came."""

    at: datetime
    passed: bool
    minute: Window
    day: Window

    @property
    def refusing(self) -> Window:
        """Return the window that kept a request from passing; of both, the one that ends later."""
        return self.day if self.day.remaining == 0 else self.minute


def window_end(at: datetime, length: timedelta) -> datetime:
    """Return when the window that a time lies in ends."""
    return at - (at - _EPOCH) % length + length
