"""Events: what happened to a workspace's resources, as its webhook endpoints are told."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from batchwork.domain.item import Json


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One thing that happened. id: unique, the same however often it is told; type: such as ``post.created``.

    subject: the id of the resource that it is about. data: what is told of it, in the words of its API.
    """

    id: str
    type: str
    workspace_id: str
    subject: str
    created_at: datetime
    data: Json
