from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from fakes.egress import FakeEgress
from fakes.secrets import FakeSecrets

from batchwork.adapters.providers import providers
from batchwork.domain.agent import ProviderChoice
from batchwork.domain.errors import ProviderFailed
from batchwork.ports import Answer, Egress, SecretStore
from batchwork.ports.messages import Prompt

LAYER = Path(__file__).parents[3] / "layers/core/python"
SETTINGS = {
    "knowledge": {},
    "bedrock": {"model": "amazon.nova-micro-v1:0"},
    "openai": {"base_url": "https://models.example/v1", "model": "gpt-4o", "key_ref": "ssm:/openai"},
    "lambda": {"function_arn": "arn:aws:lambda:us-east-1:123456789012:function:answers"},
}


def unwanted() -> Egress:
    raise AssertionError("built without need")


def unwanted_secrets() -> SecretStore:
    raise AssertionError("built without need")


@pytest.mark.parametrize("kind", [kind for kind in SETTINGS if kind != "openai"])
def test_egress_and_secrets_are_built_for_those_who_need_them_only(kind: str) -> None:
    provider = providers(unwanted, unwanted_secrets)(ProviderChoice(type=kind, settings=SETTINGS[kind]))
    assert callable(provider.answer)


def test_an_openai_agent_gets_one_egress_and_one_store_of_secrets(a_prompt: Callable[..., Prompt]) -> None:
    built: list[str] = []
    egress = FakeEgress(
        {"https://models.example": lambda _: Answer(200, None, b'{"choices": [{"message": {"content": "ok"}}]}')}
    )
    egress.names["models.example"] = ["93.184.215.14"]

    def make_egress() -> Egress:
        built.append("egress")
        return egress

    def make_secrets() -> SecretStore:
        built.append("secrets")
        return FakeSecrets({"ssm:/openai": "key"})

    choose = providers(make_egress, make_secrets)
    for _ in range(2):
        choice = ProviderChoice(type="openai", settings=SETTINGS["openai"])
        assert choose(choice).answer(a_prompt(), timedelta(seconds=9), "token-1").text == "ok"
    assert sorted(built) == ["egress", "secrets"]


@pytest.mark.parametrize(
    "choice",
    [
        ProviderChoice(type="oracle"),
        ProviderChoice(type="bedrock"),
        ProviderChoice(type="openai", settings={"model": "gpt-4o"}),
        ProviderChoice(type="lambda"),
    ],
)
def test_a_choice_that_cannot_work_fails_for_good(choice: ProviderChoice) -> None:
    with pytest.raises(ProviderFailed) as caught:
        providers(FakeEgress, FakeSecrets)(choice)
    assert caught.value.facts["retryable"] is False


def test_choosing_one_provider_imports_no_other() -> None:
    program = """
import json, sys
from batchwork.adapters.providers import providers
from batchwork.domain.agent import ProviderChoice
before = set(sys.modules)
providers(lambda: None, lambda: None)(ProviderChoice(type="knowledge"))
print(json.dumps([sorted(before), sorted(set(sys.modules) - before)]))
"""
    ran = subprocess.run(
        [sys.executable, "-c", program], env={"PYTHONPATH": str(LAYER)}, capture_output=True, check=True
    )
    before, after = json.loads(ran.stdout)
    assert "sqlite3" not in before
    assert "batchwork.adapters.providers.knowledge" in after
    for name in ("bedrock", "openai", "lambda_function"):
        assert f"batchwork.adapters.providers.{name}" not in {*before, *after}
