"""Chats: an agent's conversation with one user, as turns of a message and its answer."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from batchwork.domain.item import Json

#: Messages worked under one lease: few, since an answer takes seconds and each slice shows its results when it is done.
SLICE_SIZE = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Chat:
    """A conversation. id: the integer that the batch API calls history_id, unique in its workspace."""

    id: int
    workspace_id: str
    name: str
    agent_id: str
    created_at: datetime
    external_user_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """One message and its answer. id: the integer that results call conversation_id; a chat shows turns by time.

    usage: the seed's ``response_usage``. file_ids: uuids of the files attached to the message.
    """

    id: int
    chat_id: int
    agent_id: str
    message: str
    answer: str
    usage: Json
    created_at: datetime
    file_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredFile:
    """An uploaded file. size: bytes, None until a presigned upload is seen. scope: ``chat`` or ``persistent``."""

    id: str
    workspace_id: str
    name: str
    content_type: str
    scope: str
    created_at: datetime
    size: int | None = None
