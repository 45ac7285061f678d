"""Sign a delivery and send it once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from batchwork.domain import signature
from batchwork.domain.errors import EgressRefused
from batchwork.domain.resource import to_millis
from batchwork.domain.webhook import MAX_ERROR, Attempt, Delivery
from batchwork.ports import Answer, Clock, Egress


@dataclass(frozen=True, slots=True)
class Sent:
    """What came of it. retry_after: what the receiver asked for; body: the beginning of its answer, None without one."""

    attempt: Attempt
    retry_after: timedelta | None = None
    body: bytes | None = None


@dataclass(frozen=True, slots=True)
class Send:
    """Make one attempt; nothing is read or recorded."""

    egress: Egress
    clock: Clock

    def __call__(self, delivery: Delivery, number: int, timeout: timedelta | None = None) -> Sent:
        """Send the delivery to its URL, signed with its secret, as attempt `number`; no failure is raised.

        timeout: where there is less time than the delivery's style gives an attempt.
        """
        timeout = timeout or delivery.timeout
        # As precise as the store keeps it, so that a recorded attempt equals the one made.
        started_at = to_millis(self.clock.now())
        answer: Answer | None = None
        error: str | None = None
        try:
            answer = self.egress.post(delivery.url, delivery.body, signature.headers(delivery, started_at), timeout)
        except EgressRefused as exc:
            error = f"refused: {exc.facts['reason']}"
        except OSError as exc:
            error = str(exc) or type(exc).__name__
        if answer is not None and not 200 <= answer.status < 300:
            error = f"HTTP status {answer.status}"
        attempt = Attempt(
            number=number,
            started_at=started_at,
            latency=timedelta(milliseconds=(self.clock.now() - started_at) // timedelta(milliseconds=1)),
            status=answer.status if answer else None,
            error=error[:MAX_ERROR] if error else None,
        )
        return Sent(attempt, answer.retry_after, answer.body) if answer else Sent(attempt)
