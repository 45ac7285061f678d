"""What every HTTP function does around its routes, in this order (spec lookups 2.5):

route, key, workspace, scope, rate limit, size of the body, the route's own rules, Idempotency-Key, the work itself.
Errors are translated by the family, one line is logged, and every answer carries X-Request-Id and the limits' headers.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Generic, Protocol, TypeVar

from batchwork.domain.errors import (
    AnswerTooLarge,
    BatchworkError,
    BodyTooLarge,
    RateLimited,
    RouteNotFound,
    Unauthenticated,
    WorkspaceSuspended,
)
from batchwork.domain.idempotency import Answered, Ticket
from batchwork.domain.workspace import Caller
from batchwork.edge import settings, telemetry
from batchwork.edge.credentials import presented_key
from batchwork.edge.http import GATEWAY_PATIENCE, Request, Response
from batchwork.edge.idempotency import KeyRule
from batchwork.edge.limits import Reset, limit_headers, retry_after
from batchwork.use_cases.authenticate import Authenticate, require
from batchwork.use_cases.limit import LimitRequests
from batchwork.use_cases.once import Errand, Once

T = TypeVar("T")

#: Bytes of a request's body. A function is invoked with at most 6 MB (AWS limit), the body as JSON text in it: one so full
#: of quotes that their escapes carry it beyond is refused by the gateway.
BODY_LIMIT = 5 * 1024 * 1024
#: Bytes of an answer as the Lambda runtime serializes it, below the 6 MB (AWS limit) that a function may return.
ANSWER_LIMIT = 5_500_000

#: What a valid request is to do. It runs once under an Idempotency-Key, and may find that an earlier try did it.
Act = Callable[[Errand], Response]
Handler = Callable[[dict[str, Any], Any], dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Intent(Generic[T]):
    """An act whose checks can be made without it: what a dry run asks for.

    check: reads, and raises what the act would raise; its argument says whether an earlier try may have done the work
    (`Ticket.again`). act: does the work with what was checked.
    """

    check: Callable[[bool], T]
    act: Callable[[T, Errand], Response]

    def __call__(self, errand: Errand) -> Response:
        """Check, then do it."""
        return self.act(self.check(errand.ticket.again), errand)


@dataclass(frozen=True, slots=True)
class Route:
    """A route of a family.

    serve: returns the answer of a request that only looks; for one that acts, checks all that can be checked without
    reading anything and returns the act. scope: what the key needs, None for any key.
    """

    serve: Callable[[Request, Caller], Response | Act]
    scope: str | None = None


Routes = Mapping[tuple[str, str], Route]
#: Returns the route that serves a request, None when there is none.
Find = Callable[[Request], Route | None]


@dataclass(frozen=True, slots=True)
class Gate:
    """What stands before every route."""

    authenticate: Authenticate
    limit: LimitRequests
    once: Once | None = None


class Envelope(Protocol):
    """How a family answers errors, what it means by X-RateLimit-Reset, and what it takes for an Idempotency-Key."""

    @property
    def reset(self) -> Reset:
        """Return the meaning."""

    @property
    def keys(self) -> KeyRule:
        """Return the rule."""

    def error(self, exc: Exception, request: Request) -> Response:
        """Return the answer to an error: a BatchworkError, or anything else for an unexpected one."""


def endpoint(*, routes: Routes | Find, gate: Gate, envelope: Envelope, service: str) -> Handler:
    """Return the handler of a function. routes: by (method, resource), or found by the family itself; what is none of
    them, is not found.

    PUBLIC_BASE_URL, when set, is the URL that links in answers begin with.
    """
    logger = telemetry.logger(service)
    public_url = settings.text("PUBLIC_BASE_URL", "")
    find = routes if callable(routes) else _among(routes)

    def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
        started = time.perf_counter()
        request = Request.from_event(event, public_url, _time_left(context))
        visit = _Visit(find, gate, envelope, request)
        response, answer = visit.answer()
        visit.line["status"] = response.status
        visit.line["duration_ms"] = round((time.perf_counter() - started) * 1000, 1)
        (logger.error if response.status >= 500 else logger.info)("request", extra=visit.line)
        answer["headers"] |= visit.headers
        return answer

    return handler


def _among(routes: Routes) -> Find:
    return lambda request: routes.get((request.method, request.resource))


def serve(
    route: Route, request: Request, caller: Caller, gate: Gate, keys: KeyRule, ticket: Ticket | None = None
) -> tuple[Response, bool]:
    """Return the answer to a request of a caller who may make it, and whether it is a replay: size of the body, the
    route's own rules, Idempotency-Key, the work itself.

    ticket: what it is done under when it is part of something larger.
    """
    if len(request.body) > BODY_LIMIT:
        raise BodyTooLarge(received=len(request.body), limit=BODY_LIMIT)
    act = route.serve(request, caller)
    if isinstance(act, Response):
        return act, False
    if gate.once is None:
        raise TypeError("a route acts, and nothing lets it act once")
    # Where no scope is asked for, what is done depends on those that the key has: no other key gets its answer.
    standing = caller.key.scopes if route.scope is None else ()
    asked = keys.asked(request, request.time_left, standing)
    answered, replayed = gate.once(caller, asked, lambda errand: _done(act(errand)), ticket)
    headers = answered.headers | ({"Idempotency-Replayed": "true"} if replayed else {})
    return Response(answered.status, headers=headers, raw=answered.text), replayed


class _Visit:
    """One request's way through. line: what its log line tells; headers: what its answer carries, errors included."""

    def __init__(self, find: Find, gate: Gate, envelope: Envelope, request: Request) -> None:
        self._find, self._gate, self._envelope, self._request = find, gate, envelope, request
        self.line: dict[str, Any] = {
            "method": request.method,
            "resource": request.resource,
            "request_id": request.request_id,
        }
        self.headers = {"X-Request-Id": request.request_id}

    def answer(self) -> tuple[Response, dict[str, Any]]:
        """Return the answer, and its form that API Gateway takes."""
        try:
            response = self._serve()
            return response, _sendable(response)
        except BatchworkError as exc:
            self.line["error"] = exc.code
            if (wait := exc.facts.get("retry_after")) is not None:
                self.headers["Retry-After"] = retry_after(wait)
            response = self._envelope.error(exc, self._request)
        except Exception as exc:  # noqa: BLE001 -- the client gets an envelope, the log line what went wrong
            self.line |= telemetry.traits(exc)
            response = self._envelope.error(exc, self._request)
        return response, response.to_event()

    def _serve(self) -> Response:
        request = self._request
        route = self._find(request)
        if route is None:
            raise self._lost()
        caller = self._gate.authenticate(presented_key(request.headers))
        self._admit(caller, route.scope)
        response, replayed = serve(route, request, caller, self._gate, self._envelope.keys)
        if replayed:
            self.line["replayed"] = True
        return response

    def _lost(self) -> RouteNotFound:
        """Return the error for a route that is none: anybody may ask for it, but who has a key is counted."""
        with suppress(Unauthenticated, WorkspaceSuspended):
            self._admit(self._gate.authenticate(presented_key(self._request.headers)), None)
        return RouteNotFound(method=self._request.method, path=self._request.path[:200])

    def _admit(self, caller: Caller, scope: str | None) -> None:
        """Count the request and tell the limits; who may not do it at all is counted too, but told of that."""
        self.line |= {"workspace": caller.workspace.id, "key": caller.key.public}
        allowance = self._gate.limit(caller)
        self.headers |= limit_headers(allowance, self._envelope.reset)
        require(caller, scope)
        if not allowance.passed:
            full = allowance.refusing
            raise RateLimited(window=full.name, limit=full.limit, retry_after=full.ends_at - allowance.at)


def _done(response: Response) -> Answered:
    """Return an answer as it is kept. Raises AnswerTooLarge for one that could not be sent."""
    text: str = _sendable(response)["body"]
    return Answered(response.status, text, dict(response.headers))


def _sendable(response: Response) -> dict[str, Any]:
    """Return an answer as API Gateway takes it. Raises AnswerTooLarge for one that Lambda could not return."""
    answer = response.to_event()
    size = serialized(answer["body"])
    if size > ANSWER_LIMIT:
        raise AnswerTooLarge(size=size, limit=ANSWER_LIMIT)
    return answer


def serialized(body: str) -> int:
    """Return the bytes of a body in the Lambda runtime's own JSON, where quotes and backslashes are escaped once more."""
    return len(body.encode()) + body.count('"') + body.count("\\")


def _time_left(context: Any) -> timedelta:
    """Return how long the invocation can live: nothing of it runs when that is over."""
    remaining = getattr(context, "get_remaining_time_in_millis", None)
    return timedelta(milliseconds=remaining()) if remaining else GATEWAY_PATIENCE
