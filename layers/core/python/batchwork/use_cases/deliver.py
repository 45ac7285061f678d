"""Make one attempt of a delivery."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta

from batchwork.domain.resource import to_millis
from batchwork.domain.signature import by_url
from batchwork.domain.webhook import (
    FIRST_ROOM_WAITS,
    HOLD,
    LONGEST_DELAY,
    ROOM_PATIENCE,
    SWEEPER_MARGIN,
    URL_LIFE,
    Attempt,
    Delivery,
    DeliveryStatus,
    room_wait,
    step_after,
)
from batchwork.ports import Clock, Egress
from batchwork.ports.webhooks import DeliveryBodies, DeliveryQueue, DeliveryStore, EndpointPace
from batchwork.use_cases.addressees import Addressees
from batchwork.use_cases.room import Room
from batchwork.use_cases.send import Send

#: Why a delivery ends whose body was kept apart, and is not any more.
BODY_GONE = "the payload is no longer kept"


@dataclass(frozen=True)
class Deliver:
    """Send, record, and see to the next attempt; a delivery to an endpoint goes where that is now, or ends with it.

    Dying anywhere loses nothing: before the record the hold runs out and the message comes again, so a receiver may
    see one attempt twice (with the same webhook-id); after it the sweeper finds the delivery by its due time.
    A message that finds no room with its receiver waits in the queue for about ten minutes in all, then for the sweeper.
    One to an endpoint that takes so many a minute waits for its turn, which counts as no attempt.
    """

    deliveries: DeliveryStore
    bodies: DeliveryBodies
    queue: DeliveryQueue
    egress: Egress
    room: Room
    pace: EndpointPace
    clock: Clock
    addressees: Addressees

    def __call__(self, workspace_id: str, delivery_id: str, number: int, waits: int = 0) -> DeliveryStatus | None:
        """Return the delivery's new status, None when attempt `number` is not this caller's to make now.

        waits: how often this message found no room with its receiver.
        """
        stored = self.deliveries.get(workspace_id, delivery_id)
        if stored is None or stored.status is not DeliveryStatus.PENDING or len(stored.attempts) != number - 1:
            return None
        addressed = self.addressees.now(stored)
        delivery = addressed.delivery
        if addressed.refusal is not None:
            return self._end(delivery, number, addressed.refusal)
        with self.room.with_receiver(delivery) as room:
            if room:
                return self._deliver(delivery, number) if self._has_turn(delivery, addressed.rate) else None
        self._wait_for_room(delivery, waits)
        return None

    def _wait_for_room(self, delivery: Delivery, waits: int) -> None:
        now, chance = self.clock.now(), self.clock.chance()
        wait = room_wait(waits, chance)
        if wait is None:
            self.deliveries.postpone(delivery, now + SWEEPER_MARGIN * (1 + chance))
            return
        if waits == len(FIRST_ROOM_WAITS):
            # Once for all later waits: as long as the message comes back, the sweeper is to bring no second one.
            self.deliveries.postpone(delivery, now + ROOM_PATIENCE + SWEEPER_MARGIN, next_at=now + wait)
        self.queue.send(delivery, wait, waits + 1)

    def _has_turn(self, delivery: Delivery, rate: int | None) -> bool:
        """Whether the delivery's turn is now; else it comes again when it is.

        A turn that was given is kept in the delivery, so that neither a second message nor the sweeper takes another.
        """
        if delivery.endpoint_id is None or rate is None:
            return True
        now = self.clock.now()
        if delivery.turn_at is not None:
            return now >= delivery.turn_at  # else its own message is on its way, and the sweeper behind it
        wait = self.pace.take(delivery.workspace_id, delivery.endpoint_id, rate, now)
        if wait is None:
            return True
        if wait > LONGEST_DELAY:  # no turn was given; who waits so long comes back spread over as long
            self.deliveries.postpone(delivery, now + wait + LONGEST_DELAY * self.clock.chance())
            return False
        # First the turn, which a message that came before it would not know.
        self.deliveries.postpone(delivery, now + wait + SWEEPER_MARGIN, to_millis(now + wait))
        self.queue.send(delivery, wait)
        return False

    def _deliver(self, delivery: Delivery, number: int) -> DeliveryStatus | None:
        try:
            whole = self._whole(delivery)
        except KeyError:
            return self._end(delivery, number, BODY_GONE)
        if not self._begin(delivery, number):
            return None
        sent = Send(self.egress, self.clock)(whole, number)
        failing = self.addressees.note(delivery, sent.attempt)
        step = step_after(number, sent.attempt.status, sent.retry_after, self.clock.chance(), delivery.schedule)
        now = self.clock.now()
        recorded = self.deliveries.record(delivery, sent.attempt, step.status, step.due_at(now), step.next_at(now))
        if sent.attempt not in recorded.attempts:
            return None  # outlived the hold: another sender made, recorded and followed up this attempt
        if step.delay is not None:
            self.queue.send(replace(recorded, url=delivery.url), step.delay)
        if failing:
            self.addressees.give_up(delivery)
        return step.status

    def _whole(self, delivery: Delivery) -> Delivery:
        """Return the delivery with the body that is sent. Raises KeyError when what was kept apart is gone."""
        if delivery.blob is None:
            return delivery
        if delivery.payload is None:
            return replace(delivery, body=self.bodies.read(delivery.blob))
        return replace(delivery, body=by_url(delivery, self.bodies.url(delivery.blob, URL_LIFE)))

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
