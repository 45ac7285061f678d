from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from fakes.egress import FakeEgress, Sent
from fakes.secrets import FakeSecrets

from batchwork.adapters.providers.openai import OpenAI
from batchwork.domain.agent import ProviderChoice
from batchwork.domain.errors import ProviderFailed
from batchwork.ports import Answer
from batchwork.ports.messages import Prompt, Reply

TIMEOUT = timedelta(seconds=60)
COMPLETION = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "model": "gpt-4o-2024-08-06",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "Nine to six."}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 30, "completion_tokens": 12, "total_tokens": 42},
}


class Bench:
    """A provider whose endpoint answers what it is told to."""

    def __init__(self, answer: Answer | OSError | None = None, **settings: Any) -> None:
        self.answer = answer or Answer(200, body=json.dumps(COMPLETION).encode())
        self.egress = FakeEgress({"https://models.example": self._receive})
        self.egress.names["models.example"] = ["93.184.215.14"]
        self.secrets = FakeSecrets({"ssm:/openai": "sk-s3cret\n"})
        defaults = {"base_url": "https://models.example/v1", "model": "gpt-4o", "key_ref": "ssm:/openai"}
        wanted = {name: value for name, value in {**defaults, **settings}.items() if value is not None}
        self.provider = OpenAI(ProviderChoice(type="openai", settings=wanted), self.egress, lambda: self.secrets)

    def _receive(self, _: Sent) -> Answer:
        if isinstance(self.answer, OSError):
            raise self.answer
        return self.answer

    def ask(self, prompt: Prompt) -> Reply:
        return self.provider.answer(prompt, TIMEOUT, "token-1")

    def sent(self) -> dict[str, Any]:
        body: dict[str, Any] = json.loads(self.egress.sent[-1].body)
        return body

    def failing(self, prompt: Prompt) -> ProviderFailed:
        with pytest.raises(ProviderFailed) as caught:
            self.ask(prompt)
        assert "s3cret" not in str(caught.value)
        return caught.value


def test_the_whole_question_is_sent_and_usage_comes_back(a_prompt: Callable[..., Prompt]) -> None:
    bench = Bench(max_tokens=500, temperature=0)
    reply = bench.ask(
        a_prompt(
            "When?",
            system_prompt="Be brief.",
            history=(("Hello", "Hi!"),),
            attachments=(("a.txt", "The sky is green."),),
            user="user_123",
        )
    )
    assert reply == Reply("Nine to six.", "gpt-4o-2024-08-06", prompt_tokens=30, completion_tokens=12)
    assert bench.egress.sent[0].url == "https://models.example/v1/chat/completions"
    assert bench.sent() == {
        "model": "gpt-4o",
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "Hello"},
            {"role": "assistant", "content": "Hi!"},
            {"role": "user", "content": '<attachment name="a.txt">\nThe sky is green.\n</attachment>\n\nWhen?'},
        ],
        "max_tokens": 500,
        "temperature": 0,
        "user": "user_123",
    }


def test_the_key_and_the_idempotency_token_are_headers(a_prompt: Callable[..., Prompt]) -> None:
    bench = Bench()
    bench.ask(a_prompt())
    headers = bench.egress.sent[0].headers
    assert headers["Authorization"] == "Bearer sk-s3cret"
    assert headers["Idempotency-Key"] == "token-1"
    assert headers["Content-Type"] == "application/json"


def test_an_endpoint_without_key_is_asked_without_one(a_prompt: Callable[..., Prompt]) -> None:
    bench = Bench(key_ref=None, base_url="https://models.example/v1/")
    bench.ask(a_prompt())
    assert "Authorization" not in bench.egress.sent[0].headers
    assert bench.egress.sent[0].path == "/v1/chat/completions"


def test_a_lone_surrogate_in_a_message_can_be_sent(a_prompt: Callable[..., Prompt]) -> None:
    bench = Bench()
    bench.ask(a_prompt("half \ud83d"))
    assert bench.sent()["messages"][-1]["content"] == "half \ud83d"


@pytest.mark.parametrize(
    ("status", "retryable"),
    [
        *((passing, True) for passing in (408, 429, 500, 502, 503, 529)),
        *((refusing, False) for refusing in (204, 301, 400, 401, 403, 404, 422)),
    ],
)
def test_throttles_and_server_errors_are_retryable_and_refusals_are_not(
    a_prompt: Callable[..., Prompt], status: int, retryable: bool
) -> None:
    failure = Bench(Answer(status, timedelta(seconds=9), b"sk-s3cret is wrong")).failing(a_prompt())
    assert str(failure) == f"The model endpoint answered HTTP {status}"
    assert failure.facts["retryable"] is retryable
    assert failure.facts["retry_after"] == timedelta(seconds=9)


def test_an_errors_machine_readable_name_is_told_and_its_text_is_not(a_prompt: Callable[..., Prompt]) -> None:
    body = b'{"error": {"code": "context_length_exceeded", "message": "s3cret"}}'
    assert str(Bench(Answer(400, None, body)).failing(a_prompt())).endswith("HTTP 400 (context_length_exceeded)")
    body = b'{"error": {"code": "sk-s3cret is no key", "message": "s3cret"}}'
    assert str(Bench(Answer(401, None, body)).failing(a_prompt())).endswith("HTTP 401")


@pytest.mark.parametrize("error", [TimeoutError("timeout after 60 s"), ConnectionRefusedError(), OSError("no name")])
def test_no_answer_is_retryable(a_prompt: Callable[..., Prompt], error: OSError) -> None:
    assert Bench(error).failing(a_prompt()).facts["retryable"] is True


@pytest.mark.parametrize(
    "base_url", ["https://169.254.169.254/v1", "https://10.0.0.1/v1", "http://models.example/v1", "https://[::1]/v1"]
)
def test_private_networks_are_out_of_reach_for_good(a_prompt: Callable[..., Prompt], base_url: str) -> None:
    bench = Bench(base_url=base_url)
    failure = bench.failing(a_prompt())
    assert failure.facts["retryable"] is False
    assert bench.egress.sent == []


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"null",
        b"[]",
        b"{}",
        b'{"choices": []}',
        b'{"choices": [{"message": null}]}',
        b'{"choices": [{"message": {"content": 5}}]}',
        b'{"choices": [{"message": {"content": ""}}]}',
        b'{"choices": [{"message": {"content": [5]}}]}',
        b'{"choices": [{"message": {"content": "ok"}}], "model": 5}',
        b'{"choices": [{"message": {"content": "ok"}}], "usage": {"prompt_tokens": "many"}}',
        b'{"choices": [{"message": {"content": "ok"}}], "usage": [1]}',
        b"[" * 100_000,
        b"\xff\xfe",
    ],
)
def test_a_malformed_answer_fails_for_good(a_prompt: Callable[..., Prompt], body: bytes) -> None:
    failure = Bench(Answer(200, None, body)).failing(a_prompt())
    assert failure.facts["retryable"] is False
    assert "The model endpoint" in str(failure)


@pytest.mark.parametrize(
    ("message", "text"),
    [
        ({"content": [{"type": "text", "text": "Nine "}, {"type": "text", "text": "to six."}]}, "Nine to six."),
        ({"content": None, "refusal": "I cannot help with that."}, "I cannot help with that."),
    ],
)
def test_parts_and_refusals_are_answers_too(
    a_prompt: Callable[..., Prompt], message: dict[str, Any], text: str
) -> None:
    body = json.dumps({"choices": [{"message": message}]}).encode()
    assert Bench(Answer(200, None, body)).ask(a_prompt()) == Reply(text, "gpt-4o", 0, 0)


def test_a_store_of_secrets_that_is_throttled_is_worth_another_try(a_prompt: Callable[..., Prompt]) -> None:
    bench = Bench()
    bench.secrets.throttled = True
    assert bench.failing(a_prompt()).facts["retryable"] is True
    assert bench.egress.sent == []


@pytest.mark.parametrize(
    "key", ["sk-s3cret\r\nX-Evil: 1", "sk-\u2028s3cret", "sk-s3cret \u043a\u043b\u044e\u0447", "", " \n"]
)
def test_a_key_that_no_header_can_carry_fails_for_good_and_is_not_told(
    a_prompt: Callable[..., Prompt], key: str
) -> None:
    bench = Bench()
    bench.secrets.secrets["ssm:/openai"] = key
    failed = bench.failing(a_prompt())
    assert failed.facts["retryable"] is False
    assert bench.egress.sent == []
