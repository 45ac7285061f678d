"""Paths that nobody serves: 404 in the envelope of the family they lie among, to anybody."""

from __future__ import annotations

from typing import Any

import pytest
from functions.lookups_api import LookupsApi, an_api  # noqa: F401 -- the fixture `api`


def told(path: str, family: str) -> dict[str, Any]:
    message = f"There is no route PUT {path}."
    if family == "messages":
        return {"data": None, "message": message, "error_code": 10003}
    if family == "workflow runs":
        return {"success": False, "error": message}
    return {"error": {"code": "NOT_FOUND" if family == "operations" else "not_found", "message": message}}


PATHS = [
    ("/api/v1/batches/x/y/z", "messages"),
    ("/api/v1/batches", "messages"),
    ("/api/v1", "messages"),
    ("/api/v1/signalsX", "messages"),
    ("/api/v1/mean", "messages"),
    ("/api/v1/signals", "lookups"),
    ("/api/v1/signals/batch", "lookups"),
    ("/api/v1/intelligence/7", "lookups"),
    ("/api/v1/enrichment/", "lookups"),
    ("/api/v1/me", "lookups"),
    ("/api/v10/batches", "lookups"),
    ("/v1", "operations"),
    ("/v1/", "operations"),
    ("/v1/batch", "operations"),
    ("/v1/batch/async/x/y", "operations"),
    ("/v1/posts", "operations"),
    ("/v1/billing/7", "operations"),
    ("/workflow_runs", "workflow runs"),
    ("/v1/workflow_runs/batch", "workflow runs"),
    ("/workflow_runs/x/y/z", "workflow runs"),
    ("/workflows/x", "workflow runs"),
    ("/v1/workflows", "workflow runs"),
    ("/files", "workflow runs"),
    ("/v1/files/upload/x", "workflow runs"),
    ("/webhook_endpoints/x", "workflow runs"),
    ("/v1/webhook_subscriptions", "workflow runs"),
    ("/workflow_runsX", "lookups"),
    ("/v1/filesX", "operations"),
    ("/v1/webhooks/x/y", "operations"),
    ("/v10/posts", "lookups"),
    ("/v2/nothing", "lookups"),
    ("/", "lookups"),
]


@pytest.mark.parametrize(("path", "family"), PATHS)
@pytest.mark.parametrize("key", ["", "bw_acme_k1.wrong", "nonsense"])
def test_a_path_that_is_not_there_is_404_in_its_familys_envelope_for_anybody(
    api: LookupsApi, path: str, family: str, key: str
) -> None:
    answer = api.call("PUT", path, key=key)
    assert (answer.status, answer.body) == (404, told(path, family))
    assert answer.headers["X-Request-Id"].startswith("request-")
    assert "X-RateLimit-Limit" not in answer.headers


@pytest.mark.parametrize(
    ("path", "family", "reset"),
    [
        ("/api/v1/signals/x", "lookups", "45"),
        ("/api/v1/x", "messages", "1795343460"),
        ("/v1/billing", "operations", "1795343460"),
        ("/workflow_runs/x/y", "workflow runs", "1795343460"),
    ],
)
def test_a_key_is_counted_and_told_its_limits_as_the_family_tells_them(
    api: LookupsApi, path: str, family: str, reset: str
) -> None:
    answers = [api.call("PUT", path) for _ in range(2)]
    assert [answer.body for answer in answers] == [told(path, family)] * 2
    assert [answer.headers["X-RateLimit-Remaining"] for answer in answers] == ["599", "598"]
    assert {answer.headers["X-RateLimit-Reset"] for answer in answers} == {reset}


def test_a_key_without_requests_left_is_told_to_wait(api: LookupsApi) -> None:
    key = api.a_key("busy", per_minute=1)
    assert api.call("PUT", "/api/v1/signals/x", key=key).status == 404
    answer = api.call("PUT", "/api/v1/signals/x", key=key)
    assert (answer.status, answer.code, answer.headers["Retry-After"]) == (429, "rate_limit_exceeded", "45")


def test_the_workflow_runs_family_answers_in_the_dialect_of_the_request(api: LookupsApi) -> None:
    answer = api.call("PUT", "/files", key="", headers={"x-extend-api-version": "2026-02-09"})
    assert (answer.status, answer.body) == (
        404,
        {
            "code": "NOT_FOUND",
            "message": "There is no route PUT /files.",
            "retryable": False,
            "requestId": answer.headers["X-Request-Id"],
        },
    )
