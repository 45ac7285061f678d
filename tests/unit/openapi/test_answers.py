"""What the families answer is what docs/openapi.yaml says and shows."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from documented import (
    check,
    document,
    examples_of,
    family_of,
    resolved,
    rules,
)
from factories import a_batch, a_caller
from fakes.clock import FakeClock
from fakes.usage import FakeUsage
from unit.webhooks.deliveries import a_delivery, an_attempt

from batchwork.domain import errors
from batchwork.domain.errors import AgentNotPublished, BatchworkError, InvalidRequest, Problem
from batchwork.domain.item import Item, ItemError, ItemStatus, Result
from batchwork.domain.lookup import Found, LookupItem
from batchwork.domain.webhook import DeliveryStatus
from batchwork.edge.endpoint import BODY_LIMIT
from batchwork.edge.http import Request, Response
from batchwork.edge.pagination import Window, pagination
from batchwork.families.lookups.me import Myself
from batchwork.families.lookups.presenters import batch_answer
from batchwork.families.messages.deliveries import delivery_object
from batchwork.families.messages.errors import MessagesEnvelope
from batchwork.families.messages.presenters import batch_object, result_row
from batchwork.processors.lookups.echo import EchoLookup
from batchwork.use_cases.lookups import BROKEN, LEFT_OUT, TIMED_OUT
from batchwork.use_cases.me import ShowMe
from batchwork.use_cases.read import ItemView

AT = datetime(2024, 1, 15, 10, 30, tzinfo=UTC)
AGENT = "550e8400-e29b-41d4-a716-446655440000"
REQUEST = Request(method="GET", resource="/x", path="/x", request_id="6f1c1c52-3c8e-4f0a-9e43-0f5f7d1b7c11")


def body_of(response: Response) -> Any:
    return json.loads(response.text)


def test_batches_are_as_documented() -> None:
    batch = a_batch(attributes={"agent_id": AGENT})
    check("Batch", batch_object(batch))
    check("Batch", batch_object(replace(batch, completed_at=AT, cancelled_at=AT)))


def test_results_are_as_documented() -> None:
    item = Item(0, {"custom_id": "req-001", "message": "m"})
    usage = {
        "tool_calls": [],
        "total_calls": 1,
        "total_tokens": 3,
        "main_response": {
            "model": "knowledge",
            "call_type": "main",
            "total_tokens": 3,
            "prompt_tokens": 2,
            "completion_tokens": 1,
        },
        "total_prompt_tokens": 2,
        "total_completion_tokens": 1,
    }
    output = {"response_content": "a", "response_usage": usage, "history_id": 1, "conversation_id": 2}
    good = Result(index=0, finished_at=AT, attempts=1, output=output)
    bad = Result(index=0, finished_at=AT, attempts=0, error=ItemError(499, "Batch was cancelled"))
    check("Result", result_row(ItemView(item, ItemStatus.SUCCEEDED, good)))
    check("Result", result_row(ItemView(item, ItemStatus.FAILED, bad)))
    check("Result", result_row(ItemView(item, ItemStatus.PENDING, None)))


def test_the_deliveries_of_a_batch_are_as_documented() -> None:
    tried = a_delivery(attempts=(an_attempt(), an_attempt(number=2, status=None, error="It did not answer")))
    for delivery in (
        tried,
        replace(tried, status=DeliveryStatus.DELIVERED),
        replace(tried, status=DeliveryStatus.FAILED, replay_of=a_delivery().id),
    ):
        check("BatchDelivery", delivery_object(delivery))


def test_pagination_is_as_documented() -> None:
    request = Request(method="GET", resource="/x", path="/x", base_url="https://api.example.com")
    check("Pagination", pagination(request, Window(limit=10, offset=10), 30, {"status": "failed"}))
    check("Pagination", pagination(request, Window(), 0))


def test_lookups_are_as_documented() -> None:
    items = [LookupItem(0, {"id": 1}), LookupItem(1, {"id": 2})]
    echoed = EchoLookup().resolve(items, timedelta(seconds=1), "t")
    good = batch_answer([echoed[0], echoed[1]])
    responses = document()["components"]["responses"]
    assert good.status == 200
    assert examples_of(responses["LookupsSucceeded"]) == [body_of(good)]
    schema = responses["LookupsFailedInPart"]["content"]["application/json"]["schema"]
    own = Found(418, code="teapot", message="A function's own code.", details={"a": 1})
    for bad in (TIMED_OUT, LEFT_OUT, BROKEN, own):
        answer = batch_answer([echoed[0], bad])
        assert answer.status == 207
        rules(schema).validate(body_of(answer))
    late = batch_answer([TIMED_OUT])
    assert body_of(late) in examples_of(responses["LookupsFailedInPart"])


def test_an_answer_of_200_has_no_failed_item() -> None:
    content = document()["components"]["responses"]["LookupsSucceeded"]["content"]["application/json"]
    assert not rules(content["schema"]).is_valid(body_of(batch_answer([TIMED_OUT])))


def test_me_is_as_documented() -> None:
    ((_, route),) = Myself(ShowMe(FakeUsage(), FakeClock(AT))).routes().items()
    for caller in (a_caller(), a_caller(plan="enterprise")):
        expiring = replace(caller, key=replace(caller.key, expires_at=AT))
        for each in (caller, expiring):
            answer = route.serve(REQUEST, each)
            assert isinstance(answer, Response)
            check("Me", body_of(answer))


LIMITED = errors.RateLimited(window="minute", limit=120)
OVER = errors.QuotaExceeded(quota=10_000, used=9_995, units=10)
TOO_LARGE = errors.BodyTooLarge(received=BODY_LIMIT + 1, limit=BODY_LIMIT)
NO_JSON_TYPE = errors.UnsupportedMediaType(expected="application/json", received="text/csv")


@pytest.mark.parametrize(
    ("path", "status", "exc"),
    [
        ("/api/v1/signals/batch", 401, errors.Unauthenticated()),
        ("/api/v1/signals/batch", 402, OVER),
        ("/api/v1/signals/batch", 403, errors.WorkspaceSuspended()),
        ("/api/v1/signals/batch", 403, errors.ScopeMissing(scope="signals.read")),
        ("/api/v1/signals/batch", 404, errors.RouteNotFound(method="GET", path="/api/v1/signals/batch")),
        ("/api/v1/signals/batch", 409, errors.RequestInFlight()),
        ("/api/v1/signals/batch", 413, TOO_LARGE),
        ("/api/v1/signals/batch", 415, NO_JSON_TYPE),
        (
            "/api/v1/signals/batch",
            422,
            InvalidRequest([Problem("requests", "The requests field is required.", "required")]),
        ),
        ("/api/v1/signals/batch", 422, errors.BatchTooLarge(limit=50, received=75)),
        ("/api/v1/signals/batch", 422, errors.IdempotencyKeyReused()),
        ("/api/v1/signals/batch", 429, LIMITED),
        ("/api/v1/signals/batch", 500, ValueError("unexpected")),
        ("/api/v1/batches", 402, OVER),
        ("/api/v1/batches", 403, errors.Unauthenticated()),
        ("/api/v1/batches", 403, errors.ScopeMissing(scope="batches:write")),
        ("/api/v1/batches", 404, AgentNotPublished(["agent_id"])),
        ("/api/v1/batches", 409, errors.RequestInFlight()),
        ("/api/v1/batches", 413, TOO_LARGE),
        ("/api/v1/batches", 415, NO_JSON_TYPE),
        (
            "/api/v1/batches",
            422,
            InvalidRequest([Problem("requests.17.custom_id", "Field required", "missing")]),
        ),
        ("/api/v1/batches", 422, errors.IdempotencyKeyReused()),
        ("/api/v1/batches", 429, LIMITED),
        ("/api/v1/batches", 500, ValueError("unexpected")),
    ],
    ids=lambda value: value.code if isinstance(value, BatchworkError) else None,
)
def test_an_error_is_answered_as_the_document_shows_it(path: str, status: int, exc: Exception) -> None:
    answer = family_of(path).envelope.error(exc, REQUEST)
    assert answer.status == status
    told = resolved(document()["paths"][path]["post"]["responses"][str(status)])
    assert body_of(answer) in examples_of(told)


@pytest.mark.parametrize(
    "exc",
    [
        errors.Unauthenticated(),
        errors.NotFound(what="Batch"),
        InvalidRequest([Problem(f"requests.{number}.message", "Field required", "missing") for number in range(500)]),
        AgentNotPublished(["agent_id"]),
        ValueError("unexpected"),
    ],
)
def test_errors_are_as_documented(exc: Exception) -> None:
    request = Request(method="GET", resource="/x", path="/x", request_id="r-1")
    check("Error", MessagesEnvelope().error(exc, request).body)
