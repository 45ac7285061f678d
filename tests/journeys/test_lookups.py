"""The lookups family as its users meet it: the seed document's promises over HTTP (seed 004)."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from batchwork.adapters.dynamodb.datasets import DynamoDatasets
from batchwork.adapters.dynamodb.lookups import DynamoLookups
from batchwork.domain.lookup import Dataset, Lookup, LookupKind
from batchwork.domain.workspace import WorkspaceStatus
from journeys.client import Stack
from journeys.tenants import Tenant, a_tenant
from local.limits import client_of

ENDPOINTS = ("intelligence", "signals", "enrichment")
SEED = Path(__file__).parent / "seed"


def example(name: str, stack: Stack, tmp_path: Path) -> subprocess.CompletedProcess[str]:
    """Run one of the document's shell examples, to the letter but for the host."""
    text = (SEED / name).read_text()
    assert "https://api.8bitedge.com" in text
    (tmp_path / "uuidgen").write_text(f"#!{sys.executable}\nimport uuid\nprint(uuid.uuid4())\n")
    (tmp_path / "uuidgen").chmod(0o755)
    return subprocess.run(
        ["bash", "-eu", "-c", text.replace("https://api.8bitedge.com", stack["base_url"])],
        env={"PATH": f"{tmp_path}:{os.environ['PATH']}", "TOKEN": stack["api_keys"]["pro"]},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


needs_curl = pytest.mark.skipif(
    not (shutil.which("curl") and shutil.which("jq")),
    reason="the examples need curl and jq, which make does not install",
)


@needs_curl
def test_the_seeds_curl_example_runs_as_it_is(stack: Stack, tmp_path: Path) -> None:
    done = example("lookups_batch.sh.txt", stack, tmp_path)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {
        "data": [
            {"status": 200, "data": {"echo": {"id": 1}, "note": "stub"}},
            {"status": 200, "data": {"echo": {"id": 2}, "note": "stub"}},
        ],
        "meta": {"batch": {"total": 2, "succeeded": 2, "failed": 0}},
    }


@needs_curl
def test_the_seeds_curl_example_of_a_safe_retry_runs_as_it_is(stack: Stack, tmp_path: Path) -> None:
    done = example("lookups_retry.sh.txt", stack, tmp_path)
    assert done.returncode == 0, done.stderr
    first, _, replayed = done.stdout.rstrip().rpartition("\n")
    assert json.loads(first)["data"] == [{"status": 200, "data": {"echo": {"id": 1}, "note": "stub"}}]
    assert replayed.strip().lower() == "idempotency-replayed: true"


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_a_batch_whose_items_all_succeed_is_200_in_order(stack: Stack, endpoint: str) -> None:
    answer = a_tenant(stack).call("POST", f"/api/v1/{endpoint}/batch", json={"requests": [{"id": n} for n in range(9)]})
    assert answer.status_code == 200
    assert [each["data"]["echo"]["id"] for each in answer.json()["data"]] == list(range(9))
    assert answer.json()["meta"] == {"batch": {"total": 9, "succeeded": 9, "failed": 0}}


def test_one_item_that_fails_makes_it_207(stack: Stack) -> None:
    answer = a_tenant(stack).call("POST", "/api/v1/signals/batch", json={"requests": [{"id": 1}, "two", {"id": 3}]})
    assert answer.status_code == 207
    good, bad, also = answer.json()["data"]
    assert (good["status"], bad["status"], also["status"]) == (200, 422, 200)
    assert bad["error"]["code"] == "validation_failed"
    assert bad["error"]["message"]
    assert set(bad["error"]) == {"code", "message", "details"}
    assert answer.json()["meta"]["batch"] == {"total": 3, "succeeded": 2, "failed": 1}


@pytest.mark.parametrize(("plan", "most"), [("free", 10), ("starter", 50), ("pro", 100), ("enterprise", 250)])
def test_a_plan_caps_the_items_of_a_request(stack: Stack, plan: str, most: int) -> None:
    tenant = a_tenant(stack, plan)
    full = tenant.call("POST", "/api/v1/enrichment/batch", json={"requests": [{}] * most})
    assert full.status_code == 200
    over = tenant.call("POST", "/api/v1/enrichment/batch", json={"requests": [{}] * (most + 1)})
    assert over.status_code == 422
    assert over.json() == {
        "error": {
            "code": "batch_too_large",
            "message": "Batch exceeds the maximum allowed size for your plan.",
            "details": {"max_items": most, "received": most + 1},
        }
    }
    assert tenant.used() == most


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_each_endpoint_asks_for_its_own_scope(stack: Stack, endpoint: str) -> None:
    others = [f"{name}.read" for name in ENDPOINTS if name != endpoint]
    tenant = a_tenant(stack, scopes=others)
    refused = tenant.call("POST", f"/api/v1/{endpoint}/batch", json={"requests": [{}]})
    assert refused.status_code == 403
    assert refused.json()["error"]["code"] == "insufficient_scope"
    assert refused.json()["error"]["details"] == {"required_scope": f"{endpoint}.read"}
    assert tenant.used() == 0
    assert (
        a_tenant(stack, scopes=[f"{endpoint}.read"])
        .call("POST", f"/api/v1/{endpoint}/batch", json={"requests": [{}]})
        .status_code
        == 200
    )


def test_a_suspended_organization_is_refused(stack: Stack) -> None:
    refused = a_tenant(stack, status=WorkspaceStatus.SUSPENDED).call("GET", "/api/v1/me")
    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "account_inactive")


@pytest.mark.parametrize("presented", ["", "nonsense", "bw_nobody_nokey.secret"])
def test_a_key_that_is_none_is_unauthorized(stack: Stack, presented: str) -> None:
    tenant = a_tenant(stack)
    for method, path in (("GET", "/api/v1/me"), ("POST", "/api/v1/signals/batch")):
        refused = tenant.call(method, path, {"Authorization": f"Bearer {presented}"}, json={"requests": [{}]})
        assert (refused.status_code, refused.json()["error"]["code"]) == (401, "unauthorized")


def test_me_shows_organization_plan_key_and_usage(stack: Stack) -> None:
    tenant = a_tenant(stack, "starter", scopes=["signals.read"])
    tenant.call("POST", "/api/v1/signals/batch", json={"requests": [{}] * 7})
    told = tenant.call("GET", "/api/v1/me").json()["data"]
    assert told["organization"] == {"id": tenant.workspace.number, "name": tenant.workspace.name, "status": "active"}
    assert (
        told["plan"].items()
        >= {
            "slug": "starter",
            "name": "Starter",
            "rate_limit_per_minute": 120,
            "rate_limit_per_day": 20_000,
            "monthly_quota": 250_000,
            "max_batch_size": 50,
            "max_page_size": 50,
        }.items()
    )
    assert (
        told["api_key"].items()
        >= {
            "name": tenant.key.name,
            "last_four": tenant.key.public[-4:],
            "scopes": ["signals.read"],
        }.items()
    )
    month = told["usage"]["month"]
    assert (month["used"], month["quota"]) == (7, 250_000)
    assert 0 < month["resets_in"] <= 31 * 86_400


def products(stack: Stack, tenant: Tenant, rows: int, prefix: str = "P") -> None:
    """Give a workspace a dataset and let its enrichment look into it."""
    table, dynamodb = stack["outputs"]["TableName"], client_of(stack, "dynamodb")
    datasets = DynamoDatasets(table, dynamodb)
    version, oldest = datasets.begin(tenant.workspace.id, "products")
    dataset = Dataset(
        workspace_id=tenant.workspace.id,
        name="products",
        version=version,
        key="sku",
        rows=rows,
        loaded_at=tenant.workspace.created_at,
    )
    datasets.write(dataset, ((f"{prefix}-{n}", {"sku": f"{prefix}-{n}", "stock": n}) for n in range(rows)))
    assert datasets.publish(dataset, oldest)
    DynamoLookups(table, dynamodb).put(
        tenant.workspace.id, "enrichment", Lookup(LookupKind.DATASET, {"dataset": "products", "field": "sku"})
    )


def test_items_are_joined_with_a_dataset_and_unknown_keys_are_404(stack: Stack) -> None:
    tenant = a_tenant(stack, "enterprise")
    products(stack, tenant, 240)
    asked = [{"sku": f"P-{n}"} for n in range(250)]
    answer = tenant.call("POST", "/api/v1/enrichment/batch", json={"requests": asked})
    assert answer.status_code == 207
    found = answer.json()["data"]
    assert [each["data"] for each in found[:240]] == [{"sku": f"P-{n}", "stock": n} for n in range(240)]
    assert [(each["status"], each["error"]["code"]) for each in found[240:]] == [(404, "not_found")] * 10
    assert answer.json()["meta"]["batch"] == {"total": 250, "succeeded": 240, "failed": 10}
    assert tenant.used() == 250


def test_a_dataset_is_its_workspaces_own(stack: Stack) -> None:
    products(stack, a_tenant(stack), 3)
    stranger = a_tenant(stack)
    products(stack, stranger, 3, prefix="S")
    answer = stranger.call("POST", "/api/v1/enrichment/batch", json={"requests": [{"sku": "P-1"}, {"sku": "S-1"}]})
    assert [each["status"] for each in answer.json()["data"]] == [404, 200]


BAD: list[tuple[str, Any, str]] = [
    ("malformed JSON", b'{"requests": [', "body"),
    ("an empty body", b"", "body"),
    ("not an object", b"[]", "body"),
    ("NaN", b'{"requests": [{"a": NaN}]}', "body"),
    ("deep nesting", b'{"requests": [' + b"[" * 100_000 + b"]" * 100_000 + b"]}", "body"),
    ("no requests", b"{}", "requests"),
    ("null requests", b'{"requests": null}', "requests"),
    ("empty requests", b'{"requests": []}', "requests"),
    ("requests that are no array", b'{"requests": {"id": 1}}', "requests"),
]


@pytest.mark.parametrize(("raw", "place"), [row[1:] for row in BAD], ids=[row[0] for row in BAD])
def test_a_body_that_is_no_batch_is_422_and_meters_nothing(stack: Stack, raw: bytes, place: str) -> None:
    tenant = a_tenant(stack)
    refused = tenant.call("POST", "/api/v1/signals/batch", {"Content-Type": "application/json"}, data=raw)
    assert refused.status_code == 422, refused.text
    error = refused.json()["error"]
    assert error["code"] == "validation_failed"
    assert list(error["details"]) == [place]
    assert tenant.used() == 0


def test_another_media_type_and_a_body_over_the_limit_are_told_so(stack: Stack) -> None:
    tenant = a_tenant(stack)
    text = tenant.call("POST", "/api/v1/signals/batch", {"Content-Type": "text/plain"}, data=b'{"requests": [{}]}')
    assert (text.status_code, text.json()["error"]["code"]) == (415, "unsupported_media_type")
    large = tenant.call("POST", "/api/v1/signals/batch", json={"requests": [{"a": "x" * (6 * 1024 * 1024)}]})
    assert large.status_code == 413
    assert large.json()["error"]["code"]
    assert tenant.used() == 0


def test_text_that_cannot_be_sent_on_fails_its_item_only(stack: Stack) -> None:
    raw = b'{"requests": [{"a": "\\ud800"}, {"a": "fine"}, {"a": "\\u0000"}]}'
    answer = a_tenant(stack).call("POST", "/api/v1/signals/batch", {"Content-Type": "application/json"}, data=raw)
    assert answer.status_code == 207
    assert [each["status"] for each in answer.json()["data"]] == [422, 200, 422]


@pytest.mark.parametrize("path", ["/api/v1/signals", "/api/v1/signals/7", "/api/v1/enrichment/batch/7", "/api/v1/me/x"])
def test_other_paths_of_the_family_are_not_found_in_its_envelope(stack: Stack, path: str) -> None:
    answer = a_tenant(stack).call("GET", path)
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found")
    assert answer.headers["X-RateLimit-Limit"] == "600"


def test_other_paths_of_the_messages_family_keep_its_envelope(stack: Stack) -> None:
    answer = a_tenant(stack).call("GET", "/api/v1/batchez")
    assert (answer.status_code, answer.json()["error_code"]) == (404, 10003)
