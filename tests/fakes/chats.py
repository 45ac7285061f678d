from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from batchwork.domain.chat import Chat, Turn
from batchwork.ports import Page


class FakeChats:
    """ChatStore in memory."""

    def __init__(self) -> None:
        self._chats: dict[tuple[str, int], Chat] = {}
        self._turns: dict[tuple[str, int, int], Turn] = {}

    def create(self, chat: Chat) -> Chat:
        return self._chats.setdefault((chat.workspace_id, chat.id), chat)

    def add(self, started: Sequence[tuple[Chat, Turn]], continued: Sequence[tuple[str, Turn]]) -> None:
        for chat, turn in started:
            self._chats[chat.workspace_id, chat.id] = chat
            self._turns[chat.workspace_id, chat.id, turn.id] = turn
        for workspace_id, turn in continued:
            self._turns[workspace_id, turn.chat_id, turn.id] = turn

    def get(self, workspace_id: str, chat_id: int) -> Chat | None:
        return self._chats.get((workspace_id, chat_id))

    def rename(self, workspace_id: str, chat_id: int, name: str) -> Chat | None:
        chat = self.get(workspace_id, chat_id)
        if chat is None:
            return None
        self._chats[workspace_id, chat_id] = renamed = replace(chat, name=name)
        return renamed

    def find(self, workspace_id: str, offset: int, limit: int) -> Page[Chat]:
        own = [chat for (owner, _), chat in self._chats.items() if owner == workspace_id]
        own.sort(key=lambda chat: chat.id, reverse=True)
        return Page(own[offset : offset + limit], len(own))

    def turn(self, workspace_id: str, chat_id: int, turn_id: int) -> Turn | None:
        return self._turns.get((workspace_id, chat_id, turn_id))

    def turns(self, workspace_id: str, chat_id: int) -> list[Turn]:
        own = [turn for at, turn in self._turns.items() if at[:2] == (workspace_id, chat_id)]
        return sorted(own, key=lambda turn: (turn.created_at, turn.id))
