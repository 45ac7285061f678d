from __future__ import annotations

import io
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ReadTimeoutError
from botocore.response import StreamingBody
from botocore.stub import ANY, Stubber

from batchwork.adapters import aws
from batchwork.adapters.invocation import client_for
from batchwork.adapters.providers.lambda_function import LambdaFunction
from batchwork.domain.agent import ProviderChoice
from batchwork.domain.errors import ProviderFailed
from batchwork.ports.messages import Prompt, Reply

ARN = "arn:aws:lambda:us-east-1:123456789012:function:answers"
TIMEOUT = timedelta(seconds=60)


class Bench:
    """A provider on a client whose answers are written beforehand; keeps the payload that it sent."""

    def __init__(self) -> None:
        self.client = aws.client("lambda", parameter_validation=True)
        self.stub = Stubber(self.client)
        self.stub.activate()
        self.sent: dict[str, Any] = {}
        self.client.meta.events.register("provide-client-params.lambda.Invoke", self._keep)

    def _keep(self, params: dict[str, Any], **_: Any) -> None:
        self.sent = json.loads(params["Payload"])

    def answers(self, payload: bytes, error: str | None = None) -> None:
        answer: dict[str, Any] = {"StatusCode": 200, "Payload": StreamingBody(io.BytesIO(payload), len(payload))}
        if error:
            answer["FunctionError"] = error
        expected = {"FunctionName": ARN, "InvocationType": "RequestResponse", "Payload": ANY}
        self.stub.add_response("invoke", answer, expected)

    def ask(self, prompt: Prompt) -> Reply:
        choice = ProviderChoice(type="lambda", settings={"function_arn": ARN})
        return LambdaFunction(choice, self.client).answer(prompt, TIMEOUT, "token-1")


def test_the_function_gets_the_whole_question(a_prompt: Callable[..., Prompt]) -> None:
    bench = Bench()
    bench.answers(b'{"text": "Nine to six."}')
    bench.ask(
        a_prompt(
            "When?",
            system_prompt="Be brief.",
            history=(("Hello", "Hi!"),),
            documents=(("FAQ", "We open at nine."),),
            attachments=(("a.txt", "The sky is green."),),
            user="user_123",
        )
    )
    assert bench.sent == {
        "message": "When?",
        "history": [["Hello", "Hi!"]],
        "system_prompt": "Be brief.",
        "documents": [{"title": "FAQ", "text": "We open at nine."}],
        "attachments": [{"name": "a.txt", "text": "The sky is green."}],
        "user": "user_123",
        "token": "token-1",
        "agent_id": "agent-1",
    }


def test_an_answer_of_text_alone_will_do(a_prompt: Callable[..., Prompt]) -> None:
    bench = Bench()
    bench.answers(b'{"text": "Nine to six."}')
    assert bench.ask(a_prompt()) == Reply("Nine to six.", "lambda", 0, 0)


def test_an_answer_may_tell_its_model_tokens_and_tool_calls(a_prompt: Callable[..., Prompt]) -> None:
    bench = Bench()
    bench.answers(
        b'{"text": "ok", "model": "mine-1", "prompt_tokens": 10, "completion_tokens": 5,'
        b' "tool_calls": [{"model": "gemini-2.5-flash", "prompt_tokens": 150, "completion_tokens": 45}]}'
    )
    call = {
        "model": "gemini-2.5-flash",
        "call_type": "tool_call",
        "total_tokens": 195,
        "prompt_tokens": 150,
        "completion_tokens": 45,
    }
    assert bench.ask(a_prompt()) == Reply("ok", "mine-1", 10, 5, (call,))


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"null",
        b'"text"',
        b"{}",
        b'{"text": 5}',
        b'{"text": null}',
        b"\xff",
        b'{"text": "ok", "model": 1}',
        b'{"text": "ok", "prompt_tokens": "many"}',
        b'{"text": "ok", "tool_calls": [{}]}',
        b'{"text": "ok", "tool_calls": 5}',
        b'{"text": "ok", "prompt_tokens": Infinity}',
        b'{"text": "ok", "prompt_tokens": NaN}',
        b"[" * 100_000,
    ],
)
def test_another_answer_fails_for_good(a_prompt: Callable[..., Prompt], payload: bytes) -> None:
    bench = Bench()
    bench.answers(payload)
    with pytest.raises(ProviderFailed, match="did not answer") as caught:
        bench.ask(a_prompt())
    assert caught.value.facts["retryable"] is False


@pytest.mark.parametrize(
    ("payload", "retryable"),
    [
        (b'{"errorType": "Sandbox.Timedout", "errorMessage": "Error: Task timed out after 3.00 seconds"}', True),
        (b'{"errorMessage": "2024-01-15T10:30:00Z 9c5a Task timed out after 3.00 seconds"}', True),
        (b'{"errorType": "ThrottlingException", "errorMessage": "Rate exceeded"}', True),
        (b'{"errorType": "KeyError", "errorMessage": "s3cret"}', False),
        (b'{"errorType": "Odd type: s3cret", "errorMessage": "s3cret"}', False),
        (b"[]", False),
        (b"[" * 100_000, False),
        (b"not json", False),
    ],
)
def test_a_function_that_fails_is_retryable_only_for_time_and_throttles_and_its_words_stay_inside(
    a_prompt: Callable[..., Prompt], payload: bytes, retryable: bool
) -> None:
    bench = Bench()
    bench.answers(payload, error="Unhandled")
    with pytest.raises(ProviderFailed) as caught:
        bench.ask(a_prompt())
    assert caught.value.facts["retryable"] is retryable
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    ("code", "status", "retryable"),
    [
        ("TooManyRequestsException", 429, True),
        ("ServiceException", 500, True),
        ("ResourceNotFoundException", 404, False),
        ("AccessDeniedException", 403, False),
        ("RequestTooLargeException", 413, False),
    ],
)
def test_what_passes_by_itself_is_retryable_and_nothing_else(
    a_prompt: Callable[..., Prompt], code: str, status: int, retryable: bool
) -> None:
    bench = Bench()
    bench.stub.add_client_error("invoke", code, ARN, status, response_meta={"HTTPHeaders": {"retry-after": "3"}})
    with pytest.raises(ProviderFailed) as caught:
        bench.ask(a_prompt())
    assert caught.value.facts["retryable"] is retryable
    assert caught.value.facts["retry_after"] == timedelta(seconds=3)
    assert ARN not in str(caught.value)


class Hanging:
    def invoke(self, **_: Any) -> None:
        raise ReadTimeoutError(endpoint_url="https://lambda.invalid")


def test_no_answer_in_time_is_retryable(a_prompt: Callable[..., Prompt]) -> None:
    choice = ProviderChoice(type="lambda", settings={"function_arn": ARN})
    with pytest.raises(ProviderFailed) as caught:
        LambdaFunction(choice, Hanging()).answer(a_prompt(), TIMEOUT, "token-1")  # type: ignore[arg-type]
    assert caught.value.facts["retryable"] is True


def test_a_client_waits_as_long_as_the_timeout_and_invokes_once() -> None:
    client: Any = client_for(TIMEOUT)
    assert client.meta.config.read_timeout == 60
    assert client.meta.config.retries == {"mode": "standard", "total_max_attempts": 1}
    assert client_for(TIMEOUT) is client
