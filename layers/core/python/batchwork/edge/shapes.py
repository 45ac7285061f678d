"""A JSON body as a shape: everything wrong with it is told at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from batchwork.domain.errors import InvalidRequest, MalformedBody, Problem
from batchwork.edge.http import Request, json_body
from batchwork.edge.json_text import BODY, parsed_json, unstorable

Place = tuple[str | int, ...]


class Shape(BaseModel):
    """A JSON object of a request: strict types, unknown fields ignored."""

    model_config = ConfigDict(strict=True, extra="ignore")


ShapeT = TypeVar("ShapeT", bound=Shape)


def dotted(place: Place) -> str:
    """Return a place as clients write it, such as ``requests.17.custom_id``."""
    return ".".join(map(str, place)) or BODY


def shaped(shape: type[ShapeT], request: Request, place_of: Callable[[Place], str] = dotted) -> ShapeT:
    """Return a request's body. Raises UnsupportedMediaType, MalformedBody, or InvalidRequest with all problems."""
    raw = json_body(request)
    try:
        body = shape.model_validate_json(raw)
    except ValidationError as exc:
        raise InvalidRequest(_problems(raw, exc, place_of)) from exc
    problems = list(unstorable(parsed_json(raw))) if suspect(raw) else []
    if problems:
        raise InvalidRequest(problems)
    return body


def suspect(raw: bytes) -> bool:
    """Whether a valid body may hold what only walking it tells: a NUL comes as an escape only, and pydantic reads the
    numbers that JSON has not.
    """
    return b"\\u0000" in raw or b"NaN" in raw or b"Infinity" in raw


def complaint_of(told: Sequence[Mapping[str, Any]]) -> str:
    """Return what pydantic says of a body that is no JSON, nothing for one that is."""
    return str(told[0]["msg"]) if told[0]["type"] == "json_invalid" else ""


def problems_of(exc: ValidationError, place_of: Callable[[Place], str] = dotted) -> list[Problem]:
    """Return what pydantic found wrong with a value."""
    told = exc.errors(include_url=False, include_context=False, include_input=False)
    return [Problem(place_of(error["loc"]), error["msg"], error["type"]) for error in told]


def _problems(raw: bytes, exc: ValidationError, place_of: Callable[[Place], str]) -> list[Problem]:
    told = exc.errors(include_url=False, include_context=False, include_input=False)
    texts = list(unstorable(parsed_json(raw, complaint_of(told))))
    if not complaint_of(told):
        return [*problems_of(exc, place_of), *texts]
    # What Python can read and pydantic cannot is text that has no UTF-8 form.
    if not texts:
        raise MalformedBody(detail=told[0]["msg"].removeprefix("Invalid JSON: ")) from exc
    return texts
