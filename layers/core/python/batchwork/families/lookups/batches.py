"""The routes that look up batches: POST /api/v1/{intelligence,signals,enrichment}/batch (seed 004)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any

from batchwork.domain.errors import BatchTooLarge, InvalidRequest, Problem
from batchwork.domain.lookup import ENDPOINTS, Found, LookupItem
from batchwork.domain.workspace import Caller
from batchwork.edge.endpoint import Act, Route, Routes
from batchwork.edge.http import Request, Response, json_body
from batchwork.edge.json_text import BODY, parsed_json, unstorable
from batchwork.families.lookups import SCOPES
from batchwork.families.lookups.errors import places
from batchwork.families.lookups.presenters import batch_answer
from batchwork.use_cases.lookups import LookUp
from batchwork.use_cases.once import Errand

#: Kept of the function's life for what comes after the lookups: the answer is written, stored and sent.
AFTERWARDS = timedelta(seconds=2)
#: The place of a problem of an item as a whole.
ITEM = "item"
#: Without any of these bytes, no text of a body can hold what cannot be stored: an escape; the beginning of half of a
#: pair (and of much Korean); UTF-16 or UTF-32.
_SUSPECT = (b"\\u", b"\xed", b"\0")


@dataclass(frozen=True, slots=True)
class BatchLookups:
    """The routes of the endpoints. patience: how long a request is worked, from its start."""

    look_up: LookUp
    patience: timedelta

    def routes(self) -> Routes:
        """Return every endpoint's route."""
        return {
            ("POST", f"/api/v1/{endpoint}/batch"): Route(partial(self.serve, endpoint), SCOPES[endpoint])
            for endpoint in ENDPOINTS
        }

    def serve(self, endpoint: str, request: Request, caller: Caller) -> Act:
        """Return what looks up a valid batch, one answer for each item, in order (200, or 207 when one failed).

        Raises UnsupportedMediaType, MalformedBody, InvalidRequest, BatchTooLarge. What is wrong with a single item is
        that item's own failure.
        """
        raw = json_body(request)
        asked = _requests(parsed_json(raw))
        most = caller.workspace.terms.max_batch
        if len(asked) > most:
            raise BatchTooLarge(limit=most, received=len(asked))
        entries = list(_entries(asked, suspect=any(mark in raw for mark in _SUSPECT)))

        def act(errand: Errand) -> Response:
            time_left = min(self.patience, request.time_left - AFTERWARDS) - request.elapsed
            return batch_answer(self.look_up(caller, endpoint, entries, errand.ticket, time_left))

        return act


def _requests(body: Any) -> list[Any]:
    """Return the `requests` of a body. Raises InvalidRequest."""
    if not isinstance(body, dict):
        raise InvalidRequest([Problem(BODY, "The request body must be a JSON object.", "object")])
    asked = body.get("requests")
    if asked is None:
        raise InvalidRequest([Problem("requests", "The requests field is required.", "required")])
    if not isinstance(asked, list):
        raise InvalidRequest([Problem("requests", "The requests field must be an array.", "array")])
    if not asked:
        raise InvalidRequest([Problem("requests", "The requests field must have at least 1 item.", "min")])
    return asked


def _entries(asked: list[Any], *, suspect: bool) -> Iterator[LookupItem | Found]:
    """Yield each item, or what it ended with already. suspect: whether their text needs a look."""
    for index, item in enumerate(asked):
        if not isinstance(item, dict):
            yield _invalid([Problem(ITEM, "The item must be a JSON object.", "object")])
        elif suspect and (problems := list(unstorable(item))):
            yield _invalid(problems)
        else:
            yield LookupItem(index, item)


def _invalid(problems: list[Problem]) -> Found:
    details = places(
        Problem(ITEM if problem.place == BODY else problem.place, problem.message, problem.kind) for problem in problems
    )
    return Found(422, code="validation_failed", message="The item is not valid.", details=dict(details))
