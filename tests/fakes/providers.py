from __future__ import annotations

import threading
from datetime import timedelta

from batchwork.domain.agent import ProviderChoice
from batchwork.domain.errors import ProviderFailed
from batchwork.ports.messages import Prompt, Reply


class FakeProvider:
    """A provider that echoes, and remembers what it was asked; `fail` makes it fail from then on.

    Called with a choice it returns itself, so it stands in for ports.Providers too.
    """

    def __init__(self, *, prefix: str = "You said: ") -> None:
        self.prompts: list[Prompt] = []
        self.timeouts: list[timedelta] = []
        self.tokens: list[str] = []
        self.choices: list[ProviderChoice] = []
        self._prefix = prefix
        self._failure: ProviderFailed | None = None
        self._reply: Reply | None = None
        self._lock = threading.Lock()

    def __call__(self, choice: ProviderChoice) -> FakeProvider:
        self.choices.append(choice)
        return self

    def fail(self, reason: str, *, retryable: bool, retry_after: timedelta | None = None) -> None:
        self._failure = ProviderFailed(reason=reason, retryable=retryable, retry_after=retry_after)

    def say(self, reply: Reply) -> None:
        """Answer everything with this from now on."""
        self._reply = reply

    def answer(self, prompt: Prompt, timeout: timedelta, token: str) -> Reply:
        with self._lock:
            self.prompts.append(prompt)
            self.timeouts.append(timeout)
            self.tokens.append(token)
        if self._failure is not None:
            raise self._failure
        if self._reply is not None:
            return self._reply
        text = f"{self._prefix}{prompt.message}"
        return Reply(text, "echo-1", prompt_tokens=len(prompt.message.split()), completion_tokens=len(text.split()))
