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
    ROOM_WAITS,
    SWEEPER_MARGIN,
    Attempt,
    Delivery,
    DeliveryStatus,
    step_after,
)
from batchwork.ports import Answer, Clock, Egress
from batchwork.ports.webhooks import DeliveryQueue, DeliveryStore
from batchwork.use_cases.room import Room


@dataclass(frozen=True)
class Deliver:
    """Sign, send, record, and see to the next attempt.

    Dying anywhere loses nothing: before the record the hold runs out and the message comes again, so a receiver may
    see one attempt twice (with the same webhook-id); after it the sweeper finds the delivery by its due time.
    A message that finds no room with its receiver waits in the queue for half a minute in all, then for the sweeper.
    """

    deliveries: DeliveryStore
    queue: DeliveryQueue
    egress: Egress
    room: Room
    clock: Clock

    def __call__(self, workspace_id: str, delivery_id: str, number: int, waits: int = 0) -> DeliveryStatus | None:
        """Return the delivery's new status, None when attempt `number` is not this caller's to make now.

        waits: how often this message found no room with its receiver.
        """
        delivery = self.deliveries.get(workspace_id, delivery_id)
        if delivery is None or delivery.status is not DeliveryStatus.PENDING or len(delivery.attempts) != number - 1:
            return None
        with self.room.with_receiver(delivery) as room:
            if room:
                return self._deliver(delivery, number)
        if waits < len(ROOM_WAITS):
            self.queue.send(delivery, ROOM_WAITS[waits], waits + 1)
        else:
            self.deliveries.postpone(delivery, self.clock.now() + SWEEPER_MARGIN * (1 + self.clock.chance()))
        return None

    def _deliver(self, delivery: Delivery, number: int) -> DeliveryStatus | None:
        now = self.clock.now()
        if not self.deliveries.begin(delivery, number, now + HOLD, now):
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
