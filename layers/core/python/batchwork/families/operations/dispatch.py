"""One operation of a batch, done as if it were a request of its own (seed 000: the caller's own context)."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import timedelta
from threading import Lock
from typing import Any

from batchwork.domain.errors import (
    BatchworkError,
    InvalidRequest,
    MalformedBody,
    MalformedId,
    NotFound,
    RouteNotFound,
)
from batchwork.domain.idempotency import Ticket
from batchwork.domain.item import Json
from batchwork.domain.operation import MAX_OPEN, Ended, Operation, Sealed, size_of
from batchwork.domain.workspace import Caller
from batchwork.edge.endpoint import Envelope, Gate, Intent, serve
from batchwork.edge.http import Request, Response
from batchwork.edge.json_text import parsed_json
from batchwork.families.operations.resources import Resources
from batchwork.use_cases.authenticate import require

#: What an answer's error is called when it has none of its own, as those of upstreams.
_FAILED = "REQUEST_FAILED"
#: Characters that are shown of each text of an error that is too large to be shown.
MAX_SHOWN = 200
#: What is read of a large answer can have twenty times its size.
_ONE_AT_A_TIME = Lock()


@dataclass(frozen=True, slots=True)
class Around:
    """What an operation has from the request that it stands in. base_url: before the paths of links."""

    base_url: str
    request_id: str


@dataclass(frozen=True, slots=True)
class Dispatch:
    """Do, or rehearse, one operation. unexpected: told of errors that nobody meant to raise."""

    resources: Resources
    gate: Gate
    envelope: Envelope
    unexpected: Callable[[Exception], None]

    def perform(
        self, operation: Operation, caller: Caller, ticket: Ticket, around: Around, time_left: timedelta
    ) -> Ended:
        """Return what the operation ended with: scope, its route's rules, its own Idempotency-Key, the work.

        ticket: what it is done under; time_left: how long it may take.
        """
        request = _request(operation, around, time_left)
        try:
            route = self.resources.find(request)
            if route is None:
                raise RouteNotFound(method=request.method, path=request.path[:200])
            require(caller, route.scope)
            response, _ = serve(route, request, caller, self.gate, self.envelope.keys, ticket)
        except Exception as exc:  # noqa: BLE001 -- an operation's failure is its own, never the batch's
            return self._failed(exc, request)
        return ended(response)

    def rehearse(
        self,
        operation: Operation,
        caller: Caller,
        around: Around,
        time_left: timedelta,
        later: Iterable[str] | None = None,
    ) -> Ended:
        """Return what the operation would be refused with, or 200 with no body; nothing is changed (seed 000, dry run).

        later: places of its body whose values come of operations that are not done, None for an operation that is whole.
        What is not whole is looked up nowhere, and nothing is wrong at those places.
        """
        request = _request(operation, around, time_left)
        try:
            route = self.resources.find(request)
            if route is None:
                raise RouteNotFound(method=request.method, path=request.path[:200])
            require(caller, route.scope)
            act = route.serve(request, caller)
            self.envelope.keys.asked(request, time_left)
            if isinstance(act, Intent) and later is None:
                act.check(False)
        except Exception as exc:  # noqa: BLE001 -- an operation's failure is its own, never the batch's
            known = exc if later is None else _apart_from(exc, later)
            return Ended(status=200) if known is None else self._failed(known, request)
        return Ended(status=200)

    def refused(self, operation: Operation, around: Around, exc: BatchworkError) -> Ended:
        """Return what an operation ends with that an error keeps from being called."""
        return self._failed(exc, _request(operation, around, timedelta()))

    def _failed(self, exc: Exception, request: Request) -> Ended:
        if not isinstance(exc, BatchworkError):
            self.unexpected(exc)
        return ended(self.envelope.error(exc, request))


def _apart_from(exc: Exception, later: Iterable[str]) -> Exception | None:
    """Return what of an error has nothing to do with values that come later, None when nothing has."""
    if isinstance(exc, NotFound | MalformedId):
        return None
    if not isinstance(exc, InvalidRequest):
        return exc
    problems = list(exc.problems)
    for place in later:  # one after another: all of them may be very much larger than the body
        problems = [problem for problem in problems if not _touch(problem.place, place)]
    return InvalidRequest(problems) if problems else None


def _touch(one: str, other: str) -> bool:
    """Whether two places are the same, or one lies below the other."""
    above, below = sorted((one, other), key=len)
    return below.startswith(above) and below[len(above) : len(above) + 1] in {"", "."}


def ended(response: Response) -> Ended:
    """Return what an operation with this answer ended with; a large body is sealed, and its error shortened."""
    if response.raw is None or len(response.raw) <= MAX_OPEN:
        return _ended(response.status, _body(response))
    with _ONE_AT_A_TIME:
        whole = _ended(response.status, _body(response))
        return replace(whole, body=Sealed.of(whole.body), error=None if whole.error is None else _short(whole.error))


def _ended(status: int, body: Any) -> Ended:
    if 200 <= status < 300:
        return Ended(status=status, body=body)
    error = body.get("error") if isinstance(body, dict) else None
    if not (isinstance(error, dict) and all(isinstance(error.get(each), str) for each in ("code", "message"))):
        # Strictly typed clients read an error's code and message as texts; whatever else was told stays in the body.
        message = error if isinstance(error, str) else f"The call was answered with HTTP status {status}."
        error = {"code": _FAILED, "message": message}
    return Ended(status=status, body=body, error=error)


def _short(error: Json) -> Json:
    """Return an error that stands in a large body: whole when it is small, or else its code and how it begins."""
    if size_of(error) <= MAX_OPEN:
        return error
    code, message = error["code"], error["message"]
    return {
        "code": code if len(code) <= MAX_SHOWN else _FAILED,
        "message": message if len(message) <= MAX_SHOWN else f"{message[:MAX_SHOWN]}…",
    }


def _request(operation: Operation, around: Around, time_left: timedelta) -> Request:
    """Return the request that an operation is. Its headers say nothing of who calls: they were left out before."""
    body = b"" if operation.body is None else _compact(operation.body).encode("utf-8", "surrogatepass")
    return Request(
        method=operation.method,
        resource="",
        path=operation.path,
        headers=dict(operation.headers),
        body=body,
        base_url=around.base_url,
        request_id=around.request_id,
        time_left=time_left,
    )


def _compact(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _body(response: Response) -> Any:
    """Return an answer's body: JSON where it is, text where it is not, None where there is none."""
    if response.raw is None:
        return response.body
    if not response.raw:
        return None
    if "json" not in response.headers.get("Content-Type", "application/json").lower():
        return response.raw
    try:
        # What an upstream sends may be nested too deeply to be written and stored, or hold numbers that JSON has not.
        body = parsed_json(response.raw.encode("utf-8", "surrogatepass"))
        size_of(body)
    except (MalformedBody, RecursionError):
        return response.raw
    return body
