"""Any endpoint that speaks OpenAI's chat completions: OpenAI itself, vLLM, Ollama, gateways."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from batchwork.adapters.providers.failures import failed
from batchwork.adapters.providers.prompting import dialogue, system_text
from batchwork.domain.agent import ProviderChoice
from batchwork.domain.errors import EgressRefused
from batchwork.domain.item import Json
from batchwork.ports import Answer, Egress, SecretStore
from batchwork.ports.messages import Prompt, Reply

#: Bytes of an answer that are read.
ANSWER_LIMIT = 4 * 1024 * 1024
#: Beside 429 and 5xx: request timeout, conflict and too early, which OpenAI's own clients try again.
_PASSING = frozenset({408, 409, 425, 429})
#: An error's machine-readable name may be shown; its text may quote the key.
_NAME = re.compile(r"[a-z_]{1,64}")
#: Printable ASCII: http.client's own complaint about anything else would quote it.
_KEY = re.compile(r"[!-~](?:[ -~]*[!-~])?")


class OpenAI:
    """A chat completions endpoint. settings: base_url, model, key_ref?, max_tokens?, temperature?."""

    def __init__(self, choice: ProviderChoice, egress: Egress, secrets: Callable[[], SecretStore]) -> None:
        self._model: str = choice.settings["model"]
        self._base_url: str = choice.settings["base_url"].rstrip("/")
        self._settings = choice.settings
        self._egress = egress
        self._secrets = secrets

    def answer(self, prompt: Prompt, timeout: timedelta, token: str) -> Reply:
        """Answer through POST {base_url}/chat/completions. Raises ProviderFailed."""
        url = f"{self._base_url}/chat/completions"
        headers = {"Content-Type": "application/json", "Accept": "application/json", "Idempotency-Key": token}
        if reference := self._settings.get("key_ref"):
            headers["Authorization"] = f"Bearer {self._key(reference)}"
        body = json.dumps(self._request(prompt)).encode()
        try:
            answer = self._egress.post(url, body, headers, timeout, ANSWER_LIMIT)
        except EgressRefused as exc:
            raise failed("The address of the model endpoint is not allowed") from exc
        except OSError as exc:
            raise failed("The model endpoint did not answer in time or could not be reached", retryable=True) from exc
        if answer.status != 200:
            raise failed(
                f"The model endpoint answered HTTP {answer.status}{_name_of(answer)}",
                retryable=answer.status in _PASSING or answer.status >= 500,
                retry_after=answer.retry_after,
            )
        return self._reply(answer.body)

    def _key(self, reference: str) -> str:
        key = self._secrets().get(reference).strip()
        if not _KEY.fullmatch(key):
            raise failed("The agent's key is not one that an Authorization header can carry")
        return key

    def _request(self, prompt: Prompt) -> Json:
        messages = [{"role": role, "content": text} for role, text in dialogue(prompt)]
        if system := system_text(prompt):
            messages.insert(0, {"role": "system", "content": system})
        wanted = {
            "model": self._model,
            "messages": messages,
            "max_tokens": self._settings.get("max_tokens"),
            "temperature": self._settings.get("temperature"),
            "user": prompt.user,
        }
        return {name: value for name, value in wanted.items() if value is not None}

    def _reply(self, body: bytes) -> Reply:
        try:
            answer = json.loads(body)
            text = _text_of(answer["choices"][0]["message"])
            usage = answer.get("usage") or {}
            prompt_tokens, completion_tokens = usage.get("prompt_tokens") or 0, usage.get("completion_tokens") or 0
            model = answer.get("model") or self._model
        except (ValueError, KeyError, IndexError, TypeError, AttributeError, RecursionError) as exc:
            raise failed("The model endpoint's answer is not a chat completion") from exc
        if not isinstance(model, str) or not isinstance(prompt_tokens, int) or not isinstance(completion_tokens, int):
            raise failed("The model endpoint's answer is not a chat completion")
        if not text:
            raise failed("The model endpoint answered without text")
        return Reply(text, model, prompt_tokens, completion_tokens)


def _text_of(message: Any) -> str:
    """Return a message's text: a string, a list of parts, or a refusal."""
    content = message.get("content") or message.get("refusal") or ""
    if isinstance(content, list):
        content = "".join(part["text"] for part in content if part.get("type") == "text")
    if not isinstance(content, str):
        raise TypeError(type(content).__name__)
    return content


def _name_of(answer: Answer) -> str:
    """Return ' (name)' of an error's code or type, if it has one that is safe to show."""
    try:
        error = json.loads(answer.body)["error"]
        name = error.get("code") or error.get("type")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return ""
    return f" ({name})" if isinstance(name, str) and _NAME.fullmatch(name) else ""
