"""What the messages family needs of the world."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Protocol

from batchwork.ports import Page

if TYPE_CHECKING:
    from batchwork.domain.agent import Agent, AgentVersion, ProviderChoice
    from batchwork.domain.chat import Chat, StoredFile, Turn
    from batchwork.domain.item import Json


class AgentStore(Protocol):
    """Agents and their versions."""

    def put(self, agent: Agent, version: AgentVersion) -> None:
        """Store a new version and the agent that points to it; the version number must be new.

        Raises Conflict when another update took the number: closes update against update.
        """

    def publish(self, agent: Agent, version: AgentVersion, now: datetime) -> Agent:
        """Make a version the published one and note that it was published. Returns the agent as it now is."""

    def get(self, workspace_id: str, agent_id: str) -> Agent | None:
        """Return an agent."""

    def get_many(self, workspace_id: str, agent_ids: Iterable[str]) -> dict[str, Agent]:
        """Return the agents there are among up to 1000 ids, in as few calls as there are hundreds."""

    def find(self, workspace_id: str) -> list[Agent]:
        """Return every agent of a workspace, newest first."""

    def version(self, workspace_id: str, agent_id: str, number: int) -> AgentVersion | None:
        """Return a version."""

    def versions(self, workspace_id: str, agent_id: str) -> list[AgentVersion]:
        """Return the versions of an agent, newest first."""

    def version_named(self, workspace_id: str, agent_id: str, version_id: str) -> AgentVersion | None:
        """Return a version by its id."""

    def version_many(self, workspace_id: str, wanted: Iterable[tuple[str, int]]) -> dict[str, AgentVersion]:
        """Return by agent id what there is of (agent id, version number), in as few calls as there are hundreds."""


class ChatStore(Protocol):
    """Chats and their turns."""

    def create(self, chat: Chat) -> Chat:
        """Store a new chat without turns and return it; one that is there already is returned as it is: closes try
        against try.
        """

    def add(self, started: Sequence[tuple[Chat, Turn]], continued: Sequence[tuple[str, Turn]]) -> None:
        """Store new chats with their first turn, and further turns of (workspace id) existing ones; repeatable."""

    def get(self, workspace_id: str, chat_id: int) -> Chat | None:
        """Return a chat."""

    def rename(self, workspace_id: str, chat_id: int, name: str) -> Chat | None:
        """Rename a chat; None when there is none."""

    def find(self, workspace_id: str, offset: int, limit: int) -> Page[Chat]:
        """Return chats, newest (highest id) first."""

    def turn(self, workspace_id: str, chat_id: int, turn_id: int) -> Turn | None:
        """Return a turn, strongly consistent."""

    def turns(self, workspace_id: str, chat_id: int) -> list[Turn]:
        """Return a chat's turns, oldest first: by their time, and by their ids within one moment."""


class FileStore(Protocol):
    """Uploaded files and their bytes."""

    def put(self, file: StoredFile, content: bytes) -> None:
        """Store a file whole."""

    def announce(self, file: StoredFile, expires: timedelta, limit: int) -> tuple[str, Json]:
        """Store a file's row and return (url, form fields) of a presigned POST that takes up to `limit` bytes."""

    def get(self, workspace_id: str, file_id: str) -> StoredFile | None:
        """Return a file's row."""

    def url(self, file: StoredFile, expires: timedelta) -> str:
        """Return a URL that answers GET with the file's bytes, without a key, until it expires."""

    def content(self, file: StoredFile, limit: int) -> bytes | None:
        """Return a file's bytes, None while it is not uploaded or when it is over `limit` bytes."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """What a provider is asked.

    history: earlier (message, answer) pairs, oldest first. attachments: (file name, text) of attached files.
    """

    version: AgentVersion
    history: tuple[tuple[str, str], ...]
    message: str
    attachments: tuple[tuple[str, str], ...] = ()
    user: str | None = None


@dataclass(frozen=True, slots=True)
class Reply:
    """What a provider answered. Tokens as the provider counts them."""

    text: str
    model: str
    prompt_tokens: int
    completion_tokens: int
    tool_calls: tuple[Json, ...] = ()


class Provider(Protocol):
    """A model, or something that answers like one; safe to call from many threads."""

    def answer(self, prompt: Prompt, timeout: timedelta, token: str) -> Reply:
        """Answer within the timeout. token: idempotency token for the far side.

        Raises ProviderFailed with facts `reason`, `retryable` (bool) and `retry_after` (timedelta or None).
        """


class Providers(Protocol):
    """Opens the provider that an agent version chose."""

    def __call__(self, choice: ProviderChoice) -> Provider:
        """Return the provider, the same one for the same choice."""
