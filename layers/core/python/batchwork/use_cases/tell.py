"""Tell the webhook endpoints of a workspace what happened."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from threading import Lock
from typing import Any

from batchwork.domain.event import Event
from batchwork.domain.webhook import (
    ENDPOINT_DISABLED,
    SWEEPER_MARGIN,
    Attempt,
    Delivery,
    DeliveryStatus,
    PayloadRef,
    delivery_id,
)
from batchwork.domain.webhook_endpoint import MAX_ENDPOINTS, WebhookEndpoint, WebhookSubscription
from batchwork.ports import Clock
from batchwork.ports.operations import Shelf
from batchwork.ports.webhooks import DeliveryQueue, DeliveryStore
from batchwork.use_cases.walk import all_of

#: Subscriptions read in one call: all that most workspaces have.
SUBSCRIPTIONS = 250
#: Deliveries stored side by side, and bytes of their bodies after which no more are made before these are stored.
AT_ONCE, MAX_BODIES = 80, 1_000_000
#: Messages queued in one call (SQS takes as many).
MESSAGES = 10


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


def undelivered(delivery: Delivery) -> Delivery:
    """Return a delivery as it is kept that is not to be sent, as its endpoint was switched off: to be recovered once that is
    enabled.
    """
    refused = Attempt(
        number=1, started_at=delivery.created_at, latency=timedelta(), status=None, error=ENDPOINT_DISABLED
    )
    return replace(delivery, status=DeliveryStatus.FAILED, attempts=(refused,))


@dataclass(frozen=True)
class Audience:
    """The endpoints of workspaces and what they subscribe to, each workspace's read once: for events that happened before
    it was made, and no others. Endpoints that were switched off because they failed are among them: they may come back.

    One that outlived them would lack endpoints that were made before an event it is asked about. Subscriptions are read
    only for an event that needs one, in a workspace that has an endpoint. Safe to be asked by many threads.
    """

    endpoints: Shelf[WebhookEndpoint]
    subscriptions: Shelf[WebhookSubscription]
    _able: dict[str, list[WebhookEndpoint]] = field(default_factory=dict)
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
                return [each for each in able if event.type in each.events]
            if not able:
                return []
            asked = self._subscriptions(event.workspace_id)
            return [each for each in able if event.type in asked.get((each.id, *event.topic), ())]

    def _endpoints(self, workspace_id: str) -> list[WebhookEndpoint]:
        if workspace_id not in self._able:
            self._able[workspace_id] = all_of(self.endpoints, workspace_id, lambda each: each.listens, MAX_ENDPOINTS)
        return self._able[workspace_id]

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
    too (the message is sent for a delivery that there is, and the sender knows an attempt it has made) or by the sweeper,
    which alone has those of an event that is older than its margin: so an event that comes again and again queues little.
    What an endpoint that was switched off wants is kept as failed, and queued for nobody.
    told: returns what an endpoint is sent, by style; None when what is to be told of is gone. spread: `map`, or the like that
    makes its calls side by side.
    """

    deliveries: DeliveryStore
    queue: DeliveryQueue
    clock: Clock
    told: Mapping[str, Callable[[Event, WebhookEndpoint], Told | None]]
    spread: Callable[..., Iterable[Any]] = map

    def __call__(self, events: Iterable[Event], audience: Audience, until: datetime | None = None) -> int | None:
        """Return how many deliveries the events have, None when there was no time for all of them. until: when it is over."""
        made = 0
        for part in _parts(self._wanted(events, audience)):
            if until is not None and self.clock.now() >= until:
                return None
            queued = [each for each in self.spread(self._stored, part) if each is not None]
            tens = [queued[start : start + MESSAGES] for start in range(0, len(queued), MESSAGES)]
            for _ in self.spread(self.queue.send_many, tens):
                pass  # what a call raised is raised here
            made += len(part)
        return made

    def _wanted(self, events: Iterable[Event], audience: Audience) -> Iterator[tuple[Event, Delivery]]:
        for event in events:
            for endpoint in audience.of(event):
                told = self.told[endpoint.style](event, endpoint)
                if told is not None:
                    delivery = delivery_of(event, endpoint, told.body, self.clock.now(), told.payload)
                    yield event, delivery if endpoint.enabled else undelivered(delivery)

    def _stored(self, wanted: tuple[Event, Delivery]) -> Delivery | None:
        """Store a delivery, and return it when it is to be queued."""
        event, delivery = wanted
        new = self.deliveries.put(delivery)
        if delivery.status is not DeliveryStatus.PENDING:
            return None
        return delivery if new or self.clock.now() - event.created_at <= SWEEPER_MARGIN else None


def _parts(wanted: Iterable[tuple[Event, Delivery]]) -> Iterator[list[tuple[Event, Delivery]]]:
    """Yield deliveries in parts that there is memory for."""
    part: list[tuple[Event, Delivery]] = []
    size = 0
    for each in wanted:
        part.append(each)
        size += len(each[1].body)
        if len(part) == AT_ONCE or size >= MAX_BODIES:
            yield part
            part, size = [], 0
    if part:
        yield part
