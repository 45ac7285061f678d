"""What a post is to be: the accounts and media that it names, and whether the networks take it.

What the spec leaves open is chosen here: a draft may break the networks' limits, what is scheduled may not; a post is for
accounts that are not disconnected; a draft, a scheduled and a failed post can be changed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from batchwork.domain import account, media
from batchwork.domain.account import Account, AccountStatus
from batchwork.domain.errors import InvalidRequest, MalformedId, NotPermitted, Problem
from batchwork.domain.idempotency import Ticket
from batchwork.domain.ids import ordered_id, part_of
from batchwork.domain.item import Json
from batchwork.domain.media import Media, MediaStatus
from batchwork.domain.platforms import Wording, broken_rules
from batchwork.domain.post import PartStatus, Post, PostPart, PostStatus
from batchwork.domain.resource import checked_id, to_millis
from batchwork.ports import Clock
from batchwork.ports.operations import Shelf

#: Accounts of one post.
MAX_ACCOUNTS = 100
_CHANGEABLE = frozenset({PostStatus.DRAFT, PostStatus.SCHEDULED, PostStatus.FAILED})
_INSTEAD = {
    PostStatus.PUBLISHING: "wait until it is published",
    PostStatus.PUBLISHED: "clone it and change the clone",
    PostStatus.PARTIAL: "retry it, or clone it and change the clone",
    PostStatus.CANCELLED: "clone it and change the clone",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """What a post is to be. platforms: stand for all of their active accounts, where no accounts are named.

    queue: it is published at the next hour that the workspace's queue has free. extra: as in domain.post.Post; a None in
    it is a field that is to go. named: how the client named a field, where it did so in another way.
    """

    content: str = ""
    account_ids: tuple[str, ...] = ()
    platforms: tuple[str, ...] = ()
    scheduled_for: datetime | None = None
    as_draft: bool = False
    queue: bool = False
    content_type: str | None = None
    media: tuple[str, ...] = ()
    metadata: Json | None = None
    extra: Json = field(default_factory=dict)
    named: Mapping[str, str] = field(default_factory=dict)

    @property
    def files(self) -> dict[str, str]:
        """Return the ids of all media that it names, by the place of each."""
        name = self.named.get("media", "media")
        places = {f"{name}.{index}": each for index, each in enumerate(self.media)}
        for place, thread_post in enumerate(self.extra.get("threadPosts") or ()):
            ids = thread_post.get("mediaIds") or ()
            places |= {f"threadPosts.{place}.mediaIds.{index}": each for index, each in enumerate(ids)}
        return places


def wording_of(each: Post, files: Mapping[str, Media]) -> Wording:
    """Return what a post says, as networks judge it."""
    return Wording(
        content=each.content,
        overrides=each.overrides,
        content_type=each.content_type,
        media=[files[name].kind for name in each.media if name in files],
        thread=[thread_post["content"] for thread_post in each.extra.get("threadPosts") or ()],
        first_comment=each.extra.get("firstComment"),
    )


@dataclass(frozen=True, slots=True)
class Drafts:
    """Judge what a client says of a post."""

    accounts: Shelf[Account]
    media: Shelf[Media]
    clock: Clock

    def checked(self, workspace_id: str, draft: Draft) -> list[Account]:
        """Return the accounts of a post that may be made. Raises InvalidRequest with everything wrong with it."""
        accounts, problems = self._accounts(workspace_id, draft)
        files, missing = self._files(workspace_id, draft)
        problems += missing
        if draft.scheduled_for is not None and draft.scheduled_for <= self.clock.now():
            problems.append(_past(draft))
        if (draft.scheduled_for is not None or draft.queue) and not draft.as_draft:
            platforms = dict.fromkeys(each.platform for each in accounts)
            problems += unfit(post_of(draft, workspace_id, self.clock.now()), files, tuple(platforms))
        if problems:
            raise InvalidRequest(problems)
        return accounts

    def changed(self, before: Post, draft: Draft, given: frozenset[str], ticket: Ticket) -> Post | None:
        """Return a post with the given fields of a draft, each replaced whole; None when it says so already.

        Raises InvalidRequest, and NotPermitted in a state in which it can no longer be changed.
        """
        changeable = before.status in _CHANGEABLE
        if changeable or ticket.again:
            after = self._merged(before, draft, given, ticket)
            said = replace(after, revision=before.revision, updated_at=before.updated_at)
            # What an earlier try changed may have gone on from there.
            if said == before or (not changeable and _says_so(before, after, given)):
                return None
        if not changeable:
            raise NotPermitted(reason=f"A {before.status} post cannot be changed; {_INSTEAD[before.status]}.")
        return after

    def _merged(self, before: Post, draft: Draft, given: frozenset[str], ticket: Ticket) -> Post:
        """Return a post with the given fields. Raises InvalidRequest."""
        problems: list[Problem] = []
        parts = before.parts
        if given & {"account_ids", "platforms"}:
            accounts, problems = self._accounts(before.workspace_id, draft)
            kept = {part.account_id: part for part in before.parts}
            parts = tuple(kept.get(part.account_id, part) for part in parts_for(accounts, ticket))
        files, missing = self._files(before.workspace_id, draft, before)
        problems += missing
        status, at = _planned(before, draft, given)
        extra = {**before.extra, **draft.extra} if "extra" in given else before.extra
        after = replace(
            before,
            revision=before.revision + 1,
            updated_at=to_millis(self.clock.now()),
            content=draft.content if "content" in given else before.content,
            content_type=draft.content_type if "content_type" in given else before.content_type,
            media=draft.media if "media" in given else before.media,
            metadata=draft.metadata if "metadata" in given else before.metadata,
            extra={name: value for name, value in extra.items() if value is not None},
            parts=parts if status is PostStatus.FAILED else tuple(_unsettled(part) for part in parts),
            status=status,
            scheduled_for=at,
        )
        if status is PostStatus.SCHEDULED:
            moved = "scheduled_for" in given or before.status is not PostStatus.SCHEDULED
            if moved and not ticket.again and at is not None and at <= self.clock.now():
                problems.append(_past(draft))
            problems += unfit(after, files, after.platforms)
        if problems:
            raise InvalidRequest(problems)
        return after

    def _accounts(self, workspace_id: str, draft: Draft) -> tuple[list[Account], list[Problem]]:
        """Return the accounts that a draft is for, and what is wrong with those that it names."""
        if not draft.account_ids:
            return self._accounts_on(workspace_id, draft.platforms)
        ids = list(dict.fromkeys(draft.account_ids))
        known = self.accounts.get_many(workspace_id, [each for each in ids if _possible(each, account.PREFIX)])
        usable = {name: each for name, each in known.items() if each.status is not AccountStatus.DISCONNECTED}
        problems = [
            Problem(
                f"accountIds.{place}",
                "Account not found",
                "account_not_found",
                structural=False,
            )
            for place, each in enumerate(draft.account_ids)
            if each not in usable
        ]
        return [usable[each] for each in ids if each in usable], problems

    def _accounts_on(self, workspace_id: str, platforms: Sequence[str]) -> tuple[list[Account], list[Problem]]:
        """Return the active accounts of platforms, and which of these have none."""
        accounts: list[Account] = []
        after: str | None = None
        while platforms and len(accounts) < MAX_ACCOUNTS:
            part = self.accounts.page(
                workspace_id,
                after,
                MAX_ACCOUNTS - len(accounts),
                lambda each: each.status is AccountStatus.ACTIVE and each.platform in platforms,
            )
            accounts += part.entries
            if part.next is None:
                break
            after = part.next
        there = {each.platform for each in accounts}
        return accounts, [
            Problem(f"platforms.{place}", f"No active account on {name}", "account_not_found", structural=False)
            for place, name in enumerate(platforms)
            if name not in there
        ]

    def _files(
        self, workspace_id: str, draft: Draft, before: Post | None = None
    ) -> tuple[dict[str, Media], list[Problem]]:
        """Return the media that a draft, and the post before it, name, and what is wrong with the draft's."""
        named = draft.files
        ids = {each for each in (*named.values(), *(before.media if before else ())) if _possible(each, media.PREFIX)}
        known = self.media.get_many(workspace_id, ids) if ids else {}
        problems = []
        for place, each in named.items():
            if each not in known:
                problems.append(Problem(place, "Media not found", "media_not_found", structural=False))
            elif known[each].status is MediaStatus.FAILED:
                message = "Its upload failed; announce the file anew"
                problems.append(Problem(place, message, "media_failed", structural=False))
        return known, problems


def post_of(draft: Draft, workspace_id: str, at: datetime) -> Post:
    """Return what a draft says, as a draft without id and parts."""
    return Post(
        id="",
        workspace_id=workspace_id,
        created_at=at,
        updated_at=at,
        content=draft.content,
        status=PostStatus.DRAFT,
        parts=(),
        content_type=draft.content_type,
        scheduled_for=draft.scheduled_for,
        media=draft.media,
        metadata=draft.metadata,
        extra={name: value for name, value in draft.extra.items() if value is not None},
    )


def _planned(before: Post, draft: Draft, given: frozenset[str]) -> tuple[PostStatus, datetime | None]:
    """Return what a change makes of a post's status and time."""
    at = draft.scheduled_for if "scheduled_for" in given else before.scheduled_for
    if "as_draft" in given and draft.as_draft:
        return PostStatus.DRAFT, at
    if "scheduled_for" in given or ("as_draft" in given and before.status is PostStatus.DRAFT):
        return (PostStatus.DRAFT if at is None else PostStatus.SCHEDULED), at
    return before.status, at


def parts_for(accounts: Sequence[Account], ticket: Ticket) -> tuple[PostPart, ...]:
    """Return a part for each account."""
    return tuple(
        PostPart(
            id=part_id(ticket, index),
            platform=each.platform,
            account_id=each.id,
            account_name=each.display_name,
            account_avatar_url=each.avatar_url,
        )
        for index, each in enumerate(accounts)
    )


def part_id(ticket: Ticket, index: int) -> str:
    """Return the id of a part that is made under a ticket."""
    return ordered_id("pp_c", part_of(ticket, index))


def _unsettled(part: PostPart) -> PostPart:
    """Return a part of a post that is to be published from the beginning."""
    return part if part.status is PartStatus.PENDING else replace(part, status=PartStatus.PENDING, error=None)


def _says_so(before: Post, after: Post, given: frozenset[str]) -> bool:
    """Whether a post has what a change gives it, wherever it stands by now."""
    compared = given & {"content", "content_type", "media", "metadata", "extra", "scheduled_for"}
    return all(getattr(before, name) == getattr(after, name) for name in compared)


def unfit(each: Post, files: Mapping[str, Media], platforms: Sequence[str]) -> list[Problem]:
    """Return what keeps a post off platforms. files: its media by id."""
    wording = wording_of(each, files)
    return [problem for name in platforms for problem in broken_rules(wording, name)]


def _past(draft: Draft) -> Problem:
    place = draft.named.get("scheduled_for", "scheduledFor")
    return Problem(place, "Must lie in the future", "past", structural=False)


def _possible(name: str, prefix: str) -> bool:
    try:
        checked_id(name, prefix)
    except MalformedId:
        return False
    return True
