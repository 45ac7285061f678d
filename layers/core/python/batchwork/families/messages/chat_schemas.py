"""The bodies of the chat and upload routes (spec messages 3.4, 3.5).

What the spec leaves open is chosen here, the same as for batches (schemas.py): external_user_id has at most 255
characters, a message at least one, and at most 100 files are attached.
"""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from pydantic import Field

from batchwork.edge.shapes import Shape
from batchwork.use_cases.files import MAX_UPLOAD

Name = Annotated[str, Field(min_length=1, max_length=256)]
UserId = Annotated[str, Field(max_length=255)]


class NewChat(Shape):
    """The body that starts a chat."""

    name: Name
    agent_id: UUID
    external_user_id: UserId | None = None


class ChatChanges(Shape):
    """The body that renames a chat."""

    name: Name


class NewMessage(Shape):
    """The body that asks."""

    message: Annotated[str, Field(min_length=1)]
    agent_id: UUID | None = None
    stream: bool | None = None
    external_user_id: UserId | None = None
    attached_file_uuids: Annotated[list[UUID], Field(max_length=100)] | None = None


class NewUpload(Shape):
    """The body that announces a large file."""

    name: Annotated[str, Field(min_length=1, max_length=255)]
    content_type: Annotated[str, Field(max_length=255)]
    size: Annotated[int, Field(ge=1, le=MAX_UPLOAD)] | None = None
