"""Bodies that make and change webhook endpoints and subscriptions, as client 1.20.0 sends them (spec workflow runs 4.9).

What the spec leaves open is chosen here: a name has 1 to 255 characters; each event is named once; an update keeps each
option that it does not name, and null takes one back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from batchwork.domain import custom_headers
from batchwork.domain.address import MAX_URL
from batchwork.domain.errors import InvalidRequest, Problem
from batchwork.domain.item import Json
from batchwork.domain.webhook_endpoint import MAX_OVERLAP, MAX_RATE
from batchwork.edge.http import Request
from batchwork.edge.json_text import parsed_json
from batchwork.edge.shapes import ShapeT, shaped
from batchwork.families.workflow_runs.dialect import VERSIONS
from batchwork.families.workflow_runs.events import GLOBAL_EVENTS, SILENT_EVENTS, WORKFLOW_EVENTS
from batchwork.families.workflow_runs.schemas import CheckUrl, Shape
from batchwork.families.workflow_runs.webhook_samples import TEST
from batchwork.use_cases.webhook_subscriptions import WORKFLOW

MAX_NAME = 255
#: Bytes of a payload above which it goes as a URL, where an endpoint asks for that and says no number; and the most it can
#: say.
THRESHOLD, MAX_THRESHOLD = 100_000, 5_000_000
#: Names in a list: more than there are events.
MAX_EVENTS = 100
#: Kinds of resources that client 1.20.0 knows and that are not served here.
_OTHER_RESOURCES = ("extractor", "classifier", "splitter")


def _global_event(name: str) -> str:
    if name in WORKFLOW_EVENTS:
        raise PydanticCustomError(
            "event", "Is told of one workflow at a time: subscribe to it by POST /webhook_subscriptions"
        )
    if name not in (*GLOBAL_EVENTS, *SILENT_EVENTS):
        raise PydanticCustomError(
            "event", "Must be {events}, or another global event of the API", {"events": ", ".join(GLOBAL_EVENTS)}
        )
    return name


def _workflow_event(name: str) -> str:
    if name not in WORKFLOW_EVENTS:
        raise PydanticCustomError("event", "Must be one of {events}", {"events": ", ".join(WORKFLOW_EVENTS)})
    return name


def _each_once(names: Sequence[str]) -> Sequence[str]:
    twice = next((name for place, name in enumerate(names) if name in names[:place]), None)
    if twice is not None:
        raise PydanticCustomError("duplicate", "{name} is named more than once", {"name": twice})
    return names


def _version(text: str) -> str:
    if text not in VERSIONS:
        raise PydanticCustomError("version", "Must be one of {versions}", {"versions": ", ".join(VERSIONS)})
    return text


def _resource_type(text: str) -> str:
    if text == WORKFLOW:
        return text
    if text in _OTHER_RESOURCES:
        raise PydanticCustomError("resource_type", 'There are none of these here; what there is, is "workflow"')
    raise PydanticCustomError("resource_type", 'Must be "workflow"')


def _tried_event(name: str) -> str:
    known = (TEST, *GLOBAL_EVENTS, *WORKFLOW_EVENTS)
    if name not in known:
        raise PydanticCustomError("event", "Must be one of {events}", {"events": ", ".join(known)})
    return name


def _moment(text: str) -> str:
    try:
        at = datetime.fromisoformat(text)
        if at.tzinfo is not None and at.astimezone(UTC):
            return text
    except (ValueError, OverflowError):
        pass
    raise PydanticCustomError("time", "Must be a date and time with its offset, such as 2026-02-09T12:00:00Z")


_Url = Annotated[str, Field(min_length=1, max_length=MAX_URL)]
_Name = Annotated[str, Field(min_length=1, max_length=MAX_NAME)]
_Status = Literal["enabled", "disabled"]
_GlobalEvents = Annotated[
    list[Annotated[str, AfterValidator(_global_event)]], Field(max_length=MAX_EVENTS), AfterValidator(_each_once)
]
_WorkflowEvents = Annotated[
    list[Annotated[str, AfterValidator(_workflow_event)]],
    Field(min_length=1, max_length=MAX_EVENTS),
    AfterValidator(_each_once),
]
_Threshold = Annotated[int, Field(ge=0, le=MAX_THRESHOLD)]
_Rate = Annotated[int, Field(ge=1, le=MAX_RATE)]


class _Payload(Shape):
    format: Literal["json", "url"]
    url_threshold_bytes: _Threshold | None = None

    @property
    def threshold(self) -> int | None:
        """Return the bytes above which a payload goes as a URL, None for never."""
        if self.format == "json":
            return None
        return THRESHOLD if self.url_threshold_bytes is None else self.url_threshold_bytes


class _Options(Shape):
    headers: dict[str, Any] | None = None
    payload: _Payload | None = None
    rate_limit_per_minute: _Rate | None = None

    def fields(self) -> Json:
        """Return the given options as fields of WebhookEndpoint."""
        found = {
            "headers": dict(self.headers or {}),
            "url_threshold": None if self.payload is None else self.payload.threshold,
            "rate": self.rate_limit_per_minute,
        }
        given = zip(("headers", "payload", "rate_limit_per_minute"), found.items(), strict=True)
        return {field: value for name, (field, value) in given if name in self.model_fields_set}


class _Endpoint(Shape):
    name: _Name | None = None
    status: _Status | None = None
    url: _Url | None = None
    enabled_events: _GlobalEvents | None = None
    advanced_options: _Options | None = None

    def fields(self) -> Json:
        """Return what is given as fields of WebhookEndpoint; null is as good as nothing."""
        found: Json = {
            "name": self.name,
            "url": self.url,
            "enabled": None if self.status is None else self.status == "enabled",
            "events": None if self.enabled_events is None else tuple(self.enabled_events),
        }
        options = {} if self.advanced_options is None else self.advanced_options.fields()
        return {name: value for name, value in found.items() if value is not None} | options


class NewEndpoint(_Endpoint):
    """The body that makes an endpoint. No global event is needed of one that is to have subscriptions alone."""

    name: _Name
    url: _Url
    enabled_events: _GlobalEvents
    api_version: Annotated[str, AfterValidator(_version)]


class EndpointChanges(_Endpoint):
    """The body that changes one; what is left out stays as it is. Its version can be named, and not be changed."""

    api_version: str | None = None


class NewSubscription(Shape):
    """The body that makes a subscription, or replaces the one that the endpoint has to the resource."""

    webhook_endpoint_id: _Name
    resource_type: Annotated[str, AfterValidator(_resource_type)]
    resource_id: _Name
    enabled_events: _WorkflowEvents


class SubscriptionChanges(Shape):
    """The body that changes a subscription."""

    enabled_events: _WorkflowEvents | None = None


class Trial(Shape):
    """The body that has an endpoint tried: with an event of a type that is told here, or with one that nothing is."""

    event_type: Annotated[str, AfterValidator(_tried_event)] = TEST


class Since(Shape):
    """The body that has made again what an endpoint did not take."""

    since: Annotated[str, AfterValidator(_moment)]

    @property
    def at(self) -> datetime:
        """Return the time in UTC."""
        return datetime.fromisoformat(self.since).astimezone(UTC)


class Rotation(Shape):
    """The body that gives an endpoint another secret."""

    overlap_seconds: Annotated[int, Field(ge=0, le=int(MAX_OVERLAP.total_seconds()))] | None = None


def read(shape: type[ShapeT], request: Request, check_url: CheckUrl | None = None) -> ShapeT:
    """Return a body. check_url: returns what is wrong with an outgoing address; None for bodies that have none.

    Raises UnsupportedMediaType, MalformedBody, or InvalidRequest with everything wrong with it at once.
    """
    problems: list[Problem] = []
    body: ShapeT | None = None
    try:
        body = shaped(shape, request)
    except InvalidRequest as exc:
        problems = exc.problems
    if check_url is not None:
        asked: Any = parsed_json(request.body)
        wrong = {problem.place for problem in problems}
        problems += [each for each in _rules(asked, check_url) if each.place not in wrong]
    if body is None or problems:
        raise InvalidRequest(problems)
    return body


def read_or_empty(shape: type[ShapeT], request: Request) -> ShapeT:
    """Return a body, or that of ``{}`` when there is none: clients send calls without fields bare."""
    return read(shape, request) if request.body.strip() else shape.model_validate({})


def _rules(asked: Any, check_url: Callable[[str], str | None]) -> Iterator[Problem]:
    """Yield what is wrong with the address and the headers of a body, whatever else is."""
    if not isinstance(asked, dict):
        return
    url, options = asked.get("url"), asked.get("advancedOptions")
    if isinstance(url, str) and (refusal := check_url(url)) is not None:
        yield Problem("url", f"The URL {refusal}", "url_refused", structural=False)
    headers = options.get("headers") if isinstance(options, dict) else None
    if isinstance(headers, dict):
        for name, why in custom_headers.faults(headers):
            place = "advancedOptions.headers" if name is None else f"advancedOptions.headers.{name}"
            yield Problem(place, why, "header")
