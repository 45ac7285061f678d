"""Provider: the fake and every adapter, held to the same words."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from io import BytesIO
from typing import Any

import pytest
from botocore.exceptions import ReadTimeoutError
from fakes.egress import FakeEgress
from fakes.providers import FakeProvider
from fakes.secrets import FakeSecrets

from batchwork.adapters.providers.bedrock import Bedrock
from batchwork.adapters.providers.knowledge import Library
from batchwork.adapters.providers.lambda_function import LambdaFunction
from batchwork.adapters.providers.openai import OpenAI
from batchwork.domain.agent import ProviderChoice
from batchwork.domain.errors import ProviderFailed
from batchwork.ports import Answer
from batchwork.ports.messages import Prompt, Provider


class Aws:
    """Bedrock's and Lambda's client in one; broken, neither answers."""

    def __init__(self, *, broken: bool) -> None:
        self._broken = broken

    def _answer(self, answer: dict[str, Any]) -> dict[str, Any]:
        if self._broken:
            raise ReadTimeoutError(endpoint_url="https://aws.invalid")
        return answer

    def converse(self, **_: Any) -> dict[str, Any]:
        return self._answer(
            {"output": {"message": {"content": [{"text": "ok"}]}}, "usage": {"inputTokens": 3, "outputTokens": 1}}
        )

    def invoke(self, **_: Any) -> dict[str, Any]:
        return self._answer({"Payload": BytesIO(b'{"text": "ok", "prompt_tokens": 3, "completion_tokens": 1}')})


def a_fake(broken: bool) -> Provider:
    provider = FakeProvider()
    if broken:
        provider.fail("no answer", retryable=True)
    return provider


def a_bedrock(broken: bool) -> Provider:
    client: Any = Aws(broken=broken)
    return Bedrock(ProviderChoice(type="bedrock", settings={"model": "m"}), client)


def a_lambda(broken: bool) -> Provider:
    client: Any = Aws(broken=broken)
    return LambdaFunction(ProviderChoice(type="lambda", settings={"function_arn": "arn"}), client)


def an_openai(broken: bool) -> Provider:
    body = b'{"choices": [{"message": {"content": "ok"}}], "usage": {"prompt_tokens": 3, "completion_tokens": 1}}'
    egress = FakeEgress({"https://models.example": lambda _: Answer(503 if broken else 200, None, body)})
    egress.names["models.example"] = ["93.184.215.14"]
    settings = {"base_url": "https://models.example/v1", "model": "m"}
    return OpenAI(ProviderChoice(type="openai", settings=settings), egress, FakeSecrets)


def a_knowledge(_: bool) -> Provider:
    return Library().provider(ProviderChoice(type="knowledge"))


Make = Callable[[bool], Provider]


@pytest.mark.parametrize("make", [a_fake, a_bedrock, a_lambda, an_openai, a_knowledge])
def test_a_provider_answers_with_text_its_model_and_its_tokens(make: Make, a_prompt: Callable[..., Prompt]) -> None:
    reply = make(False).answer(
        a_prompt(documents=(("FAQ", "Business hours: nine to six."),)), timedelta(seconds=9), "t"
    )
    assert reply.text
    assert reply.model
    assert reply.prompt_tokens > 0
    assert reply.completion_tokens > 0
    assert reply.tool_calls == ()


@pytest.mark.parametrize("make", [a_fake, a_bedrock, a_lambda, an_openai])
def test_a_provider_that_does_not_answer_says_so_with_all_facts(make: Make, a_prompt: Callable[..., Prompt]) -> None:
    with pytest.raises(ProviderFailed) as caught:
        make(True).answer(a_prompt(), timedelta(seconds=9), "t")
    assert set(caught.value.facts) == {"reason", "retryable", "retry_after"}
    assert caught.value.facts["retryable"] is True
    assert str(caught.value) == caught.value.facts["reason"]
