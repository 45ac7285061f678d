"""What a customer's own system says of a run: asked over the egress rules, with secrets that nobody sees."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from fakes.egress import FakeEgress, Sent
from unit.steps.tasks import a_task, done, wrongs

from batchwork.domain.item import Json
from batchwork.ports import Answer
from batchwork.processors.workflow_runs.step import Done, StepFailed

URL = "https://erp.example.com/check"
SECRET = "s3cr3t-value"
BRACES = "is not supported: only headers may hold {{secrets.NAME}}, and nothing else in double braces"


def answering(answer: Answer | Exception) -> FakeEgress:
    def receive(sent: Sent) -> Answer:
        if isinstance(answer, Exception):
            raise answer
        return answer

    egress = FakeEgress({"https://erp.example.com": receive})
    egress.names["erp.example.com"] = ["93.184.216.34"]
    return egress


def config(method: str = "POST", behavior: str | None = None, **options: Any) -> Json:
    asked: Json = {"requestOptions": {"url": URL, "method": method, **options}}
    return asked | ({"failureBehavior": behavior} if behavior else {})


def a_json(value: Any, status: int = 200) -> Answer:
    return Answer(status, body=json.dumps(value).encode())


def test_the_run_and_what_its_steps_found_are_sent() -> None:
    egress = answering(a_json({"known": True, "limit": 5}))
    task = a_task("x", metadata={"order": 7}, egress=egress)
    task.piece.scope.note("extract", {"output": {"value": {"total": 5}}}, {"total": 5})
    found = done("EXTERNAL_DATA_VALIDATION", config(), task)
    assert found.result == {"response": {"status": 200, "data": {"known": True, "limit": 5}}}
    assert found.facts == {"known": True, "limit": 5}
    (sent,) = egress.sent
    assert (sent.method, sent.url, sent.headers["Content-Type"]) == ("POST", URL, "application/json")
    assert json.loads(sent.body) == {
        "workflowRunId": task.run.id,
        "batchId": task.run.batch_id,
        "workflowId": task.run.flow.workflow_id,
        "step": "step",
        "metadata": {"order": 7},
        "file": {"id": task.piece.file.id, "name": "file.txt", "type": "TXT"},
        "steps": {"extract": {"output": {"value": {"total": 5}}}},
    }


def test_a_get_has_no_body() -> None:
    egress = answering(a_json({}))
    done("EXTERNAL_DATA_VALIDATION", config("GET"), a_task("x", egress=egress))
    (sent,) = egress.sent
    assert (sent.method, sent.body) == ("GET", b"")


def test_headers_may_hold_secrets_of_the_input_and_nothing_else_does() -> None:
    egress = answering(Answer(500, body=SECRET.encode()))
    asked = config(behavior="EXIT", headers={"Authorization": "Bearer {{ secrets.token }}", "X-Plain": "a"})
    task = a_task("x", secrets={"token": SECRET}, egress=egress)
    with pytest.raises(StepFailed) as caught:
        done("EXTERNAL_DATA_VALIDATION", asked, task)
    (sent,) = egress.sent
    assert sent.headers["Authorization"] == f"Bearer {SECRET}"
    assert SECRET not in caught.value.message + repr(task) + sent.body.decode()


@pytest.mark.parametrize(
    "value", ["{{secrets.a}}", "{{ secrets.a }}{{secrets.b}}", "{{{secrets.a}}{", '{"a": {"b": {}}}', "{x}"]
)
def test_a_header_may_hold_secrets_and_single_braces(value: str) -> None:
    assert wrongs("EXTERNAL_DATA_VALIDATION", config(headers={"A": value})) == []


def test_every_try_is_made_under_one_key() -> None:
    egress = answering(a_json({}))
    task = a_task("x", egress=egress)
    for _ in range(2):
        done("EXTERNAL_DATA_VALIDATION", config(), task)
    assert len({sent.headers["Idempotency-Key"] for sent in egress.sent}) == 1


@pytest.mark.parametrize("secrets", [{}, {"token": 5}, {"token": "a\r\nX-Evil: 1"}, {"token": "ü"}])
def test_a_secret_that_is_missing_or_no_header_can_hold_fails_the_run(secrets: Json) -> None:
    egress = answering(a_json({}))
    with pytest.raises(StepFailed, match="needs the secret token") as caught:
        done(
            "EXTERNAL_DATA_VALIDATION",
            config(headers={"Authorization": "{{secrets.token}}"}),
            a_task("x", secrets=secrets, egress=egress),
        )
    assert (caught.value.reason, caught.value.retryable) == ("MISSING_SECRET", False)
    assert not egress.sent


@pytest.mark.parametrize(
    ("answer", "retryable"),
    [
        (Answer(503, timedelta(seconds=9)), True),
        (Answer(429), True),
        (TimeoutError("timeout after 30 s"), True),
        (Answer(404), False),
        (Answer(302, location="https://elsewhere.example.com"), False),
        (Answer(200, body=b"<html>"), False),
        (Answer(200, body=b"[1", cut=True), False),
    ],
)
def test_a_failure_ends_the_run_where_it_is_to_exit(answer: Answer | Exception, retryable: bool) -> None:
    with pytest.raises(StepFailed) as caught:
        done("EXTERNAL_DATA_VALIDATION", config(behavior="EXIT"), a_task("x", egress=answering(answer)))
    assert caught.value.retryable is retryable
    assert caught.value.reason == "EXTERNAL_DATA_VALIDATION_FAILED"
    if isinstance(answer, Answer):
        assert caught.value.retry_after == answer.retry_after


@pytest.mark.parametrize(
    ("answer", "result"),
    [
        (a_json({"why": "no"}, 422), {"response": {"status": 422, "data": {"why": "no"}}}),
        (Answer(503), {"response": {"status": 503, "data": {}}}),
        (a_json([1, 2]), {"response": {"status": 200, "data": {"body": [1, 2]}}}),
        (Answer(200, body=b"NaN"), {"response": {"status": 200, "data": {}}, "error": "The answer is no JSON"}),
        (
            ConnectionRefusedError("connection refused"),
            {"response": None, "error": "There was no answer: connection refused"},
        ),
    ],
)
def test_a_failure_is_told_and_the_run_goes_on_where_it_is_to_continue(
    answer: Answer | Exception, result: Json
) -> None:
    for asked in (config(), config(behavior="CONTINUE")):
        assert done("EXTERNAL_DATA_VALIDATION", asked, a_task("x", egress=answering(answer))).result == result


@pytest.mark.parametrize("answer", [Answer(503), OSError("name not resolved")])
def test_what_may_pass_is_tried_again_before_the_run_goes_on(answer: Answer | Exception) -> None:
    with pytest.raises(StepFailed) as caught:
        done("EXTERNAL_DATA_VALIDATION", config(), a_task("x", final=False, egress=answering(answer)))
    assert caught.value.retryable


def test_an_answer_nested_without_end_is_no_data() -> None:
    found = done(
        "EXTERNAL_DATA_VALIDATION", config(), a_task("x", egress=answering(Answer(200, body=b"[" * 500 + b"]" * 500)))
    )
    assert (found.result or {})["error"] == "The answer is no JSON"


def test_an_address_that_leads_inwards_fails_the_run_whatever_the_behavior() -> None:
    egress = answering(a_json({}))
    egress.names["erp.example.com"] = ["10.0.0.1"]
    with pytest.raises(StepFailed, match="not allowed") as caught:
        done("EXTERNAL_DATA_VALIDATION", config(), a_task("x", egress=egress))
    assert not caught.value.retryable
    assert "10.0.0.1" not in caught.value.message


def change(name: str, value: Any) -> Callable[[Json], Json]:
    return lambda asked: {**asked, "requestOptions": {**asked["requestOptions"], name: value}}


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (change("url", "ftp://example.com"), "config.requestOptions.url: must be an HTTPS URL"),
        (change("url", "https://192.168.0.1/x"), "config.requestOptions.url: must not lead to"),
        (change("method", "DELETE"), "config.requestOptions.method: must be one of GET, POST, PUT"),
        (change("contentType", "text/html"), "config.requestOptions.contentType: must be one of"),
        (change("headers", {"Host": "x"}), "config.requestOptions.headers.Host: is no header that can be set"),
        (change("headers", {"A b": "x"}), "config.requestOptions.headers.A b: is no header that can be set"),
        (change("headers", {"A": "x\r\nB: y"}), "config.requestOptions.headers.A: must be a text"),
        (change("url", "https://a.example/{{extract.total}}"), f"config.requestOptions.url: {BRACES}"),
        (change("url", "https://a.example/{{secrets.k}}"), f"config.requestOptions.url: {BRACES}"),
        (change("headers", {"A": "{{extract.total}}"}), f"config.requestOptions.headers.A: {BRACES}"),
        (change("headers", {"A": "{{secrets.tok"}), f"config.requestOptions.headers.A: {BRACES}"),
        (change("headers", {"A": "{{ secret.tok }}"}), f"config.requestOptions.headers.A: {BRACES}"),
        (change("headers", {"A": "{{secrets.tok}} {{secrets.a b}}"}), f"config.requestOptions.headers.A: {BRACES}"),
        (lambda asked: {**asked, "failureBehavior": "STOP"}, "config.failureBehavior: must be one of CONTINUE, EXIT"),
        (lambda _: {"requestOptions": URL}, "config.requestOptions: must be an object"),
    ],
)
def test_requests_are_checked(wrong: Callable[[Json], Json], says: str) -> None:
    assert any(each.startswith(says) for each in wrongs("EXTERNAL_DATA_VALIDATION", wrong(config())))


def echoed(answer: Answer | Exception, **secrets: str) -> Done:
    """Return what is made of an answer to a request whose headers had these secrets."""
    asked = config(headers={f"X-{name}": f"Key {{{{secrets.{name}}}}}" for name in secrets})
    return done("EXTERNAL_DATA_VALIDATION", asked, a_task("x", secrets=secrets, egress=answering(answer)))


def test_a_secret_that_the_answer_repeats_is_in_no_result() -> None:
    body = {"headers": {"Authorization": f"Bearer {SECRET}"}, SECRET: [{"in": [f"<{SECRET}{SECRET}>", 5, None]}]}
    found = echoed(a_json(body), token=SECRET)
    hidden = {"headers": {"Authorization": "Bearer [secret]"}, "[secret]": [{"in": ["<[secret][secret]>", 5, None]}]}
    assert (found.result, found.facts) == ({"response": {"status": 200, "data": hidden}}, hidden)
    assert SECRET not in str(echoed(a_json([SECRET], 422), token=SECRET))


def test_a_secret_that_an_error_repeats_is_not_told() -> None:
    refusal = OSError(f"refused by {SECRET}")
    found = echoed(refusal, token=SECRET)
    assert found.result == {"response": None, "error": "There was no answer: refused by [secret]"}
    asked = config(behavior="EXIT", headers={"X": "{{secrets.token}}"})
    with pytest.raises(StepFailed) as caught:
        done("EXTERNAL_DATA_VALIDATION", asked, a_task("x", secrets={"token": SECRET}, egress=answering(refusal)))
    assert SECRET not in caught.value.message


def test_a_secret_that_begins_another_leaves_nothing_of_it() -> None:
    assert echoed(a_json({"a": "abcdef abcd"}), one="abcd", two="abcdef").facts == {"a": "[secret] [secret]"}


def test_signs_of_a_secret_mean_themselves_and_short_ones_stay() -> None:
    assert echoed(a_json({"a": "a.c+ abcc"}), token="a.c+").facts == {"a": "[secret] abcc"}
    assert echoed(a_json({"a": "abc"}), token="abc").facts == {"a": "abc"}
