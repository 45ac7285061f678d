"""Everything that can be wrong, as one tree; each family maps it to its own envelope.

The docstring of an error is its message: a sentence in which the error's facts stand in braces.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar


class BatchworkError(Exception):
    """Root of every error that Batchwork raises on purpose; never raised itself."""

    code: ClassVar[str] = "error"
    #: Whether the work may be done all the same: a refusal says that it is not.
    unsure: ClassVar[bool] = False

    def __init__(self, **facts: Any) -> None:
        self.facts = facts
        super().__init__((self.__doc__ or "").format(**facts))


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with a request, at one place in it.

    place: dotted path as the client wrote it, such as ``requests.17.custom_id``.
    kind: machine-readable name of the rule. structural: the shape is wrong (as opposed to a broken rule). facts: what
    a client may act on, by the names that its family gives them.
    """

    place: str
    message: str
    kind: str
    structural: bool = True
    facts: Mapping[str, Any] = field(default_factory=dict, hash=False)


class Unauthenticated(BatchworkError):
    """The API key is missing or not valid."""

    code = "unauthenticated"


class WorkspaceSuspended(BatchworkError):
    """This workspace is suspended; ask its operator."""

    code = "workspace_suspended"


class ScopeMissing(BatchworkError):
    """This API key lacks the scope {scope}."""

    code = "scope_missing"


class RateLimited(BatchworkError):
    """Rate limit exceeded for the {window} window."""

    code = "rate_limited"


class QuotaExceeded(BatchworkError):
    """The monthly quota of {quota} units has no room for {units}: {used} are used."""

    code = "quota_exceeded"


class IdempotencyKeyReused(BatchworkError):
    """This Idempotency-Key was used with another request; use a new key for a new request."""

    code = "idempotency_key_reused"


class RequestInFlight(BatchworkError):
    """A request with this Idempotency-Key is still being worked; wait and send it again."""

    code = "request_in_flight"


class BatchTooLarge(BatchworkError):
    """Batch exceeds the maximum allowed size for your plan."""

    code = "batch_too_large"


class OperatorOnly(BatchworkError):
    """{what} can be set by the operator only."""

    code = "operator_only"


class InvalidRequest(BatchworkError):
    """Invalid request payload"""

    code = "invalid_request"

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = problems
        super().__init__()


class OperationTooLarge(BatchworkError):
    """Operation body must not exceed 100KB"""

    code = "operation_too_large"


class MalformedId(BatchworkError):
    """This is no id: one begins with {prefix}, or is a bare cuid."""

    code = "malformed_id"


class NotPermitted(BatchworkError):
    """{reason}"""

    code = "not_permitted"


class NetworkRefused(BatchworkError):
    """{reason}"""

    code = "network_refused"


class UpstreamFailed(BatchworkError):
    """{reason}"""

    code = "upstream_failed"
    unsure = True


class UpstreamTimedOut(BatchworkError):
    """The upstream did not answer in time."""

    code = "upstream_timed_out"
    unsure = True


class MalformedBody(BatchworkError):
    """The request body is not valid JSON: {detail}."""

    code = "malformed_body"


class UnsupportedMediaType(BatchworkError):
    """Content-Type must be {expected}, not {received}."""

    code = "unsupported_media_type"


class BodyTooLarge(BatchworkError):
    """The request body has {received} bytes; the limit is {limit}."""

    code = "body_too_large"


class AnswerTooLarge(BatchworkError):
    """The answer would have {size} bytes and at most {limit} can be sent; ask for fewer entries with a smaller limit."""

    code = "answer_too_large"
    unsure = True


class NotFound(BatchworkError):
    """{what} not found"""

    code = "not_found"


class RouteNotFound(BatchworkError):
    """There is no route {method} {path}."""

    code = "route_not_found"


class AgentNotPublished(BatchworkError):
    """Agent version not found"""

    code = "agent_not_published"

    def __init__(self, places: list[str]) -> None:
        self.places = places
        super().__init__()


class Conflict(BatchworkError):
    """{what} changed meanwhile; read it again and retry."""

    code = "conflict"


class NotCancellable(BatchworkError):
    """Only batches with status in_progress can be cancelled; this one is {status}."""

    code = "not_cancellable"


class ProviderFailed(BatchworkError):
    """{reason}"""

    code = "provider_failed"


class UnreadableDocument(BatchworkError):
    """{name} cannot be read: {reason}."""

    code = "unreadable_document"


class LookupFailed(BatchworkError):
    """{reason}"""

    code = "lookup_failed"


class EngineFailed(BatchworkError):
    """{reason}"""

    code = "engine_failed"


class AlreadyCounted(BatchworkError):
    """Unit {unit} is counted already."""

    code = "already_counted"


class EgressRefused(BatchworkError):
    """The address {address} is not allowed for outgoing requests."""

    code = "egress_refused"
