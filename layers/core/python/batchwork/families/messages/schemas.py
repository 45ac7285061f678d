"""The body of POST /api/v1/batches (seed 002): its shape by pydantic on the raw JSON, its rules here.

Unknown fields are ignored, as the original does (spec messages 3.1). Types are strict: ``"12"`` is no integer.
What the seed leaves open is chosen here: external_user_id has at most 255 characters, a message at least one,
a request at most 100 attachments, a history_id 63 bits.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field, ValidationError

from batchwork.domain.batch import WebhookTarget
from batchwork.domain.errors import InvalidRequest, MalformedBody, Problem
from batchwork.domain.item import Json
from batchwork.edge.json_text import parsed_json, unstorable
from batchwork.edge.shapes import Shape, complaint_of, dotted, suspect

MAX_REQUESTS = 1000
DEFAULT_EVENTS = ("completed", "failed")

#: Returns what is wrong with an outgoing address, or None.
CheckUrl = Callable[[str], str | None]


class _Item(Shape):
    custom_id: Annotated[str, Field(min_length=1, max_length=256)]
    message: Annotated[str, Field(min_length=1)]
    agent_id: UUID | None = None
    external_user_id: Annotated[str, Field(max_length=255)] | None = None
    name: Annotated[str, Field(max_length=256)] | None = None
    attached_file_uuids: Annotated[list[UUID], Field(max_length=100)] | None = None
    history_id: Annotated[int, Field(ge=1, lt=2**63)] | None = None


class _Webhook(Shape):
    url: Annotated[str, Field(min_length=1, max_length=2048)]
    events: Annotated[list[Literal["completed", "failed", "cancelled"]], Field(min_length=1)] | None = None
    secret: Annotated[str, Field(min_length=1, max_length=255)] | None = None


class _Submission(Shape):
    agent_id: UUID
    requests: Annotated[list[_Item], Field(min_length=1, max_length=MAX_REQUESTS)]
    webhook: _Webhook | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """What a client submits, valid. bodies: one a request, without nulls, UUIDs in canonical form."""

    agent_id: str
    bodies: list[Json]
    webhook: WebhookTarget | None

    def agent_ids(self) -> set[str]:
        """Return the default agent and every override."""
        return {self.agent_id, *(body["agent_id"] for body in self.bodies if "agent_id" in body)}

    def places_of(self, agent_ids: set[str]) -> list[str]:
        """Return where the request names any of the agents."""
        overrides = (index for index, body in enumerate(self.bodies) if body.get("agent_id") in agent_ids)
        default = ["agent_id"] if self.agent_id in agent_ids else []
        return [*default, *(f"requests.{index}.agent_id" for index in overrides)]


def submission(raw: bytes, check_url: CheckUrl) -> Submission:
    """Return what a raw body submits. Raises MalformedBody, or InvalidRequest with everything wrong with it at once."""
    try:
        # Bytes in, plain values out: 1000 requests cost a few milliseconds, and no Python code runs for each.
        valid = _Submission.model_validate_json(raw).model_dump(mode="json", exclude_none=True)
    except ValidationError as exc:
        raise InvalidRequest(_all_problems(raw, exc, check_url)) from exc
    problems = _rule_problems(valid, check_url)
    if suspect(raw):
        parsed_json(raw)
        problems = [*unstorable(valid), *problems]
    if problems:
        raise InvalidRequest(problems)
    webhook = valid.get("webhook")
    return Submission(
        agent_id=valid["agent_id"],
        bodies=valid["requests"],
        webhook=webhook
        and WebhookTarget(
            url=webhook["url"],
            events=tuple(webhook.get("events") or DEFAULT_EVENTS),
            secret=webhook.get("secret"),
        ),
    )


def _all_problems(raw: bytes, exc: ValidationError, check_url: CheckUrl) -> list[Problem]:
    """Return the problems of a body whose shape is wrong, those of the rules included."""
    told = exc.errors(include_url=False, include_context=False, include_input=False)
    parsed = parsed_json(raw, complaint_of(told))
    if complaint_of(told):
        # What Python can read and pydantic cannot is text that has no UTF-8 form.
        problems = list(unstorable(parsed))
        if not problems:
            raise MalformedBody(detail=told[0]["msg"].removeprefix("Invalid JSON: ")) from exc
        return problems
    problems = [Problem(dotted(error["loc"]), error["msg"], error["type"]) for error in told]
    requests = parsed.get("requests") if isinstance(parsed, dict) else None
    if isinstance(requests, list) and len(requests) > MAX_REQUESTS:
        problems += _problems_within({**parsed, "requests": requests[:MAX_REQUESTS]})
    return [*dict.fromkeys(problems), *unstorable(parsed), *_rule_problems(parsed, check_url)]


def _problems_within(parsed: Json) -> list[Problem]:
    """Return the problems of what a list that is too long hides: pydantic stops at its length."""
    try:
        _Submission.model_validate_json(json.dumps(parsed))
    except ValidationError as exc:
        told = exc.errors(include_url=False, include_context=False, include_input=False)
        return [Problem(dotted(error["loc"]), error["msg"], error["type"]) for error in told]
    return []


def _rule_problems(parsed: Any, check_url: CheckUrl) -> list[Problem]:
    """Return what breaks a rule though its shape may be right; walks any JSON, so that all is told at once."""
    if not isinstance(parsed, dict):
        return []
    return [*_duplicates(parsed.get("requests")), *_webhook_problems(parsed.get("webhook"), check_url)]


def _duplicates(requests: Any) -> Iterator[Problem]:
    if not isinstance(requests, list):
        return
    ids = [request.get("custom_id") if isinstance(request, dict) else None for request in requests[:MAX_REQUESTS]]
    names = [name for name in ids if isinstance(name, str)]
    if len(set(names)) == len(names):
        return
    first: dict[str, int] = {}
    for index, name in enumerate(ids):
        if isinstance(name, str) and first.setdefault(name, index) != index:
            message = f"Must be unique in the batch; requests.{first[name]}.custom_id is the same"
            yield Problem(f"requests.{index}.custom_id", message, "duplicate", structural=False)


def _webhook_problems(webhook: Any, check_url: CheckUrl) -> Iterator[Problem]:
    if not isinstance(webhook, dict):
        return
    url, events = webhook.get("url"), webhook.get("events")
    if isinstance(url, str) and url:
        refusal = check_url(url)
        if refusal is not None:
            yield Problem("webhook.url", refusal, "url_refused", structural=False)
    if isinstance(events, list):
        counts = Counter(event for event in events if isinstance(event, str))
        for event in (*DEFAULT_EVENTS, "cancelled"):
            if counts[event] > 1:
                yield Problem("webhook.events", f"{event} is named more than once", "duplicate", structural=False)
