"""What is done to an item of a messages batch: its message is put to its agent (seed 002)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from batchwork.domain.agent import AgentVersion
from batchwork.domain.batch import Batch
from batchwork.domain.chat import SLICE_SIZE, Chat, Turn
from batchwork.domain.errors import EngineFailed, InvalidRequest, ProviderFailed
from batchwork.domain.item import Failure, Item, ItemError, Json, Outcome, Result, Success
from batchwork.domain.recent import Recent
from batchwork.ports.messages import AgentStore, ChatStore
from batchwork.processors.messages.conversation import Conversation
from batchwork.processors.messages.usage import usage_of

#: Characters of a chat's name (seed 002); a chat without one is named by the beginning of its first message.
NAME_LIMIT = 256


class MessagesProcessor:
    """Answers items with the agent versions that their batch was accepted with.

    Batch attributes: agent_id and version of the default agent; an item that overrides the agent carries both itself,
    so that the header, written once a slice, stays small. first_id: item i owns the integers first_id + 2i (its new
    chat) and first_id + 2i + 1 (its turn), so that a retry writes the same rows.
    """

    slice_size = SLICE_SIZE

    def __init__(
        self, *, agents: AgentStore, chats: ChatStore, conversation: Conversation, item_timeout: timedelta
    ) -> None:
        self.item_timeout = item_timeout
        self._agents = agents
        self._chats = chats
        self._conversation = conversation
        self._versions: Recent[tuple[str, str, int], AgentVersion] = Recent(64)

    def process(self, batch: Batch, item: Item, token: str) -> Outcome:
        """Ask the item's agent. Raises EngineFailed when the agent version pinned at submit is gone."""
        version = self._version(batch, item)
        history_id = item.body.get("history_id")
        history = None if history_id is None else self._chats.get(batch.workspace_id, history_id)
        if history_id is not None and history is None:
            return Failure(ItemError(400, f"history_id {history_id} not found"))
        try:
            reply = self._conversation.ask(
                version,
                item.body["message"],
                history=history,
                file_ids=item.body.get("attached_file_uuids") or (),
                user=item.body.get("external_user_id"),
                timeout=self.item_timeout,
                token=token,
            )
        except InvalidRequest as exc:
            return Failure(ItemError(400, "; ".join(f"{problem.place}: {problem.message}" for problem in exc.problems)))
        except ProviderFailed as exc:
            return Failure(
                ItemError(500, str(exc)),
                retryable=exc.facts.get("retryable", False),
                retry_after=exc.facts.get("retry_after"),
            )
        chat_id, turn_id = self._ids(batch, item)
        return Success(
            {
                "response_content": reply.text,
                "response_usage": usage_of(reply),
                "history_id": chat_id,
                "conversation_id": turn_id,
            }
        )

    def keep(self, batch: Batch, done: Sequence[tuple[Item, Result]]) -> None:
        """Store the turns of items that succeeded, with a new chat for those that continue none; repeatable."""
        started: list[tuple[Chat, Turn]] = []
        continued: list[tuple[str, Turn]] = []
        for item, result in done:
            if result.output is None:
                continue
            turn = self._turn(batch, item, result, result.output)
            if item.body.get("history_id") is not None:
                continued.append((batch.workspace_id, turn))
                continue
            chat = Chat(
                id=turn.chat_id,
                workspace_id=batch.workspace_id,
                name=(item.body.get("name") or item.body["message"])[:NAME_LIMIT],
                agent_id=turn.agent_id,
                created_at=result.finished_at,
                external_user_id=item.body.get("external_user_id"),
            )
            started.append((chat, turn))
        if started or continued:
            self._chats.add(started, continued)

    def _turn(self, batch: Batch, item: Item, result: Result, output: Json) -> Turn:
        chat_id, turn_id = self._ids(batch, item)
        return Turn(
            id=turn_id,
            chat_id=chat_id,
            agent_id=self._agent_id(batch, item),
            message=item.body["message"],
            answer=output["response_content"],
            usage=output["response_usage"],
            created_at=result.finished_at,
            file_ids=tuple(item.body.get("attached_file_uuids") or ()),
        )

    def _version(self, batch: Batch, item: Item) -> AgentVersion:
        agent_id = self._agent_id(batch, item)
        number = int((item.body if "agent_id" in item.body else batch.attributes)["version"])
        return self._versions.get(
            (batch.workspace_id, agent_id, number), lambda: self._stored(batch.workspace_id, agent_id, number)
        )

    def _stored(self, workspace_id: str, agent_id: str, number: int) -> AgentVersion:
        version = self._agents.version(workspace_id, agent_id, number)
        if version is None:
            raise EngineFailed(reason=f"Version {number} of agent {agent_id} is gone")
        return version

    @staticmethod
    def _agent_id(batch: Batch, item: Item) -> str:
        return str(item.body.get("agent_id") or batch.attributes["agent_id"])

    @staticmethod
    def _ids(batch: Batch, item: Item) -> tuple[int, int]:
        first = int(batch.attributes["first_id"]) + 2 * item.index
        history_id = item.body.get("history_id")
        return (first if history_id is None else int(history_id)), first + 1
