"""Agents: what answers messages. Versions are immutable; a batch works with the version it was accepted with."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from batchwork.domain.item import Json


class VersionStatus(StrEnum):
    """Where an agent's version stands (spec messages 3.3)."""

    #: Made by create or update, not yet published.
    DRAFT = "draft"
    #: The one that answers.
    PUBLISHED = "published"
    #: Was published; another is now.
    ARCHIVED = "archived"


@dataclass(frozen=True, slots=True, kw_only=True)
class Agent:
    """An agent's identity. latest and published: version numbers, from 1; published is None until the first publish."""

    id: str
    workspace_id: str
    name: str
    created_at: datetime
    updated_at: datetime
    latest: int = 1
    published: int | None = None
    description: str | None = None


@dataclass(frozen=True, slots=True)
class Document:
    """A text that a knowledge agent may answer from."""

    title: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderChoice:
    """Which provider answers, and its settings.

    type: knowledge, bedrock, openai or lambda. settings by type:
    bedrock {model, region?}; openai {base_url, model, key_ref?}; lambda {function_arn}; knowledge {passages?}.
    Any of them may set {max_tokens, temperature}. key_ref: ``secretsmanager:NAME`` or ``ssm:NAME``.
    """

    type: str
    settings: Json = field(default_factory=dict)


def is_own_secret(workspace_id: str, key_ref: str) -> bool:
    """Whether a secret was filed for a workspace, under ``batchwork/<workspace id>/``: any other name would let one
    workspace spend, or send to an address of its own choice, what belongs to another.
    """
    own = rf"(secretsmanager:|ssm:/?)batchwork/{re.escape(workspace_id)}/[A-Za-z0-9_.+=@/-]{{1,200}}"
    return re.fullmatch(own, key_ref) is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentVersion:
    """What an agent is, at one version."""

    id: str
    agent_id: str
    workspace_id: str
    number: int
    name: str
    provider: ProviderChoice
    created_at: datetime
    description: str | None = None
    system_prompt: str = ""
    suggested_questions: tuple[str, ...] = ()
    documents: tuple[Document, ...] = ()
    attachment_ids: tuple[str, ...] = ()
    use_search: bool = False
    unified_tools: tuple[Json, ...] = ()
    primary_object_ids: tuple[str, ...] = ()
    llm_model: str | None = None
    was_published: bool = False

    def status(self, agent: Agent) -> VersionStatus:
        """Return where this version stands in its agent."""
        if agent.published == self.number:
            return VersionStatus.PUBLISHED
        return VersionStatus.ARCHIVED if self.was_published else VersionStatus.DRAFT
