"""What a customer may choose of a provider."""

from __future__ import annotations

from functools import partial

import pytest

from batchwork.domain.address import check_url
from batchwork.domain.agent import ProviderChoice
from batchwork.domain.errors import InvalidRequest, OperatorOnly
from batchwork.use_cases.agents import ProviderRules

rules = ProviderRules(partial(check_url, allow_loopback=False))


def openai(**settings: str) -> ProviderChoice:
    return ProviderChoice(type="openai", settings={"base_url": "https://models.example/v1", "model": "m", **settings})


def test_a_lambda_function_is_the_operators_choice() -> None:
    with pytest.raises(OperatorOnly):
        rules("acme", ProviderChoice(type="lambda", settings={"function_arn": "arn:aws:lambda:::function:f"}))


@pytest.mark.parametrize(
    "key_ref",
    [
        "secretsmanager:batchwork/acme/openai",
        "ssm:/batchwork/acme/openai",
        "ssm:batchwork/acme/team/openai-2.key",
    ],
)
def test_a_key_may_be_a_secret_of_the_own_workspace(key_ref: str) -> None:
    rules("acme", openai(key_ref=key_ref))


@pytest.mark.parametrize(
    "key_ref",
    [
        "secretsmanager:batchwork/other/openai",
        "secretsmanager:batchwork/acme2/openai",
        "secretsmanager:batchwork/acme/",
        "secretsmanager:/batchwork/acme/openai",
        "secretsmanager:openai",
        "secretsmanager:arn:aws:secretsmanager:us-east-1:1:secret:batchwork/acme/openai",
        "secretsmanager:prod/batchwork/acme/openai",
        "ssm:/prod/db",
        "ssm:/batchwork/acme/openai\n",
        "ssm:/batchwork/acme/op en",
        "batchwork/acme/openai",
        "plain-key-sk-123",
    ],
)
def test_any_other_key_is_refused(key_ref: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        rules("acme", openai(key_ref=key_ref))
    assert [problem.place for problem in refused.value.problems] == ["provider.key_ref"]


def test_a_key_given_in_place_of_its_name_is_not_repeated() -> None:
    with pytest.raises(InvalidRequest) as refused:
        rules("acme", openai(key_ref="plain-key-sk-123"))
    assert "sk-123" not in repr(refused.value.problems)


@pytest.mark.parametrize(
    "base_url",
    ["http://models.example", "https://169.254.169.254/latest", "https://10.0.0.1", "https://[::1]/v1", "nonsense"],
)
def test_an_address_that_customers_may_not_reach_is_refused(base_url: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        rules("acme", openai(base_url=base_url))
    assert [problem.place for problem in refused.value.problems] == ["provider.base_url"]


@pytest.mark.parametrize("base_url", ["https://models.example/v1?version=2", "https://models.example/v1#top"])
def test_an_address_that_no_path_can_be_appended_to_is_refused(base_url: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        rules("acme", openai(base_url=base_url))
    assert [problem.kind for problem in refused.value.problems] == ["url_refused"]


def test_everything_wrong_is_told_at_once() -> None:
    with pytest.raises(InvalidRequest) as refused:
        rules("acme", openai(base_url="http://models.example", key_ref="mine"))
    assert [problem.place for problem in refused.value.problems] == ["provider.key_ref", "provider.base_url"]


@pytest.mark.parametrize("choice", [ProviderChoice(type="knowledge"), openai()])
def test_everything_else_is_the_customers_choice(choice: ProviderChoice) -> None:
    rules("acme", choice)
