"""Make one attempt of a delivery."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta

from batchwork.domain.resource import to_millis
from batchwork.domain.webhook import (
    HOLD,
    ROOM_WAITS,
    SWEEPER_MARGIN,
    Attempt,
    Delivery,
    DeliveryStatus,
    step_after,
)
from batchwork.ports import Clock, Egress
from batchwork.ports.webhooks import DeliveryQueue, DeliveryStore
from batchwork.use_cases.addressees import Addressees
from batchwork.use_cases.room import Room
from batchwork.use_cases.send import Send


@dataclass(frozen=True)
class Deliver:
    """Send, record, and see to the next attempt; a delivery to an endpoint goes where that is now, or ends with it.

    Dying anywhere loses nothing: before the record the hold runs out and the message comes again, so a receiver may
    see one attempt twice (with the same webhook-id); after it the sweeper finds the delivery by its due time.
    A message that finds no room with its receiver waits in the queue for half a minute in all, then for the sweeper.
    """

    deliveries: DeliveryStore
    queue: DeliveryQueue
    egress: Egress
    room: Room
    clock: Clock
    addressees: Addressees

    def __call__(self, workspace_id: str, delivery_id: str, number: int, waits: int = 0) -> DeliveryStatus | None:
        """Return the delivery's new status, None when attempt `number` is not this caller's to make now.

        waits: how often this message found no room with its receiver.
        """
        delivery = self.deliveries.get(workspace_id, delivery_id)
        if delivery is None or delivery.status is not DeliveryStatus.PENDING or len(delivery.attempts) != number - 1:
            return None
        delivery, refusal = self.addressees.now(delivery)
        if refusal is not None:
            return self._end(delivery, number, refusal)
        with self.room.with_receiver(delivery) as room:
            if room:
                return self._deliver(delivery, number)
        if waits < len(ROOM_WAITS):
            self.queue.send(delivery, ROOM_WAITS[waits], waits + 1)
        else:
            self.deliveries.postpone(delivery, self.clock.now() + SWEEPER_MARGIN * (1 + self.clock.chance()))
        return None

    def _deliver(self, delivery: Delivery, number: int) -> DeliveryStatus | None:
        if not self._begin(delivery, number):
            return None
        sent = Send(self.egress, self.clock)(delivery, number)
        failing = self.addressees.note(delivery, sent.attempt)
        step = step_after(number, sent.attempt.status, sent.retry_after, self.clock.chance(), delivery.schedule)
        recorded = self.deliveries.record(delivery, sent.attempt, step.status, step.due_at(self.clock.now()))
        if sent.attempt not in recorded.attempts:
            return None  # outlived the hold: another sender made, recorded and followed up this attempt
        if step.delay is not None:
            self.queue.send(replace(recorded, url=delivery.url), step.delay)
        if failing:
            self.addressees.give_up(delivery)
        return step.status

    def _end(self, delivery: Delivery, number: int, refusal: str) -> DeliveryStatus | None:
        """End a delivery that nobody is to be told of any more, unless an attempt of it is being made."""
        if not self._begin(delivery, number):
            return None
        attempt = Attempt(
            number=number,
            started_at=to_millis(self.clock.now()),
            latency=timedelta(),
            status=None,
            error=refusal,
        )
        recorded = self.deliveries.record(delivery, attempt, DeliveryStatus.FAILED, None)
        return DeliveryStatus.FAILED if attempt in recorded.attempts else None

    def _begin(self, delivery: Delivery, number: int) -> bool:
        now = self.clock.now()
        return self.deliveries.begin(delivery, number, now + HOLD, now)
