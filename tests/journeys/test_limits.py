"""Who may do how much: rate limits and quotas over HTTP, on every family, under concurrency."""

from __future__ import annotations

import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests

from journeys.client import Stack
from journeys.tenants import Tenant, a_tenant, early_in_a_minute

SIGNALS = "/api/v1/signals/batch"
THREADS = 50


def at_once(tenant: Tenant, calls: int, **settings: Any) -> list[requests.Response]:
    """Send the same lookup from many threads at the same time."""
    with ThreadPoolExecutor(THREADS) as threads:
        waiting = [
            threads.submit(tenant.call, "POST", SIGNALS, **(settings or {"json": {"requests": [{}]}}))
            for _ in range(calls)
        ]
        return [each.result() for each in waiting]


def test_fifty_threads_pass_a_minutes_limit_exactly(stack: Stack) -> None:
    tenant = a_tenant(stack, "free")
    early_in_a_minute()
    answers = at_once(tenant, 50)
    assert Counter(answer.status_code for answer in answers) == {200: 30, 429: 20}
    assert sorted(int(answer.headers["X-RateLimit-Remaining"]) for answer in answers) == [0] * 21 + list(range(1, 30))


def test_a_days_limit_is_exact_too_and_says_when_to_come_back(stack: Stack) -> None:
    tenant = a_tenant(stack, "pro", per_day=20)
    early_in_a_minute()
    answers = at_once(tenant, 50)
    assert Counter(answer.status_code for answer in answers) == {200: 20, 429: 30}
    refused = next(answer for answer in answers if answer.status_code == 429)
    assert refused.json()["error"]["details"] == {"window": "day", "limit": 20}
    until_midnight = 86_400 - time.time() % 86_400
    assert abs(int(refused.headers["Retry-After"]) - until_midnight) < 60


def test_a_full_minute_refuses_in_the_documents_words_and_the_next_one_admits(stack: Stack) -> None:
    tenant = a_tenant(stack, "pro", per_minute=2)
    early_in_a_minute()
    assert [tenant.call("GET", "/api/v1/me").status_code for _ in range(2)] == [200, 200]
    refused = tenant.call("GET", "/api/v1/me")
    assert refused.status_code == 429
    assert refused.json()["error"] == {
        "code": "rate_limit_exceeded",
        "message": "Rate limit exceeded for the minute window.",
        "details": {"window": "minute", "limit": 2},
    }
    wait = refused.headers["Retry-After"]
    assert wait.isdecimal()
    assert 1 <= int(wait) <= 60
    assert refused.headers["X-RateLimit-Reset"] == wait
    time.sleep(int(wait) + 0.5)
    assert tenant.call("GET", "/api/v1/me").status_code == 200


def test_two_keys_of_a_workspace_have_a_limit_each(stack: Stack) -> None:
    one, other = a_tenant(stack, "pro", per_minute=1), a_tenant(stack, "pro", per_minute=1)
    early_in_a_minute()
    assert [one.call("GET", "/api/v1/me").status_code, other.call("GET", "/api/v1/me").status_code] == [200, 200]


@pytest.fixture(scope="module")
def tenant(stack: Stack) -> Tenant:
    return a_tenant(stack, "pro", scopes=["batches:read", "signals.read"])


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "/api/v1/me", None, 200),
        ("POST", SIGNALS, {"requests": [{}]}, 200),
        ("POST", SIGNALS, {"requests": [1]}, 207),
        ("POST", SIGNALS, {"requests": []}, 422),
        ("POST", SIGNALS, {"requests": [{}] * 101}, 422),
        ("POST", "/api/v1/enrichment/batch", {"requests": [{}]}, 403),
        ("GET", "/api/v1/signals/nowhere", None, 404),
        ("GET", "/api/v1/batches", None, 200),
        ("GET", "/api/v1/batches/6f1c1a5e-6d0b-4a55-9a3c-0d5b3f0f7c11", None, 404),
        ("POST", "/api/v1/batches", {}, 403),
        ("GET", "/api/v1/batches?limit=x", None, 422),
        ("GET", "/api/v1/nowhere", None, 404),
        ("DELETE", "/nowhere", None, 404),
    ],
)
def test_every_answer_to_a_valid_key_carries_the_limits(
    tenant: Tenant, method: str, path: str, body: Any, status: int
) -> None:
    before = time.time()
    answer = tenant.call(method, path, {"X-Request-Id": "my-request-7"}, **({} if body is None else {"json": body}))
    assert answer.status_code == status, answer.text
    told = answer.headers
    assert told["X-RateLimit-Limit"] == "600"
    remaining, reset = int(told["X-RateLimit-Remaining"]), int(told["X-RateLimit-Reset"])
    assert 0 <= remaining < 600
    if path.startswith(("/api/v1/batch", "/api/v1/nowhere")):  # messages: Unix time
        assert before < reset <= before + 62
    else:  # lookups: seconds left
        assert 1 <= reset <= 60
    assert told["RateLimit-Policy"] == '"minute";q=600;w=60, "day";q=200000;w=86400'
    minute, day = told["RateLimit"].split(", ")
    assert minute.startswith(f'"minute";r={remaining};t=')
    assert day.startswith('"day";r=')
    assert told["X-Request-Id"] == "my-request-7"


def test_a_refused_key_is_told_no_limits_but_a_request_id(stack: Stack) -> None:
    answer = a_tenant(stack).call("GET", "/api/v1/me", {"Authorization": "Bearer nonsense"})
    assert answer.status_code == 401
    assert answer.headers["X-Request-Id"]


def test_fifty_threads_never_overrun_a_monthly_quota(stack: Stack) -> None:
    tenant = a_tenant(stack, "enterprise", monthly_quota=100)
    answers = at_once(tenant, 50, json={"requests": [{}] * 7})
    assert Counter(answer.status_code for answer in answers) == {200: 14, 402: 36}
    assert tenant.used() == 98
    refused = next(answer for answer in answers if answer.status_code == 402)
    assert refused.json()["error"]["code"] == "quota_exceeded"
    assert int(refused.headers["Retry-After"]) > 0
    assert tenant.call("POST", SIGNALS, json={"requests": [{}] * 2}).status_code == 200
    assert tenant.used() == 100


def test_overage_is_counted_and_never_refused(stack: Stack) -> None:
    tenant = a_tenant(stack, "pro", monthly_quota=3, overage=True)
    assert tenant.call("POST", SIGNALS, json={"requests": [{}] * 9}).status_code == 200
    assert tenant.used() == 9


def test_messages_are_metered_one_a_request_and_refused_whole(stack: Stack) -> None:
    tenant = a_tenant(stack, "pro", monthly_quota=5)
    agent = an_agent(tenant)
    asked = [{"custom_id": f"r-{n}", "message": "What are your business hours?"} for n in range(4)]
    accepted = tenant.call("POST", "/api/v1/batches", json={"agent_id": agent, "requests": asked})
    assert accepted.status_code == 202
    assert tenant.used() == 4
    refused = tenant.call("POST", "/api/v1/batches", json={"agent_id": agent, "requests": asked})
    assert refused.status_code == 402
    assert refused.json()["error_code"] == 10006
    assert refused.json()["message"]
    assert int(refused.headers["Retry-After"]) > 0
    assert tenant.used() == 4
    listed = tenant.call("GET", "/api/v1/batches").json()
    assert listed["pagination"]["total_records"] == 1


def an_agent(tenant: Tenant) -> str:
    """Make and publish an agent of the tenant's."""
    asked = {"name": "hours", "documents": [{"title": "Hours", "text": "Our business hours are 9 AM to 6 PM."}]}
    made = tenant.call("POST", "/api/v1/external/agents", json=asked).json()["data"]
    at = f"/api/v1/external/agents/{made['id']}/versions/{made['version']['id']}:publish"
    assert tenant.call("POST", at).status_code == 200
    return str(made["id"])
