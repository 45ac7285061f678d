"""Amazon Bedrock, through its Converse API, which reads the same for every model."""

from __future__ import annotations

import math
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from batchwork.adapters import aws
from batchwork.adapters.providers.failures import failed, failed_aws
from batchwork.adapters.providers.prompting import dialogue, system_text
from batchwork.domain.agent import ProviderChoice
from batchwork.domain.item import Json
from batchwork.domain.recent import Recent
from batchwork.ports.messages import Prompt, Reply

if TYPE_CHECKING:
    from types_boto3_bedrock_runtime import BedrockRuntimeClient

_SERVICE = "Amazon Bedrock"
#: A client's timeout is fixed when it is made; callers use one or two different ones.
_clients: Recent[tuple[str | None, int], BedrockRuntimeClient] = Recent(8)


class Bedrock:
    """A model on Amazon Bedrock. settings: model, region?, max_tokens?, temperature?."""

    def __init__(self, choice: ProviderChoice, client: BedrockRuntimeClient | None = None) -> None:
        self._model: str = choice.settings["model"]
        self._settings = choice.settings
        self._client = client

    def answer(self, prompt: Prompt, timeout: timedelta, token: str) -> Reply:  # noqa: ARG002 -- Converse takes no token
        """Answer through Converse. Raises ProviderFailed."""
        request: dict[str, Any] = {
            "modelId": self._model,
            "messages": [{"role": role, "content": [{"text": text}]} for role, text in dialogue(prompt)],
        }
        if system := system_text(prompt):
            request["system"] = [{"text": system}]
        if limits := self._limits():
            request["inferenceConfig"] = limits
        try:
            client = self._client or client_for(self._settings.get("region"), timeout)
            return self._reply(client.converse(**request))
        except (ClientError, BotoCoreError) as exc:
            raise failed_aws(_SERVICE, exc) from exc

    def _limits(self) -> Json:
        wanted = {
            "maxTokens": self._settings.get("max_tokens"),
            "temperature": self._settings.get("temperature"),
        }
        return {name: value for name, value in wanted.items() if value is not None}

    def _reply(self, answer: Any) -> Reply:
        blocks = answer.get("output", {}).get("message", {}).get("content", [])
        text = "".join(block["text"] for block in blocks if "text" in block)
        if not text:
            raise failed(f"{_SERVICE} answered without text (stop reason {answer.get('stopReason', 'unknown')})")
        usage = answer.get("usage", {})
        return Reply(text, self._model, usage.get("inputTokens", 0), usage.get("outputTokens", 0))


def client_for(region: str | None, timeout: timedelta) -> BedrockRuntimeClient:
    """Return a client that waits for an answer as long as the timeout, in whole seconds, and tries once.

    Trying again is the engine's: its attempts are counted, and waited for without holding a worker.
    """
    seconds = max(1, math.ceil(timeout.total_seconds()))

    def make() -> BedrockRuntimeClient:
        client: BedrockRuntimeClient = aws.client(
            "bedrock-runtime",
            read_timeout=seconds,
            retries={"mode": "standard", "total_max_attempts": 1},
            **({"region_name": region} if region else {}),
        )
        return client

    return _clients.get((region, seconds), make)
