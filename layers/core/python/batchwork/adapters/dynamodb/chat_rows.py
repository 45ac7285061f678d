"""Chats and turns as rows, kept small: a new chat with its first turn is to cost one write unit (1 KB, AWS limit).

A row is its keys and one packed list, without the names of fields; ids stand in the keys. A chat that a batch started
carries its first turn in its own row, further turns are rows after it.
"""

from __future__ import annotations

from typing import Any

from batchwork.adapters.dynamodb import keys
from batchwork.adapters.dynamodb.attributes import millis, row, time_of
from batchwork.adapters.packing import Packer
from batchwork.domain.chat import Chat, Turn
from batchwork.domain.item import Json

_CALL = ("model", "call_type", "total_tokens", "prompt_tokens", "completion_tokens")
_TOTALS = ("total_calls", "total_tokens", "total_prompt_tokens", "total_completion_tokens")


def chat_row(chat: Chat, turn: Turn | None, packer: Packer) -> dict[str, Any]:
    """Return a chat's row, in wire form, with its first turn if it has one."""
    content: list[Any] = [chat.name, chat.external_user_id, chat.agent_id, millis(chat.created_at)]
    if turn is not None:
        content += [turn.id, *_turn_content(turn, chat)]
    packed = packer.write(content, f"chats/{chat.workspace_id}/{chat.id}/chat")
    return keys.chat(chat.workspace_id, chat.id) | row(packed)


def turn_row(workspace_id: str, turn: Turn, packer: Packer) -> dict[str, Any]:
    """Return a further turn's row, in wire form."""
    packed = packer.write(_turn_content(turn, None), f"chats/{workspace_id}/{turn.chat_id}/{turn.id}")
    return keys.turn(workspace_id, turn.chat_id, turn.id) | row(packed)


def is_chat(values: dict[str, Any]) -> bool:
    """Whether a row is a chat, as opposed to a turn after it."""
    return "#" not in values["sk"]


def chat_of(workspace_id: str, values: dict[str, Any], packer: Packer) -> Chat:
    """Return the chat of its row; `name` stands beside the packed list once it was renamed."""
    name, user, agent_id, created = packer.read(values)[:4]
    return Chat(
        id=int(values["sk"]),
        workspace_id=workspace_id,
        name=values.get("name", name),
        agent_id=agent_id,
        created_at=time_of(created),
        external_user_id=user,
    )


def turn_of(values: dict[str, Any], packer: Packer) -> Turn | None:
    """Return the turn that a row holds; None for a chat that began empty."""
    content = packer.read(values)
    chat_id, _, turn_id = values["sk"].partition("#")
    if turn_id:
        return _turn(int(turn_id), int(chat_id), content)
    if len(content) == 4:
        return None
    _, _, agent_id, created, first_id, own_agent_id, own_created, *rest = content
    return _turn(first_id, int(chat_id), [own_agent_id or agent_id, own_created or created, *rest])


def _turn_content(turn: Turn, chat: Chat | None) -> list[Any]:
    """Return a turn as a list; what is the same as its chat's is None."""
    agent_id = None if chat is not None and chat.agent_id == turn.agent_id else turn.agent_id
    created = None if chat is not None and chat.created_at == turn.created_at else millis(turn.created_at)
    return [agent_id, created, turn.message, turn.answer, _squeezed(turn.usage), *turn.file_ids]


def _turn(turn_id: int, chat_id: int, content: list[Any]) -> Turn:
    agent_id, created, message, answer, usage, *file_ids = content
    return Turn(
        id=turn_id,
        chat_id=chat_id,
        agent_id=agent_id,
        message=message,
        answer=answer,
        usage=_restored(usage),
        created_at=time_of(created),
        file_ids=tuple(file_ids),
    )


def _squeezed(usage: Json) -> Any:
    """Return usage in the seed's shape as a list of its values: its field names are half as long as an answer."""
    main, calls = usage.get("main_response"), usage.get("tool_calls")
    if set(usage) != {"main_response", "tool_calls", *_TOTALS} or not isinstance(calls, list):
        return usage
    if any(not isinstance(call, dict) or set(call) != set(_CALL) for call in [*calls, main] if call is not None):
        return usage
    values = [None if call is None else [call[name] for name in _CALL] for call in [main, *calls]]
    return [[usage[name] for name in _TOTALS], *values]


def _restored(kept: Any) -> Json:
    if isinstance(kept, dict):
        return kept
    totals, main, *calls = kept
    usage: Json = dict(zip(_TOTALS, totals, strict=True))
    usage["main_response"] = None if main is None else dict(zip(_CALL, main, strict=True))
    usage["tool_calls"] = [None if call is None else dict(zip(_CALL, call, strict=True)) for call in calls]
    return usage
