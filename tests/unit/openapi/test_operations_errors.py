"""Errors of the operations family are answered as docs/openapi.yaml shows them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from desk import make
from documented import check, examples_of
from unit.openapi.counter import documented

from batchwork.domain.errors import (
    AnswerTooLarge,
    BatchworkError,
    BodyTooLarge,
    Conflict,
    IdempotencyKeyReused,
    InvalidRequest,
    MalformedId,
    NotFound,
    NotPermitted,
    OperationTooLarge,
    Problem,
    QuotaExceeded,
    RateLimited,
    RequestInFlight,
    ScopeMissing,
    Unauthenticated,
    UnsupportedMediaType,
    UpstreamFailed,
    UpstreamTimedOut,
    WorkspaceSuspended,
)
from batchwork.domain.operation import MAX_BODY
from batchwork.domain.platforms import Wording, broken_rules
from batchwork.edge.endpoint import BODY_LIMIT
from batchwork.edge.http import Request
from batchwork.families.operations import errors
from batchwork.families.operations.errors import OperationsEnvelope
from batchwork.families.operations.lists import Query
from batchwork.families.operations.schemas import asked


def refusal(body: Any) -> Exception:
    """Return what a body of a batch is refused with."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    try:
        asked(Request(method="POST", resource="", path="", body=raw))
    except BatchworkError as exc:
        return exc
    raise AssertionError("it is taken")


def query(name: str, value: str) -> Exception:
    """Return what a query is refused with."""
    reading = Query({name: value})
    reading.part()
    reading.time("from")
    try:
        reading.end()
    except InvalidRequest as exc:
        return exc
    raise AssertionError("it is taken")


def invalid(place: str, message: str, kind: str, **facts: Any) -> InvalidRequest:
    return InvalidRequest([Problem(place, message, kind, structural=False, facts=facts)])


NO_KEY = invalid("Idempotency-Key", errors.KEYS.message, "idempotency_key")
POSTS = ("post", "/v1/posts")
PAGES = ("post", "/v1/accounts/{id}/select-page")
BATCH = ("post", "/v1/batch")


@pytest.mark.parametrize(
    ("call", "status", "exc"),
    [
        (BATCH, 400, refusal(b'{"operations": [')),
        (BATCH, 400, refusal({"operations": []})),
        (BATCH, 400, refusal({"operations": [{"id": "a", "method": "DELETE", "path": "/v1/billing"}]})),
        (
            BATCH,
            400,
            refusal(
                {
                    "operations": [
                        {"id": "a", "method": "DELETE", "path": "/v1/posts/c123"},
                        {"id": "a", "method": "PUT", "path": "/v1/posts/c123"},
                    ]
                }
            ),
        ),
        (
            BATCH,
            400,
            refusal({"operations": [{"id": "b", "method": "POST", "path": "/v1/posts/{{a.body.id}}/publish"}]}),
        ),
        (BATCH, 400, NO_KEY),
        (BATCH, 401, Unauthenticated()),
        (BATCH, 402, QuotaExceeded(quota=10_000, used=9_995, units=10)),
        (BATCH, 403, WorkspaceSuspended()),
        (BATCH, 409, IdempotencyKeyReused()),
        (BATCH, 409, RequestInFlight()),
        (BATCH, 413, BodyTooLarge(received=BODY_LIMIT + 1, limit=BODY_LIMIT)),
        (BATCH, 415, UnsupportedMediaType(expected="application/json", received="text/csv")),
        (BATCH, 422, refusal({"operations": [make("a", "x" * MAX_BODY)]})),
        (BATCH, 422, OperationTooLarge()),
        (BATCH, 429, RateLimited(window="minute", limit=120)),
        (BATCH, 500, ValueError("unexpected")),
        (("get", "/v1/batch/async"), 400, query("limit", "101")),
        (("get", "/v1/batch/async/{job_id}"), 400, MalformedId(prefix="cl")),
        (("get", "/v1/batch/async/{job_id}"), 404, NotFound(what="Job")),
        (("get", "/v1/posts"), 400, query("limit", "101")),
        (("get", "/v1/posts"), 400, query("from", "2026-04-09T12:00:00")),
        (("get", "/v1/posts"), 400, AnswerTooLarge(size=6_291_456, limit=5_500_000)),
        (("get", "/v1/posts/{id}"), 400, MalformedId(prefix="post_")),
        (("get", "/v1/posts/{id}"), 403, ScopeMissing(scope="posts:write")),
        (("get", "/v1/posts/{id}"), 404, NotFound(what="Post")),
        (("get", "/v1/posts/{id}"), 502, UpstreamFailed(reason="The upstream could not be reached.")),
        (("get", "/v1/posts/{id}"), 504, UpstreamTimedOut()),
        (POSTS, 400, InvalidRequest(broken_rules(Wording(content="x" * 281), "TWITTER"))),
        (POSTS, 400, InvalidRequest(broken_rules(Wording(content="x"), "INSTAGRAM"))),
        (
            POSTS,
            400,
            InvalidRequest(broken_rules(Wording(content="x", content_type="REEL", media=["video"]), "TWITTER")),
        ),
        (POSTS, 400, invalid("accountIds.0", "Account not found", "account_not_found")),
        (POSTS, 413, BodyTooLarge(received=MAX_BODY + 1, limit=MAX_BODY)),
        (POSTS, 422, invalid("metadata.campaign", "Texts have at most 1000 characters", "metadata")),
        (
            ("post", "/v1/posts/{id}/cancel"),
            409,
            NotPermitted(reason="Only a draft or scheduled post can be cancelled; this one is published."),
        ),
        (("post", "/v1/posts/{id}/cancel"), 409, Conflict(what="Post")),
        (PAGES, 400, invalid("pageId", "Accounts on TWITTER have no pages", "page_selection_not_supported")),
        (PAGES, 400, invalid("pageId", "This is no page of the account", "account_page_mismatch")),
        (
            PAGES,
            400,
            invalid("pageId", "Its pages are not loaded; refresh the account first", "destinations_not_loaded"),
        ),
    ],
    ids=lambda value: value.code if isinstance(value, BatchworkError) else None,
)
def test_an_error_is_answered_as_the_document_shows_it(call: tuple[str, str], status: int, exc: Exception) -> None:
    request = Request(method="POST", resource="", path="", request_id="6f1c1c52-3c8e-4f0a-9e43-0f5f7d1b7c11")
    answer = OperationsEnvelope().error(exc, request)
    assert answer.status == status
    assert answer.body in examples_of(documented()[call]["responses"][str(status)])


@pytest.mark.parametrize("kind", errors.TABLE, ids=lambda kind: kind.__name__)
def test_every_error_has_the_documented_form(kind: type[BatchworkError]) -> None:
    class Anything(dict[str, Any]):
        def __missing__(self, name: str) -> str:
            return name

    exc = kind.__new__(kind)
    exc.facts = Anything()
    exc.problems = [Problem("x", "m", "k")] * 500  # type: ignore[attr-defined] # of an InvalidRequest
    exc.places = ["x"]  # type: ignore[attr-defined] # of an AgentNotPublished
    Exception.__init__(exc, "A message.")
    answer = OperationsEnvelope().error(exc, Request(method="GET", resource="", path="", request_id="r-1"))
    if kind is not OperationTooLarge:
        check("OperationsError", answer.body)
