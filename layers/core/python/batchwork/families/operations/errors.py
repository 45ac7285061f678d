"""Every error as the operations family answers it: ``{"error": {"code", "message", "details"?}}`` (spec operations 1.3)."""

from __future__ import annotations

import json
import re

from batchwork.domain import errors
from batchwork.domain.errors import BatchworkError, InvalidRequest, Problem
from batchwork.domain.item import Json
from batchwork.edge.http import Request, Response
from batchwork.edge.idempotency import KeyRule
from batchwork.edge.json_text import BODY
from batchwork.edge.limits import Reset

#: Error → (HTTP status, code).
TABLE: dict[type[BatchworkError], tuple[int, str]] = {
    errors.MalformedBody: (400, "BAD_REQUEST"),
    errors.MalformedId: (400, "BAD_REQUEST"),
    errors.InvalidRequest: (400, "VALIDATION_ERROR"),
    errors.AgentNotPublished: (400, "VALIDATION_ERROR"),
    errors.BatchTooLarge: (400, "VALIDATION_ERROR"),
    errors.EgressRefused: (400, "VALIDATION_ERROR"),
    errors.UnreadableDocument: (400, "VALIDATION_ERROR"),
    errors.AnswerTooLarge: (400, "BAD_REQUEST"),
    errors.Unauthenticated: (401, "UNAUTHORIZED"),
    errors.QuotaExceeded: (402, "LIMIT_EXCEEDED"),
    errors.WorkspaceSuspended: (403, "AUTHORIZATION_ERROR"),
    errors.ScopeMissing: (403, "AUTHORIZATION_ERROR"),
    errors.OperatorOnly: (403, "AUTHORIZATION_ERROR"),
    errors.NotFound: (404, "NOT_FOUND"),
    errors.RouteNotFound: (404, "NOT_FOUND"),
    errors.Conflict: (409, "CONFLICT"),
    errors.NotPermitted: (409, "CONFLICT"),
    errors.NotCancellable: (409, "CONFLICT"),
    errors.IdempotencyKeyReused: (409, "IDEMPOTENCY_CONFLICT"),
    errors.RequestInFlight: (409, "IDEMPOTENCY_IN_PROGRESS"),
    errors.BodyTooLarge: (413, "PAYLOAD_TOO_LARGE"),
    errors.UnsupportedMediaType: (415, "UNSUPPORTED_MEDIA_TYPE"),
    errors.OperationTooLarge: (422, "VALIDATION_ERROR"),
    errors.RateLimited: (429, "RATE_LIMITED"),
    errors.EngineFailed: (500, "INTERNAL_ERROR"),
    errors.AlreadyCounted: (500, "INTERNAL_ERROR"),
    errors.ProviderFailed: (502, "BAD_GATEWAY"),
    errors.LookupFailed: (502, "BAD_GATEWAY"),
    errors.NetworkRefused: (502, "BAD_GATEWAY"),
    errors.UpstreamFailed: (502, "BAD_GATEWAY"),
    errors.UpstreamTimedOut: (504, "GATEWAY_TIMEOUT"),
}
UNEXPECTED = (500, "INTERNAL_ERROR")
#: Spec operations 1.1.
NO_KEY = "Invalid or missing API key"
#: A problem whose kind is one of these, in lower case, has it as its code instead of VALIDATION_ERROR.
PROBLEM_CODES = frozenset(
    {
        *("INVALID_DATE", "CONTENT_TOO_LONG", "MEDIA_REQUIRED", "CONTENT_TYPE_REQUIRED", "CONTENT_TYPE_NOT_SUPPORTED"),
        *("ACCOUNT_NOT_FOUND", "PAGE_SELECTION_NOT_SUPPORTED", "ACCOUNT_PAGE_MISMATCH", "DESTINATIONS_NOT_LOADED"),
    }
)
#: The kind of a problem of a post's metadata, which alone is 422 (spec operations 1.3).
METADATA = "metadata"
#: Problems listed in one answer; `more` counts the others.
MAX_LISTED = 100
MAX_KEY = 255
_KEY = re.compile(rf"[A-Za-z0-9_.:-]{{1,{MAX_KEY}}}")


def _same(content: bytes) -> bytes:
    """Return a JSON body in one way of writing it, so that an operation and the same call made directly agree."""
    try:
        value = json.loads(content)
        return json.dumps(value, separators=(",", ":"), sort_keys=True).encode()
    except (ValueError, RecursionError):
        return content


#: Spec operations 1.4.
KEYS = KeyRule(
    lambda header: header if _KEY.fullmatch(header) else None,
    f"Must be 1 to {MAX_KEY} characters of A-Z, a-z, 0-9, _, -, : and .",
    _same,
)


class OperationsEnvelope:
    """How the operations family answers errors."""

    reset = Reset.AT
    keys = KEYS

    def error(self, exc: Exception, request: Request) -> Response:
        """Return the answer to an error; a 500 names the request, and nothing of what went wrong."""
        if isinstance(exc, errors.OperationTooLarge):
            return Response(422, {"error": str(exc)})  # seed 000: a bare string
        status, code = TABLE.get(type(exc), UNEXPECTED) if isinstance(exc, BatchworkError) else UNEXPECTED
        told: Json = {"code": code, "message": str(exc)}
        if isinstance(exc, errors.Unauthenticated):
            told["message"] = NO_KEY
        elif status == 500:
            told["message"] = f"Internal server error (request {request.request_id})"
        elif isinstance(exc, InvalidRequest):
            status, told = _invalid(exc.problems)
        elif isinstance(exc, BatchworkError) and (details := _details(exc)):
            told["details"] = details
        return Response(status, {"error": told})


def _invalid(problems: list[Problem]) -> tuple[int, Json]:
    """Return (status, error) of what is wrong with a request: the first problem speaks, details list all."""
    first = problems[0]
    listed = [{"field": each.place, "message": each.message, **each.facts} for each in problems[:MAX_LISTED]]
    details: Json = {"field": first.place, **first.facts, "problems": listed}
    if len(problems) > MAX_LISTED:
        details["more"] = len(problems) - MAX_LISTED
    message = first.message if first.place == BODY else f"{first.place}: {first.message}"
    return (422 if first.kind == METADATA else 400), {"code": _code(first), "message": message, "details": details}


def _code(problem: Problem) -> str:
    if problem.kind == "idempotency_key":
        return "IDEMPOTENCY_INVALID_KEY"
    code = problem.kind.upper()
    return code if code in PROBLEM_CODES else "VALIDATION_ERROR"


def _details(exc: BatchworkError) -> Json:
    """Return the facts that a client may need."""
    match exc:
        case errors.ScopeMissing():
            return {"requiredScope": exc.facts["scope"]}
        case errors.QuotaExceeded():
            return {"quota": exc.facts["quota"], "used": exc.facts["used"], "requested": exc.facts["units"]}
        case _:
            return {}
