"""Secrets that agents refer to, from AWS Secrets Manager and SSM Parameter Store."""

from __future__ import annotations

from datetime import datetime, timedelta
from threading import Lock
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from batchwork.adapters import aws
from batchwork.adapters.providers.failures import failed, failed_aws
from batchwork.ports import Clock

if TYPE_CHECKING:
    from types_boto3_secretsmanager import SecretsManagerClient
    from types_boto3_ssm import SSMClient

#: How long a changed secret may go unnoticed.
KEPT = timedelta(minutes=5)


class AwsSecrets:
    """Secrets by ``secretsmanager:NAME`` or ``ssm:NAME``; a name may be an ARN. Safe to use from many threads."""

    def __init__(
        self, clock: Clock, secretsmanager: SecretsManagerClient | None = None, ssm: SSMClient | None = None
    ) -> None:
        self._clock = clock
        self._secretsmanager = secretsmanager
        self._ssm = ssm
        self._lock = Lock()
        self._kept: dict[str, tuple[datetime, str]] = {}

    def get(self, reference: str) -> str:
        """Return the secret behind a reference, at most five minutes old.

        Raises ProviderFailed (retryable only when the store was throttled or out of reach). Neither the reference nor
        AWS's message is in it: both may be nobody's business but the operator's.
        """
        # One lock for all: 32 threads that miss together ask once
        with self._lock:
            now = self._clock.now()
            known = self._kept.get(reference)
            if known is None or now - known[0] >= KEPT:
                self._kept[reference] = known = now, self._read(reference)
            return known[1]

    def _read(self, reference: str) -> str:
        store, _, name = reference.partition(":")
        try:
            if store == "secretsmanager" and name:
                return self._from_secrets_manager(name)
            if store == "ssm" and name:
                return self._from_ssm(name)
        except (ClientError, BotoCoreError) as exc:
            raise failed_aws("The store of the agent's key", exc) from exc
        raise failed("The agent's key_ref must read secretsmanager:NAME or ssm:NAME")

    def _from_secrets_manager(self, name: str) -> str:
        if self._secretsmanager is None:
            self._secretsmanager = aws.client("secretsmanager")
        answer = self._secretsmanager.get_secret_value(SecretId=name)
        return answer["SecretString"] if "SecretString" in answer else answer["SecretBinary"].decode()

    def _from_ssm(self, name: str) -> str:
        if self._ssm is None:
            self._ssm = aws.client("ssm")
        return self._ssm.get_parameter(Name=name, WithDecryption=True)["Parameter"]["Value"]
