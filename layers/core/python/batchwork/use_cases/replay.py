"""Deliver again: one delivery on request, or all to an endpoint that failed since a time."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from batchwork.domain.errors import NotPermitted
from batchwork.domain.idempotency import Ticket
from batchwork.domain.resource import to_millis
from batchwork.domain.webhook import SWEEPER_MARGIN, Delivery, DeliveryStatus, Recovery, replay_id
from batchwork.domain.webhook_endpoint import WebhookEndpoint
from batchwork.ports import Clock
from batchwork.ports.operations import Shelf
from batchwork.ports.webhooks import DeliveryBodies, DeliveryQueue, DeliveryStore, Wanted

#: Failed deliveries that one message of a recovery looks at: a sender is done with them in seconds.
AT_ONCE = 50
#: Why a pending delivery is not replayed.
BEING_MADE = "An attempt of this delivery is being made right now; see what comes of it"


@dataclass(frozen=True, slots=True)
class Again:
    """Make the delivery that repeats another one, and queue it, however often it is asked for under one cause.

    Dying between the two is healed by who asks again, or by the sweeper. What was kept apart is kept once more: it then
    stays as long as the new delivery.
    """

    deliveries: DeliveryStore
    bodies: DeliveryBodies
    queue: DeliveryQueue

    def __call__(self, delivery: Delivery, cause: str, url: str, at: datetime) -> Delivery:
        """Return the new delivery: same event and body, attempts from the first on. url: where it goes now.

        Raises KeyError when the body was kept apart and is not any more.
        """
        wanted = replace(
            delivery,
            id=replay_id(delivery, cause),
            url=url,
            created_at=at,
            due_at=at + SWEEPER_MARGIN,
            status=DeliveryStatus.PENDING,
            attempts=(),
            recovered=False,
            replay_of=delivery.original,
            turn_at=None,
            next_at=None,
        )
        made = self.deliveries.get(wanted.workspace_id, wanted.id)
        if made is None:
            if delivery.blob is not None:
                wanted = replace(wanted, body=self.bodies.read(delivery.blob), blob=None)
            self.deliveries.put(wanted)
        made = made or wanted
        if made.status is DeliveryStatus.PENDING and not made.attempts:
            self.queue.send(made)
        return made

    def hurry(self, delivery: Delivery, url: str, now: datetime) -> Delivery | None:
        """Have a pending delivery's next attempt made at once, and return the delivery. One that has its turn keeps it.

        None where somebody makes that attempt right now, or it was made meanwhile. The attempt's number keeps it from
        being made twice, by this message and by the one that was to bring it later.
        """
        if delivery.turn_at is not None:
            return delivery
        hurried = self.deliveries.hurry(delivery, now + SWEEPER_MARGIN, now)
        if hurried is not None:
            self.queue.send(replace(hurried, url=url))
        return hurried


@dataclass(frozen=True, slots=True)
class Replay:
    """Deliver one event again, at once, whether it was taken before or not; what is still to be delivered, is now."""

    again: Again

    def check(self, endpoint: WebhookEndpoint) -> None:
        """Raise NotPermitted for an endpoint that is switched off."""
        check_enabled(endpoint)

    def __call__(self, delivery: Delivery, endpoint: WebhookEndpoint | None, ticket: Ticket) -> Delivery:
        """Return the new delivery, or a pending one itself; each try of one piece of work returns the same one.

        Raises NotPermitted for one of which an attempt is being made, or whose payload is gone.
        """
        url, at = delivery.url if endpoint is None else endpoint.url, to_millis(ticket.at)
        if ticket.again and delivery.attempts and delivery.attempts[-1].started_at > at:
            return delivery  # it was pending when an earlier try asked for it, and had its attempt since
        if delivery.status is DeliveryStatus.PENDING:
            return self._hurried(delivery, url, at, ticket)
        try:
            return self.again(delivery, ticket.id, url, at)
        except KeyError as exc:
            raise NotPermitted(reason="The payload of this delivery is no longer kept") from exc

    def _hurried(self, delivery: Delivery, url: str, at: datetime, ticket: Ticket) -> Delivery:
        hurried = self.again.hurry(delivery, url, at)
        if hurried is not None:
            return hurried
        now = self.again.deliveries.get(delivery.workspace_id, delivery.id) or delivery
        if not ticket.again and now.attempts == delivery.attempts and now.turn_at is None:
            raise NotPermitted(reason=BEING_MADE)
        return now


@dataclass(frozen=True, slots=True)
class Recover:
    """Have all deliveries to an endpoint made again that failed since a time, and those hurried that have failed so far:
    begun here, worked by a sender.

    What is delivered again is what had failed when it was asked for; what fails afterwards is not.
    """

    queue: DeliveryQueue

    def check(self, endpoint: WebhookEndpoint) -> None:
        """Raise NotPermitted for an endpoint that is switched off."""
        check_enabled(endpoint)

    def __call__(self, endpoint: WebhookEndpoint, since: datetime, ticket: Ticket) -> Recovery:
        """Queue the recovery and return it; each try of one piece of work queues the same one."""
        recovery = Recovery(
            id=ticket.id,
            workspace_id=endpoint.workspace_id,
            endpoint_id=endpoint.id,
            since=since,
            until=to_millis(ticket.at),
        )
        self.queue.recover(recovery)
        return recovery


@dataclass(frozen=True, slots=True)
class WorkRecovery:
    """Work one page of a recovery, then queue the rest.

    Dying anywhere repeats the page: each delivery's id follows from the recovery and the event, so that none is made
    twice, also where an event failed more than once. What a replay delivered since is not made again. An endpoint that is
    switched off or removed meanwhile ends it.
    """

    again: Again
    endpoints: Shelf[WebhookEndpoint]
    clock: Clock

    def __call__(self, recovery: Recovery) -> int:
        """Return how many deliveries of the page are made again, or hurried."""
        endpoint = self.endpoints.get(recovery.workspace_id, recovery.endpoint_id)
        if endpoint is None or not endpoint.enabled:
            return 0
        page = self.again.deliveries.of_endpoint(
            recovery.workspace_id,
            recovery.endpoint_id,
            Wanted(
                limit=AT_ONCE,
                after=recovery.after,
                status=recovery.status,
                since=recovery.since,
                until=recovery.until,
            ),
        )
        work = self._made if recovery.status is DeliveryStatus.FAILED else self._hurried
        made = sum(work(delivery, recovery, endpoint) for delivery in page.entries)
        if page.next is not None:
            self.again.queue.recover(replace(recovery, after=page.next))
        elif recovery.status is DeliveryStatus.FAILED:
            self.again.queue.recover(replace(recovery, after=None, status=DeliveryStatus.PENDING))
        return made

    def _hurried(self, delivery: Delivery, recovery: Recovery, endpoint: WebhookEndpoint) -> bool:
        # What had an attempt since the recovery was asked for had it by this recovery, or fails after it.
        if not delivery.attempts or delivery.attempts[-1].started_at >= recovery.until:
            return False
        return self.again.hurry(delivery, endpoint.url, to_millis(self.clock.now())) is not None

    def _recovered(self, delivery: Delivery) -> bool:
        """Whether a replay of the delivery's event was delivered: the first delivery says so."""
        if delivery.replay_of is None:
            return delivery.recovered
        first = self.again.deliveries.get(delivery.workspace_id, delivery.replay_of)
        return first is not None and first.recovered

    def _made(self, delivery: Delivery, recovery: Recovery, endpoint: WebhookEndpoint) -> bool:
        if delivery.trial or self._recovered(delivery):
            return False
        # None that is made here is looked at by the pages that follow, whatever this sender's clock says.
        at = max(to_millis(self.clock.now()), recovery.until)
        try:
            self.again(delivery, recovery.id, endpoint.url, at)
        except KeyError:
            return False  # kept apart, and not any more: nothing of it is left to be told
        return True


def check_enabled(endpoint: WebhookEndpoint) -> None:
    """Raise NotPermitted for an endpoint that is switched off."""
    if not endpoint.enabled:
        raise NotPermitted(reason="This webhook is disabled, so nothing is sent to it; enable it first")
