"""docs/openapi.yaml says what the functions do."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from factories import a_batch
from openapi_schema_validator import OAS31Validator
from openapi_spec_validator import validate

from batchwork.domain import errors
from batchwork.domain.errors import AgentNotPublished, InvalidRequest, Problem
from batchwork.domain.item import Item, ItemError, ItemStatus, Result
from batchwork.edge.http import Request
from batchwork.edge.pagination import Window, pagination
from batchwork.families.messages.errors import MessagesEnvelope
from batchwork.families.messages.presenters import batch_object, result_row
from batchwork.use_cases.read import ItemView

DOCUMENT = Path(__file__).parents[3] / "docs/openapi.yaml"
AT = datetime(2024, 1, 15, 10, 30, tzinfo=UTC)
AGENT = "550e8400-e29b-41d4-a716-446655440000"


@cache
def document() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(DOCUMENT.read_text())
    return loaded


def check(schema: str, value: Any) -> None:
    OAS31Validator({"$ref": f"#/components/schemas/{schema}", "components": document()["components"]}).validate(value)


def test_the_document_is_valid() -> None:
    validate(document())


def test_every_route_of_a_batch_is_documented_with_its_status() -> None:
    documented = {
        (verb, path): next(iter(operation["responses"]))
        for path, verbs in document()["paths"].items()
        if path.startswith("/api/v1/batches")
        for verb, operation in verbs.items()
        if verb != "parameters"
    }
    assert documented == {
        ("post", "/api/v1/batches"): "202",
        ("get", "/api/v1/batches"): "200",
        ("get", "/api/v1/batches/{batch_id}"): "200",
        ("get", "/api/v1/batches/{batch_id}/results"): "200",
        ("post", "/api/v1/batches/{batch_id}/cancel"): "202",
    }


def test_every_route_of_the_template_is_documented() -> None:
    template = (DOCUMENT.parents[1] / "template.yaml").read_text()
    routes = re.findall(r'Method: (\w+), Path: "?(/api/v1/[^"\s]+)"?', template)
    assert len(routes) > 5
    documented = {(verb, path) for path, verbs in document()["paths"].items() for verb in verbs}
    # API Gateway takes no ":publish" after a parameter, so the function tells it from the parameter's end.
    publish = "/api/v1/external/agents/{agent_id}/versions/{version_id}"
    known = {("post", publish): ("post", f"{publish}:publish")}
    missing = {(verb.lower(), path) for verb, path in routes}
    assert {known.get(route, route) for route in missing} <= documented


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


def test_pagination_is_as_documented() -> None:
    request = Request(method="GET", resource="/x", path="/x", base_url="https://api.example.com")
    check("Pagination", pagination(request, Window(limit=10, offset=10), 30, {"status": "failed"}))
    check("Pagination", pagination(request, Window(), 0))


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
