"""Tell the webhook endpoints of a workspace what happened."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from threading import Lock

from batchwork.domain.event import Event
from batchwork.domain.webhook import SWEEPER_MARGIN, Delivery, delivery_id
from batchwork.domain.webhook_endpoint import MAX_ENDPOINTS, WebhookEndpoint
from batchwork.ports import Clock
from batchwork.ports.operations import Shelf
from batchwork.ports.webhooks import DeliveryQueue, DeliveryStore


def delivery_of(event: Event, endpoint: WebhookEndpoint, body: bytes, at: datetime) -> Delivery:
    """Return the delivery of an event to an endpoint, made at a time; its id follows from the two.

    Its first message comes right after; the due time is the sweeper's, should that message be lost.
    """
    return Delivery(
        id=delivery_id(event.id, endpoint.id),
        workspace_id=event.workspace_id,
        event_id=event.id,
        event_type=event.type,
        subject=event.subject,
        style=endpoint.style,
        url=endpoint.url,
        body=body,
        created_at=at,
        due_at=at + SWEEPER_MARGIN,
        endpoint_id=endpoint.id,
    )


@dataclass(frozen=True)
class Audience:
    """The endpoints of workspaces, each workspace's read once: for events that happened before it was made, and no others.

    One that outlived them would lack endpoints that were made before an event it is asked about. Safe to be asked by
    many threads.
    """

    endpoints: Shelf[WebhookEndpoint]
    _read: dict[str, list[WebhookEndpoint]] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def of(self, event: Event) -> list[WebhookEndpoint]:
        """Return the endpoints that want an event."""
        with self._lock:
            if event.workspace_id not in self._read:
                self._read[event.workspace_id] = self._all(event.workspace_id)
            return [endpoint for endpoint in self._read[event.workspace_id] if endpoint.wants(event.type)]

    def _all(self, workspace_id: str) -> list[WebhookEndpoint]:
        found: list[WebhookEndpoint] = []
        after: str | None = None
        while True:
            part = self.endpoints.page(workspace_id, after, MAX_ENDPOINTS, lambda each: each.enabled)
            found += part.entries
            after = part.next
            if after is None:
                return found


@dataclass(frozen=True, slots=True)
class Tell:
    """Make one delivery for each endpoint that wants an event, and queue it, however often the event comes.

    Dying before a delivery is stored is healed by the event, which comes again; before its message is queued, by that
    too (the message is sent for a delivery that there is, and the sender knows an attempt it has made) or by the sweeper.
    bodies: the envelopes, by style.
    """

    deliveries: DeliveryStore
    queue: DeliveryQueue
    clock: Clock
    bodies: Mapping[str, Callable[[Event], bytes]]

    def __call__(self, events: Iterable[Event], audience: Audience) -> int:
        """Return how many deliveries the events have."""
        told = 0
        for event in events:
            for endpoint in audience.of(event):
                delivery = delivery_of(event, endpoint, self.bodies[endpoint.style](event), self.clock.now())
                self.deliveries.put(delivery)
                self.queue.send(delivery)
                told += 1
        return told
