"""A JSON body as a shape: everything wrong with it is told at once."""

from __future__ import annotations

from typing import TypeVar

from pydantic import ValidationError

from batchwork.domain.errors import InvalidRequest, MalformedBody, Problem
from batchwork.edge.http import Request, json_body
from batchwork.families.messages.schemas import Shape, parsed_json, place_of, unstorable

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
