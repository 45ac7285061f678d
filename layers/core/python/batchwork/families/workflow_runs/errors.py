"""Every error as the workflow runs family answers it (seed 003, spec workflow runs 4.7).

``{"success": false, "error"}`` to the seed's clients and those of 2025; ``{"code", "message", "retryable", "requestId"}`` to
those of 2026-02-09. The published clients ask again after 408, 409, 429 and 5xx: what asking again does not help has none
of these.
"""

from __future__ import annotations

import re
from dataclasses import replace

from batchwork.domain import errors
from batchwork.domain.errors import BatchworkError, InvalidRequest, Problem, ScopeMissing
from batchwork.edge.http import Request, Response
from batchwork.edge.idempotency import PRINTABLE
from batchwork.edge.limits import Reset
from batchwork.families.workflow_runs.dialect import Dialect, dialect_or_seed

#: Error → (HTTP status, code of 2026-02-09).
TABLE: dict[type[BatchworkError], tuple[int, str]] = {
    errors.InvalidRequest: (400, "INVALID_REQUEST"),
    errors.MalformedBody: (400, "INVALID_REQUEST"),
    errors.MalformedId: (400, "INVALID_REQUEST"),
    errors.BatchTooLarge: (400, "INVALID_REQUEST"),
    errors.OperationTooLarge: (400, "INVALID_REQUEST"),
    errors.EgressRefused: (400, "INVALID_REQUEST"),
    errors.UnreadableDocument: (400, "INVALID_REQUEST"),
    errors.AnswerTooLarge: (400, "INVALID_REQUEST"),
    errors.NotPermitted: (400, "INVALID_REQUEST"),
    errors.NotCancellable: (400, "INVALID_REQUEST"),
    errors.Unauthenticated: (401, "UNAUTHORIZED"),
    errors.QuotaExceeded: (402, "USAGE_BLOCKED"),
    errors.ScopeMissing: (403, "FORBIDDEN"),
    errors.WorkspaceSuspended: (403, "FORBIDDEN"),
    errors.OperatorOnly: (403, "FORBIDDEN"),
    errors.NotFound: (404, "NOT_FOUND"),
    errors.RouteNotFound: (404, "NOT_FOUND"),
    errors.AgentNotPublished: (404, "NOT_FOUND"),
    errors.Conflict: (409, "CONFLICT"),
    errors.RequestInFlight: (409, "CONFLICT"),
    errors.BodyTooLarge: (413, "PAYLOAD_TOO_LARGE"),
    errors.UnsupportedMediaType: (415, "UNSUPPORTED_MEDIA_TYPE"),
    errors.IdempotencyKeyReused: (422, "IDEMPOTENCY_KEY_REUSED"),
    errors.RateLimited: (429, "RATE_LIMIT_EXCEEDED"),
    errors.EngineFailed: (500, "INTERNAL_ERROR"),
    errors.AlreadyCounted: (500, "INTERNAL_ERROR"),
    errors.ProviderFailed: (500, "INTERNAL_ERROR"),
    errors.LookupFailed: (500, "INTERNAL_ERROR"),
    errors.NetworkRefused: (500, "INTERNAL_ERROR"),
    errors.UpstreamFailed: (500, "INTERNAL_ERROR"),
    errors.UpstreamTimedOut: (500, "INTERNAL_ERROR"),
}
UNEXPECTED = (500, "INTERNAL_ERROR")
#: Statuses after which asking again may help.
RETRYABLE = frozenset({409, 429, 500})
#: Problems told in one answer; a last sentence counts the others.
MAX_TOLD = 20
#: What a scope is about, as an error tells it; the seed's own words for the first.
_ABOUT = {
    "workflow_runs": "the specified workflow",
    "workflows": "workflows",
    "files": "files",
    "webhooks": "webhooks",
}
#: What helps where a body is too large.
_UPLOAD = "Send larger files by POST /files/upload/presigned."
_SPLIT = "Split the batch, or send its files by fileUrl or fileId."
_INDEX = re.compile(r"(?:^|\.)([0-9]+)(?=\.|\[|$)")


class WorkflowRunsEnvelope:
    """How the workflow runs family answers errors, in the dialect of the request."""

    #: The published clients read X-RateLimit-Reset as a Unix time (spec workflow runs 4.7).
    reset = Reset.AT
    #: A request that is sent again below /v1 is the same one.
    keys = replace(PRINTABLE, place=lambda path: path.removeprefix("/v1"))

    def error(self, exc: Exception, request: Request) -> Response:
        """Return the answer to an error; a server error names the request, and nothing of what went wrong."""
        status, code = TABLE.get(type(exc), UNEXPECTED) if isinstance(exc, BatchworkError) else UNEXPECTED
        message = _told(exc, request)
        if status >= 500:
            message = f"An unexpected error occurred on the server (request {request.request_id})"
        if dialect_or_seed(request) is not Dialect.V2026:
            return Response(status, {"success": False, "error": message})
        told = {
            "code": code,
            "message": message,
            "retryable": status in RETRYABLE,
            "requestId": request.request_id,
        }
        return Response(status, told)


def place_of(problem: Problem) -> str:
    """Return a problem's place as clients write it, such as ``inputs[17].file.fileUrl``."""
    return _INDEX.sub(r"[\1]", problem.place)


def _told(exc: Exception, request: Request) -> str:
    if isinstance(exc, InvalidRequest):
        return _problems(exc.problems)
    if isinstance(exc, ScopeMissing):
        scope = str(exc.facts.get("scope"))
        about = _ABOUT.get(scope.partition(":")[0], "this")
        return f"The API token does not have permission to access {about} (it lacks the scope {scope})"
    if isinstance(exc, errors.Unauthenticated):
        return "Missing or invalid API token"
    if isinstance(exc, errors.BodyTooLarge):
        return f"{exc} {_UPLOAD if '/files' in request.path else _SPLIT}"
    if isinstance(exc, errors.RateLimited):
        return f"The request was rate limited: {exc} Please try again later."
    return str(exc)


def _problems(problems: list[Problem]) -> str:
    told = "; ".join(f"{place_of(each)}: {each.message}" for each in problems[:MAX_TOLD])
    more = len(problems) - MAX_TOLD
    return f"{told}; and {more} more" if more > 0 else told
