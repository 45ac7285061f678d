"""Tell the webhook endpoints of a workspace what happened."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from threading import Lock

from batchwork.domain.event import Event
from batchwork.domain.webhook import SWEEPER_MARGIN, Delivery, PayloadRef, delivery_id
from batchwork.domain.webhook_endpoint import MAX_ENDPOINTS, WebhookEndpoint, WebhookSubscription
from batchwork.ports import Clock
from batchwork.ports.operations import Shelf
from batchwork.ports.webhooks import DeliveryQueue, DeliveryStore
from batchwork.use_cases.walk import all_of

#: Subscriptions read in one call: all that most workspaces have.
SUBSCRIPTIONS = 250


@dataclass(frozen=True, slots=True)
class Told:
    """What an endpoint is sent of an event. payload: set where it goes as a URL; body is then the payload alone."""

    body: bytes
    payload: PayloadRef | None = None


def delivery_of(
    event: Event, endpoint: WebhookEndpoint, body: bytes, at: datetime, payload: PayloadRef | None = None
) -> Delivery:
    """Return the delivery of an event to an endpoint, made at a time; its id follows from the two.

    Its first message comes right after; the due time is the sweeper's, should that message be lost. payload: as of Told.
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
        version=endpoint.version,
        payload=payload,
    )


@dataclass(frozen=True)
class Audience:
    """The endpoints of workspaces and what they subscribe to, each workspace's read once: for events that happened before
    it was made, and no others.

    One that outlived them would lack endpoints that were made before an event it is asked about. Subscriptions are read
    only for an event that needs one, in a workspace that has an endpoint. Safe to be asked by many threads.
    """

    endpoints: Shelf[WebhookEndpoint]
    subscriptions: Shelf[WebhookSubscription]
    _enabled: dict[str, list[WebhookEndpoint]] = field(default_factory=dict)
    _asked: dict[str, dict[tuple[str, str, str], tuple[str, ...]]] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def of(self, event: Event) -> list[WebhookEndpoint]:
        """Return the endpoints that want an event."""
        with self._lock:
            able = [
                each
                for each in self._endpoints(event.workspace_id)
                if each.style == event.style
                and each.id != event.subject
                and (not event.versions or each.version in event.versions)
            ]
            if event.topic is None:
                return [each for each in able if each.wants(event.type)]
            if not able:
                return []
            asked = self._subscriptions(event.workspace_id)
            return [each for each in able if event.type in asked.get((each.id, *event.topic), ())]

    def _endpoints(self, workspace_id: str) -> list[WebhookEndpoint]:
        if workspace_id not in self._enabled:
            self._enabled[workspace_id] = all_of(self.endpoints, workspace_id, lambda each: each.enabled, MAX_ENDPOINTS)
        return self._enabled[workspace_id]

    def _subscriptions(self, workspace_id: str) -> dict[tuple[str, str, str], tuple[str, ...]]:
        if workspace_id not in self._asked:
            found = all_of(self.subscriptions, workspace_id, at_once=SUBSCRIPTIONS)
            self._asked[workspace_id] = {
                (each.endpoint_id, each.resource_type, each.resource_id): each.events for each in found
            }
        return self._asked[workspace_id]


@dataclass(frozen=True, slots=True)
class Tell:
    """Make one delivery for each endpoint that wants an event, and queue it, however often the event comes.

    Dying before a delivery is stored is healed by the event, which comes again; before its message is queued, by that
    too (the message is sent for a delivery that there is, and the sender knows an attempt it has made) or by the sweeper.
    told: returns what an endpoint is sent, by style; None when what is to be told of is gone.
    """

    deliveries: DeliveryStore
    queue: DeliveryQueue
    clock: Clock
    told: Mapping[str, Callable[[Event, WebhookEndpoint], Told | None]]

    def __call__(self, events: Iterable[Event], audience: Audience) -> int:
        """Return how many deliveries the events have."""
        made = 0
        for event in events:
            for endpoint in audience.of(event):
                told = self.told[endpoint.style](event, endpoint)
                if told is None:
                    continue
                delivery = delivery_of(event, endpoint, told.body, self.clock.now(), told.payload)
                self.deliveries.put(delivery)
                self.queue.send(delivery)
                made += 1
        return made
