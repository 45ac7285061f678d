from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ConnectTimeoutError, EndpointConnectionError, NoCredentialsError, ReadTimeoutError
from botocore.stub import Stubber

from batchwork.adapters import aws
from batchwork.adapters.providers.bedrock import Bedrock, client_for
from batchwork.domain.agent import ProviderChoice
from batchwork.domain.errors import ProviderFailed
from batchwork.ports.messages import Prompt, Reply

MODEL = "eu.anthropic.claude-sonnet-4-20250514-v1:0"
TIMEOUT = timedelta(seconds=60)


class Bench:
    """A provider on a client whose answers are written beforehand; what it sends must fit the service's own model."""

    def __init__(self, **settings: Any) -> None:
        client = aws.client("bedrock-runtime", parameter_validation=True)
        self.stub = Stubber(client)
        self.stub.activate()
        self.provider = Bedrock(ProviderChoice(type="bedrock", settings={"model": MODEL, **settings}), client)

    def answers(self, *content: dict[str, Any], expected: dict[str, Any] | None = None) -> None:
        answer = {
            "output": {"message": {"role": "assistant", "content": list(content)}},
            "stopReason": "end_turn",
            "usage": {"inputTokens": 30, "outputTokens": 12, "totalTokens": 42},
            "metrics": {"latencyMs": 5},
        }
        self.stub.add_response("converse", answer, expected)

    def ask(self, prompt: Prompt) -> Reply:
        return self.provider.answer(prompt, TIMEOUT, "token-1")


def test_history_system_prompt_and_limits_are_sent_and_usage_comes_back(a_prompt: Callable[..., Prompt]) -> None:
    bench = Bench(max_tokens=500, temperature=0.2)
    bench.answers(
        {"text": "Nine to six."},
        expected={
            "modelId": MODEL,
            "system": [{"text": "Be brief."}],
            "messages": [
                {"role": "user", "content": [{"text": "Hello"}]},
                {"role": "assistant", "content": [{"text": "Hi!"}]},
                {"role": "user", "content": [{"text": "When?"}]},
            ],
            "inferenceConfig": {"maxTokens": 500, "temperature": 0.2},
        },
    )
    reply = bench.ask(a_prompt("When?", system_prompt="Be brief.", history=(("Hello", "Hi!"),)))
    assert reply == Reply("Nine to six.", MODEL, prompt_tokens=30, completion_tokens=12)


def test_without_settings_and_system_prompt_neither_is_sent(a_prompt: Callable[..., Prompt]) -> None:
    bench = Bench()
    bench.answers(
        {"text": "ok"}, expected={"modelId": MODEL, "messages": [{"role": "user", "content": [{"text": "When?"}]}]}
    )
    assert bench.ask(a_prompt("When?")).text == "ok"


def test_attachments_and_the_agents_documents_reach_the_model(a_prompt: Callable[..., Prompt]) -> None:
    bench = Bench()
    bench.answers(
        {"text": "ok"},
        expected={
            "modelId": MODEL,
            "system": [{"text": '<document name="FAQ">\nWe open at nine.\n</document>'}],
            "messages": [
                {
                    "role": "user",
                    "content": [{"text": '<attachment name="a.txt">\nThe sky is green.\n</attachment>\n\nWhy?'}],
                }
            ],
        },
    )
    prompt = a_prompt("Why?", documents=(("FAQ", "We open at nine."),), attachments=(("a.txt", "The sky is green."),))
    assert bench.ask(prompt).text == "ok"


def test_turns_with_a_blank_side_are_left_out_because_the_service_refuses_them(a_prompt: Callable[..., Prompt]) -> None:
    bench = Bench()
    bench.answers(
        {"text": "ok"}, expected={"modelId": MODEL, "messages": [{"role": "user", "content": [{"text": "Now?"}]}]}
    )
    assert bench.ask(a_prompt("Now?", history=(("Hello", " "),))).text == "ok"


def test_only_text_blocks_are_the_answer(a_prompt: Callable[..., Prompt]) -> None:
    bench = Bench()
    bench.answers({"reasoningContent": {"reasoningText": {"text": "Hmm"}}}, {"text": "Nine "}, {"text": "to six."})
    assert bench.ask(a_prompt()).text == "Nine to six."


def test_an_answer_without_text_fails_for_good(a_prompt: Callable[..., Prompt]) -> None:
    bench = Bench()
    bench.answers()
    with pytest.raises(ProviderFailed, match="without text") as caught:
        bench.ask(a_prompt())
    assert caught.value.facts["retryable"] is False


@pytest.mark.parametrize(
    ("code", "status", "retryable"),
    [
        ("ThrottlingException", 429, True),
        ("ServiceUnavailableException", 503, True),
        ("ModelTimeoutException", 408, True),
        ("ModelNotReadyException", 429, True),
        ("InternalServerException", 500, True),
        ("ValidationException", 400, False),
        ("AccessDeniedException", 403, False),
        ("ResourceNotFoundException", 404, False),
    ],
)
def test_what_passes_by_itself_is_retryable_and_nothing_else(
    a_prompt: Callable[..., Prompt], code: str, status: int, retryable: bool
) -> None:
    bench = Bench()
    bench.stub.add_client_error("converse", code, "the message", status)
    with pytest.raises(ProviderFailed, match=code) as caught:
        bench.ask(a_prompt())
    assert caught.value.facts["retryable"] is retryable
    assert caught.value.facts["retry_after"] is None


@pytest.mark.parametrize(
    ("header", "understood"),
    [
        ("7", timedelta(seconds=7)),
        ("soon", None),
        ("-1", None),
        ("²", None),
        ("99999999999999999999", None),
    ],
)
def test_a_retry_after_header_is_honoured(
    a_prompt: Callable[..., Prompt], header: str, understood: timedelta | None
) -> None:
    bench = Bench()
    meta = {"HTTPHeaders": {"retry-after": header}}
    bench.stub.add_client_error("converse", "ThrottlingException", "", 429, response_meta=meta)
    with pytest.raises(ProviderFailed) as caught:
        bench.ask(a_prompt())
    assert caught.value.facts["retry_after"] == understood


def test_accounts_and_roles_stay_out_of_the_error(a_prompt: Callable[..., Prompt]) -> None:
    bench = Bench()
    message = "User: arn:aws:sts::123456789012:assumed-role/worker is not authorized"
    bench.stub.add_client_error("converse", "AccessDeniedException", message, 403)
    with pytest.raises(ProviderFailed) as caught:
        bench.ask(a_prompt())
    assert "123456789012" not in str(caught.value)


class Unreachable:
    def __init__(self, error: Exception) -> None:
        self._error = error

    def converse(self, **_: Any) -> None:
        raise self._error


@pytest.mark.parametrize(
    ("error", "retryable"),
    [
        (ReadTimeoutError(endpoint_url="https://bedrock.invalid"), True),
        (ConnectTimeoutError(endpoint_url="https://bedrock.invalid"), True),
        (EndpointConnectionError(endpoint_url="https://bedrock.invalid"), True),
        (NoCredentialsError(), False),
    ],
)
def test_no_answer_is_retryable_but_a_bad_deployment_is_not(
    a_prompt: Callable[..., Prompt], error: Exception, retryable: bool
) -> None:
    provider = Bedrock(ProviderChoice(type="bedrock", settings={"model": MODEL}), Unreachable(error))  # type: ignore[arg-type]
    with pytest.raises(ProviderFailed) as caught:
        provider.answer(a_prompt(), TIMEOUT, "token-1")
    assert caught.value.facts["retryable"] is retryable


def test_a_client_waits_as_long_as_the_timeout_tries_once_and_is_kept() -> None:
    client: Any = client_for("eu-central-1", timedelta(seconds=41.5))
    assert client.meta.config.read_timeout == 42
    assert client.meta.config.retries == {"mode": "standard", "total_max_attempts": 1}
    assert client.meta.region_name == "eu-central-1"
    assert client_for("eu-central-1", timedelta(seconds=42)) is client
    assert client_for(None, timedelta(seconds=42)) is not client


def test_a_region_that_cannot_be_one_fails_for_good(a_prompt: Callable[..., Prompt]) -> None:
    settings = {"model": MODEL, "region": "not a region"}
    with pytest.raises(ProviderFailed) as caught:
        Bedrock(ProviderChoice(type="bedrock", settings=settings)).answer(a_prompt(), TIMEOUT, "token-1")
    assert caught.value.facts["retryable"] is False
