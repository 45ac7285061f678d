from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from fakes.clock import FakeClock
from fakes.identities import FakeIdentities

from batchwork.domain.errors import NotFound
from batchwork.domain.workspace import ApiKey, Caller, Workspace, digest_of
from batchwork.edge.endpoint import ANSWER_LIMIT, BODY_LIMIT, endpoint
from batchwork.edge.http import Request, Response
from batchwork.families.messages.errors import MessagesEnvelope
from batchwork.use_cases.authenticate import Authenticate

SECRET = "s3cret-of-the-key"
KEY = f"bw_acme_k1.{SECRET}"
AT = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def authenticate() -> Authenticate:
    identities = FakeIdentities()
    identities.put_workspace(Workspace(id="acme", name="Acme", plan="pro", created_at=AT))
    identities.put_key(
        ApiKey(
            id="k1",
            workspace_id="acme",
            name="ci",
            digest=digest_of(SECRET),
            scopes=frozenset(),
            created_at=AT,
        )
    )
    return Authenticate(identities, FakeClock())


def an_event(**changes: Any) -> dict[str, Any]:
    return {
        "httpMethod": "POST",
        "resource": "/things/{thing_id}",
        "path": "/things/7",
        "headers": {"x-api-key": KEY, "host": "api.example.com"},
        "pathParameters": {"thing_id": "7"},
        "requestContext": {"requestId": "gateway-1", "path": "/things/7", "domainName": "api.example.com"},
        "body": '{"private": "content"}',
    } | changes


@pytest.fixture
def run(authenticate: Authenticate) -> Callable[..., dict[str, Any]]:
    def run_(route: Callable[[Request, Caller], Response], event: dict[str, Any] | None = None) -> dict[str, Any]:
        handler = endpoint(
            routes={("POST", "/things/{thing_id}"): route},
            authenticate=authenticate,
            envelope=MessagesEnvelope(),
            service="things",
        )
        return handler(event or an_event(), None)

    return run_


def fine(_request: Request, caller: Caller) -> Response:
    return Response(200, {"workspace": caller.workspace.id})


Run = Callable[..., dict[str, Any]]


def logged(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    (line,) = capsys.readouterr().out.splitlines()
    told: dict[str, Any] = json.loads(line)
    return told


def test_a_route_gets_the_request_and_its_caller(run: Run) -> None:
    answer = run(fine)
    assert (answer["statusCode"], json.loads(answer["body"])) == (200, {"workspace": "acme"})


def test_every_answer_carries_the_request_id(run: Run) -> None:
    assert run(fine)["headers"]["X-Request-Id"] == "gateway-1"
    wished = an_event(headers={"X-API-Key": KEY, "X-Request-Id": "mine"})
    assert run(fine, wished)["headers"]["X-Request-Id"] == "mine"
    assert run(fine, an_event(headers={}))["headers"]["X-Request-Id"] == "gateway-1"


def test_one_line_is_logged_and_it_holds_neither_key_nor_content(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    run(fine)
    line = logged(capsys)
    assert line["duration_ms"] >= 0
    wanted = ("method", "resource", "status", "workspace", "key", "request_id", "level")
    assert [line[name] for name in wanted] == [
        "POST",
        "/things/{thing_id}",
        200,
        "acme",
        "bw_acme_k1",
        "gateway-1",
        "INFO",
    ]
    assert SECRET not in json.dumps(line)
    assert "content" not in json.dumps(line)


def test_without_a_key_nothing_runs(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    def never(_request: Request, _caller: Caller) -> Response:
        raise AssertionError

    answer = run(never, an_event(headers={}))
    assert (answer["statusCode"], json.loads(answer["body"])["error_code"]) == (403, 10001)
    line = logged(capsys)
    assert (line["status"], line["error"]) == (403, "unauthenticated")
    assert "workspace" not in line


def test_an_error_on_purpose_is_answered_in_the_familys_envelope(run: Run) -> None:
    def missing(_request: Request, _caller: Caller) -> Response:
        raise NotFound(what="Thing")

    answer = run(missing)
    assert answer["statusCode"] == 404
    assert json.loads(answer["body"]) == {"data": None, "message": "Thing not found", "error_code": 10003}


def test_an_unexpected_error_is_answered_without_its_text_and_logged_without_its_text(
    run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(request: Request, _caller: Caller) -> Response:
        raise RuntimeError(request.body.decode())

    answer = run(broken)
    body = json.loads(answer["body"])
    assert (answer["statusCode"], body["error_code"], body["data"]) == (500, 10005, None)
    assert "gateway-1" in body["message"]
    line = logged(capsys)
    assert (line["level"], line["status"], line["error"]) == ("ERROR", 500, "RuntimeError")
    assert any("test_endpoint.py" in place for place in line["at"])
    assert "content" not in answer["body"] + json.dumps(line)


def test_a_body_of_five_mebibytes_is_taken_and_one_byte_more_is_refused(run: Run) -> None:
    assert run(fine, an_event(body="x" * BODY_LIMIT))["statusCode"] == 200
    answer = run(fine, an_event(body="x" * (BODY_LIMIT + 1)))
    assert (answer["statusCode"], json.loads(answer["body"])["error_code"]) == (413, 10006)


def test_a_large_body_without_a_key_is_refused_for_its_key(run: Run) -> None:
    assert run(fine, an_event(headers={}, body="x" * (BODY_LIMIT + 1)))["statusCode"] == 403


def test_a_route_that_is_not_there_is_told_to_anybody(run: Run) -> None:
    answer = run(fine, an_event(httpMethod="DELETE", headers={}))
    assert answer["statusCode"] == 404
    assert json.loads(answer["body"])["message"] == "There is no route DELETE /things/7."


def test_links_begin_with_the_operators_public_url(authenticate: Authenticate, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PUBLIC_BASE_URL", "https://batch.example.com")
    handler = endpoint(
        routes={("POST", "/things/{thing_id}"): lambda request, _caller: Response(200, {"url": request.url})},
        authenticate=authenticate,
        envelope=MessagesEnvelope(),
        service="things",
    )
    assert json.loads(handler(an_event(), None)["body"])["url"] == "https://batch.example.com/things/7"


def an_answer_of(text: str) -> Callable[[Request, Caller], Response]:
    return lambda _request, _caller: Response(200, {"data": [text]})


def as_lambda_returns(answer: dict[str, Any]) -> int:
    """The bytes that Lambda counts: the runtime serializes what a handler returns once more (AWS: 6 MB)."""
    return len(json.dumps(answer, ensure_ascii=False).encode())


@pytest.mark.parametrize("text", ["x", "\N{HIRAGANA LETTER A}", '"', "\\", "\N{GRINNING FACE}"])
def test_an_answer_that_lambda_could_not_return_is_an_error_that_says_what_to_do(
    run: Run, capsys: pytest.CaptureFixture[str], text: str
) -> None:
    weight = len(json.dumps(json.dumps(text, ensure_ascii=False), ensure_ascii=False).encode()) - 6
    most = ANSWER_LIMIT // weight
    answer = run(an_answer_of(text * most))
    assert (answer["statusCode"], json.loads(answer["body"])["error_code"]) == (400, 10006)
    assert "smaller limit" in json.loads(answer["body"])["message"]
    assert answer["headers"]["X-Request-Id"] == "gateway-1"
    line = logged(capsys)
    assert (line["status"], line["error"]) == (400, "answer_too_large")
    taken = run(an_answer_of(text * (most - 200)))
    assert taken["statusCode"] == 200
    assert as_lambda_returns(taken) <= 6 * 1024 * 1024


def test_an_answer_holds_only_text_that_can_be_sent(run: Run) -> None:
    answer = run(an_answer_of("half of a pair: \ud83d, a whole one: \N{GRINNING FACE}"))
    assert json.loads(answer["body"].encode())["data"] == ["half of a pair: ?, a whole one: \N{GRINNING FACE}"]
