from __future__ import annotations

from collections.abc import Mapping

from batchwork.domain.errors import ProviderFailed


class FakeSecrets:
    """SecretStore in memory: secrets by reference, such as ``ssm:NAME``. `throttled` makes it fail for a while."""

    def __init__(self, secrets: Mapping[str, str] | None = None) -> None:
        self.secrets = dict(secrets or {})
        self.throttled = False

    def get(self, reference: str) -> str:
        if self.throttled:
            raise ProviderFailed(reason="The store of the agent's key is throttled", retryable=True, retry_after=None)
        if reference not in self.secrets:
            raise ProviderFailed(reason="The agent's key_ref names no secret", retryable=False, retry_after=None)
        return self.secrets[reference]
