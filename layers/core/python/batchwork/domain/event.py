"""Events: what happened to a workspace's resources, as its webhook endpoints are told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from batchwork.domain.item import Json


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One thing that happened. id: unique, the same however often it is told; type: such as ``post.created``. style: of the
    endpoints that may be told, such as ``voxburst``.

    subject: the id of the resource that it is about; an endpoint is not told of itself. data: returns what is told of it,
    in the words of its API and the shapes of a version of it (None in styles that have none), and None when that is gone; it
    is called only when somebody is told, and may read then.
    topic: (resource type, resource id) that an endpoint has to be subscribed to, None for events that endpoints ask for
    by themselves. versions: of endpoints that know of it, empty for all.
    """

    id: str
    type: str
    style: str
    workspace_id: str
    subject: str
    created_at: datetime
    data: Callable[[str | None], Json | None] = field(repr=False, compare=False)
    topic: tuple[str, str] | None = None
    versions: frozenset[str] = frozenset()
