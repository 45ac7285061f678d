"""Providers: what answers messages, chosen by each agent version."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

from batchwork.domain.agent import ProviderChoice
from batchwork.domain.errors import ProviderFailed
from batchwork.ports import Clock, Egress, SecretStore
from batchwork.ports.messages import Provider, Providers


def open_providers(clock: Clock, *, allow_loopback: bool) -> Providers:
    """Return the choice between all providers, with the egress and the secrets of this process."""

    def egress() -> Egress:
        from batchwork.adapters.http import HttpEgress

        return HttpEgress(allow_loopback=allow_loopback)

    def secrets() -> SecretStore:
        from batchwork.adapters.secrets import AwsSecrets

        return AwsSecrets(clock)

    return providers(egress, secrets)


def providers(egress: Callable[[], Egress], secrets: Callable[[], SecretStore]) -> Providers:
    """Return the choice between all providers; what one needs is imported and built when it is first chosen."""
    egress, secrets = cache(egress), cache(secrets)

    @cache
    def bench(kind: str) -> Callable[[ProviderChoice], Provider]:
        match kind:
            case "knowledge":
                from batchwork.adapters.providers.knowledge import Library

                return Library().provider
            case "bedrock":
                from batchwork.adapters.providers.bedrock import Bedrock

                return Bedrock
            case "openai":
                from batchwork.adapters.providers.openai import OpenAI

                return lambda choice: OpenAI(choice, egress(), secrets)
            case "lambda":
                from batchwork.adapters.providers.lambda_function import LambdaFunction

                return LambdaFunction
        raise ProviderFailed(reason=f"The agent's provider {kind!r} is not known", retryable=False, retry_after=None)

    def chosen(choice: ProviderChoice) -> Provider:
        try:
            return bench(choice.type)(choice)
        except KeyError as exc:
            reason = f"The agent's provider {choice.type!r} lacks the setting {exc}"
            raise ProviderFailed(reason=reason, retryable=False, retry_after=None) from exc

    return chosen
