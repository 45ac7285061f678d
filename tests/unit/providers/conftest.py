from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from factories import AT

from batchwork.adapters import aws
from batchwork.domain.agent import AgentVersion, Document, ProviderChoice
from batchwork.ports.messages import Prompt

MakePrompt = Callable[..., Prompt]


@pytest.fixture(autouse=True)
def _no_account(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_DEFAULT_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(name, value)
    for name in ("AWS_ENDPOINT_URL", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    aws._session.cache_clear()


@pytest.fixture
def a_prompt() -> MakePrompt:
    def make(
        message: str = "What are your business hours?",
        *,
        system_prompt: str = "",
        documents: tuple[tuple[str, str], ...] = (),
        version_id: str = "version-1",
        workspace_id: str = "acme",
        **fields: Any,
    ) -> Prompt:
        version = AgentVersion(
            id=version_id,
            agent_id="agent-1",
            workspace_id=workspace_id,
            number=1,
            name="Support",
            provider=ProviderChoice(type="knowledge"),
            created_at=AT,
            system_prompt=system_prompt,
            documents=tuple(Document(title, text) for title, text in documents),
        )
        return Prompt(**{"version": version, "history": (), "message": message, **fields})

    return make
