"""The calls below /v1/webhooks (spec operations 1.9).

What the spec leaves open is chosen here: an endpoint asks for events by their names, each once, and for all of them by
naming all; a workspace has at most fifty endpoints; one that is disabled can be tried; what is sent to try one is of type
`webhook.test` and its answer is shown up to 4 KB. An endpoint may be limited to so many deliveries a minute; the rest of
what users of webhooks expect, beyond the spec, stands in `webhook_deliveries`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any

from pydantic import AfterValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from batchwork.domain.address import MAX_URL
from batchwork.domain.errors import InvalidRequest, Problem
from batchwork.domain.item import Json
from batchwork.domain.resource import checked_id
from batchwork.domain.webhook import ATTEMPT_TIMEOUT, DeliveryStatus
from batchwork.domain.webhook_endpoint import MAX_RATE, PREFIX, Health, WebhookEndpoint
from batchwork.domain.workspace import Caller
from batchwork.edge.endpoint import Act, Intent
from batchwork.edge.http import Request, Response
from batchwork.edge.json_text import parsed_json
from batchwork.edge.shapes import ShapeT
from batchwork.families.operations import events
from batchwork.families.operations.events import EventName
from batchwork.families.operations.lists import Query, listed
from batchwork.families.operations.resources import Calls
from batchwork.families.operations.shapes import Shape, shaped
from batchwork.families.operations.times import maybe, timestamp
from batchwork.use_cases.once import Errand
from batchwork.use_cases.webhook_endpoints import Tried, TryEndpoint, WebhookEndpoints

TOP = "/v1/webhooks"
#: Bytes of a receiver's answer that are shown.
MAX_SHOWN = 4096
#: Kept of a request's time for what follows the attempt.
REST = timedelta(seconds=2)
#: The least time that an attempt is given.
LEAST = timedelta(seconds=1)


def _each_once(names: Sequence[str]) -> Sequence[str]:
    twice = next((name for place, name in enumerate(names) if name in names[:place]), None)
    if twice is not None:
        raise PydanticCustomError("duplicate", "{name} is named more than once", {"name": twice})
    return names


Url = Annotated[str, Field(min_length=1, max_length=MAX_URL)]
Names = Annotated[list[EventName], Field(min_length=1), AfterValidator(_each_once)]
#: Deliveries a minute, null for as many as come.
RateLimit = Annotated[int | None, Field(ge=1, le=MAX_RATE)]


class NewWebhook(Shape):
    """The body that makes an endpoint."""

    url: Url
    events: Names
    rate_limit: RateLimit = None


class WebhookChanges(Shape):
    """The body that changes one: at least one field; those left out stay as they are."""

    url: Url = ""
    events: Names = Field(default=[])
    enabled: bool = True
    rate_limit: RateLimit = None

    @model_validator(mode="after")
    def _changes_something(self) -> WebhookChanges:
        if not self.model_fields_set:
            raise PydanticCustomError("missing", "Give at least one of url, events, enabled and rateLimit")
        return self

    def changes(self) -> Json:
        """Return the given fields as fields of WebhookEndpoint."""
        given = self.model_dump(exclude_unset=True)
        if "events" in given:
            given["events"] = tuple(given["events"])
        if "rate_limit" in given:
            given["rate"] = given.pop("rate_limit")
        return given


class Trial(Shape):
    """The body that has one tried."""

    webhook_id: str


@dataclass(frozen=True, slots=True)
class WebhookCalls:
    """Every call of webhook endpoints. check_url: returns what is wrong with an outgoing address, or None."""

    webhooks: WebhookEndpoints
    try_out: TryEndpoint
    check_url: Callable[[str], str | None]

    def calls(self) -> Calls:
        """Return the calls by (method, template)."""
        return {
            ("POST", TOP): self.create,
            ("GET", TOP): self.all,
            ("GET", f"{TOP}/{{id}}"): self.one,
            ("PATCH", f"{TOP}/{{id}}"): self.update,
            ("DELETE", f"{TOP}/{{id}}"): self.remove,
            ("POST", f"{TOP}/test"): self.test,
        }

    def create(self, request: Request, caller: Caller) -> Act:
        """Make an endpoint; its secret is shown in this answer only."""
        wanted = self._read(NewWebhook, request)

        def check(again: bool) -> None:
            if not again:
                self.webhooks.check_room(caller.workspace.id)

        def act(_: None, errand: Errand) -> Response:
            made = self.webhooks.create(
                caller.workspace.id, wanted.url, tuple(wanted.events), errand.ticket, rate=wanted.rate_limit
            )
            return Response(201, {**self._shown(made), "secret": made.secret})

        return Intent(check, act)

    def all(self, request: Request, caller: Caller) -> Response:
        """List endpoints, newest first; `webhooks` with `active` is what the published npm client reads."""
        query = Query(request.query)
        part = query.part()
        query.end()
        found, health = self.webhooks.page(caller.workspace.id, part.after, part.limit)
        now = self.webhooks.clock.now()
        shown = [webhook_object(each, health.get(each.id, Health()), now) for each in found.entries]
        answer = listed(shown, found.next, part.limit)
        return Response(
            answer.status, {**(answer.body or {}), "webhooks": [{**each, "active": each["enabled"]} for each in shown]}
        )

    def one(self, request: Request, caller: Caller) -> Response:
        """Show an endpoint."""
        return Response(200, self._shown(self.webhooks.get(caller.workspace.id, id_of(request))))

    def update(self, request: Request, caller: Caller) -> Act:
        """Change an endpoint; what is on its way to it goes to its new URL."""
        webhook_id = id_of(request)
        changes = self._read(WebhookChanges, request).changes()

        def check(_again: bool) -> None:
            self.webhooks.get(caller.workspace.id, webhook_id)

        def act(_: None, _errand: Errand) -> Response:
            return Response(200, self._shown(self.webhooks.change(caller.workspace.id, webhook_id, changes)))

        return Intent(check, act)

    def remove(self, request: Request, caller: Caller) -> Act:
        """Remove an endpoint."""
        webhook_id = id_of(request)

        def check(again: bool) -> None:
            if not again:
                self.webhooks.get(caller.workspace.id, webhook_id)

        def act(_: None, _errand: Errand) -> Response:
            self.webhooks.remove(caller.workspace.id, webhook_id)
            return Response(204)

        return Intent(check, act)

    def test(self, request: Request, caller: Caller) -> Act:
        """Send an endpoint one event now, and tell what came of it; 200 also when the endpoint did not take it."""
        webhook_id = checked_id(shaped(Trial, request).webhook_id, PREFIX)

        def check(_again: bool) -> WebhookEndpoint:
            return self.webhooks.get(caller.workspace.id, webhook_id)

        def act(endpoint: WebhookEndpoint, errand: Errand) -> Response:
            event = events.trial_of(endpoint, errand.ticket)
            timeout = max(LEAST, min(ATTEMPT_TIMEOUT, request.time_left - request.elapsed - REST))
            tried = self.try_out(endpoint, event, events.body(event), timeout, again=errand.ticket.again)
            return Response(200, {"data": trial_object(tried)})

        return Intent(check, act)

    def _shown(self, endpoint: WebhookEndpoint) -> Json:
        return webhook_object(endpoint, self.webhooks.health_of(endpoint), self.webhooks.clock.now())

    def _read(self, shape: type[ShapeT], request: Request) -> ShapeT:
        """Return a body whose URL may be sent to. Raises InvalidRequest with everything wrong with it at once."""
        problems: list[Problem] = []
        body: ShapeT | None = None
        try:
            body = shaped(shape, request)
        except InvalidRequest as exc:
            problems = exc.problems
        asked: Any = parsed_json(request.body)
        url = asked.get("url") if isinstance(asked, dict) else None
        if isinstance(url, str) and not any(problem.place == "url" for problem in problems):
            refusal = self.check_url(url)
            if refusal is not None:
                problems = [Problem("url", refusal, "url_refused", structural=False), *problems]
        if body is None or problems:
            raise InvalidRequest(problems)
        return body


def webhook_object(endpoint: WebhookEndpoint, health: Health, now: datetime) -> Json:
    """Return an endpoint, without its secret. previousSecretUntil: null but while a rotation's overlap lasts."""
    return {
        "id": endpoint.id,
        "url": endpoint.url,
        "events": list(endpoint.events),
        "enabled": endpoint.enabled,
        "lastDeliveryAt": maybe(health.last_delivery_at),
        "failureCount": health.failures,
        "createdAt": timestamp(endpoint.created_at),
        "rateLimit": endpoint.rate,
        "previousSecretUntil": maybe(endpoint.previous_until) if endpoint.previous_at(now) else None,
    }


def trial_object(tried: Tried) -> Json:
    """Return what came of trying an endpoint; the answer's body is text, whatever the receiver says that it is."""
    delivery, answered = tried.delivery, tried.answered
    (attempt,) = delivery.attempts
    success = delivery.status is DeliveryStatus.DELIVERED
    return {
        "id": delivery.id,
        "webhookId": delivery.endpoint_id,
        "eventType": delivery.event_type,
        "url": delivery.url,
        "statusCode": attempt.status,
        "latencyMs": attempt.latency // timedelta(milliseconds=1),
        "responseBody": None if answered is None else answered[:MAX_SHOWN].decode("utf-8", "replace"),
        "retryCount": 0,
        "success": success,
        "error": attempt.error,
        "createdAt": timestamp(delivery.created_at),
        "deliveredAt": timestamp(attempt.started_at + attempt.latency) if success else None,
    }


def id_of(request: Request) -> str:
    """Return the id of the endpoint that a path names. Raises MalformedId."""
    return checked_id(request.parameters["id"], PREFIX)
