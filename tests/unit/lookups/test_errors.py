"""Spec lookups 2.2: every error in the family's envelope."""

from __future__ import annotations

from typing import Any

import pytest

from batchwork.domain import errors
from batchwork.domain.errors import BatchworkError, InvalidRequest, Problem
from batchwork.edge.http import Request, Response
from batchwork.edge.limits import Reset
from batchwork.families.lookups.errors import TABLE, LookupsEnvelope

REQUEST = Request(method="POST", resource="/x", path="/x", request_id="r-1")


def answer_to(exc: Exception) -> Response:
    return LookupsEnvelope().error(exc, REQUEST)


def told(exc: Exception) -> dict[str, Any]:
    body = answer_to(exc).body
    assert isinstance(body, dict)
    assert list(body) == ["error"]
    error: dict[str, Any] = body["error"]
    return error


def test_every_error_has_a_row() -> None:
    tree = {each for each in vars(errors).values() if isinstance(each, type) and issubclass(each, BatchworkError)}
    assert set(TABLE) == tree - {BatchworkError}


def test_a_reset_is_the_seconds_that_are_left() -> None:
    assert LookupsEnvelope().reset is Reset.IN


@pytest.mark.parametrize(
    ("exc", "status", "code", "details"),
    [
        (errors.Unauthenticated(), 401, "unauthorized", None),
        (
            errors.QuotaExceeded(quota=10_000, used=9_990, units=25),
            402,
            "quota_exceeded",
            {"quota": 10_000, "used": 9_990, "requested": 25},
        ),
        (errors.WorkspaceSuspended(), 403, "account_inactive", None),
        (
            errors.ScopeMissing(scope="signals.read"),
            403,
            "insufficient_scope",
            {"required_scope": "signals.read"},
        ),
        (errors.NotFound(what="Batch"), 404, "not_found", None),
        (errors.RouteNotFound(method="GET", path="/x"), 404, "not_found", None),
        (errors.RequestInFlight(), 409, "idempotency_conflict", None),
        (errors.BodyTooLarge(received=6, limit=5), 413, "payload_too_large", None),
        (
            errors.UnsupportedMediaType(expected="application/json", received="text/csv"),
            415,
            "unsupported_media_type",
            None,
        ),
        (
            errors.MalformedBody(detail="it is empty"),
            422,
            "validation_failed",
            {"body": ["The request body is not valid JSON: it is empty."]},
        ),
        (errors.BatchTooLarge(limit=50, received=75), 422, "batch_too_large", {"max_items": 50, "received": 75}),
        (errors.IdempotencyKeyReused(), 422, "idempotency_key_reuse", None),
        (
            errors.RateLimited(window="minute", limit=30),
            429,
            "rate_limit_exceeded",
            {"window": "minute", "limit": 30},
        ),
    ],
)
def test_an_error_is_answered_as_the_spec_says(
    exc: Exception, status: int, code: str, details: dict[str, Any] | None
) -> None:
    wanted = {"code": code, "message": str(exc)} | ({} if details is None else {"details": details})
    assert answer_to(exc).status == status
    assert told(exc) == wanted


def test_messages_that_the_documents_quote_are_the_documents() -> None:
    assert told(errors.RateLimited(window="minute", limit=30))["message"] == (
        "Rate limit exceeded for the minute window."
    )
    assert told(errors.BatchTooLarge(limit=50, received=75))["message"] == (
        "Batch exceeds the maximum allowed size for your plan."
    )


@pytest.mark.parametrize(
    "exc",
    [
        errors.EngineFailed(reason="There is no dataset products."),
        errors.LookupFailed(status=502, reason="row 17 of table x"),
        ValueError("row 17 of table x"),
    ],
)
def test_a_server_error_names_the_request_and_nothing_of_what_went_wrong(exc: Exception) -> None:
    assert answer_to(exc).status >= 500
    assert told(exc)["message"] == "Internal server error (request r-1)"
    assert "details" not in told(exc)


def test_what_is_wrong_with_a_request_is_told_by_field() -> None:
    problems = [Problem("requests", "One.", "x"), Problem("body", "Two.", "x"), Problem("requests", "Three.", "x")]
    answer = told(InvalidRequest(problems))
    assert (answer["code"], answer["details"]) == (
        "validation_failed",
        {"requests": ["One.", "Three."], "body": ["Two."]},
    )


def test_a_hundred_fields_are_listed_and_the_others_counted() -> None:
    details = told(InvalidRequest([Problem(f"f{n}", "Bad.", "x") for n in range(130)]))["details"]
    assert len(details) == 101
    assert details["f99"] == ["Bad."]
    assert details[""] == ["30 more problems are not listed"]
