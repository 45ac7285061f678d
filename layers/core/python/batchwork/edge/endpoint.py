"""What every HTTP function does around its routes: authenticate, limit, dispatch, translate errors, log one line."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from batchwork.domain.errors import AnswerTooLarge, BatchworkError, BodyTooLarge, RouteNotFound
from batchwork.domain.workspace import Caller
from batchwork.edge import settings, telemetry
from batchwork.edge.credentials import presented_key
from batchwork.edge.http import Request, Response
from batchwork.use_cases.authenticate import Authenticate

#: Bytes of a request's body: below the 6 MB (AWS limit) that invoke a function, event and escapes included.
BODY_LIMIT = 5 * 1024 * 1024
#: Bytes of an answer as the Lambda runtime serializes it, below the 6 MB (AWS limit) that a function may return.
ANSWER_LIMIT = 5_500_000

Route = Callable[[Request, Caller], Response]
Handler = Callable[[dict[str, Any], Any], dict[str, Any]]


class Envelope(Protocol):
    """How a family answers errors."""

    def error(self, exc: Exception, request: Request) -> Response:
        """Return the answer to an error: a BatchworkError, or anything else for an unexpected one."""


def endpoint(
    *,
    routes: Mapping[tuple[str, str], Route],
    authenticate: Authenticate | None,
    envelope: Envelope,
    service: str,
) -> Handler:
    """Return the handler of a function. routes: by (method, resource). authenticate: None for what anybody may ask.

    PUBLIC_BASE_URL, when set, is the URL that links in answers begin with.
    """
    logger = telemetry.logger(service)
    public_url = settings.text("PUBLIC_BASE_URL", "")

    def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
        started = time.perf_counter()
        request = Request.from_event(event, public_url)
        line: dict[str, Any] = {
            "method": request.method,
            "resource": request.resource,
            "request_id": request.request_id,
        }
        try:
            response = _answer(request, line)
            answer = _sendable(response)
        except BatchworkError as exc:
            line["error"] = exc.code
            response = envelope.error(exc, request)
            answer = response.to_event()
        except Exception as exc:  # noqa: BLE001 -- the client gets an envelope, the log line what went wrong
            line |= telemetry.traits(exc)
            response = envelope.error(exc, request)
            answer = response.to_event()
        line["status"] = response.status
        line["duration_ms"] = round((time.perf_counter() - started) * 1000, 1)
        (logger.error if response.status >= 500 else logger.info)("request", extra=line)
        answer["headers"]["X-Request-Id"] = request.request_id
        return answer

    def _answer(request: Request, line: dict[str, Any]) -> Response:
        route = routes.get((request.method, request.resource))
        if route is None or authenticate is None:
            raise RouteNotFound(method=request.method, path=request.path[:200])
        caller = authenticate(presented_key(request.headers))
        line |= {"workspace": caller.workspace.id, "key": caller.key.public}
        if len(request.body) > BODY_LIMIT:
            raise BodyTooLarge(received=len(request.body), limit=BODY_LIMIT)
        return route(request, caller)

    return handler


def _sendable(response: Response) -> dict[str, Any]:
    """Return an answer as API Gateway takes it. Raises AnswerTooLarge for one that Lambda could not return."""
    answer = response.to_event()
    # The body is text in the runtime's own JSON, where its quotes and backslashes are escaped once more.
    body: str = answer["body"]
    size = len(body.encode()) + body.count('"') + body.count("\\")
    if size > ANSWER_LIMIT:
        raise AnswerTooLarge(size=size, limit=ANSWER_LIMIT)
    return answer
