from __future__ import annotations

import base64
import json
import time
from typing import Any

import pytest

from batchwork.domain.errors import MalformedBody, NotFound, UnsupportedMediaType
from batchwork.edge.http import Request, Response, json_body


def an_event(**changes: Any) -> dict[str, Any]:
    event: dict[str, Any] = {
        "resource": "/api/v1/batches/{batch_id}",
        "path": "/api/v1/batches/b1",
        "httpMethod": "GET",
        "headers": {"Host": "abc123.execute-api.eu-west-1.amazonaws.com", "X-Forwarded-Proto": "https"},
        "queryStringParameters": None,
        "multiValueQueryStringParameters": None,
        "pathParameters": {"batch_id": "b1"},
        "requestContext": {
            "path": "/live/api/v1/batches/b1",
            "stage": "live",
            "apiId": "abc123",
            "domainName": "abc123.execute-api.eu-west-1.amazonaws.com",
            "requestId": "gateway-1",
        },
        "body": None,
        "isBase64Encoded": False,
    }
    return event | changes


def test_a_request_is_taken_apart() -> None:
    request = Request.from_event(
        an_event(multiValueQueryStringParameters={"limit": ["5", "10"], "status": ["failed"]}, body='{"a":1}')
    )
    assert request.method == "GET"
    assert request.resource == "/api/v1/batches/{batch_id}"
    assert request.parameters == {"batch_id": "b1"}
    assert request.query == {"limit": "10", "status": "failed"}
    assert request.headers["x-forwarded-proto"] == "https"
    assert request.body == b'{"a":1}'


def test_single_valued_query_parameters_are_enough() -> None:
    assert Request.from_event(an_event(queryStringParameters={"limit": "3"})).query == {"limit": "3"}


def test_a_binary_body_is_decoded() -> None:
    event = an_event(body=base64.b64encode(b"\x00\xff").decode(), isBase64Encoded=True)
    assert Request.from_event(event).body == b"\x00\xff"


def test_on_an_execute_api_host_the_public_url_ends_with_the_stage() -> None:
    request = Request.from_event(an_event())
    assert request.base_url == "https://abc123.execute-api.eu-west-1.amazonaws.com/live"
    assert request.url == request.base_url + "/api/v1/batches/b1"


@pytest.mark.parametrize("prefix", ["", "/v9"])
def test_on_a_custom_domain_the_public_url_ends_with_its_base_path(prefix: str) -> None:
    event = an_event(
        path=f"{prefix}/api/v1/batches/b1", headers={"Host": "api.example.com", "X-Forwarded-Proto": "https"}
    )
    event["requestContext"] |= {"path": f"{prefix}/api/v1/batches/b1", "domainName": "api.example.com"}
    request = Request.from_event(event)
    assert request.base_url == f"https://api.example.com{prefix}"
    assert request.url == f"https://api.example.com{prefix}/api/v1/batches/b1"


def test_on_the_local_stack_the_public_url_holds_api_and_stage() -> None:
    event = an_event(headers={"host": "127.0.0.1:4566"})
    del event["requestContext"]["domainName"]
    assert Request.from_event(event).base_url == "http://127.0.0.1:4566/_aws/execute-api/abc123/live"


def test_an_operators_public_url_wins() -> None:
    assert Request.from_event(an_event(), "https://batch.example.com/x/").base_url == "https://batch.example.com/x"


def test_a_host_header_that_is_no_host_is_not_repeated() -> None:
    event = an_event(headers={"Host": "evil.example/<script>", "X-Forwarded-Proto": "javascript"})
    assert Request.from_event(event).base_url == "https://abc123.execute-api.eu-west-1.amazonaws.com/live"


def test_a_sane_request_id_of_the_client_is_kept() -> None:
    event = an_event(headers={"X-Request-Id": "order-77:retry.1"})
    assert Request.from_event(event).request_id == "order-77:retry.1"


@pytest.mark.parametrize("wished", ["", "a b", "x" * 129, "a\nb", "ünïcode"])
def test_an_odd_request_id_of_the_client_is_replaced_by_the_gateways(wished: str) -> None:
    assert Request.from_event(an_event(headers={"X-Request-Id": wished})).request_id == "gateway-1"


def test_a_response_is_compact_json_in_utf_8() -> None:
    event = Response(202, {"text": "Grüße 🙂", "n": [1, 2]}).to_event()
    assert event["statusCode"] == 202
    assert event["body"] == '{"text":"Grüße 🙂","n":[1,2]}'
    assert event["headers"]["Content-Type"] == "application/json"
    json.dumps(event)


def test_a_response_without_body_is_empty() -> None:
    assert Response(204).to_event()["body"] == ""


def test_a_uuid_in_the_path_is_taken_in_lower_case() -> None:
    name = "550E8400-E29B-41D4-A716-446655440000"
    assert Request.from_event(an_event(pathParameters={"batch_id": name})).uuid("batch_id", "Batch") == name.lower()


@pytest.mark.parametrize("name", ["", "b1", "550e8400e29b41d4a716446655440000", "550e8400-e29b-41d4-a716-44665544000g"])
def test_a_path_that_holds_no_uuid_names_nothing(name: str) -> None:
    with pytest.raises(NotFound, match="Batch not found"):
        Request.from_event(an_event(pathParameters={"batch_id": name})).uuid("batch_id", "Batch")


def a_request(body: bytes = b"{}", content_type: str | None = None) -> Request:
    return Request(
        method="POST",
        resource="/x",
        path="/x",
        body=body,
        headers={"content-type": content_type} if content_type else {},
    )


@pytest.mark.parametrize(
    "content_type",
    ["application/json", "Application/JSON; charset=utf-8", "application/problem+json", "application/vnd.api+json"],
)
def test_json_is_taken_under_each_of_its_names(content_type: str) -> None:
    assert json_body(a_request(content_type=content_type)) == b"{}"


def test_json_is_taken_without_content_type() -> None:
    assert json_body(a_request()) == b"{}"


@pytest.mark.parametrize(
    "content_type", ["text/plain", "application/x-www-form-urlencoded", "application/jsonx", "json"]
)
def test_another_content_type_is_refused(content_type: str) -> None:
    with pytest.raises(UnsupportedMediaType, match="application/json"):
        json_body(a_request(content_type=content_type))


@pytest.mark.parametrize("body", [b"", b"  \n"])
def test_an_empty_body_is_refused(body: bytes) -> None:
    with pytest.raises(MalformedBody, match="empty"):
        json_body(a_request(body))


@pytest.mark.parametrize(("ago", "counted"), [(3.0, 3.0), (0.0, 0.0), (-5.0, 0.0), (86_400.0, 0.0)])
def test_a_request_began_when_the_gateway_took_it(ago: float, counted: float) -> None:
    event = {
        "httpMethod": "GET",
        "resource": "/x",
        "path": "/x",
        "requestContext": {"requestTimeEpoch": int((time.time() - ago) * 1000)},
    }
    assert Request.from_event(event).elapsed.total_seconds() == pytest.approx(counted, abs=1)
