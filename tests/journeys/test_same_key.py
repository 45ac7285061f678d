"""Invariant 4 over HTTP: under one Idempotency-Key work is done once, however many ask for it at the same time."""

from __future__ import annotations

import os
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from uuid import uuid4

import pytest
import requests

from batchwork.adapters.dynamodb.lookups import DynamoLookups
from batchwork.domain.lookup import Lookup, LookupKind
from journeys.client import Stack
from journeys.tenants import Tenant, a_tenant
from journeys.test_limits import an_agent
from local.limits import client_of

SIGNALS = "/api/v1/signals/batch"


def at_once(tenant: Tenant, path: str, key: str, **settings: Any) -> list[requests.Response]:
    """Send the same request from fifty threads at the same time."""
    with ThreadPoolExecutor(50) as threads:
        waiting = [threads.submit(tenant.call, "POST", path, {"Idempotency-Key": key}, **settings) for _ in range(50)]
        return [each.result() for each in waiting]


@contextmanager
def an_upstream() -> Iterator[tuple[str, Counter[str]]]:
    """A slow upstream that counts how often it is asked under each Idempotency-Key."""
    asked: Counter[str] = Counter()
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            with lock:
                asked[str(self.headers["Idempotency-Key"])] += 1
            # Longer than other processes of the function take to start, so that some ask while this one works.
            threading.Event().wait(3)
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(b'{"found": true}')

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/look", asked
    finally:
        server.shutdown()
        server.server_close()


def test_invariant_4_fifty_threads_with_one_key_make_the_lookup_once(stack: Stack) -> None:
    tenant = a_tenant(stack)
    with an_upstream() as (url, asked):
        DynamoLookups(stack["outputs"]["TableName"], client_of(stack, "dynamodb")).put(
            tenant.workspace.id, "signals", Lookup(LookupKind.HTTP, {"url": url, "secret_ref": None})
        )
        body = {"requests": [{"id": 1}, {"id": 2}]}
        key = str(uuid4())
        answers = at_once(tenant, SIGNALS, key, json=body)
        counts = Counter(answer.status_code for answer in answers)
        assert set(counts) <= {200, 409}
        fresh = [each for each in answers if each.status_code == 200 and "Idempotency-Replayed" not in each.headers]
        assert len(fresh) == 1
        replays = [each for each in answers if each.headers.get("Idempotency-Replayed") == "true"]
        assert all(each.content == fresh[0].content for each in replays)
        waiting = [each for each in answers if each.status_code == 409]
        assert waiting
        assert {each.json()["error"]["code"] for each in waiting} == {"idempotency_conflict"}
        assert all(int(each.headers["Retry-After"]) >= 1 for each in waiting)
        assert sorted(asked.values()) == [1, 1]
        assert tenant.used() == 2
        again = tenant.call("POST", SIGNALS, {"Idempotency-Key": key}, json=body)
        assert again.headers["Idempotency-Replayed"] == "true"
        assert again.content == fresh[0].content
        assert tenant.used() == 2


def test_invariant_4_fifty_threads_with_one_key_make_one_batch(stack: Stack) -> None:
    tenant = a_tenant(stack)
    body = {"agent_id": an_agent(tenant), "requests": [{"custom_id": "a", "message": "What are your hours?"}]}
    key = str(uuid4())
    answers = at_once(tenant, "/api/v1/batches", key, json=body)
    assert {answer.status_code for answer in answers} <= {202, 409}
    accepted = {answer.content for answer in answers if answer.status_code == 202}
    assert len(accepted) == 1
    assert tenant.call("GET", "/api/v1/batches").json()["pagination"]["total_records"] == 1
    assert tenant.used() == 1


def test_another_body_under_the_same_key_is_refused_in_each_familys_words(stack: Stack) -> None:
    tenant, key = a_tenant(stack), {"Idempotency-Key": str(uuid4())}
    assert tenant.call("POST", SIGNALS, key, json={"requests": [{"id": 1}]}).status_code == 200
    other = tenant.call("POST", SIGNALS, key, json={"requests": [{"id": 2}]})
    assert (other.status_code, other.json()["error"]["code"]) == (422, "idempotency_key_reuse")
    agent = an_agent(tenant)
    body = {"agent_id": agent, "requests": [{"custom_id": "a", "message": "m"}]}
    assert tenant.call("POST", "/api/v1/batches", key, json=body).status_code == 202
    body["requests"] = [{"custom_id": "b", "message": "m"}]
    other = tenant.call("POST", "/api/v1/batches", key, json=body)
    assert (other.status_code, other.json()["error_code"]) == (422, 10006)
    assert tenant.call("GET", "/api/v1/batches").json()["pagination"]["total_records"] == 1


def test_a_refusal_frees_the_key(stack: Stack) -> None:
    tenant, key = a_tenant(stack, "free"), {"Idempotency-Key": str(uuid4())}
    assert tenant.call("POST", SIGNALS, key, json={"requests": [{}] * 11}).status_code == 422
    assert tenant.call("POST", SIGNALS, key, json={"requests": [{}] * 10}).status_code == 200
    poor = a_tenant(stack, "free", monthly_quota=3)
    assert poor.call("POST", SIGNALS, key, json={"requests": [{}] * 4}).status_code == 402
    assert poor.call("POST", SIGNALS, key, json={"requests": [{}] * 3}).status_code == 200


def test_a_key_is_its_workspaces_and_its_paths_own(stack: Stack) -> None:
    key = {"Idempotency-Key": str(uuid4())}
    one, other = a_tenant(stack), a_tenant(stack)
    for tenant, path in ((one, SIGNALS), (other, SIGNALS), (one, "/api/v1/enrichment/batch")):
        answer = tenant.call("POST", path, key, json={"requests": [{"of": tenant.workspace.id + path}]})
        assert answer.status_code == 200
        assert "Idempotency-Replayed" not in answer.headers


@pytest.mark.parametrize(
    ("key", "taken"),
    [
        ("", False),
        ("k", True),
        ("k" * 255, True),
        ("k" * 256, False),
        ('""', False),
        ("caf\u00e9".encode("latin-1"), False),
        ("a\tb", False),
    ],
    ids=["0", "1", "255", "256", "quoted 0", "non-ASCII", "control character"],
)
def test_keys_of_every_length_and_kind(stack: Stack, key: Any, taken: bool) -> None:
    tenant = a_tenant(stack)
    answer = tenant.call("POST", SIGNALS, {"Idempotency-Key": key}, json={"requests": [{}]})
    assert answer.status_code == (200 if taken else 422), answer.text
    if not taken:
        error = answer.json()["error"]
        assert error["code"] == "validation_failed"
        assert list(error["details"]) == ["Idempotency-Key"]
        assert "255" in error["details"]["Idempotency-Key"][0]
        assert tenant.used() == 0


def test_a_quoted_key_is_the_bare_one(stack: Stack) -> None:
    tenant, key = a_tenant(stack), str(uuid4())
    tenant.call("POST", SIGNALS, {"Idempotency-Key": key}, json={"requests": [{}]})
    quoted = tenant.call("POST", SIGNALS, {"Idempotency-Key": f'"{key}"'}, json={"requests": [{}]})
    assert quoted.headers["Idempotency-Replayed"] == "true"


def test_an_answer_larger_than_a_row_is_replayed_byte_for_byte(stack: Stack) -> None:
    tenant, key = a_tenant(stack), {"Idempotency-Key": str(uuid4())}
    body = {"requests": [{"id": n, "noise": os.urandom(15_000).hex()} for n in range(100)]}
    first = tenant.call("POST", SIGNALS, key, json=body)
    assert first.status_code == 200
    assert len(first.content) > 2_000_000
    again = tenant.call("POST", SIGNALS, key, json=body)
    assert again.headers["Idempotency-Replayed"] == "true"
    assert again.content == first.content
    assert tenant.used() == 100
