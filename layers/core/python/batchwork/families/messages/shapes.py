"""A JSON body as a shape: everything wrong with it is told at once."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from batchwork.domain.errors import InvalidRequest, MalformedBody, Problem
from batchwork.edge.http import Request, json_body

#: The place of a problem of the whole body.
BODY = "body"
_SURROGATE = re.compile("[\ud800-\udfff]")


class Shape(BaseModel):
    """A JSON object of a request: strict types, unknown fields ignored."""

    model_config = ConfigDict(strict=True, extra="ignore")


ShapeT = TypeVar("ShapeT", bound=Shape)


def shaped(shape: type[ShapeT], request: Request) -> ShapeT:
    """Return a request's body. Raises UnsupportedMediaType, MalformedBody, or InvalidRequest with all problems."""
    raw = json_body(request)
    try:
        body = shape.model_validate_json(raw)
    except ValidationError as exc:
        raise InvalidRequest(_problems(raw, exc)) from exc
    # Only an escape can bring a NUL into valid JSON, and only then is the body walked.
    problems = list(unstorable(parsed_json(raw, ""))) if b"\\u0000" in raw else []
    if problems:
        raise InvalidRequest(problems)
    return body


def _problems(raw: bytes, exc: ValidationError) -> list[Problem]:
    told = exc.errors(include_url=False, include_context=False, include_input=False)
    texts = list(unstorable(parsed_json(raw, told[0]["msg"])))
    if told[0]["type"] != "json_invalid":
        return [*(Problem(place_of(error["loc"]), error["msg"], error["type"]) for error in told), *texts]
    # What Python can read and pydantic cannot is text that has no UTF-8 form.
    if not texts:
        raise MalformedBody(detail=told[0]["msg"].removeprefix("Invalid JSON: ")) from exc
    return texts


def parsed_json(raw: bytes, complaint: str) -> Any:
    """Return what Python reads in a body. Raises MalformedBody with pydantic's complaint."""
    try:
        return json.loads(raw)
    except (ValueError, RecursionError) as exc:
        raise MalformedBody(detail=complaint.removeprefix("Invalid JSON: ")) from exc


def unstorable(value: Any) -> Iterator[Problem]:
    """Yield where text holds a NUL character or half of a surrogate pair: neither can be stored and sent on.

    Walks with a list of its own: a body may be nested deeper than Python calls can be.
    """
    waiting: list[tuple[Any, str]] = [(value, "")]
    while waiting:
        inner, place = waiting.pop()
        if isinstance(inner, str):
            if "\0" in inner:
                yield Problem(place or BODY, "NUL characters are not allowed", "string_nul")
            if _SURROGATE.search(inner):
                yield Problem(place or BODY, "Lone surrogates are not allowed", "string_unicode")
        elif isinstance(inner, dict):
            entries = [(_printable(name), name, below) for name, below in inner.items()]
            waiting += reversed([(below, f"{place}.{shown}".lstrip(".")) for shown, _, below in entries])
            waiting += ((name, place) for _, name, _ in entries)
        elif isinstance(inner, list):
            waiting += reversed([(below, f"{place}.{index}".lstrip(".")) for index, below in enumerate(inner)])


def _printable(name: str) -> str:
    return name if name.isprintable() and len(name) <= 64 else "…"


def place_of(place: tuple[str | int, ...]) -> str:
    """Return a place as clients write it, such as ``requests.17.custom_id``.

    Below `provider` pydantic names the chosen type too, which is a part of no client's body.
    """
    if place[:1] == ("provider",):
        place = (*place[:1], *place[2:])
    return ".".join(map(str, place)) or BODY
