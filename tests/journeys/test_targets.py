"""Operations that go to an API of the workspace's own, and what the family's functions keep in the bucket."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests
from fakes.egress import Sent
from fakes.receiver import Receiver, a_receiver

from batchwork.domain.target import Target
from batchwork.use_cases.targets import Targets
from journeys.client import Stack
from journeys.tenants import Tenant, a_tenant
from journeys.test_roles import incompressible
from local.limits import client_of
from local.samples_operations import PNG

SECRET = "s3cret-of-the-upstream"
NOISE = incompressible(400_000)
PATIENCE_SECONDS = 30


def upstream(sent: Sent) -> tuple[int, dict[str, str], bytes]:
    """An API that exists: it creates, deletes, is gone in one place, and tells much in another."""
    kind = {"Content-Type": "application/json"}
    if sent.method == "DELETE":
        return 204, {}, b""
    if "/gone" in sent.path:
        return 410, {"Content-Type": "text/plain"}, b"gone"
    if "/large" in sent.path:
        return 201, kind, json.dumps({"id": "large", "noise": NOISE}).encode()
    return 201, kind, json.dumps({"id": "up1", "at": sent.path}).encode()


@pytest.fixture(scope="module")
def api() -> Iterator[Receiver]:
    with a_receiver(upstream) as running:
        yield running


@pytest.fixture(scope="module")
def tenant(stack: Stack, api: Receiver) -> Tenant:
    """A workspace whose posts are served by the upstream."""
    client_of(stack, "ssm").put_parameter(Name="/batchwork/upstream", Value=SECRET, Type="SecureString", Overwrite=True)
    made = a_tenant(stack)
    target = Target(f"{api.url}/social", "ssm:/batchwork/upstream")
    Targets(made.identities).set(made.workspace.id, "/v1/posts", target)
    return made


def ended(tenant: Tenant, operations: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the results of a job."""
    job = tenant.call("POST", "/v1/batch/async", json={"operations": operations}).json()["data"]["jobId"]
    until = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < until:
        found = tenant.call("GET", f"/v1/batch/async/{job}").json()["data"]
        if found["status"] in {"COMPLETED", "FAILED"}:
            assert found["status"] == "COMPLETED"
            results: list[dict[str, Any]] = found["results"]
            return results
        time.sleep(0.1)
    raise AssertionError(f"job {job} did not end within {PATIENCE_SECONDS} s")


def in_a_batch(tenant: Tenant, operations: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the results of a batch."""
    results: list[dict[str, Any]] = tenant.call("POST", "/v1/batch", json={"operations": operations}).json()["results"]
    return results


OPERATIONS: list[dict[str, Any]] = [
    {"id": "create", "method": "POST", "path": "/v1/posts", "body": {"any": "thing"}, "headers": {"X-Shop": "7"}},
    {"id": "delete", "method": "DELETE", "path": "/v1/posts/{{create.body.id}}"},
    {"id": "gone", "method": "PATCH", "path": "/v1/posts/gone", "body": {}},
]


@pytest.mark.parametrize("send", [in_a_batch, ended], ids=["batch", "job"])
def test_operations_are_sent_to_the_target_and_answered_as_it_answers(
    tenant: Tenant, api: Receiver, send: Callable[[Tenant, list[dict[str, Any]]], list[dict[str, Any]]]
) -> None:
    api.seen.clear()
    created, deleted, gone = send(tenant, OPERATIONS)
    assert (created["status"], created["body"]) == (201, {"id": "up1", "at": "/social"})
    assert (deleted["status"], deleted["body"]) == (204, None)
    assert (gone["status"], gone["body"]) == (410, "gone")
    first, second, third = api.seen
    assert [(each.method, each.path) for each in api.seen] == [
        ("POST", "/social"),
        ("DELETE", "/social/up1"),
        ("PATCH", "/social/gone"),
    ]
    assert (first.headers["x-shop"], first.headers["x-batchwork-workspace"]) == ("7", tenant.workspace.id)
    assert {each.headers["authorization"] for each in api.seen} == {f"Bearer {SECRET}"}
    assert len({each.headers["idempotency-key"] for each in (first, second, third)}) == 3


def test_a_call_made_directly_goes_there_too_with_its_query(tenant: Tenant, api: Receiver) -> None:
    api.seen.clear()
    answer = tenant.call("GET", "/v1/posts/7?limit=3&q=a%20b")
    assert (answer.status_code, answer.json()["at"]) == (201, "/social/7?limit=3&q=a%20b")
    (sent,) = api.seen
    assert tenant.presented not in json.dumps(sent.headers)
    assert SECRET not in answer.text + json.dumps(dict(answer.headers))


def test_a_key_without_the_scope_reaches_no_upstream(stack: Stack, api: Receiver) -> None:
    reader = a_tenant(stack, scopes=["posts:read"])
    Targets(reader.identities).set(reader.workspace.id, "/v1/posts", Target(api.url))
    api.seen.clear()
    assert reader.call("POST", "/v1/posts", json={}).status_code == 403
    (refused,) = in_a_batch(reader, [{"id": "a", "method": "POST", "path": "/v1/posts"}])
    assert (refused["status"], api.seen) == (403, [])
    assert reader.call("GET", "/v1/posts").status_code == 201


def test_a_dry_run_calls_no_upstream(tenant: Tenant, api: Receiver) -> None:
    api.seen.clear()
    operations = [each for each in OPERATIONS if each["id"] == "create"]
    answer = tenant.call("POST", "/v1/batch/dry-run", json={"operations": operations}).json()
    assert (answer["results"][0]["status"], api.seen) == (200, [])


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/posts/large", {"any": "thing"}),
        ("/v1/batch", {"operations": [{"id": "large", "method": "POST", "path": "/v1/posts/large"}]}),
    ],
    ids=["direct", "batch"],
)
def test_an_answer_too_large_for_a_row_is_kept_and_replayed(
    tenant: Tenant, api: Receiver, path: str, body: dict[str, Any]
) -> None:
    api.seen.clear()
    key = {"Idempotency-Key": f"large{path.replace('/', '-')}"}
    first, again = (tenant.call("POST", path, json=body, headers=key) for _ in range(2))
    assert len(first.content) > 400_000
    assert (again.content, again.headers["Idempotency-Replayed"]) == (first.content, "true")
    assert len(api.seen) == 1


def test_a_job_too_large_for_rows_is_worked_and_its_results_are_read(tenant: Tenant) -> None:
    operations = [
        {"id": f"large-{number}", "method": "POST", "path": "/v1/posts/large", "body": {"noise": NOISE[:90_000]}}
        for number in range(5)
    ]
    results = ended(tenant, operations)
    assert [(each["id"], each["status"], each["body"]["noise"]) for each in results] == [
        (f"large-{number}", 201, NOISE) for number in range(5)
    ]


def test_an_upload_straight_to_the_bucket_makes_media_ready(stack: Stack) -> None:
    tenant = a_tenant(stack)
    asked = {"filename": "pixel.png", "contentType": "image/png", "sizeBytes": len(PNG)}
    told = tenant.call("POST", "/v1/media/upload", json=asked).json()
    put = requests.put(told["uploadUrl"], data=PNG, headers=told["uploadHeaders"], timeout=30)
    assert put.status_code == 200, put.text[:300]
    until, arrived = time.monotonic() + PATIENCE_SECONDS, False
    # The list tells of what was judged, but judges nothing itself: only the bucket's event does that here.
    while not arrived and time.monotonic() < until:
        arrived = tenant.call("GET", "/v1/media").json()["data"][0]["status"] == "ready"
        time.sleep(0.1)
    assert arrived
    assert tenant.call("DELETE", f"/v1/media/{told['mediaId']}").status_code == 204
    assert tenant.call("GET", f"/v1/media/{told['mediaId']}").status_code == 404
