"""Bad input to batches of operations gets a clear error that names the field, changes nothing and costs nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from journeys.client import Stack
from journeys.tenants import Tenant, a_tenant

KB = 1024
BODY = {"content": "x", "accountIds": ["acc_123"]}
OK = {"id": "a", "method": "POST", "path": "/v1/posts", "body": BODY}
BATCHES = ("/v1/batch", "/v1/batch/transaction", "/v1/batch/dry-run", "/v1/batch/async")


@pytest.fixture(scope="module")
def tenant(stack: Stack) -> Iterator[Tenant]:
    """A workspace in which nothing may appear, and which is charged nothing."""
    tenant = a_tenant(stack, per_minute=60_000)
    yield tenant
    for path in ("/v1/posts", "/v1/batch/async", "/v1/webhooks"):
        assert tenant.call("GET", path).json()["data"] == [], path
    assert tenant.used() == 0


def of_size(size: int) -> dict[str, str]:
    """Return a body of so many bytes as compact JSON."""
    return {"content": "x" * (size - len('{"content":""}'))}


#: What is wrong, the operations, and the place that the error names.
SHAPES: list[tuple[str, Any, str]] = [
    ("no operations", None, "operations"),
    ("0 operations", [], "operations"),
    ("101 operations", [{**OK, "id": str(n)} for n in range(101)], "operations"),
    ("operations not a list", {"a": OK}, "operations"),
    ("an operation not an object", ["a"], "operations.0"),
    ("no id", [{"method": "POST", "path": "/v1/posts"}], "operations.0.id"),
    ("empty id", [{**OK, "id": ""}], "operations.0.id"),
    ("65-character id", [{**OK, "id": "x" * 65}], "operations.0.id"),
    ("id a number", [{**OK, "id": 1}], "operations.0.id"),
    ("duplicate ids", [OK, OK], "operations.1.id"),
    ("GET", [{**OK, "method": "GET"}], "operations.0.method"),
    ("PUT", [{**OK, "method": "PUT"}], "operations.0.method"),
    ("lower-case method", [{**OK, "method": "post"}], "operations.0.method"),
    ("no path", [{"id": "a", "method": "POST"}], "operations.0.path"),
    ("501-character path", [{**OK, "path": f"/v1/posts/{'x' * 491}"}], "operations.0.path"),
    ("nested batch", [{**OK, "path": "/v1/batch"}], "operations.0.path"),
    ("another prefix", [{**OK, "path": "/v1/postsX"}], "operations.0.path"),
    ("another API", [{**OK, "path": "/api/v1/batches"}], "operations.0.path"),
    ("traversal", [{**OK, "path": "/v1/posts/../billing"}], "operations.0.path"),
    ("encoded traversal", [{**OK, "path": "/v1/posts/%2e%2e/billing"}], "operations.0.path"),
    ("encoded slash", [{**OK, "path": "/v1/posts/a%2Fb"}], "operations.0.path"),
    ("doubly encoded slash", [{**OK, "path": "/v1/posts/a%252Fb"}], "operations.0.path"),
    ("backslash", [{**OK, "path": "/v1/posts\\..\\billing"}], "operations.0.path"),
    ("query", [{**OK, "path": "/v1/posts?x=1"}], "operations.0.path"),
    ("fragment", [{**OK, "path": "/v1/posts#x"}], "operations.0.path"),
    ("whole URL", [{**OK, "path": "https://example.com/v1/posts"}], "operations.0.path"),
    ("double slash", [{**OK, "path": "//v1/posts"}], "operations.0.path"),
    ("body a list", [{**OK, "body": []}], "operations.0.body"),
    ("body on DELETE", [{**OK, "method": "DELETE", "path": "/v1/posts/post_1"}], "operations.0.body"),
    ("headers a list", [{**OK, "headers": []}], "operations.0.headers"),
    ("a header a number", [{**OK, "headers": {"x": 1}}], "operations.0.headers.x"),
    ("a header of two lines", [{**OK, "headers": {"x": "a\r\nb: c"}}], "operations.0.headers.x"),
    ("NUL", [{**OK, "body": {"content": "a\0b"}}], "operations.0.body.content"),
    ("unknown dependency", [{**OK, "dependsOn": ["b"]}], "operations.0.dependsOn"),
    ("itself as dependency", [{**OK, "dependsOn": ["a"]}], "operations.0.dependsOn"),
    ("dependency no list", [{**OK, "dependsOn": "a"}], "operations.0.dependsOn"),
    ("later dependency", [{**OK, "dependsOn": ["b"]}, {**OK, "id": "b"}], "operations.0.dependsOn"),
    ("unknown reference", [{**OK, "path": "/v1/posts/{{b.body.id}}/publish"}], "operations.0.path"),
    (
        "later reference",
        [{**OK, "body": {**BODY, "content": "{{b.body.id}}"}}, {**OK, "id": "b"}],
        "operations.0.body.content",
    ),
    ("own reference", [{**OK, "body": {**BODY, "content": "{{a.body.id}}"}}], "operations.0.body.content"),
]


@pytest.mark.parametrize(("operations", "place"), [pytest.param(*each[1:], id=each[0]) for each in SHAPES])
@pytest.mark.parametrize("path", BATCHES)
def test_what_is_wrong_is_refused_by_its_place(tenant: Tenant, path: str, operations: Any, place: str) -> None:
    answer = tenant.call("POST", path, json={} if operations is None else {"operations": operations})
    assert answer.status_code == 400, answer.text
    error = answer.json()["error"]
    assert error["code"] == "VALIDATION_ERROR"
    assert error["message"]
    fields = [problem["field"] for problem in error["details"]["problems"]]
    assert any(field == place or field.startswith(f"{place}.") for field in fields), fields


def test_a_cycle_is_refused_in_parallel_mode_too(tenant: Tenant) -> None:
    operations = [{**OK, "dependsOn": ["b"]}, {**OK, "id": "b", "dependsOn": ["a"]}]
    answer = tenant.call("POST", "/v1/batch", json={"operations": operations, "parallel": True})
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "VALIDATION_ERROR")
    assert "operations.0.dependsOn" in answer.text


@pytest.mark.parametrize("path", BATCHES)
def test_an_operation_over_100_kb_is_refused_with_the_seeds_own_body(tenant: Tenant, path: str) -> None:
    operations = [OK, {**OK, "id": "b", "body": of_size(100 * KB + 1)}]
    answer = tenant.call("POST", path, json={"operations": operations})
    assert (answer.status_code, answer.text) == (422, '{"error":"Operation body must not exceed 100KB"}')


def test_an_operation_of_100_kb_is_not_too_large(tenant: Tenant) -> None:
    answer = tenant.call("POST", "/v1/batch/dry-run", json={"operations": [{**OK, "body": of_size(100 * KB)}]})
    assert answer.status_code == 200
    assert answer.json()["results"][0]["status"] == 400  # content of a post: at most 10,000 characters


def test_a_request_over_5_mb_is_refused(tenant: Tenant) -> None:
    whole = json.dumps({"operations": [OK], "padding": ""})
    padded = whole.replace('"padding": ""', f'"padding": "{"x" * (5 * KB * KB - len(whole))}"')
    assert len(padded) == 5 * KB * KB
    headers = {"Content-Type": "application/json"}
    assert tenant.call("POST", "/v1/batch/dry-run", data=padded, headers=headers).status_code == 200
    answer = tenant.call("POST", "/v1/batch", data=padded.replace("xx", "xxx", 1), headers=headers)
    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "PAYLOAD_TOO_LARGE")


@pytest.mark.parametrize(
    ("data", "status", "code"),
    [
        ("", 400, "BAD_REQUEST"),
        ("{", 400, "BAD_REQUEST"),
        ("[]", 400, "BAD_REQUEST"),
        ('"x"', 400, "BAD_REQUEST"),
        ("null", 400, "BAD_REQUEST"),
        ("[" * 100_000, 400, "BAD_REQUEST"),
        (
            '{"operations": [{"id": "a", "method": "POST", "path": "/v1/posts", "body": {"x": NaN}}]}',
            400,
            "BAD_REQUEST",
        ),
        ('{"operations": [], "parallel": "yes"}', 400, "VALIDATION_ERROR"),
        ('{"operations": [], "continueOnError": 1}', 400, "VALIDATION_ERROR"),
    ],
    ids=["empty", "cut", "list", "text", "null", "deep", "NaN", "parallel", "continueOnError"],
)
@pytest.mark.parametrize("path", BATCHES)
def test_what_is_no_batch_is_refused(tenant: Tenant, path: str, data: str, status: int, code: str) -> None:
    answer = tenant.call("POST", path, data=data, headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code), answer.text[:500]


def test_another_content_type_is_refused(tenant: Tenant) -> None:
    answer = tenant.call("POST", "/v1/batch", data="a=b", headers={"Content-Type": "text/plain"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (415, "UNSUPPORTED_MEDIA_TYPE")


@pytest.mark.parametrize("query", ["limit=0", "limit=-1", "limit=101", "limit=x", "status=DONE", "status=completed"])
def test_a_bad_query_is_refused(tenant: Tenant, query: str) -> None:
    answer = tenant.call("GET", f"/v1/batch/async?{query}")
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "VALIDATION_ERROR")
    assert answer.json()["error"]["details"]["field"] == query.partition("=")[0]


@pytest.mark.parametrize(
    ("job", "status", "code"),
    [
        ("clrjob1234567890abc", 404, "NOT_FOUND"),
        ("cl000000000000000000000000", 404, "NOT_FOUND"),
        ("nope!", 400, "BAD_REQUEST"),
    ],
)
def test_a_job_that_is_none_is_not_found(tenant: Tenant, job: str, status: int, code: str) -> None:
    answer = tenant.call("GET", f"/v1/batch/async/{job}")
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)


@pytest.mark.parametrize("method", ["GET", "POST", "PATCH", "DELETE"])
@pytest.mark.parametrize("path", ["/v1/nothing", "/v1/batch/nothing", "/v1/posts/post_1/nothing", "/v1"])
def test_a_path_that_is_none_is_not_found_in_the_familys_envelope(tenant: Tenant, method: str, path: str) -> None:
    answer = tenant.call(method, path)
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "NOT_FOUND")


@pytest.mark.parametrize(("key", "status", "code"), [("wrong", 401, "UNAUTHORIZED"), ("revoked", 401, "UNAUTHORIZED")])
@pytest.mark.parametrize(("method", "path"), [("POST", "/v1/batch"), ("GET", "/v1/posts"), ("GET", "/v1/batch/limits")])
def test_no_valid_key_is_told_so(stack: Stack, key: str, status: int, code: str, method: str, path: str) -> None:
    presented = stack["api_keys"].get(key, key)
    answer = requests.request(
        method, f"{stack['base_url']}{path}", headers={"Authorization": f"Bearer {presented}"}, timeout=30
    )
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
