"""Bad input gets a clear error that names the field, changes nothing and costs nothing (issue 1 of 5)."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import pytest

from journeys.client import Client, Stack

OK = {"custom_id": "a", "message": "hello"}
Body = Callable[[str], Any]


@pytest.fixture
def client(stack: Stack) -> Iterator[Client]:
    """A client of a workspace in which nothing may appear."""
    client = Client(stack, "starter")
    client.agent_id = stack["agent_id"]
    yield client
    assert client.ok("GET", "/batches")["data"] == []


SHAPES: list[tuple[str, Body, int, str]] = [
    ("no requests", lambda a: {"agent_id": a}, 422, "requests"),
    ("0 requests", lambda a: {"agent_id": a, "requests": []}, 422, "requests"),
    (
        "1001 requests",
        lambda a: {"agent_id": a, "requests": [{**OK, "custom_id": str(n)} for n in range(1001)]},
        422,
        "requests",
    ),
    ("requests not a list", lambda a: {"agent_id": a, "requests": {"a": 1}}, 422, "requests"),
    ("a request not an object", lambda a: {"agent_id": a, "requests": ["a"]}, 422, "requests.0"),
    ("duplicate ids", lambda a: {"agent_id": a, "requests": [OK, OK]}, 400, "requests.1.custom_id"),
    (
        "257-character id",
        lambda a: {"agent_id": a, "requests": [{**OK, "custom_id": "x" * 257}]},
        422,
        "requests.0.custom_id",
    ),
    ("empty id", lambda a: {"agent_id": a, "requests": [{**OK, "custom_id": ""}]}, 422, "requests.0.custom_id"),
    ("no message", lambda a: {"agent_id": a, "requests": [{"custom_id": "a"}]}, 422, "requests.0.message"),
    ("257-character name", lambda a: {"agent_id": a, "requests": [{**OK, "name": "x" * 257}]}, 422, "requests.0.name"),
    ("non-UUID agent", lambda _: {"agent_id": "agent-1", "requests": [OK]}, 422, "agent_id"),
    ("non-UUID override", lambda a: {"agent_id": a, "requests": [{**OK, "agent_id": "x"}]}, 422, "requests.0.agent_id"),
    (
        "non-UUID file",
        lambda a: {"agent_id": a, "requests": [{**OK, "attached_file_uuids": ["x"]}]},
        422,
        "requests.0.attached_file_uuids.0",
    ),
    (
        "history_id as text",
        lambda a: {"agent_id": a, "requests": [{**OK, "history_id": "12"}]},
        422,
        "requests.0.history_id",
    ),
    ("NUL in a message", lambda a: {"agent_id": a, "requests": [{**OK, "message": "a\0b"}]}, 422, "requests.0.message"),
    (
        "unknown event",
        lambda a: {"agent_id": a, "requests": [OK], "webhook": {"url": "https://example.com", "events": ["done"]}},
        422,
        "webhook.events.0",
    ),
    (
        "256-character secret",
        lambda a: {"agent_id": a, "requests": [OK], "webhook": {"url": "https://example.com", "secret": "x" * 256}},
        422,
        "webhook.secret",
    ),
    ("webhook without url", lambda a: {"agent_id": a, "requests": [OK], "webhook": {}}, 422, "webhook.url"),
    ("unknown agent", lambda _: {"agent_id": str(uuid4()), "requests": [OK]}, 404, "agent_id"),
]


@pytest.mark.parametrize(("body", "status", "field"), [row[1:] for row in SHAPES], ids=[row[0] for row in SHAPES])
def test_a_body_that_breaks_a_rule_is_told_where(client: Client, body: Body, status: int, field: str) -> None:
    code = 10003 if status == 404 else 10006
    refused = client.refused("POST", "/batches", status, code, json=body(client.agent_id))
    assert field in [error["field"] for error in refused["data"]["errors"]]


RAW: list[tuple[str, bytes, str | None, int]] = [
    ("malformed JSON", b'{"agent_id": ', "application/json", 400),
    ("empty body", b"", "application/json", 400),
    ("not JSON at all", b"agent_id=1", "application/json", 400),
    ("wrong content type", b"{}", "text/plain", 415),
    ("form", b"agent_id=1", "application/x-www-form-urlencoded", 415),
    ("not an object", b"[]", "application/json", 422),
    ("6 MB", b'{"agent_id": "' + b"x" * 6 * 1024 * 1024 + b'"}', "application/json", 413),
    ("lone surrogate", b'{"agent_id": "\\ud800"}', "application/json", 422),
    ("deep nesting", b'{"requests": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", "application/json", 400),
    ("not UTF-8", b'{"agent_id": "\xff"}', "application/json", 422),
]


@pytest.mark.parametrize(("raw", "kind", "status"), [row[1:] for row in RAW], ids=[row[0] for row in RAW])
def test_a_body_that_is_no_submission_is_refused(client: Client, raw: bytes, kind: str | None, status: int) -> None:
    client.refused("POST", "/batches", status, 10006, data=raw, headers={"Content-Type": kind})


@pytest.mark.parametrize("path", ["/batches", "/batches/{batch}/results"])
@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"limit": "0"}, "limit"),
        ({"limit": "-1"}, "limit"),
        ({"limit": "1001"}, "limit"),
        ({"limit": "x"}, "limit"),
        ({"offset": "-1"}, "offset"),
        ({"offset": "x"}, "offset"),
        ({"status": "nonsense"}, "status"),
    ],
)
def test_a_query_that_breaks_a_rule_is_told_where(stack: Stack, path: str, query: dict[str, str], field: str) -> None:
    client = Client(stack)
    batch = client.submit(1)["id"]
    refused = client.refused("GET", path.format(batch=batch), 422, 10006, params=query)
    assert [error["field"] for error in refused["data"]["errors"]] == [field]


@pytest.mark.parametrize("unknown", ["6f1c1a5e-6d0b-4a55-9a3c-0d5b3f0f7c11", "batch-uuid-here", "..%2f..", "0" * 300])
def test_an_unknown_id_is_not_found(stack: Stack, unknown: str) -> None:
    client = Client(stack)
    for method, path in (("GET", ""), ("GET", "/results"), ("POST", "/cancel")):
        answer = client.call(method, f"/batches/{unknown}{path}")
        assert (answer.status_code, answer.json()["error_code"]) == (404, 10003)


def test_an_unpublished_agent_refuses_the_whole_batch(stack: Stack) -> None:
    client = Client(stack)
    before = client.ok("GET", "/batches")["pagination"]["total_records"]
    body = {
        "agent_id": client.agent_id,
        "requests": [OK, {**OK, "custom_id": "b", "agent_id": stack["unpublished_agent_id"]}],
    }
    refused = client.refused("POST", "/batches", 404, 10003, json=body)
    assert refused["message"] == "Agent version not found"
    assert [error["field"] for error in refused["data"]["errors"]] == ["requests.1.agent_id"]
    assert client.ok("GET", "/batches")["pagination"]["total_records"] == before


def test_every_problem_is_told_at_once(stack: Stack) -> None:
    body = {
        "agent_id": "x",
        "requests": [OK, OK, {"message": "m"}, {"custom_id": "c", "message": 7}],
        "webhook": {"url": "http://example.com", "events": []},
    }
    refused = Client(stack).refused("POST", "/batches", 422, 10006, json=body)
    fields = {error["field"] for error in refused["data"]["errors"]}
    assert fields == {
        "agent_id",
        "requests.1.custom_id",
        "requests.2.custom_id",
        "requests.3.message",
        "webhook.url",
        "webhook.events",
    }


def test_no_error_quotes_a_secret(stack: Stack) -> None:
    body = {"agent_id": "x", "requests": [OK], "webhook": {"url": "https://example.com", "secret": "hush" * 100}}
    answer = Client(stack).call("POST", "/batches", json=body)
    assert "hush" not in answer.text
    assert json.loads(answer.text)["error_code"] == 10006
