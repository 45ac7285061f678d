"""SecretStore: the fake and the adapter, held to the same words."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError, ConnectTimeoutError
from fakes.clock import FakeClock
from fakes.secrets import FakeSecrets

from batchwork.adapters import aws
from batchwork.adapters.secrets import AwsSecrets
from batchwork.domain.errors import ProviderFailed
from batchwork.ports import SecretStore

SECRETS = {
    "secretsmanager:agents/key": "from-secrets-manager",
    "ssm:/agents/key": "from-parameter-store",
}


def in_aws() -> AwsSecrets:
    aws.client("secretsmanager").create_secret(Name="agents/key", SecretString="from-secrets-manager")
    aws.client("ssm").put_parameter(Name="/agents/key", Value="from-parameter-store", Type="SecureString")
    return AwsSecrets(FakeClock())


@pytest.fixture(params=[lambda: FakeSecrets(SECRETS), in_aws], ids=["fake", "aws"])
def secrets(request: pytest.FixtureRequest, in_moto: None) -> SecretStore:
    make: Callable[[], SecretStore] = request.param
    return make()


@pytest.mark.parametrize(("reference", "secret"), SECRETS.items())
def test_a_secret_is_found_by_its_reference(secrets: SecretStore, reference: str, secret: str) -> None:
    assert secrets.get(reference) == secret


@pytest.mark.parametrize(
    "reference", ["secretsmanager:none", "ssm:/none", "ssm:", "vault:agents/key", "agents/key", ""]
)
def test_a_reference_to_nothing_is_refused_for_good_and_without_naming_it(secrets: SecretStore, reference: str) -> None:
    with pytest.raises(ProviderFailed) as caught:
        secrets.get(reference)
    assert caught.value.facts["retryable"] is False
    assert "none" not in str(caught.value)
    assert "agents/key" not in str(caught.value)


def test_a_secret_may_be_named_by_its_arn(in_moto: None) -> None:
    made = aws.client("secretsmanager").create_secret(Name="by-arn", SecretString="found")
    assert AwsSecrets(FakeClock()).get(f"secretsmanager:{made['ARN']}") == "found"


def test_a_binary_secret_is_read_as_text(in_moto: None) -> None:
    aws.client("secretsmanager").create_secret(Name="binary", SecretBinary=b"found")
    assert AwsSecrets(FakeClock()).get("secretsmanager:binary") == "found"


def test_a_secret_is_kept_for_five_minutes_and_then_read_again(in_moto: None) -> None:
    ssm, clock = aws.client("ssm"), FakeClock()
    ssm.put_parameter(Name="turned", Value="old", Type="SecureString")
    secrets = AwsSecrets(clock)
    assert secrets.get("ssm:turned") == "old"
    ssm.put_parameter(Name="turned", Value="new", Type="SecureString", Overwrite=True)
    clock.pass_(timedelta(minutes=4, seconds=59))
    assert secrets.get("ssm:turned") == "old"
    clock.pass_(timedelta(seconds=1))
    assert secrets.get("ssm:turned") == "new"


class Broken:
    """An SSM client whose every call fails; once healed it answers."""

    def __init__(self, error: Exception) -> None:
        self.error: Exception | None = error

    def get_parameter(self, **_: Any) -> dict[str, Any]:
        if self.error:
            raise self.error
        return {"Parameter": {"Value": "found"}}


def answered(code: str, status: int) -> ClientError:
    response: Any = {
        "Error": {"Code": code, "Message": "arn:aws:iam::123456789012:role/x"},
        "ResponseMetadata": {"HTTPStatusCode": status, "HTTPHeaders": {}},
    }
    return ClientError(response, "GetParameter")


@pytest.mark.parametrize(
    ("error", "retryable"),
    [
        (answered("ThrottlingException", 400), True),
        (answered("InternalServerError", 500), True),
        (ConnectTimeoutError(endpoint_url="https://ssm.invalid"), True),
        (answered("AccessDeniedException", 400), False),
        (answered("InvalidKeyId", 400), False),
    ],
)
def test_only_what_passes_by_itself_is_worth_another_try(error: Exception, retryable: bool) -> None:
    secrets = AwsSecrets(FakeClock(), ssm=Broken(error))  # type: ignore[arg-type]
    with pytest.raises(ProviderFailed) as caught:
        secrets.get("ssm:key")
    assert caught.value.facts["retryable"] is retryable
    assert "123456789012" not in str(caught.value)


def test_a_failure_is_not_kept() -> None:
    ssm = Broken(answered("ThrottlingException", 400))
    secrets = AwsSecrets(FakeClock(), ssm=ssm)  # type: ignore[arg-type]
    with pytest.raises(ProviderFailed):
        secrets.get("ssm:key")
    ssm.error = None
    assert secrets.get("ssm:key") == "found"
