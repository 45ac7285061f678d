"""Chat with an agent: start, list, rename, and the one turn at a time that a client waits for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from batchwork.domain.agent import AgentVersion
from batchwork.domain.chat import Chat, Turn
from batchwork.domain.errors import AgentNotPublished, NotFound
from batchwork.domain.item import Json
from batchwork.domain.usage import Charge
from batchwork.ports import Clock, Page
from batchwork.ports.identity import Sequences
from batchwork.ports.messages import AgentStore, ChatStore, Reply
from batchwork.use_cases.meter import Meter
from batchwork.use_cases.once import Errand

#: What an errand notes of a message before its turn is stored.
TURN_ID = "turn_id"


class Ask(Protocol):
    """What asks an agent's provider: processors.messages.conversation.Conversation.ask."""

    def __call__(
        self,
        version: AgentVersion,
        message: str,
        *,
        history: Chat | None,
        file_ids: Sequence[str],
        user: str | None,
        timeout: timedelta,
        token: str,
    ) -> Reply:
        """Return the answer. Raises InvalidRequest for files that cannot be attached, and ProviderFailed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """What a chat starts with."""

    name: str
    agent_id: str
    external_user_id: str | None = None


@dataclass(frozen=True, slots=True)
class Chats:
    """Start, read and rename chats."""

    chats: ChatStore
    agents: AgentStore
    sequences: Sequences

    def start(self, workspace_id: str, opening: Opening, errand: Errand) -> Chat:
        """Start a chat without turns, or return the one that an earlier try started. Raises AgentNotPublished."""
        agent = self.agents.get(workspace_id, opening.agent_id)
        if agent is None or agent.published is None:
            raise AgentNotPublished(["agent_id"])
        return self.chats.create(
            Chat(
                id=errand.fixed("chat_id", lambda: self.sequences.reserve(workspace_id, 1)),
                workspace_id=workspace_id,
                name=opening.name,
                agent_id=opening.agent_id,
                created_at=errand.ticket.at,
                external_user_id=opening.external_user_id,
            )
        )

    def get(self, workspace_id: str, chat_id: int) -> Chat:
        """Return a chat. Raises NotFound."""
        return _found(self.chats.get(workspace_id, chat_id))

    def rename(self, workspace_id: str, chat_id: int, name: str) -> Chat:
        """Rename a chat. Raises NotFound."""
        return _found(self.chats.rename(workspace_id, chat_id, name))

    def find(self, workspace_id: str, offset: int, limit: int) -> Page[Chat]:
        """Return chats, newest first."""
        return self.chats.find(workspace_id, offset, limit)

    def turns(self, workspace_id: str, chat_id: int, offset: int, limit: int) -> Page[Turn]:
        """Return a chat's turns, oldest first. Raises NotFound."""
        self.get(workspace_id, chat_id)
        turns = self.chats.turns(workspace_id, chat_id)
        return Page(turns[offset : offset + limit], len(turns))


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A message to a chat. agent_id: answers instead of the chat's own agent."""

    message: str
    agent_id: str | None = None
    external_user_id: str | None = None
    file_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Converse:
    """Put a message to a chat's agent and keep the turn.

    usage_of: returns a reply's ``response_usage``. timeout: the provider's, so that the client is answered in time.
    """

    chats: ChatStore
    agents: AgentStore
    sequences: Sequences
    clock: Clock
    ask: Ask
    usage_of: Callable[[Reply], Json]
    timeout: timedelta
    meter: Meter

    def __call__(self, charge: Charge, chat_id: int, question: Question, errand: Errand) -> Turn:
        """Return the new turn, stored and charged; a message that gets no answer leaves none and costs nothing.

        A turn that an earlier try of the errand stored is returned without asking again.
        Raises NotFound for the chat, AgentNotPublished, QuotaExceeded, InvalidRequest for files that cannot be
        attached, ProviderFailed.
        """
        workspace_id = charge.workspace_id
        chat = _found(self.chats.get(workspace_id, chat_id))
        agent_id = question.agent_id or chat.agent_id
        version = self._published(workspace_id, agent_id)
        kept = self._kept(chat, errand)
        if kept is not None:
            self.meter.charge(charge)
            return kept
        with self.meter.charged(charge):
            reply = self.ask(
                version,
                question.message,
                history=chat,
                file_ids=question.file_ids,
                user=question.external_user_id or chat.external_user_id,
                timeout=self.timeout,
                token=errand.ticket.id,
            )
            turn = Turn(
                # Reserved only now: of two messages at once, the one answered first comes first.
                id=errand.fixed(TURN_ID, lambda: self.sequences.reserve(workspace_id, 1)),
                chat_id=chat_id,
                agent_id=agent_id,
                message=question.message,
                answer=reply.text,
                usage=self.usage_of(reply),
                created_at=self.clock.now(),
                file_ids=question.file_ids,
            )
            self.chats.add([], [(workspace_id, turn)])
        return turn

    def _kept(self, chat: Chat, errand: Errand) -> Turn | None:
        """Return the turn that an earlier try stored: its id was noted before it."""
        turn_id = errand.ticket.noted.get(TURN_ID)
        return None if turn_id is None else self.chats.turn(chat.workspace_id, chat.id, turn_id)

    def _published(self, workspace_id: str, agent_id: str) -> AgentVersion:
        agent = self.agents.get(workspace_id, agent_id)
        published = agent.published if agent else None
        version = None if published is None else self.agents.version(workspace_id, agent_id, published)
        if version is None:
            raise AgentNotPublished(["agent_id"])
        return version


def _found(chat: Chat | None) -> Chat:
    if chat is None:
        raise NotFound(what="Chat")
    return chat
