"""Every error as the messages family answers it: ``{"data", "message", "error_code"}`` (spec messages 3.1, 3.2)."""

from __future__ import annotations

from batchwork.domain import errors
from batchwork.domain.errors import AgentNotPublished, BatchworkError, InvalidRequest, ProviderFailed
from batchwork.domain.item import Json
from batchwork.edge.http import Request, Response
from batchwork.edge.idempotency import PRINTABLE
from batchwork.edge.limits import Reset

PERMISSION_DENIED = 10001
NOT_FOUND = 10003
SERVER_ERROR = 10005
BAD_REQUEST = 10006

#: Error → (HTTP status, error_code). An InvalidRequest with a structural problem is 422 instead of its 400.
TABLE: dict[type[BatchworkError], tuple[int, int]] = {
    errors.Unauthenticated: (403, PERMISSION_DENIED),
    errors.WorkspaceSuspended: (403, PERMISSION_DENIED),
    errors.ScopeMissing: (403, PERMISSION_DENIED),
    errors.OperatorOnly: (403, PERMISSION_DENIED),
    errors.RateLimited: (429, BAD_REQUEST),
    errors.QuotaExceeded: (402, BAD_REQUEST),
    errors.IdempotencyKeyReused: (422, BAD_REQUEST),
    errors.RequestInFlight: (409, BAD_REQUEST),
    errors.InvalidRequest: (400, BAD_REQUEST),
    errors.MalformedBody: (400, BAD_REQUEST),
    errors.UnsupportedMediaType: (415, BAD_REQUEST),
    errors.BodyTooLarge: (413, BAD_REQUEST),
    errors.BatchTooLarge: (422, BAD_REQUEST),
    errors.AnswerTooLarge: (400, BAD_REQUEST),
    errors.NotFound: (404, NOT_FOUND),
    errors.RouteNotFound: (404, NOT_FOUND),
    errors.AgentNotPublished: (404, NOT_FOUND),
    errors.Conflict: (409, BAD_REQUEST),
    errors.NotCancellable: (400, BAD_REQUEST),
    errors.EgressRefused: (400, BAD_REQUEST),
    errors.UnreadableDocument: (400, BAD_REQUEST),
    errors.ProviderFailed: (500, SERVER_ERROR),
    errors.LookupFailed: (500, SERVER_ERROR),
    errors.EngineFailed: (500, SERVER_ERROR),
    errors.AlreadyCounted: (500, SERVER_ERROR),
    errors.MalformedId: (400, BAD_REQUEST),
    errors.NotPermitted: (409, BAD_REQUEST),
    errors.OperationTooLarge: (422, BAD_REQUEST),
    errors.NetworkRefused: (500, SERVER_ERROR),
    errors.UpstreamFailed: (500, SERVER_ERROR),
    errors.UpstreamTimedOut: (500, SERVER_ERROR),
}
UNEXPECTED = (500, SERVER_ERROR)
#: Places listed in one answer; a last entry counts the others.
MAX_LISTED = 100


class MessagesEnvelope:
    """How the messages family answers errors.

    The spec is silent about limits, quota and idempotency: the statuses are those of the other families.
    """

    #: The spec is silent; a Unix time is what most APIs mean by X-RateLimit-Reset.
    reset = Reset.AT
    keys = PRINTABLE

    def error(self, exc: Exception, request: Request) -> Response:
        """Return the answer to an error; a server error names the request, and nothing of what went wrong."""
        if isinstance(exc, ProviderFailed):
            return _provider_failed(exc)
        status, code = TABLE.get(type(exc), UNEXPECTED) if isinstance(exc, BatchworkError) else UNEXPECTED
        if isinstance(exc, InvalidRequest) and any(problem.structural for problem in exc.problems):
            status = 422
        message = f"Internal server error (request {request.request_id})" if status >= 500 else str(exc)
        return Response(status, {"data": _details(exc), "message": message, "error_code": code})


def _provider_failed(exc: ProviderFailed) -> Response:
    """Return the answer to a chat message that its provider did not answer; a reason quotes nothing (ports.Provider).

    503 where asking again may help.
    """
    status = 503 if exc.facts.get("retryable") else 500
    return Response(status, {"data": None, "message": str(exc), "error_code": SERVER_ERROR})


def _details(exc: Exception) -> Json | None:
    """Return the places of what is wrong with a request (spec messages 3.2), None for other errors."""
    if isinstance(exc, InvalidRequest):
        told = [{"field": p.place, "message": p.message, "type": p.kind} for p in exc.problems[:MAX_LISTED]]
        return {"errors": told + _rest(len(exc.problems))}
    if isinstance(exc, AgentNotPublished):
        told = [{"field": place, "message": str(exc), "type": exc.code} for place in exc.places[:MAX_LISTED]]
        return {"errors": told + _rest(len(exc.places))}
    return None


def _rest(found: int) -> list[Json]:
    more = found - MAX_LISTED
    return [{"field": "", "message": f"{more} more problems are not listed", "type": "more"}] if more > 0 else []
