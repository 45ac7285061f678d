"""Make one attempt of a delivery."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from batchwork.domain import signature
from batchwork.domain.errors import EgressRefused
from batchwork.domain.webhook import (
    ATTEMPT_TIMEOUT,
    HOLD,
    MAX_ERROR,
    Attempt,
    Delivery,
    DeliveryStatus,
    step_after,
)
from batchwork.ports import Answer, Clock, DeliveryQueue, DeliveryStore, Egress


@dataclass(frozen=True)
class Deliver:
    """Sign, send, record, and see to the next attempt.

    Dying anywhere loses nothing: before the record the hold runs out and the message comes again, so a receiver may
    see one attempt twice (with the same webhook-id); after it the sweeper finds the delivery by its due time.
    """

    deliveries: DeliveryStore
    queue: DeliveryQueue
    egress: Egress
    clock: Clock

    def __call__(self, workspace_id: str, delivery_id: str, number: int) -> DeliveryStatus | None:
        """Return the delivery's new status, None when attempt `number` is not this caller's to make."""
        delivery = self.deliveries.get(workspace_id, delivery_id)
        now = self.clock.now()
        if delivery is None or not self.deliveries.begin(delivery, number, now + HOLD, now):
            return None
        attempt, retry_after = self._attempt(delivery, number)
        step = step_after(number, attempt.status, retry_after, self.clock.chance())
        recorded = self.deliveries.record(delivery, attempt, step.status, step.due_at(self.clock.now()))
        if attempt not in recorded.attempts:
            return None  # outlived the hold: another sender made, recorded and followed up this attempt
        if step.delay is not None:
            self.queue.send(recorded, step.delay)
        return step.status

    def _attempt(self, delivery: Delivery, number: int) -> tuple[Attempt, timedelta | None]:
        started_at = _whole_millis(self.clock.now())
        headers = signature.headers(delivery, started_at)
        answer: Answer | None = None
        error: str | None = None
        try:
            answer = self.egress.post(delivery.url, delivery.body, headers, ATTEMPT_TIMEOUT)
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
        return attempt, answer.retry_after if answer else None


def _whole_millis(at: datetime) -> datetime:
    """Return a time as precise as the store keeps it, so that a recorded attempt equals the one made."""
    return at.replace(microsecond=at.microsecond // 1000 * 1000)
