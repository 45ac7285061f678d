"""Lists of the operations family: `limit` and `cursor`, newest first (spec operations 1.5).

What the spec leaves open is chosen here: a cursor is the id that the page before ended with; filters may be written in
upper or lower case; what is no value of a filter is refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from batchwork.domain.errors import InvalidRequest, Problem
from batchwork.domain.item import Json
from batchwork.edge.endpoint import ANSWER_LIMIT, serialized
from batchwork.edge.http import Response
from batchwork.families.operations.times import moment

DEFAULT_LIMIT = 20
MAX_LIMIT = 100
#: Bytes of a page's entries as the Lambda runtime serializes them: what stands around them has room beyond.
ROOM = ANSWER_LIMIT - 10_000
_CURSOR = re.compile(r"[A-Za-z0-9_-]{1,64}")
_WHOLE = re.compile(r"[0-9]{1,9}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Part:
    """Which part of a list is wanted. after: the id that the page before ended with."""

    limit: int = DEFAULT_LIMIT
    after: str | None = None


class Query:
    """A query, read piece by piece: what is wrong with it is collected, and told all at once by `end`."""

    def __init__(self, query: Mapping[str, str]) -> None:
        self._query = query
        self.problems: list[Problem] = []

    def part(self) -> Part:
        """Return the part that is wanted."""
        cursor = self._query.get("cursor") or None
        if cursor is not None and not _CURSOR.fullmatch(cursor):
            self._wrong("cursor", "Must be a cursor that a page before gave")
        return Part(self.whole("limit", DEFAULT_LIMIT, 1, MAX_LIMIT), cursor)

    def whole(self, name: str, default: int, least: int, most: int) -> int:
        """Return a whole number within bounds."""
        text = self._query.get(name) or str(default)
        if not _WHOLE.fullmatch(text) or not least <= int(text) <= most:
            self._wrong(name, f"Must be a whole number from {least} to {most}")
            return default
        return int(text)

    def one_of(self, name: str, choices: Iterable[str]) -> str | None:
        """Return one of some upper-case choices, None when the query does not ask for any."""
        text = self._query.get(name)
        if not text:
            return None
        known = sorted(choices)
        if text.upper() not in known:
            self._wrong(name, f"Must be one of {', '.join(known)}")
        return text.upper()

    def flag(self, name: str) -> bool:
        """Return whether the query says ``true``."""
        text = (self._query.get(name) or "false").lower()
        if text not in {"true", "false", "1", "0"}:
            self._wrong(name, "Must be true or false")
        return text in {"true", "1"}

    def time(self, name: str) -> datetime | None:
        """Return a time, None when the query does not ask for any."""
        text = self._query.get(name)
        at = moment(text, name) if text else None
        if isinstance(at, Problem):
            self.problems.append(at)
            return None
        return at

    def end(self) -> None:
        """Raise InvalidRequest for everything that was wrong."""
        if self.problems:
            raise InvalidRequest(self.problems)

    def _wrong(self, name: str, message: str) -> None:
        self.problems.append(Problem(name, message, "query"))


def listed(entries: Sequence[Json], following: str | None, limit: int) -> Response:
    """Return a page. following: the id after which the list goes on, None at its end.

    A page that an answer has no room for ends sooner, and goes on by its cursor. Published clients disagree on the
    spelling, so each finds its own.
    """
    shown = _fitting(entries)
    if len(shown) < len(entries):
        following = shown[-1]["id"]
    more = following is not None
    return Response(
        200,
        {
            "data": shown,
            "pagination": {
                "has_more": more,
                "hasMore": more,
                "next_cursor": following,
                "nextCursor": following,
                "limit": limit,
            },
        },
    )


def _fitting(entries: Sequence[Json]) -> list[Json]:
    """Return the first entries that an answer has room for: one at least, as no resource is nearly so large."""
    room, shown = ROOM, list[Json]()
    for entry in entries:
        room -= serialized(Response(200, entry).text) + 1
        if room < 0 and shown:
            break
        shown.append(entry)
    return shown
