"""Every error as the lookups family answers it: ``{"error": {"code", "message", "details"?}}`` (spec lookups 2.2)."""

from __future__ import annotations

from collections.abc import Iterable

from batchwork.domain import errors
from batchwork.domain.errors import BatchworkError, Problem
from batchwork.domain.item import Json
from batchwork.edge.http import Request, Response
from batchwork.edge.idempotency import PRINTABLE
from batchwork.edge.json_text import BODY
from batchwork.edge.limits import Reset

#: Error → (HTTP status, code).
TABLE: dict[type[BatchworkError], tuple[int, str]] = {
    errors.Unauthenticated: (401, "unauthorized"),
    errors.QuotaExceeded: (402, "quota_exceeded"),
    errors.WorkspaceSuspended: (403, "account_inactive"),
    errors.ScopeMissing: (403, "insufficient_scope"),
    errors.OperatorOnly: (403, "operator_only"),
    errors.NotFound: (404, "not_found"),
    errors.RouteNotFound: (404, "not_found"),
    errors.AgentNotPublished: (404, "not_found"),
    errors.RequestInFlight: (409, "idempotency_conflict"),
    errors.Conflict: (409, "conflict"),
    errors.NotCancellable: (409, "conflict"),
    errors.BodyTooLarge: (413, "payload_too_large"),
    errors.AnswerTooLarge: (413, "result_too_large"),
    errors.UnsupportedMediaType: (415, "unsupported_media_type"),
    errors.InvalidRequest: (422, "validation_failed"),
    errors.MalformedBody: (422, "validation_failed"),
    errors.EgressRefused: (422, "validation_failed"),
    errors.UnreadableDocument: (422, "validation_failed"),
    errors.BatchTooLarge: (422, "batch_too_large"),
    errors.IdempotencyKeyReused: (422, "idempotency_key_reuse"),
    errors.RateLimited: (429, "rate_limit_exceeded"),
    errors.EngineFailed: (500, "server_error"),
    errors.AlreadyCounted: (500, "server_error"),
    errors.LookupFailed: (502, "upstream_failed"),
    errors.ProviderFailed: (502, "upstream_failed"),
    errors.MalformedId: (422, "validation_failed"),
    errors.NotPermitted: (409, "conflict"),
    errors.OperationTooLarge: (422, "validation_failed"),
    errors.NetworkRefused: (502, "upstream_failed"),
    errors.UpstreamFailed: (502, "upstream_failed"),
    errors.UpstreamTimedOut: (504, "timeout"),
}
#: What details tell of an error's facts: name → fact.
_FACTS: dict[type[BatchworkError], dict[str, str]] = {
    errors.ScopeMissing: {"required_scope": "scope"},
    errors.RateLimited: {"window": "window", "limit": "limit"},
    errors.QuotaExceeded: {"quota": "quota", "used": "used", "requested": "units"},
    errors.BatchTooLarge: {"max_items": "limit", "received": "received"},
}
UNEXPECTED = (500, "server_error")
#: Places listed in one answer; a last entry counts the others.
MAX_LISTED = 100


class LookupsEnvelope:
    """How the lookups family answers errors."""

    reset = Reset.IN
    keys = PRINTABLE

    def error(self, exc: Exception, request: Request) -> Response:
        """Return the answer to an error; a server error names the request, and nothing of what went wrong."""
        status, code = TABLE.get(type(exc), UNEXPECTED) if isinstance(exc, BatchworkError) else UNEXPECTED
        told: Json = {"code": code, "message": str(exc)}
        if status >= 500:
            told["message"] = f"Internal server error (request {request.request_id})"
        elif details := _details(exc):
            told["details"] = details
        return Response(status, {"error": told})


def places(problems: Iterable[Problem]) -> dict[str, list[str]]:
    """Return the messages of problems by place: a hundred places, then how many more there are."""
    told: dict[str, list[str]] = {}
    more = 0
    for problem in problems:
        if problem.place in told or len(told) < MAX_LISTED:
            told.setdefault(problem.place, []).append(problem.message)
        else:
            more += 1
    if more:
        told[""] = [f"{more} more problems are not listed"]
    return told


def _details(exc: Exception) -> Json:
    """Return the facts that a client may need, by the names of spec lookups 2.2."""
    match exc:
        case errors.InvalidRequest():
            return dict(places(exc.problems))
        case errors.MalformedBody():
            return {BODY: [str(exc)]}
        case BatchworkError():
            return {name: exc.facts[fact] for name, fact in _FACTS.get(type(exc), {}).items()}
        case _:
            return {}
