"""Make, change, cancel, copy, remove and list posts.

What the spec leaves open is chosen here: any post but one that is being published can be removed; a copy is for the same
accounts; a queued post takes the next full hour (UTC) that the workspace's queue was not given yet.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from batchwork.domain import post
from batchwork.domain.account import Account
from batchwork.domain.errors import Conflict, NotFound, NotPermitted
from batchwork.domain.idempotency import Ticket
from batchwork.domain.ids import first_id, ordered_id
from batchwork.domain.post import Post, PostPart, PostStatus
from batchwork.domain.resource import checked_id, to_millis
from batchwork.ports import Clock
from batchwork.ports.operations import PublishingHours, Shelf, Slice
from batchwork.use_cases.drafts import Draft, Drafts, part_id, parts_for, post_of
from batchwork.use_cases.revise import TRIES, found, revised

#: What the ids of posts begin with: prefix and the letter of a cuid.
ID = f"{post.PREFIX}c"
CREATED, SCHEDULED = "post.created", "post.scheduled"
_OPEN = frozenset({PostStatus.DRAFT, PostStatus.SCHEDULED})


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which posts are wanted. since, until: when they were made, both included."""

    status: PostStatus | None = None
    platform: str | None = None
    since: datetime | None = None
    until: datetime | None = None

    def __call__(self, each: Post) -> bool:
        """Whether a post is wanted, whenever it was made."""
        return self.status in {None, each.status} and (self.platform is None or self.platform in each.platforms)


@dataclass(frozen=True, slots=True)
class Posts:
    """The life of a post until it is published."""

    posts: Shelf[Post]
    drafts: Drafts
    hours: PublishingHours
    clock: Clock

    def get(self, workspace_id: str, post_id: str) -> Post:
        """Return a post. Raises MalformedId, NotFound."""
        return found(self.posts, workspace_id, checked_id(post_id, post.PREFIX), "Post")

    def page(self, workspace_id: str, after: str | None, limit: int, wanted: Wanted) -> Slice[Post]:
        """Return part of the wanted posts, newest first."""
        since = "" if wanted.since is None else first_id(ID, wanted.since)
        if wanted.until is not None:
            # Answers tell milliseconds: all of the last one is included.
            end = first_id(ID, to_millis(wanted.until) + timedelta(microseconds=999)) + "~"
            after = end if after is None else min(after, end)
        return self.posts.page(workspace_id, after, limit, wanted, since)

    def create(self, workspace_id: str, draft: Draft, ticket: Ticket, accounts: list[Account] | None = None) -> Post:
        """Make a post; the one that an earlier try made is returned as it is by now.

        accounts: what `Drafts.checked` returned; None looks for an earlier try's post first, then checks.
        """
        post_id = ordered_id(ID, ticket)
        if accounts is None:
            stored = self.posts.get(workspace_id, post_id)
            if stored is not None:
                return stored
            accounts = self.drafts.checked(workspace_id, draft)
        at = draft.scheduled_for
        if draft.queue and not draft.as_draft:
            at = self.hours.take(workspace_id, self.clock.now())
        scheduled = at is not None and not draft.as_draft
        made = replace(
            post_of(draft, workspace_id, to_millis(ticket.at)),
            id=post_id,
            status=PostStatus.SCHEDULED if scheduled else PostStatus.DRAFT,
            scheduled_for=at,
            parts=parts_for(accounts, ticket),
        )
        return self._added(made, *((CREATED, SCHEDULED) if scheduled else (CREATED,)))

    def change(self, before: Post, draft: Draft, given: frozenset[str], ticket: Ticket) -> Post:
        """Change a post that was read. Raises what `Drafts.changed` raises, NotFound, Conflict."""

        def step(current: Post) -> tuple[Post, tuple[str, ...]] | None:
            after = self.drafts.changed(current, draft, given, ticket)
            if after is None:
                return None
            anew = current.status is not PostStatus.SCHEDULED or after.scheduled_for != current.scheduled_for
            return after, (SCHEDULED,) if after.status is PostStatus.SCHEDULED and anew else ()

        return revised(self.posts, before, step, "Post")

    def cancelled(self, before: Post, *, again: bool) -> Post | None:
        """Return a post as it is cancelled; None when an earlier try did it. Raises NotPermitted."""
        if again and before.status is PostStatus.CANCELLED:
            return None
        if before.status not in _OPEN:
            raise NotPermitted(reason=f"Only a draft or scheduled post can be cancelled; this one is {before.status}.")
        at = to_millis(self.clock.now())
        return replace(before, status=PostStatus.CANCELLED, revision=before.revision + 1, updated_at=at)

    def cancel(self, before: Post, *, again: bool) -> Post:
        """Keep a post from being published. Raises NotPermitted, NotFound, Conflict."""

        def step(current: Post) -> tuple[Post, tuple[str, ...]] | None:
            after = self.cancelled(current, again=again)
            return None if after is None else (after, ())

        return revised(self.posts, before, step, "Post")

    def clone(self, workspace_id: str, original_id: str, ticket: Ticket, original: Post | None = None) -> Post:
        """Make a draft that says the same, for the same accounts; an earlier try's is returned as it is by now.

        original: as it was read; None looks for an earlier try's copy first. Raises MalformedId, NotFound.
        """
        copy_id = ordered_id(ID, ticket)
        if original is None:
            stored = self.posts.get(workspace_id, copy_id)
            if stored is not None:
                return stored
            original = self.get(workspace_id, original_id)
        at = to_millis(ticket.at)
        copy = Post(
            id=copy_id,
            workspace_id=original.workspace_id,
            created_at=at,
            updated_at=at,
            content=original.content,
            status=PostStatus.DRAFT,
            parts=tuple(
                PostPart(
                    id=part_id(ticket, index),
                    platform=part.platform,
                    account_id=part.account_id,
                    account_name=part.account_name,
                    account_avatar_url=part.account_avatar_url,
                )
                for index, part in enumerate(original.parts)
            ),
            content_type=original.content_type,
            media=original.media,
            metadata=original.metadata,
            extra=original.extra,
        )
        return self._added(copy, CREATED)

    def removable(self, workspace_id: str, post_id: str, *, again: bool) -> Post | None:
        """Return a post that may be removed; None when an earlier try did it.

        Raises MalformedId, NotFound, and NotPermitted while it is being published.
        """
        stored = self.posts.get(workspace_id, checked_id(post_id, post.PREFIX))
        if stored is None and not again:
            raise NotFound(what="Post")
        if stored is not None and stored.status is PostStatus.PUBLISHING:
            raise NotPermitted(reason="A post that is being published cannot be deleted; wait until it is published.")
        return stored

    def remove(self, stored: Post) -> None:
        """Remove a post; what was published of it stays with the networks. Raises NotPermitted, Conflict."""
        for _ in range(TRIES):
            if self.posts.remove(stored.workspace_id, stored.id, stored.revision):
                return
            current = self.removable(stored.workspace_id, stored.id, again=True)
            if current is None:
                return
            stored = current
        raise Conflict(what="The post")

    def _added(self, made: Post, *events: str) -> Post:
        """Store a new post; return the one that an earlier try stored, when there is one."""
        if self.posts.add(made, *events):
            return made
        return self.posts.get(made.workspace_id, made.id) or made
