"""What stands around every route: order of checks, headers, log line, envelope (spec 00, lookups 2.3 and 2.5)."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from unit.edge.gates import SECRET, Function, InSeconds

from batchwork.domain.errors import InvalidRequest, NotFound, Problem, ProviderFailed
from batchwork.domain.workspace import Caller
from batchwork.edge.endpoint import ANSWER_LIMIT, BODY_LIMIT, Act, Gate, Route, endpoint
from batchwork.edge.http import Request, Response
from batchwork.families.messages.errors import MessagesEnvelope
from batchwork.use_cases.authenticate import Authenticate
from batchwork.use_cases.limit import LimitRequests

LIMITS = ("X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset", "RateLimit-Policy", "RateLimit")


@pytest.fixture
def run() -> Function:
    return Function()


def logged(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    (line,) = capsys.readouterr().out.splitlines()
    told: dict[str, Any] = json.loads(line)
    return told


def never(_request: Request, _caller: Caller) -> Response:
    raise AssertionError


def wrong(_request: Request, _caller: Caller) -> Response:
    raise InvalidRequest([Problem("thing", "Field required", "missing")])


def test_a_route_gets_the_request_and_its_caller(run: Function) -> None:
    run.serve = lambda request, caller: Response(200, [request.parameters, caller.workspace.id, caller.key.id])
    assert run().body == [{"thing_id": "7"}, "acme", "k1"]


# ── The order of checks ──


def test_without_a_key_nothing_runs_and_nothing_is_counted(run: Function, capsys: pytest.CaptureFixture[str]) -> None:
    run.serve = never
    answer = run(key=None, body="x" * (BODY_LIMIT + 1))
    assert (answer.status, answer.body["error_code"]) == (403, 10001)
    assert not set(LIMITS) & set(answer.headers)
    line = logged(capsys)
    assert (line["status"], line["error"]) == (403, "unauthenticated")
    assert "workspace" not in line


def test_a_suspended_workspace_is_told_before_its_scopes_and_limits(run: Function) -> None:
    run.serve = never
    run.suspend("acme", per_minute=0)
    for key in ("bw_acme_k1", "bw_acme_k2"):
        answer = run(key=key)
        assert (answer.status, answer.body["message"]) == (403, "This workspace is suspended; ask its operator.")
        assert set(LIMITS) <= set(answer.headers)


def test_a_missing_scope_is_told_before_a_full_limit_and_counted_like_any_request(run: Function) -> None:
    run.serve = never
    run.a_workspace("acme", per_minute=1)
    first, second = run(key="bw_acme_k2"), run(key="bw_acme_k2")
    for answer in (first, second):
        assert (answer.status, answer.body["message"]) == (403, "This API key lacks the scope things:write.")
        assert answer.headers["X-RateLimit-Remaining"] == "0"
    assert run(key="bw_acme_k1").status != 429


def test_a_full_limit_is_told_before_a_body_that_is_too_large(run: Function) -> None:
    run.a_workspace("acme", per_minute=1)
    assert run(body="x" * (BODY_LIMIT + 1)).status == 413
    assert run(body="x" * (BODY_LIMIT + 1)).status == 429


def test_a_body_that_is_too_large_is_told_before_what_is_wrong_in_it(run: Function) -> None:
    run.serve = wrong
    answer = run(body="x" * (BODY_LIMIT + 1))
    assert (answer.status, answer.body["error_code"]) == (413, 10006)
    assert run(body="x" * BODY_LIMIT).status == 422


def test_what_is_wrong_with_a_request_is_told_before_what_is_wrong_with_its_idempotency_key(run: Function) -> None:
    run.serve = wrong
    assert run(headers={"Idempotency-Key": ""}).body["data"]["errors"][0]["field"] == "thing"


# ── Limits ──


def test_every_answer_tells_the_limits_of_its_key(run: Function) -> None:
    run.a_workspace("acme", per_minute=3, per_day=100)
    answer = run()
    assert {name: answer.headers[name] for name in LIMITS} == {
        "X-RateLimit-Limit": "3",
        "X-RateLimit-Remaining": "2",
        "X-RateLimit-Reset": str(int((run.clock.now() + timedelta(minutes=1)).timestamp())),
        "RateLimit-Policy": '"minute";q=3;w=60, "day";q=100;w=86400',
        "RateLimit": '"minute";r=2;t=60, "day";r=99;t=48600',
    }
    assert run(key="bw_other_k1").headers["X-RateLimit-Remaining"] == "599"


@pytest.mark.parametrize("status", [403, 404, 413, 422, 429, 500])
def test_every_error_of_a_known_key_tells_the_limits_too(run: Function, status: int) -> None:
    def fails(_request: Request, _caller: Caller) -> Response:
        raise {404: NotFound(what="Thing"), 422: InvalidRequest([Problem("x", "x", "x")])}.get(status, ValueError())

    run.serve = fails
    run.a_workspace("acme", per_minute=1 if status == 429 else 600)
    if status == 429:
        run()
    answer = run(key="bw_acme_k2" if status == 403 else "bw_acme_k1", body="x" * (BODY_LIMIT + (status == 413)))
    assert answer.status == status
    assert set(LIMITS) <= set(answer.headers)
    assert answer.headers["X-Request-Id"] == "gateway-1"


def test_a_reset_may_be_the_seconds_left_instead_of_a_time() -> None:
    run = Function(envelope=InSeconds())
    run.clock.pass_(timedelta(seconds=18.5))
    answer = run()
    assert answer.headers["X-RateLimit-Reset"] == "42"
    assert answer.headers["RateLimit"].startswith('"minute";r=599;t=42,')


@pytest.mark.parametrize(
    ("limit", "window", "wait"), [("per_minute", "minute", 42), ("per_day", "day", 13 * 3600 + 30 * 60 - 18)]
)
def test_a_request_beyond_a_limit_is_429_with_the_whole_seconds_to_wait(
    run: Function, limit: str, window: str, wait: int, capsys: pytest.CaptureFixture[str]
) -> None:
    run.a_workspace("acme", **{limit: 2})
    run.clock.pass_(timedelta(seconds=18.5))
    assert [run().status, run().status] == [200, 200]
    capsys.readouterr()
    run.serve = never
    answer = run()
    assert (answer.status, answer.body) == (
        429,
        {"data": None, "message": f"Rate limit exceeded for the {window} window.", "error_code": 10006},
    )
    assert answer.headers["Retry-After"] == str(wait)
    assert answer.headers["RateLimit"].count(";r=0;") == 1
    assert logged(capsys)["error"] == "rate_limited"
    run.clock.pass_(timedelta(seconds=wait))
    run.serve = lambda _request, _caller: Response(200)
    assert run().status == 200


def test_an_error_without_a_wait_has_no_retry_after(run: Function) -> None:
    waits = iter([None, timedelta(seconds=1.2)])

    def busy(_request: Request, _caller: Caller) -> Response:
        raise ProviderFailed(reason="Busy", retryable=True, retry_after=next(waits))

    run.serve = busy
    assert "Retry-After" not in run().headers
    assert run().headers["Retry-After"] == "2"


# ── Routes that are none ──


def test_a_route_that_is_not_there_is_told_to_anybody(run: Function) -> None:
    for key in (None, "bw_acme_nokey", "bw_acme_k1"):
        answer = run(method="DELETE", key=key)
        assert (answer.status, answer.body["message"]) == (404, "There is no route DELETE /things/7.")


def test_a_route_that_is_not_there_counts_a_key_that_is(run: Function) -> None:
    run.a_workspace("acme", per_minute=1)
    assert set(LIMITS) <= set(run(method="DELETE", key="bw_acme_k2").headers)
    assert run(method="DELETE", key="bw_acme_k2").status == 429
    run.suspend("acme")
    assert run(method="DELETE").status == 404


# ── Request ids, the log line, the envelope ──


def test_every_answer_carries_the_request_id(run: Function) -> None:
    assert run().headers["X-Request-Id"] == "gateway-1"
    assert run(headers={"X-Request-Id": "mine"}).headers["X-Request-Id"] == "mine"
    assert run(headers={"X-Request-Id": "not one\r\n"}).headers["X-Request-Id"] == "gateway-1"
    assert run(key=None).headers["X-Request-Id"] == "gateway-1"
    assert run(method="DELETE", headers={"X-Request-Id": "mine"}).headers["X-Request-Id"] == "mine"


def test_one_line_is_logged_and_it_holds_neither_key_nor_content(
    run: Function, capsys: pytest.CaptureFixture[str]
) -> None:
    run(headers={"X-Request-Id": "mine", "Idempotency-Key": "secret-of-a-kind"})
    line = logged(capsys)
    assert line["duration_ms"] >= 0
    wanted = ("method", "resource", "status", "workspace", "key", "request_id", "level")
    assert [line[name] for name in wanted] == [
        "POST",
        "/things/{thing_id}",
        200,
        "acme",
        "bw_acme_k1",
        "mine",
        "INFO",
    ]
    for private in (SECRET, "content", "secret-of-a-kind"):
        assert private not in json.dumps(line)


def test_an_error_on_purpose_is_answered_in_the_familys_envelope(run: Function) -> None:
    def missing(_request: Request, _caller: Caller) -> Response:
        raise NotFound(what="Thing")

    run.serve = missing
    answer = run()
    assert answer.status == 404
    assert answer.body == {"data": None, "message": "Thing not found", "error_code": 10003}


def test_an_unexpected_error_is_answered_without_its_text_and_logged_without_its_text(
    run: Function, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(request: Request, _caller: Caller) -> Response:
        raise RuntimeError(request.body.decode())

    run.serve = broken
    answer = run()
    assert (answer.status, answer.body["error_code"], answer.body["data"]) == (500, 10005, None)
    assert "gateway-1" in answer.body["message"]
    line = logged(capsys)
    assert (line["level"], line["status"], line["error"]) == ("ERROR", 500, "RuntimeError")
    assert any("test_endpoint.py" in place for place in line["at"])
    assert "content" not in answer.text + json.dumps(line)


def test_a_table_that_is_down_is_answered_in_the_envelope_whatever_stands_before_the_route(
    run: Function, monkeypatch: pytest.MonkeyPatch
) -> None:
    def down(*_: Any) -> None:
        raise ConnectionError("host of the table")

    for store, method in ((run.rates, "take"), (run.identities, "get")):
        monkeypatch.setattr(store, method, down)
        run.a_workspace("acme")
        answer = run()
        assert (answer.status, answer.body["error_code"], answer.headers["X-Request-Id"]) == (500, 10005, "gateway-1")
        assert "host" not in answer.text


def test_a_route_that_acts_in_a_function_that_only_looks_is_a_mistake_that_is_told(run: Function) -> None:
    def act(_request: Request, _caller: Caller) -> Act:
        return lambda _errand: Response(200)

    gate = Gate(Authenticate(run.identities, run.clock), LimitRequests(run.rates, run.clock))
    handler = endpoint(routes={("POST", "/x"): Route(act)}, gate=gate, envelope=MessagesEnvelope(), service="things")
    event = {
        "httpMethod": "POST",
        "resource": "/x",
        "path": "/x",
        "headers": {"x-api-key": f"bw_acme_k1.{SECRET}"},
        "requestContext": {},
    }
    assert handler(event, None)["statusCode"] == 500


def test_links_begin_with_the_operators_public_url(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PUBLIC_BASE_URL", "https://batch.example.com")
    run = Function(serve=lambda request, _caller: Response(200, {"url": request.url}))
    assert run().body["url"] == "https://batch.example.com/things/7"


# ── Sizes ──


def as_lambda_returns(answer: dict[str, Any]) -> int:
    """The bytes that Lambda counts: the runtime serializes what a handler returns once more (AWS: 6 MB)."""
    return len(json.dumps(answer, ensure_ascii=False).encode())


def an_answer_of(text: str) -> Response:
    return Response(200, {"data": [text]})


@pytest.mark.parametrize("acts", [False, True])
@pytest.mark.parametrize("text", ["x", "\N{HIRAGANA LETTER A}", '"', "\\", "\N{GRINNING FACE}"])
def test_an_answer_that_lambda_could_not_return_is_an_error_that_says_what_to_do(
    run: Function, capsys: pytest.CaptureFixture[str], text: str, acts: bool
) -> None:
    weight = len(json.dumps(json.dumps(text, ensure_ascii=False), ensure_ascii=False).encode()) - 6
    most = ANSWER_LIMIT // weight
    large, taken = an_answer_of(text * most), an_answer_of(text * (most - 200))
    run.serve = lambda _request, _caller: (lambda _errand: large) if acts else large
    answer = run()
    assert (answer.status, answer.body["error_code"]) == (400, 10006)
    assert "smaller limit" in answer.body["message"]
    assert answer.headers["X-Request-Id"] == "gateway-1"
    line = logged(capsys)
    assert (line["status"], line["error"]) == (400, "answer_too_large")
    run.serve = lambda _request, _caller: (lambda _errand: taken) if acts else taken
    answer = run()
    assert answer.status == 200
    assert as_lambda_returns(answer.event) <= 6 * 1024 * 1024


def test_an_answer_holds_only_text_that_can_be_sent(run: Function) -> None:
    run.serve = lambda _request, _caller: an_answer_of("half of a pair: \ud83d, a whole one: \N{GRINNING FACE}")
    assert json.loads(run().text.encode())["data"] == ["half of a pair: ?, a whole one: \N{GRINNING FACE}"]
