"""The calls below /v1/webhooks/{id}: its log of deliveries, deliveries again, and its secret anew.

No spec has them; they are what users of Svix know. Chosen here: a delivery is shown with what was told as text, byte for
byte as it was signed, or by a URL where that is large; a log may be asked for one status and from a time on; the secret
before a rotation goes on signing for a day, or for as long as is asked for, at most seven days.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated

from pydantic import Field

from batchwork.domain.errors import InvalidRequest, Problem
from batchwork.domain.item import Json
from batchwork.domain.webhook import Attempt, Delivery, DeliveryStatus
from batchwork.domain.webhook_endpoint import MAX_OVERLAP, OVERLAP, WebhookEndpoint
from batchwork.domain.workspace import Caller
from batchwork.edge.endpoint import Act, Intent
from batchwork.edge.http import Request, Response
from batchwork.families.operations.lists import Query, listed
from batchwork.families.operations.resources import Calls
from batchwork.families.operations.shapes import Shape, shaped, shaped_or_empty
from batchwork.families.operations.times import maybe, moment, timestamp
from batchwork.families.operations.webhooks import TOP, id_of, webhook_object
from batchwork.ports.webhooks import Wanted
from batchwork.use_cases.delivery_log import DeliveryLog
from batchwork.use_cases.once import Errand
from batchwork.use_cases.replay import Recover, Replay
from batchwork.use_cases.webhook_endpoints import WebhookEndpoints

#: The statuses of a delivery, as a filter names them.
STATUSES = {str(status).upper(): status for status in DeliveryStatus}
#: A cursor of a log: when the delivery was made, and its id.
_PLACE = re.compile(r"[0-9]{13}_[A-Za-z0-9-]{1,40}")
_SECOND = timedelta(seconds=1)


class Rotation(Shape):
    """The body that gives an endpoint a new secret; it may be left out."""

    overlap_seconds: Annotated[int, Field(ge=0, le=MAX_OVERLAP // _SECOND)] = OVERLAP // _SECOND


class Since(Shape):
    """The body that has everything delivered again that failed since a time."""

    since: str


@dataclass(frozen=True, slots=True)
class DeliveryCalls:
    """Every call of the deliveries to an endpoint."""

    webhooks: WebhookEndpoints
    log: DeliveryLog
    replay: Replay
    recover: Recover

    def calls(self) -> Calls:
        """Return the calls by (method, template)."""
        one = f"{TOP}/{{id}}"
        return {
            ("GET", f"{one}/deliveries"): self.all,
            ("GET", f"{one}/deliveries/{{deliveryId}}"): self.one,
            ("POST", f"{one}/deliveries/{{deliveryId}}/replay"): self.again,
            ("POST", f"{one}/recover"): self.all_again,
            ("POST", f"{one}/rotate-secret"): self.rotate,
        }

    def all(self, request: Request, caller: Caller) -> Response:
        """List the deliveries to an endpoint, newest first."""
        webhook_id = id_of(request)
        query = Query(request.query)
        part = query.part()
        status, since = query.one_of("status", STATUSES), query.time("since")
        if part.after is not None and not _PLACE.fullmatch(part.after):
            query.problems.append(Problem("cursor", "Must be a cursor that a page before gave", "query"))
        query.end()
        self.webhooks.get(caller.workspace.id, webhook_id)
        wanted = Wanted(limit=part.limit, after=part.after, status=STATUSES.get(status or ""), since=since)
        found = self.log.page(caller.workspace.id, webhook_id, wanted)
        return listed([delivery_object(each) for each in found.entries], found.next, part.limit)

    def one(self, request: Request, caller: Caller) -> Response:
        """Show a delivery, with what was told."""
        webhook_id, delivery_id = id_of(request), _delivery_id(request)
        self.webhooks.get(caller.workspace.id, webhook_id)
        delivery = self.log.get(caller.workspace.id, delivery_id, endpoint_id=webhook_id)
        body = None if delivery.blob is not None else delivery.body.decode("utf-8", "replace")
        return Response(200, {**delivery_object(delivery), "body": body, "bodyUrl": self.log.body_url(delivery)})

    def again(self, request: Request, caller: Caller) -> Act:
        """Deliver one event again, now."""
        webhook_id, delivery_id = id_of(request), _delivery_id(request)

        def check(again: bool) -> tuple[Delivery, WebhookEndpoint]:
            endpoint = self.webhooks.get(caller.workspace.id, webhook_id)
            delivery = self.log.get(caller.workspace.id, delivery_id, endpoint_id=webhook_id)
            if not again:
                self.replay.check(endpoint)
            return delivery, endpoint

        def act(checked: tuple[Delivery, WebhookEndpoint], errand: Errand) -> Response:
            return Response(202, delivery_object(self.replay(*checked, errand.ticket)))

        return Intent(check, act)

    def all_again(self, request: Request, caller: Caller) -> Act:
        """Deliver everything again that failed since a time."""
        webhook_id = id_of(request)
        since = moment(shaped(Since, request).since, "since")
        if isinstance(since, Problem):
            raise InvalidRequest([since])

        def check(again: bool) -> WebhookEndpoint:
            if since >= self.webhooks.clock.now():
                raise InvalidRequest([Problem("since", "Must be a time that has passed", "invalid_date")])
            endpoint = self.webhooks.get(caller.workspace.id, webhook_id)
            if not again:
                self.recover.check(endpoint)
            return endpoint

        def act(endpoint: WebhookEndpoint, errand: Errand) -> Response:
            recovery = self.recover(endpoint, since, errand.ticket)
            return Response(
                202,
                {
                    "id": recovery.id,
                    "webhookId": endpoint.id,
                    "since": timestamp(recovery.since),
                    "until": timestamp(recovery.until),
                },
            )

        return Intent(check, act)

    def rotate(self, request: Request, caller: Caller) -> Act:
        """Give an endpoint a new secret, which is shown in this answer only."""
        webhook_id = id_of(request)
        overlap = shaped_or_empty(Rotation, request).overlap_seconds * _SECOND

        def check(again: bool) -> None:
            endpoint = self.webhooks.get(caller.workspace.id, webhook_id)
            if not again:
                self.webhooks.check_rotation(endpoint, overlap)

        def act(_: None, errand: Errand) -> Response:
            made = self.webhooks.rotate(caller.workspace.id, webhook_id, overlap, errand.ticket)
            shown = webhook_object(made, self.webhooks.health_of(made), self.webhooks.clock.now())
            return Response(200, {**shown, "secret": made.secret})

        return Intent(check, act)


def delivery_object(delivery: Delivery) -> Json:
    """Return a delivery without what was told."""
    return {
        "id": delivery.id,
        "webhookId": delivery.endpoint_id,
        "eventId": delivery.event_id,
        "eventType": delivery.event_type,
        "status": str(delivery.status),
        "url": delivery.url,
        "replayOf": delivery.replay_of,
        "createdAt": timestamp(delivery.created_at),
        "nextAttemptAt": maybe(delivery.next_attempt_at),
        "attempts": [_attempt(attempt) for attempt in delivery.attempts],
    }


def _attempt(attempt: Attempt) -> Json:
    return {
        "number": attempt.number,
        "startedAt": timestamp(attempt.started_at),
        "latencyMs": attempt.latency // timedelta(milliseconds=1),
        "statusCode": attempt.status,
        "error": attempt.error,
    }


def _delivery_id(request: Request) -> str:
    return request.uuid("deliveryId", "Delivery")
