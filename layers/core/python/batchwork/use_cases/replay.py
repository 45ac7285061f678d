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
            replay_of=delivery.original,
            turn_at=None,
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


@dataclass(frozen=True, slots=True)
class Replay:
    """Deliver one event again, at once, whether it was taken before or not."""

    again: Again

    def check(self, delivery: Delivery, endpoint: WebhookEndpoint | None) -> None:
        """Raise NotPermitted for a delivery that is still under way, or whose endpoint is switched off."""
        if delivery.status is DeliveryStatus.PENDING:
            raise NotPermitted(reason="This delivery is still under way; replay it when it has ended")
        if endpoint is not None:
            check_enabled(endpoint)

    def __call__(self, delivery: Delivery, endpoint: WebhookEndpoint | None, ticket: Ticket) -> Delivery:
        """Return the new delivery; each try of one piece of work returns the same one. Raises NotPermitted."""
        try:
            return self.again(
                delivery, ticket.id, delivery.url if endpoint is None else endpoint.url, to_millis(ticket.at)
            )
        except KeyError as exc:
            raise NotPermitted(reason="The payload of this delivery is no longer kept") from exc


@dataclass(frozen=True, slots=True)
class Recover:
    """Have all deliveries to an endpoint made again that failed since a time: begun here, worked by a sender.

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
    twice, also where an event failed more than once. An endpoint that is switched off or removed meanwhile ends it.
    """

    again: Again
    endpoints: Shelf[WebhookEndpoint]
    clock: Clock

    def __call__(self, recovery: Recovery) -> int:
        """Return how many deliveries of the page are made again."""
        endpoint = self.endpoints.get(recovery.workspace_id, recovery.endpoint_id)
        if endpoint is None or not endpoint.enabled:
            return 0
        page = self.again.deliveries.of_endpoint(
            recovery.workspace_id,
            recovery.endpoint_id,
            Wanted(
                limit=AT_ONCE,
                after=recovery.after,
                status=DeliveryStatus.FAILED,
                since=recovery.since,
                until=recovery.until,
            ),
        )
        made = sum(self._made(delivery, recovery, endpoint) for delivery in page.entries if not delivery.trial)
        if page.next is not None:
            self.again.queue.recover(replace(recovery, after=page.next))
        return made

    def _made(self, delivery: Delivery, recovery: Recovery, endpoint: WebhookEndpoint) -> bool:
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
