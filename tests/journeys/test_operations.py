"""The operations family as its users meet it: the seed document's promises over HTTP (seed 000)."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from typing import Any

import pytest
import requests

from journeys.client import Stack
from journeys.tenants import Tenant, a_tenant
from local.receiver import receiver

CREATE = {"content": "Hello from batch!", "accountIds": ["acc_123"]}
FIELDS = {
    *("id", "content", "status", "scheduledFor", "publishedAt", "createdAt", "updatedAt", "platforms", "media"),
    "metadata",
}


class Caller:
    """Calls the stack with one of its keys."""

    def __init__(self, stack: Stack, key: str = "pro") -> None:
        self._url = stack["base_url"]
        self._session = requests.Session()
        self._session.headers["Authorization"] = f"Bearer {stack['api_keys'].get(key, key)}"

    def call(self, method: str, path: str, **settings: Any) -> requests.Response:
        return self._session.request(method, f"{self._url}{path}", timeout=70, **settings)

    def batch(self, operations: list[dict[str, Any]], path: str = "/v1/batch", **fields: Any) -> dict[str, Any]:
        answer = self.call("POST", path, json={"operations": operations, **fields})
        assert answer.status_code == 200, answer.text[:1000]
        found: dict[str, Any] = answer.json()
        summary = found["summary"]
        assert [result["id"] for result in found["results"]] == [operation["id"] for operation in operations]
        assert summary["total"] == len(operations) == summary["succeeded"] + summary["failed"] + summary["skipped"]
        return found

    def job(self, operations: list[dict[str, Any]], **fields: Any) -> dict[str, Any]:
        """Submit an async batch and return it ended."""
        answer = self.call("POST", "/v1/batch/async", json={"operations": operations, **fields})
        assert answer.status_code == 202, answer.text[:1000]
        until = time.monotonic() + 60
        while True:
            job: dict[str, Any] = self.call("GET", f"/v1/batch/async/{answer.json()['data']['jobId']}").json()["data"]
            if job["status"] in {"COMPLETED", "FAILED"}:
                return job
            assert (job["results"], job["summary"], job["completedAt"]) == (None, None, None)
            assert time.monotonic() < until, job
            time.sleep(0.1)


def create(name: str, **fields: Any) -> dict[str, Any]:
    return {"id": name, "method": "POST", "path": "/v1/posts", "body": {**CREATE, **fields}}


@pytest.fixture
def caller(stack: Stack) -> Caller:
    return Caller(stack)


def test_the_seeds_example_runs_as_it_is(stack: Stack) -> None:
    # The body is the document's own, letter by letter; the free workspace's post is deleted once.
    body = """{
"operations": [
{
"id": "create-post",
"method": "POST",
"path": "/v1/posts",
"body": {
"content": "Hello from batch!",
"accountIds": ["acc_123"]
}
},
{
"id": "delete-old",
"method": "DELETE",
"path": "/v1/posts/clxold1234567890"
}
],
"continueOnError": true,
"parallel": false
}"""
    caller = Caller(stack, "free")
    answer = caller.call("POST", "/v1/batch", data=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 200
    made, deleted = answer.json()["results"]
    assert (made["id"], made["status"], made["body"]["status"]) == ("create-post", 201, "draft")
    assert made["body"].keys() >= FIELDS
    assert deleted == {"id": "delete-old", "status": 204, "body": None}
    assert answer.json()["summary"] == {"total": 2, "succeeded": 2, "failed": 0, "skipped": 0}
    assert answer.json().keys() == {"results", "summary"}
    assert caller.call("GET", "/v1/posts/clxold1234567890").status_code == 404
    assert caller.call("GET", f"/v1/posts/{made['body']['id']}").json() == made["body"]


def test_the_limits_are_the_seeds(caller: Caller) -> None:
    assert caller.call("GET", "/v1/batch/limits").json() == {
        "maxOperations": 100,
        "timeoutMs": 60000,
        "allowedMethods": ["POST", "PATCH", "DELETE"],
        "allowedPaths": ["/v1/posts", "/v1/accounts", "/v1/media", "/v1/webhooks"],
    }


def test_a_failure_does_not_stop_the_others_unless_asked(caller: Caller) -> None:
    operations = [create("a"), {"id": "b", "method": "DELETE", "path": "/v1/posts/post_none"}, create("c")]
    going_on = caller.batch(operations)
    assert [result["status"] for result in going_on["results"]] == [201, 404, 201]
    assert going_on["results"][1]["error"]["code"] == "NOT_FOUND"
    assert going_on["summary"] == {"total": 3, "succeeded": 2, "failed": 1, "skipped": 0}
    for stopped in (caller.batch(operations, continueOnError=False), caller.batch(operations, "/v1/batch/transaction")):
        assert [result["status"] for result in stopped["results"]] == [201, 404, 424]
        assert stopped["results"][2]["body"] is None
        assert stopped["results"][2]["error"]["code"] == "SKIPPED"
        assert stopped["summary"] == {"total": 3, "succeeded": 1, "failed": 1, "skipped": 1}


def test_an_operation_sees_what_those_before_it_did(caller: Caller) -> None:
    found = caller.batch(
        [
            create("create-post"),
            {
                "id": "change",
                "method": "PATCH",
                "path": "/v1/posts/{{create-post.body.id}}",
                "body": {"content": "New"},
            },
            {"id": "publish", "method": "POST", "path": "/v1/posts/{{create-post.body.id}}/publish"},
            create("quote", content="See {{create-post.body.id}}", metadata={"status": "{{create-post.status}}"}),
            {"id": "remove", "method": "DELETE", "path": "/v1/posts/{{quote.body.id}}"},
        ]
    )
    made, changed, published, quote, removed = found["results"]
    assert [each["status"] for each in found["results"]][:2] == [201, 200]
    assert changed["body"]["content"] == "New"
    assert published["body"]["status"] == "published"
    assert quote["body"]["content"] == f"See {made['body']['id']}"
    assert quote["body"]["metadata"] == {"status": 201}
    assert removed["status"] == 204


def test_dependants_of_a_failure_are_not_attempted(caller: Caller) -> None:
    operations = [
        create("bad", accountIds=["acc_none"]),
        {**create("after"), "dependsOn": ["bad"]},
        {"id": "uses", "method": "DELETE", "path": "/v1/posts/{{after.body.id}}"},
        create("free"),
    ]
    for parallel in (False, True):
        found = caller.batch(operations, parallel=parallel)
        assert [result["status"] for result in found["results"]] == [400, 424, 424, 201]
        assert found["summary"] == {"total": 4, "succeeded": 1, "failed": 1, "skipped": 2}
    job = caller.job(operations)
    assert [result["status"] for result in job["results"]] == [400, 424, 424, 201]


def test_a_dry_run_checks_everything_and_changes_nothing(caller: Caller, stack: Stack) -> None:
    tenant = a_tenant(stack)
    account = connected(tenant)
    before = tenant.call("GET", "/v1/posts").json()
    used = tenant.used()
    found = tenant.call(
        "POST",
        "/v1/batch/dry-run",
        json={
            "operations": [
                {**create("good"), "body": {"content": "x", "accountIds": [account]}},
                create("no-account"),
                {"id": "no-post", "method": "DELETE", "path": "/v1/posts/post_none"},
                {"id": "no-route", "method": "PATCH", "path": f"/v1/accounts/{account}", "body": {}},
                {"id": "no-content", "method": "POST", "path": "/v1/posts", "body": {"accountIds": [account]}},
                {"id": "later", "method": "DELETE", "path": "/v1/posts/{{good.body.id}}"},
                {"id": "leave", "method": "DELETE", "path": f"/v1/accounts/{account}"},
            ]
        },
    )
    assert found.status_code == 200
    assert [(each["id"], each["status"]) for each in found.json()["results"]] == [
        ("good", 200),
        ("no-account", 400),
        ("no-post", 404),
        ("no-route", 404),
        ("no-content", 400),
        ("later", 200),
        ("leave", 200),
    ]
    assert tenant.call("GET", "/v1/posts").json() == before
    assert tenant.call("GET", f"/v1/accounts/{account}").json()["status"] == "active"
    assert tenant.used() == used
    refused = Caller(stack, "no_scopes").batch([create("a")], "/v1/batch/dry-run")
    assert refused["results"][0]["status"] == 403


def test_each_operation_is_authorised_as_if_it_were_called_alone(stack: Stack) -> None:
    tenant = a_tenant(stack, scopes=("posts:write",))
    answer = tenant.call(
        "POST",
        "/v1/batch",
        json={
            "operations": [
                {
                    "id": "no-scope",
                    "method": "POST",
                    "path": "/v1/webhooks",
                    "body": {"url": "https://example.com", "events": ["post.created"]},
                    "headers": {"Authorization": f"Bearer {stack['api_keys']['pro']}"},
                },
                {
                    "id": "not-mine",
                    "method": "DELETE",
                    "path": "/v1/posts/clxold1234567890",
                    "headers": {"x-api-key": stack["api_keys"]["pro"]},
                },
            ]
        },
    ).json()
    assert [result["status"] for result in answer["results"]] == [403, 404]
    assert answer["results"][0]["error"]["code"] == "AUTHORIZATION_ERROR"
    assert Caller(stack).call("GET", "/v1/posts/clxold1234567890").status_code == 200


def test_an_inner_idempotency_key_does_the_work_once(caller: Caller) -> None:
    keyed = {**create("a"), "headers": {"Idempotency-Key": f"inner-{time.time_ns()}"}}
    first, again = caller.batch([keyed]), caller.batch([keyed])
    assert first["results"] == again["results"]
    alone = caller.call("POST", "/v1/posts", json=CREATE, headers=keyed["headers"])
    assert alone.json() == first["results"][0]["body"]
    assert alone.headers["Idempotency-Replayed"] == "true"
    other = caller.batch([{**keyed, "body": {**CREATE, "content": "Other"}}])
    assert other["results"][0]["status"] == 409
    assert other["results"][0]["error"]["code"] == "IDEMPOTENCY_CONFLICT"


def test_an_outer_idempotency_key_replays_the_answer(caller: Caller) -> None:
    key = {"Idempotency-Key": f"outer-{time.time_ns()}"}
    body = {"operations": [create("a"), create("b")], "parallel": True}
    first = caller.call("POST", "/v1/batch", json=body, headers=key)
    again = caller.call("POST", "/v1/batch", json=body, headers=key)
    assert again.text == first.text
    assert "Idempotency-Replayed" not in first.headers
    assert again.headers["Idempotency-Replayed"] == "true"
    bad = caller.call("POST", "/v1/batch", json=body, headers={"Idempotency-Key": "no spaces"})
    assert (bad.status_code, bad.json()["error"]["code"]) == (400, "IDEMPOTENCY_INVALID_KEY")


def test_a_hundred_creates_run_in_parallel_and_come_back_in_order(caller: Caller) -> None:
    found = caller.batch([create(f"op-{n}", content=f"Post {n}") for n in range(100)], parallel=True)
    assert {result["status"] for result in found["results"]} == {201}
    assert [result["body"]["content"] for result in found["results"]] == [f"Post {n}" for n in range(100)]
    assert len({result["body"]["id"] for result in found["results"]}) == 100


def test_a_batch_sees_what_direct_calls_did_before_it(stack: Stack) -> None:
    tenant = a_tenant(stack)
    account = connected(tenant)
    body = {"operations": [create("a", accountIds=[account])]}
    assert tenant.call("POST", "/v1/batch", json=body).json()["results"][0]["status"] == 201  # its function is warm
    assert tenant.call("DELETE", f"/v1/accounts/{account}").status_code == 204
    (refused,) = tenant.call("POST", "/v1/batch", json=body).json()["results"]
    assert (refused["status"], refused["error"]["code"]) == (400, "ACCOUNT_NOT_FOUND")


def test_an_async_job_goes_its_way_and_is_metered_once(stack: Stack) -> None:
    tenant = a_tenant(stack)
    caller = Caller({**stack, "api_keys": {}}, tenant.presented)
    account = connected(tenant)
    operations = [create(f"op{n}", accountIds=[account]) for n in range(4)]
    operations[2]["body"] = {"content": ""}
    answer = caller.call("POST", "/v1/batch/async", json={"operations": operations})
    submitted = answer.json()["data"]
    assert answer.status_code == 202
    assert submitted.keys() == {"jobId", "status", "createdAt"}
    assert submitted["status"] == "QUEUED"
    assert submitted["jobId"].startswith("cl")
    assert len(submitted["jobId"]) == 25
    until = time.monotonic() + 30
    while (job := caller.call("GET", f"/v1/batch/async/{submitted['jobId']}").json()["data"])["status"] != "COMPLETED":
        assert time.monotonic() < until
    assert list(job) == [
        *("id", "status", "results", "summary", "error", "createdAt", "startedAt", "completedAt"),
    ]
    assert job["summary"] == {"total": 4, "succeeded": 3, "failed": 1, "skipped": 0}
    assert [result["status"] for result in job["results"]] == [201, 201, 400, 201]
    assert job["createdAt"] <= job["startedAt"] <= job["completedAt"]
    assert job["error"] is None
    listed = caller.call("GET", "/v1/batch/async", params={"limit": 1, "status": "COMPLETED"}).json()["data"]
    assert listed == [{name: value for name, value in job.items() if name != "results"}]
    assert caller.call("GET", "/v1/batch/async", params={"status": "FAILED"}).json()["data"] == []
    assert tenant.used() == 4
    stopped = caller.job(operations, continueOnError=False)
    assert [result["status"] for result in stopped["results"]] == [201, 201, 400, 424]
    assert stopped["summary"] == {"total": 4, "succeeded": 2, "failed": 1, "skipped": 1}
    assert Caller(stack, "other").call("GET", f"/v1/batch/async/{submitted['jobId']}").status_code == 404


def test_events_of_resources_reach_a_webhook_signed(stack: Stack) -> None:
    tenant = a_tenant(stack)
    with receiver() as hook:
        made = tenant.call(
            "POST", "/v1/webhooks", json={"url": hook.url, "events": ["post.created", "post.published"]}
        ).json()
        secret = made["secret"]
        assert "secret" not in tenant.call("GET", f"/v1/webhooks/{made['id']}").json()
        account = connected(tenant)
        post = tenant.call("POST", "/v1/posts", json={"content": "x", "accountIds": [account]}).json()
        tenant.call("POST", f"/v1/posts/{post['id']}/publish")
        arrived = [hook.arrivals.get(timeout=30) for _ in range(2)]
        told = {json.loads(each.body)["type"]: each for each in arrived}
        assert told.keys() == {"post.created", "post.published"}
        for name, each in told.items():
            digest = hmac.new(secret.encode(), each.body, hashlib.sha256).hexdigest()
            assert each.headers["x-voxburst-signature"] == f"sha256={digest}"
            assert each.headers["x-voxburst-event"] == name
            payload = json.loads(each.body)
            assert payload.keys() == {"id", "type", "createdAt", "data"}
            assert payload["id"].startswith("evt_")
            assert payload["data"]["id"] == post["id"]
        assert json.loads(told["post.created"].body)["data"]["status"] == "DRAFT"
        tested = tenant.call("POST", "/v1/webhooks/test", json={"webhookId": made["id"]}).json()["data"]
        assert (tested["success"], tested["statusCode"]) == (True, 200)


def connected(tenant: Tenant) -> str:
    """Connect an account and return its id."""
    state = tenant.call("POST", "/v1/accounts/connect/twitter", json={"redirectUri": "https://example.com/back"}).json()
    answer = tenant.call("POST", "/v1/accounts/callback/twitter", json={"code": "yes", "state": state["state"]})
    assert answer.status_code == 200, answer.text
    return str(answer.json()["account"]["id"])
