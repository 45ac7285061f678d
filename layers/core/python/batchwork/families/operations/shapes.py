"""Bodies of the resources: camelCase, at most 100 KB, also of a call that stands in no batch."""

from __future__ import annotations

import re

from pydantic import ConfigDict

from batchwork.domain.errors import BodyTooLarge
from batchwork.domain.operation import MAX_BODY, size_of
from batchwork.edge import shapes
from batchwork.edge.http import Request
from batchwork.edge.json_text import parsed_json
from batchwork.edge.shapes import ShapeT

#: Numbers that may lead out of what one can hold, which pydantic reads as infinite: the largest has 309 digits.
_HUGE = re.compile(rb"[0-9.][eE]\+?[0-9]{2}|[0-9]{200}")


def to_camel(name: str) -> str:
    """Return a field's name as clients write it."""
    first, *others = name.split("_")
    return first + "".join(map(str.capitalize, others))


class Shape(shapes.Shape):
    """A JSON object of a request: strict types, camelCase names, unknown fields ignored."""

    model_config = ConfigDict(alias_generator=to_camel)


def shaped(shape: type[ShapeT], request: Request, limit: int = MAX_BODY) -> ShapeT:
    """Return a request's body. limit: bytes of it as compact JSON in UTF-8, the measure that operations have.

    Raises BodyTooLarge, UnsupportedMediaType, MalformedBody, or InvalidRequest with all problems.
    """
    if len(request.body) > limit and (size := size_of(parsed_json(request.body))) > limit:
        raise BodyTooLarge(received=size, limit=limit)
    body = shapes.shaped(shape, request)
    if _HUGE.search(request.body):
        parsed_json(request.body)
    return body


def shaped_or_empty(shape: type[ShapeT], request: Request) -> ShapeT:
    """Return a request's body, or that of ``{}`` when it has none: clients send calls without fields bare."""
    return shaped(shape, request) if request.body.strip() else shape.model_validate({})
