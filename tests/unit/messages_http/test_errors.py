"""Spec messages 3.1 and 3.2: every error in the family's envelope."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from batchwork.domain import errors
from batchwork.domain.errors import AgentNotPublished, BatchworkError, InvalidRequest, Problem
from batchwork.edge.http import Request, Response
from batchwork.families.messages.errors import TABLE, MessagesEnvelope

REQUEST = Request(method="POST", resource="/x", path="/x", request_id="r-1")


def answer_to(exc: Exception) -> Response:
    return MessagesEnvelope().error(exc, REQUEST)


def test_every_error_has_a_row() -> None:
    tree = {each for each in vars(errors).values() if isinstance(each, type) and issubclass(each, BatchworkError)}
    assert set(TABLE) == tree - {BatchworkError}


@pytest.mark.parametrize(
    ("exc", "status", "code", "message"),
    [
        (errors.Unauthenticated(), 403, 10001, "The API key is missing or not valid."),
        (errors.WorkspaceSuspended(), 403, 10001, "This workspace is suspended; ask its operator."),
        (errors.ScopeMissing(scope="batches:write"), 403, 10001, "This API key lacks the scope batches:write."),
        (errors.OperatorOnly(what="A provider"), 403, 10001, "A provider can be set by the operator only."),
        (errors.NotFound(what="Batch"), 404, 10003, "Batch not found"),
        (errors.RouteNotFound(method="GET", path="/x"), 404, 10003, "There is no route GET /x."),
        (errors.MalformedBody(detail="it is empty"), 400, 10006, "The request body is not valid JSON: it is empty."),
        (errors.BodyTooLarge(received=6, limit=5), 413, 10006, "The request body has 6 bytes; the limit is 5."),
        (
            errors.AnswerTooLarge(size=6, limit=5),
            400,
            10006,
            "The answer would have 6 bytes and at most 5 can be sent; ask for fewer entries with a smaller limit.",
        ),
        (
            errors.UnsupportedMediaType(expected="application/json", received="text/csv"),
            415,
            10006,
            "Content-Type must be application/json, not text/csv.",
        ),
        (
            errors.NotCancellable(status="completed"),
            400,
            10006,
            "Only batches with status in_progress can be cancelled; this one is completed.",
        ),
        (errors.RateLimited(window="day", limit=5), 429, 10006, "Rate limit exceeded for the day window."),
        (
            errors.QuotaExceeded(quota=100, used=99, units=2),
            402,
            10006,
            "The monthly quota of 100 units has no room for 2: 99 are used.",
        ),
        (
            errors.IdempotencyKeyReused(),
            422,
            10006,
            "This Idempotency-Key was used with another request; use a new key for a new request.",
        ),
        (
            errors.RequestInFlight(retry_after=timedelta(seconds=5)),
            409,
            10006,
            "A request with this Idempotency-Key is still being worked; wait and send it again.",
        ),
        (errors.Conflict(what="The agent"), 409, 10006, "The agent changed meanwhile; read it again and retry."),
    ],
)
def test_an_error_is_answered_as_the_spec_says(exc: Exception, status: int, code: int, message: str) -> None:
    answer = answer_to(exc)
    assert answer.status == status
    assert answer.body == {"data": None, "message": message, "error_code": code}


@pytest.mark.parametrize(
    "exc",
    [
        errors.EngineFailed(reason="row 17 of table x"),
        ValueError("row 17 of table x"),
        KeyError("row 17"),
    ],
)
def test_a_server_error_names_the_request_and_nothing_of_what_went_wrong(exc: Exception) -> None:
    answer = answer_to(exc)
    assert answer.status == 500
    assert answer.body == {"data": None, "message": "Internal server error (request r-1)", "error_code": 10005}


def test_a_provider_that_may_answer_later_is_503() -> None:
    answer = answer_to(errors.ProviderFailed(reason="Busy", retryable=True, retry_after=timedelta(seconds=1.2)))
    assert answer.status == 503
    assert answer.body == {"data": None, "message": "Busy", "error_code": 10005}


def test_a_provider_that_will_not_answer_is_500() -> None:
    answer = answer_to(errors.ProviderFailed(reason="No such model", retryable=False, retry_after=None))
    assert (answer.status, answer.headers) == (500, {})


def a_problem(number: int = 1, *, structural: bool = True) -> Problem:
    return Problem(f"requests.{number}.custom_id", "Field required", "missing", structural)


def test_a_wrong_shape_is_422_with_the_place_of_each_problem() -> None:
    answer = answer_to(InvalidRequest([a_problem(17), a_problem(18, structural=False)]))
    assert answer.status == 422
    assert answer.body == {
        "data": {
            "errors": [
                {"field": "requests.17.custom_id", "message": "Field required", "type": "missing"},
                {"field": "requests.18.custom_id", "message": "Field required", "type": "missing"},
            ]
        },
        "message": "Invalid request payload",
        "error_code": 10006,
    }


def test_a_broken_rule_alone_is_400() -> None:
    answer = answer_to(InvalidRequest([a_problem(structural=False)]))
    assert (answer.status, body(answer)["error_code"]) == (400, 10006)


def test_an_unpublished_agent_is_404_with_every_place_that_names_it() -> None:
    answer = answer_to(AgentNotPublished(["agent_id", "requests.3.agent_id"]))
    assert (answer.status, body(answer)["error_code"], body(answer)["message"]) == (
        404,
        10003,
        "Agent version not found",
    )
    assert [error["field"] for error in body(answer)["data"]["errors"]] == ["agent_id", "requests.3.agent_id"]


def test_a_hundred_problems_are_listed_and_the_others_counted() -> None:
    listed = body(answer_to(InvalidRequest([a_problem(number) for number in range(1000)])))["data"]["errors"]
    assert len(listed) == 101
    assert listed[99]["field"] == "requests.99.custom_id"
    assert listed[100]["message"] == "900 more problems are not listed"
    exactly = body(answer_to(InvalidRequest([a_problem(number) for number in range(100)])))["data"]["errors"]
    assert len(exactly) == 100


def body(answer: Response) -> dict[str, Any]:
    assert isinstance(answer.body, dict)
    return answer.body
