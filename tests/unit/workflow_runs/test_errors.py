"""Seed 003 and spec workflow runs 4.7: every error in the dialect of its request."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from batchwork.domain import errors
from batchwork.domain.errors import BatchworkError, InvalidRequest, Problem
from batchwork.edge.http import Request, Response
from batchwork.edge.idempotency import PRINTABLE
from batchwork.edge.limits import Reset
from batchwork.families.workflow_runs.errors import TABLE, WorkflowRunsEnvelope


def answer_to(exc: Exception, version: str | None = None) -> Response:
    headers = {} if version is None else {"x-extend-api-version": version}
    request = Request(method="POST", resource="/x", path="/x", request_id="r-1", headers=headers)
    return WorkflowRunsEnvelope().error(exc, request)


def told(exc: Exception) -> str:
    body = answer_to(exc).body
    assert isinstance(body, dict)
    assert set(body) == {"success", "error"}
    assert body["success"] is False
    message: str = body["error"]
    return message


def test_every_error_has_a_row() -> None:
    tree = {each for each in vars(errors).values() if isinstance(each, type) and issubclass(each, BatchworkError)}
    assert set(TABLE) == tree - {BatchworkError}


def test_a_reset_is_a_unix_time_and_keys_are_printable() -> None:
    assert WorkflowRunsEnvelope().reset is Reset.AT
    assert WorkflowRunsEnvelope().keys.read is PRINTABLE.read


@pytest.mark.parametrize(
    ("exc", "status", "code", "retryable"),
    [
        (InvalidRequest([Problem("inputs", "Field required", "missing")]), 400, "INVALID_REQUEST", False),
        (errors.MalformedBody(detail="it is empty"), 400, "INVALID_REQUEST", False),
        (errors.NotPermitted(reason="The run has ended."), 400, "INVALID_REQUEST", False),
        (errors.Unauthenticated(), 401, "UNAUTHORIZED", False),
        (errors.QuotaExceeded(quota=10, used=9, units=2), 402, "USAGE_BLOCKED", False),
        (errors.ScopeMissing(scope="workflow_runs:write"), 403, "FORBIDDEN", False),
        (errors.WorkspaceSuspended(), 403, "FORBIDDEN", False),
        (errors.NotFound(what="Workflow"), 404, "NOT_FOUND", False),
        (errors.RouteNotFound(method="GET", path="/x"), 404, "NOT_FOUND", False),
        (errors.RequestInFlight(retry_after=timedelta(seconds=5)), 409, "CONFLICT", True),
        (errors.Conflict(what="The run"), 409, "CONFLICT", True),
        (errors.BodyTooLarge(received=6, limit=5), 413, "PAYLOAD_TOO_LARGE", False),
        (errors.UnsupportedMediaType(expected="a", received="b"), 415, "UNSUPPORTED_MEDIA_TYPE", False),
        (errors.IdempotencyKeyReused(), 422, "IDEMPOTENCY_KEY_REUSED", False),
        (errors.RateLimited(window="minute", limit=5), 429, "RATE_LIMIT_EXCEEDED", True),
        (errors.EngineFailed(reason="row 17"), 500, "INTERNAL_ERROR", True),
        (ValueError("row 17"), 500, "INTERNAL_ERROR", True),
    ],
)
def test_an_error_has_its_status_and_since_2026_a_code(exc: Exception, status: int, code: str, retryable: bool) -> None:
    assert answer_to(exc).status == status
    newer = answer_to(exc, "2026-02-09")
    assert newer.status == status
    assert newer.body == {"code": code, "message": told(exc), "retryable": retryable, "requestId": "r-1"}


@pytest.mark.parametrize("version", [None, "2024-02-01", "2024-12-23", "2025-04-21", "2099-01-01"])
def test_what_is_no_version_of_2026_is_answered_in_the_seeds_form(version: str | None) -> None:
    assert answer_to(errors.NotFound(what="Workflow"), version).body == {
        "success": False,
        "error": "Workflow not found",
    }


def test_messages_that_the_seed_has_are_the_seeds() -> None:
    assert told(errors.Unauthenticated()) == "Missing or invalid API token"
    assert told(errors.ScopeMissing(scope="workflow_runs:write")).startswith(
        "The API token does not have permission to access the specified workflow"
    )
    assert told(errors.NotFound(what="Workflow version")) == "Workflow version not found"
    limited = told(errors.RateLimited(window="minute", limit=5))
    assert limited.startswith("The request was rate limited")
    assert limited.endswith("Please try again later.")


@pytest.mark.parametrize(
    ("scope", "about"), [("files:read", "files"), ("workflows:write", "workflows"), ("webhooks:write", "webhooks")]
)
def test_a_missing_scope_says_what_it_is_about_and_its_name(scope: str, about: str) -> None:
    message = told(errors.ScopeMissing(scope=scope))
    assert message == f"The API token does not have permission to access {about} (it lacks the scope {scope})"


@pytest.mark.parametrize(
    "exc",
    [
        errors.EngineFailed(reason="row 17 of table x"),
        errors.ProviderFailed(reason="row 17 of table x", retryable=False),
        errors.UpstreamFailed(reason="row 17 of table x"),
        ValueError("row 17 of table x"),
    ],
)
@pytest.mark.parametrize("version", [None, "2026-02-09"])
def test_a_server_error_names_the_request_and_nothing_of_what_went_wrong(exc: Exception, version: str | None) -> None:
    text = answer_to(exc, version).text
    assert "An unexpected error occurred on the server (request r-1)" in text
    assert "row 17" not in text


def some(count: int) -> InvalidRequest:
    return InvalidRequest([Problem(f"inputs.{n}.file.fileUrl", "Is bad", "x") for n in range(count)])


def test_each_problem_is_told_with_its_place_as_clients_write_it() -> None:
    exc = InvalidRequest([Problem("inputs.17.file.fileUrl", "Is bad", "x"), Problem("version", "Is too", "x")])
    assert told(exc) == "inputs[17].file.fileUrl: Is bad; version: Is too"
    placed: list[Any] = [Problem("steps[2].config.rules.0.formula", "Is bad", "x")]
    assert told(InvalidRequest(placed)) == "steps[2].config.rules[0].formula: Is bad"


def test_twenty_problems_are_told_and_the_others_counted() -> None:
    assert told(some(20)).count("Is bad") == 20
    assert "more" not in told(some(20))
    assert told(some(23)).count("Is bad") == 20
    assert told(some(23)).endswith("; and 3 more")


@pytest.mark.parametrize(
    ("path", "words"), [("/files/upload", "/files/upload/presigned"), ("/v1/workflow_runs/batch", "fileUrl or fileId")]
)
def test_who_sends_too_much_is_told_what_else_to_do(path: str, words: str) -> None:
    request = Request(method="POST", resource=path, path=path)
    answer = WorkflowRunsEnvelope().error(errors.BodyTooLarge(received=6_000_000, limit=5_242_880), request)
    assert answer.status == 413
    assert words in answer.text
    assert "5242880" in answer.text


def test_a_request_that_is_sent_again_below_v1_is_the_same_one() -> None:
    keys, headers = WorkflowRunsEnvelope().keys, {"idempotency-key": "order-1"}
    asked = [
        keys.asked(Request(method="POST", resource=path, path=path, headers=headers), timedelta(seconds=9))
        for path in ("/workflow_runs/batch", "/v1/workflow_runs/batch", "/workflow_runs")
    ]
    assert asked[0] == asked[1] != asked[2]
