"""Lists by limit and offset: what is asked for, and the `pagination` object that goes with it (seed 002)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

from batchwork.domain.errors import InvalidRequest, Problem
from batchwork.domain.item import Json
from batchwork.edge.http import Request

DEFAULT_LIMIT = 50
MAX_LIMIT = 1000
#: Far beyond any list there can be, and within what every store can count.
MAX_OFFSET = 2**53

_WHOLE = re.compile(r"[+-]?[0-9]{1,18}")


@dataclass(frozen=True, slots=True)
class Window:
    """Which part of a list is wanted."""

    limit: int = DEFAULT_LIMIT
    offset: int = 0


def window(query: Mapping[str, str], *others: Problem) -> Window:
    """Return what a query asks for.

    Raises InvalidRequest naming everything wrong with it, `others` (what the caller found already) included.
    """
    limit = _whole(query.get("limit"), DEFAULT_LIMIT, 1, MAX_LIMIT)
    offset = _whole(query.get("offset"), 0, 0, MAX_OFFSET)
    if isinstance(limit, int) and isinstance(offset, int) and not others:
        return Window(limit, offset)
    wrong = [Problem(name, *w) for name, w in (("limit", limit), ("offset", offset)) if not isinstance(w, int)]
    raise InvalidRequest([*wrong, *others])


def pagination(request: Request, part: Window, total: int, filters: Mapping[str, str | None] | None = None) -> Json:
    """Return the `pagination` object: absolute URLs with offset first, then limit, then the filters that were set."""
    kept = [(name, value) for name, value in (filters or {}).items() if value is not None]

    def page(offset: int) -> str:
        return f"{request.url}?{urlencode([('offset', offset), ('limit', part.limit), *kept])}"

    following, previous = part.offset + part.limit, max(0, part.offset - part.limit)
    return {
        "limit": part.limit,
        "offset": part.offset,
        "total_records": total,
        "total_pages": -(-total // part.limit),
        "current_page": part.offset // part.limit + 1,
        "next_page": page(following) if following < total else None,
        "prev_page": page(previous) if part.offset > 0 else None,
    }


def _whole(text: str | None, default: int, least: int, most: int) -> int | tuple[str, str]:
    """Return a whole number, or (message, kind) of what is wrong with it."""
    if text is None:
        return default
    if not _WHOLE.fullmatch(text):
        return "Input should be a valid integer", "int_parsing"
    if int(text) < least:
        return f"Input should be greater than or equal to {least}", "greater_than_equal"
    if int(text) > most:
        return f"Input should be less than or equal to {most}", "less_than_equal"
    return int(text)
