"""Lists of what a workspace has: what they are asked for by, the token by which they go on, and how they are answered.

A token is base64url of compact JSON, and opaque: a digest in it binds it to workspace, list, filters and order, and to itself,
so that neither a token of another list nor a changed one is followed. The size of a page may change from page to page.
"""

from __future__ import annotations

import base64
import json
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from batchwork.domain.errors import InvalidRequest, Problem
from batchwork.domain.idempotency import digest
from batchwork.domain.item import Json
from batchwork.domain.resource import from_millis, millis_of
from batchwork.edge.endpoint import ANSWER_LIMIT, serialized
from batchwork.edge.http import Request, Response
from batchwork.families.workflow_runs.dialect import Dialect, dialect_of

DEFAULT_PAGE, MAX_PAGE = 100, 1000
NEXT, SIZE, ORDER = "nextPageToken", "maxPageSize", "sortDir"
MAX_TEXT = 255
#: Bytes of a page's entries as the Lambda runtime serializes them: what stands around them has room beyond.
ROOM = ANSWER_LIMIT - 10_000
#: Hex digits of a token's digest: enough against accidents, and tokens grant nothing.
_DIGITS = 16


class ListQuery:
    """A query, read piece by piece: what is wrong with it is collected, and told all at once by `end`.

    names: what it can be asked by beside order, size and token; a token is good for the same of these only. about: which
    list it is.
    """

    def __init__(self, request: Request, workspace_id: str, about: str, *names: str) -> None:
        self.dialect = dialect_of(request)
        self._query = request.query
        counts = Counter(name for name, _ in request.pairs)
        self._problems = [
            Problem(name, "Must be given once", "query") for name in (*names, ORDER, SIZE, NEXT) if counts[name] > 1
        ]
        self._bound = [about, workspace_id, *(self._query.get(name) for name in (*names, ORDER))]
        self.ascending = self.one_of(ORDER, ("desc", "asc")) == "asc"
        self.limit = self._size()

    def one_of(self, name: str, choices: Sequence[str]) -> str:
        """Return one of some choices, the first unless the query asks for another; an empty first one stands for none."""
        text = self._query.get(name) or choices[0]
        if text not in choices:
            self._wrong(name, f"Must be one of {', '.join(filter(None, choices))}")
        return text

    def text(self, name: str) -> str | None:
        """Return a text, None when the query does not ask for any."""
        text = self._query.get(name)
        if text is not None and len(text) > MAX_TEXT:
            self._wrong(name, f"Must have at most {MAX_TEXT} characters")
        return text or None

    def last(self, *kinds: type) -> list[Any] | None:
        """Return whom the page before ended with, None for the first page. kinds: of what its token holds."""
        token = self._query.get(NEXT)
        if not token:
            return None
        try:
            # Clients are told to escape what stands in a query; ours has nothing that needs it, with its padding or not.
            bare = token.rstrip("=")
            bound, last = json.loads(base64.b64decode(bare + "=" * (-len(bare) % 4), altchars=b"-_", validate=True))
        except (ValueError, TypeError, RecursionError):
            bound, last = None, None
        if isinstance(last, list) and [type(each) for each in last] == [*kinds] and bound == self._digest(last):
            return last
        self._wrong(NEXT, "Is no token of this list; filters and order must be those of its first page")
        return None

    def place(self) -> tuple[datetime, str] | None:
        """Return whom the page before ended with: a time and an id."""
        last = self.last(int, str)
        return None if last is None else (from_millis(last[0]), last[1])

    def end(self) -> None:
        """Raise InvalidRequest for everything that was wrong."""
        if self._problems:
            raise InvalidRequest(self._problems)

    def listed(
        self, name: str, entries: Iterable[tuple[Json, Sequence[Any]]], following: Sequence[Any] | None
    ) -> Response:
        """Return a page. entries: each as it is shown, and what a token holds that the list goes on after it by; following:
        that of the last one, None at the end of the list. name: of the entries before 2026-02-09.

        A page that an answer has no room for ends sooner, and goes on by its token.
        """
        room, shown, ended = ROOM, list[Json](), None
        for entry, place in entries:
            room -= serialized(Response(200, entry).text) + 1
            if room < 0 and shown:
                following = ended
                break
            shown.append(entry)
            ended = place
        return self.page(name, shown, following)

    def page(self, name: str, shown: list[Json], following: Sequence[Any] | None) -> Response:
        """Return a page of entries as they are shown."""
        more = {} if following is None else {NEXT: self._token(list(following))}
        if self.dialect is Dialect.V2026:
            return Response(200, {"object": "list", "data": shown, **more})
        return Response(200, {"success": True, name: shown, **more})

    def _size(self) -> int:
        text = self._query.get(SIZE)
        if text is None:
            return DEFAULT_PAGE
        if not (text.isascii() and text.isdigit() and len(text) <= 9 and 1 <= int(text) <= MAX_PAGE):
            self._wrong(SIZE, f"Must be a whole number from 1 to {MAX_PAGE}")
            return DEFAULT_PAGE
        return int(text)

    def _token(self, last: list[Any]) -> str:
        kept = _written([self._digest(last), last])
        return base64.urlsafe_b64encode(kept).rstrip(b"=").decode()

    def _digest(self, last: list[Any]) -> str:
        return digest(_written([*self._bound, last]))[:_DIGITS]

    def _wrong(self, name: str, message: str) -> None:
        self._problems.append(Problem(name, message, "query"))


def place_of(at: datetime, name: str) -> tuple[int, str]:
    """Return what a token holds of whom a page ended with."""
    return millis_of(at), name


def _written(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=True, separators=(",", ":"), sort_keys=True).encode()
