"""Queue posts that are due: the sweeper finds them, the family's workers publish them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from batchwork.domain.post import Post
from batchwork.ports.operations import PostQueue, Shelf


@dataclass(frozen=True, slots=True)
class QueueDue:
    """What the sweeper does for posts whose time has come, and for rounds that somebody left.

    A post stays due until it is published, so a message that is lost is sent again a minute later.
    """

    posts: Shelf[Post]
    queue: PostQueue

    def due(self, now: datetime, limit: int) -> list[tuple[str, str]]:
        """Return (workspace id, post id) of what is due, most overdue first."""
        return self.posts.due(now, limit)

    def __call__(self, workspace_id: str, post_id: str) -> None:
        """Queue a post."""
        self.queue.send(workspace_id, post_id)
