"""operations_batch over moto: the seed's batch API over the real resources."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from functions.operations_api import OperationsApi, an_api, create  # noqa: F401 -- a fixture

from batchwork.adapters.dynamodb.claims import DynamoClaims

GONE = {"id": "gone", "method": "DELETE", "path": "/v1/posts/post_none"}


def test_the_seeds_example_is_answered_in_its_shape(api: OperationsApi) -> None:
    old = api.batch([create("old")]).body["results"][0]["body"]["id"]
    answer = api.batch(
        [create("create-post"), {"id": "delete-old", "method": "DELETE", "path": f"/v1/posts/{old}"}],
        continueOnError=True,
        parallel=False,
    )
    assert answer.status == 200
    made, deleted = answer.body["results"]
    assert (made["id"], made["status"], made["body"]["status"]) == ("create-post", 201, "draft")
    assert deleted == {"id": "delete-old", "status": 204, "body": None}
    assert answer.body["summary"] == {"total": 2, "succeeded": 2, "failed": 0, "skipped": 0}
    assert [post.id for post in api.posts()] == [made["body"]["id"]]
    assert api.used() == 3


def test_an_operation_sees_what_those_before_it_did(api: OperationsApi) -> None:
    answer = api.batch(
        [
            create("a"),
            {"id": "b", "method": "PATCH", "path": "/v1/posts/{{a.body.id}}", "body": {"content": "New"}},
            create("c", content="See {{a.body.id}}", metadata={"status": "{{a.status}}"}),
            {"id": "d", "method": "POST", "path": "/v1/posts/{{a.body.id}}/publish"},
            {"id": "e", "method": "DELETE", "path": "/v1/posts/{{c.body.id}}"},
        ]
    )
    results = answer.body["results"]
    assert answer.statuses[:3] == [201, 200, 201]
    assert results[1]["body"]["content"] == "New"
    assert results[2]["body"]["content"] == f"See {results[0]['body']['id']}"
    assert results[2]["body"]["metadata"] == {"status": 201}
    assert results[3]["body"]["status"] == "published"
    assert answer.statuses[4] == 204


def test_a_dry_run_knows_schema_scope_existence_and_accounts_and_writes_nothing(api: OperationsApi) -> None:
    answer = api.batch(
        [
            create("good"),
            create("no-account", accountIds=["acc_none"]),
            GONE,
            {"id": "no-content", "method": "POST", "path": "/v1/posts", "body": {"accountIds": ["acc_123"]}},
            {"id": "later", "method": "DELETE", "path": "/v1/posts/{{good.body.id}}"},
            create("later-account", accountIds=["{{good.body.id}}"]),
        ],
        "/v1/batch/dry-run",
    )
    assert answer.statuses == [200, 400, 404, 400, 200, 200]
    assert (api.posts(), api.used()) == ([], 0)
    key = api.a_key("acme", "posts:read", key_id="k2")
    assert api.batch([create("a")], "/v1/batch/dry-run", key=key).statuses == [403]


def test_the_deployments_gateway_decides_on_the_time(api: OperationsApi) -> None:
    limits = api.call("GET", "/v1/batch/limits").body
    assert limits["timeoutMs"] == 27_000
    assert sorted(limits) == ["allowedMethods", "allowedPaths", "maxOperations", "timeoutMs"]


def test_an_outer_key_replays_the_answer(api: OperationsApi) -> None:
    key = {"Idempotency-Key": "outer:1"}
    first = api.batch([create("a"), create("b")], headers=key)
    again = api.batch([create("a"), create("b")], headers=key)
    assert (again.text, again.headers["Idempotency-Replayed"]) == (first.text, "true")
    assert (len(api.posts()), api.used()) == (2, 2)


@pytest.mark.parametrize("path", ["/v1/batch", "/v1/batch/transaction", "/v1/batch/async"])
def test_a_try_after_one_that_died_finds_what_that_did(
    api: OperationsApi, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def down(*_: Any) -> None:
        raise ConnectionError

    key, operations = {"Idempotency-Key": "outer:1"}, [create("a"), create("b")]
    with monkeypatch.context() as patch:
        patch.setattr(DynamoClaims, "keep", down)
        first = api.batch(operations, path, headers=key)
    assert api.batch(operations, path, headers=key).status == 409
    api.clock.pass_(timedelta(seconds=71))
    again = api.batch(operations, path, headers=key)
    assert "Idempotency-Replayed" not in again.headers
    assert again.text == first.text
    assert api.used() == 2
    assert len(api.posts()) == (0 if path.endswith("async") else 2)


def test_an_inner_key_replays_into_another_batch(api: OperationsApi) -> None:
    keyed = {**create("a"), "headers": {"Idempotency-Key": "inner:1"}}
    first, again = api.batch([keyed]), api.batch([{**keyed, "id": "b"}])
    assert first.body["results"][0]["body"] == again.body["results"][0]["body"]
    assert len(api.posts()) == 1


@pytest.mark.parametrize(
    ("operations", "status", "text"),
    [
        ([create("a", content="x" * 102_400)], 422, '{"error":"Operation body must not exceed 100KB"}'),
        ([create(str(number)) for number in range(101)], 400, "not 101"),
        ([{**create("a"), "path": "/v1/batch"}], 400, "operations.0.path"),
        ([create("a"), create("a")], 400, "operations.1.id"),
    ],
    ids=["large", "many", "nested", "twice"],
)
@pytest.mark.parametrize("path", ["/v1/batch", "/v1/batch/transaction", "/v1/batch/dry-run", "/v1/batch/async"])
def test_what_is_refused_does_and_costs_nothing(
    api: OperationsApi, path: str, operations: Any, status: int, text: str
) -> None:
    answer = api.batch(operations, path)
    assert answer.status == status
    assert text in answer.text
    assert (api.posts(), api.used(), api.records()) == ([], 0, [])


def test_a_hundred_operations_are_one_request_of_the_rate_limit(api: OperationsApi) -> None:
    api.a_key(per_minute=2)
    answer = api.batch([create(str(number)) for number in range(100)])
    assert (answer.status, set(answer.statuses)) == (200, {201})
    assert answer.headers["X-RateLimit-Remaining"] == "1"
    assert api.used() == 100
