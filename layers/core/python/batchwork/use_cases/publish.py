"""Publish posts: now, again, one platform of them, or when they are due.

A round of publishing is begun by one write that nobody else can make (the revision is its condition), and every try of
the round has the same token for each account, by which the network knows what it published already. Who dies within a
round leaves it to the sweeper, which takes the post over by a write of its own, so that of two who work at one post only
the one that took it last tells what came of it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from batchwork.domain.account import Account, AccountStatus
from batchwork.domain.errors import InvalidRequest, MalformedId, NetworkRefused, NotFound, NotPermitted, Problem
from batchwork.domain.item import Json
from batchwork.domain.media import Media, MediaStatus
from batchwork.domain.patience import check_waited_for
from batchwork.domain.platforms import content_on
from batchwork.domain.post import (
    MAX_ROUNDS,
    PUBLISHING_HOLD,
    PUBLISHING_PATIENCE,
    PartStatus,
    Post,
    PostPart,
    PostStatus,
    status_of,
)
from batchwork.domain.resource import to_millis
from batchwork.domain.workspace import WorkspaceStatus
from batchwork.ports import Clock
from batchwork.ports.identity import IdentityStore
from batchwork.ports.operations import Shelf, SocialNetworks
from batchwork.use_cases.drafts import unfit
from batchwork.use_cases.media import MediaFiles
from batchwork.use_cases.revise import revised

PUBLISHED, FAILED = "post.published", "post.failed"
_ENDED = frozenset({PostStatus.PUBLISHED, PostStatus.PARTIAL, PostStatus.FAILED})
_LEFT = frozenset({PostStatus.PARTIAL, PostStatus.FAILED})
_STARTING = frozenset({PostStatus.DRAFT, PostStatus.SCHEDULED})
_PART_ID = re.compile(r"pp_[A-Za-z0-9]{1,40}")


def open_to_retry(part: PostPart) -> bool:
    """Whether a part may be tried once more."""
    return part.status is not PartStatus.PUBLISHED and part.rounds < MAX_ROUNDS


@dataclass(frozen=True, slots=True)
class Publish:
    """Publish posts on the networks of their accounts."""

    posts: Shelf[Post]
    accounts: Shelf[Account]
    media: MediaFiles
    networks: SocialNetworks
    clock: Clock

    def publishable(self, post: Post, *, again: bool) -> None:
        """Return if a post may be published now. Raises NotPermitted, InvalidRequest for what a network refuses.

        again: an earlier try may have begun, or done it.
        """
        if again and post.status in _ENDED | {PostStatus.PUBLISHING}:
            return
        if post.status not in _STARTING:
            raise NotPermitted(reason=f"Only a draft or scheduled post can be published; this one is {post.status}.")
        self._check(post)

    def retryable(self, post: Post, *, again: bool) -> None:
        """Return if some of a post failed. Raises NotPermitted, InvalidRequest for what a network refuses."""
        if again and post.status in {PostStatus.PUBLISHED, PostStatus.PUBLISHING}:
            return
        if post.status not in _LEFT:
            raise NotPermitted(reason=f"Only a failed or partial post can be retried; this one is {post.status}.")
        self._check(post)

    def fixable(self, post: Post, part_id: str, content: str | None, *, again: bool) -> PostPart:
        """Return the part, of a post, that failed. content: what its platform is to get, None for what it had.

        Raises MalformedId, NotFound for a part that is none of it, NotPermitted, InvalidRequest.
        """
        part = _part(post, part_id)
        if again and (part.status is PartStatus.PUBLISHED or post.status is PostStatus.PUBLISHING):
            return part
        if post.status not in _LEFT or not open_to_retry(part):
            raise NotPermitted(reason="Only a platform that failed, of a failed or partial post, can be fixed.")
        _refuse(unfit(_worded(post, part, content), self._files(post), (part.platform,)))
        return part

    def publish(self, post: Post, *, again: bool) -> Post:
        """Publish a post that was read, and return what came of it. Raises what `publishable` raises, Conflict."""

        def begun(current: Post) -> Post | None:
            self.publishable(current, again=again)
            return _begun(current, lambda _: True) if current.status in _STARTING else None

        return self._round(post, begun)

    def retry(self, post: Post, *, again: bool) -> Post:
        """Publish what failed of a post, and return what came of it. Raises what `retryable` raises, Conflict."""

        def begun(current: Post) -> Post | None:
            self.retryable(current, again=again)
            left = current.status in _LEFT and any(map(open_to_retry, current.parts))
            return _begun(current, open_to_retry) if left else None

        return self._round(post, begun)

    def fix(self, post: Post, part_id: str, content: str | None, *, again: bool) -> tuple[Post, PostPart]:
        """Publish one part of a post that failed; return both as they are by now. Raises what `fixable` raises."""

        def begun(current: Post) -> Post | None:
            part = self.fixable(current, part_id, content, again=again)
            left = current.status in _LEFT and open_to_retry(part)
            return _begun(_worded(current, part, content), lambda each: each.id == part_id) if left else None

        ended = self._round(post, begun)
        return ended, _part(ended, part_id)

    def due(self, workspace_id: str, post_id: str, refusal: Json | None = None) -> None:
        """Publish a post whose time has come, or finish a round that somebody left. refusal: why it fails instead."""
        post = self.posts.get(workspace_id, post_id)
        now = self.clock.now()
        if post is None:
            return
        if post.status is PostStatus.SCHEDULED and post.scheduled_for is not None and post.scheduled_for <= now:
            next_one = self._next(_begun(post, lambda _: True))
        elif post.status is PostStatus.PUBLISHING and post.updated_at + PUBLISHING_HOLD <= now:
            next_one = self._next(post)
        else:
            return
        # Who was faster has it; or somebody changed it, and it is due when that says.
        if self.posts.replace(next_one):
            self._finish(next_one, refusal)

    def _round(self, post: Post, begun: Callable[[Post], Post | None]) -> Post:
        """Begin a round, or take over one that an earlier try left, and finish it. Races closed: two who publish.

        begun: returns the post with the round's parts, None when there is nothing to begin; raises what forbids it.
        """

        def step(current: Post) -> tuple[Post, tuple[str, ...]] | None:
            beginning = begun(current)
            if beginning is None:
                return (self._next(current), ()) if current.status is PostStatus.PUBLISHING else None
            self._await_media(current)
            return self._next(beginning), ()

        current = revised(self.posts, post, step, "Post")
        return self._finish(current) if current.status is PostStatus.PUBLISHING else current

    def _finish(self, post: Post, refusal: Json | None = None) -> Post:
        """Publish what is left of a round, and write what came of it; return the post as it is by now.

        refusal: why all that is left fails.
        """
        accounts = self.accounts.get_many(post.workspace_id, [part.account_id for part in post.parts])
        files = {name: self.media.settled(file) for name, file in self._files(post).items()}
        parts = tuple(self._published(post, part, accounts.get(part.account_id), files, refusal) for part in post.parts)
        status = status_of(parts)
        at = to_millis(self.clock.now())
        first = at if post.published_at is None and status is not PostStatus.FAILED else post.published_at
        ended = self._next(replace(post, parts=parts, status=status, published_at=first, publishing_since=None))
        if self.posts.replace(ended, FAILED if status is PostStatus.FAILED else PUBLISHED):
            return ended
        # Somebody took it over, and tells what came of it.
        return self.posts.get(post.workspace_id, post.id) or ended

    def _published(
        self, post: Post, part: PostPart, account: Account | None, files: Mapping[str, Media], refusal: Json | None
    ) -> PostPart:
        """Return a part with what came of it; one that is not of the round as it is."""
        if part.status is not PartStatus.PENDING or not part.rounds:
            return part
        now = self.clock.now()
        refusal = refusal or _refusal(post, part, account, files, now)
        if refusal is None and account is not None:
            worded = replace(post, content=content_on(part.platform, post.content, post.overrides))
            check_waited_for()
            try:
                told = self.networks.publish(worded, account, f"{post.id}.{part.id}.{part.rounds}")
            except NetworkRefused as exc:
                refusal = _error(str(exc.facts.get("code", "NETWORK_REFUSED")), str(exc))
            else:
                return replace(
                    part,
                    status=PartStatus.PUBLISHED,
                    platform_post_id=told.id,
                    platform_post_url=told.url,
                    published_at=to_millis(now),
                )
        return replace(part, status=PartStatus.FAILED, error=refusal)

    def _check(self, post: Post) -> None:
        """Raise InvalidRequest for what keeps a post off its platforms."""
        files = self._files(post)
        problems = []
        for place, name in enumerate(post.media):
            if name not in files:
                problems.append(Problem(f"media.{place}", "Media not found", "media_not_found", structural=False))
            elif files[name].status is MediaStatus.FAILED:
                problems.append(Problem(f"media.{place}", "Its upload failed", "media_failed", structural=False))
        _refuse([*problems, *unfit(post, files, post.platforms)])

    def _await_media(self, post: Post) -> None:
        """Raise InvalidRequest for media whose bytes have not come, or are not what was announced."""
        files = {name: self.media.settled(file) for name, file in self._files(post).items()}
        _refuse(
            [
                Problem(f"media.{place}", "It is not uploaded yet", "media_required", structural=False)
                for place, name in enumerate(post.media)
                if name not in files or files[name].status is not MediaStatus.READY
            ]
        )

    def _files(self, post: Post) -> dict[str, Media]:
        return self.media.get_many(post.workspace_id, post.media)

    def _next(self, post: Post) -> Post:
        """Return a post as the next revision; while it is being published, who writes that owns it for a minute."""
        now = to_millis(self.clock.now())
        since = post.publishing_since
        if post.status is PostStatus.PUBLISHING and since is None:
            since = now
        return replace(post, revision=post.revision + 1, updated_at=now, publishing_since=since)


#: Why a post of a workspace that may do nothing is not published.
SUSPENDED: Json = {"code": "WORKSPACE_SUSPENDED", "message": "The workspace was suspended when the post was due."}


@dataclass(frozen=True, slots=True)
class PublishDue:
    """Publish a post, if it still is due: in the name of its workspace, as long as that may act."""

    publish: Publish
    identities: IdentityStore

    def __call__(self, workspace_id: str, post_id: str) -> None:
        """Publish it, or let it fail when its workspace is suspended or gone."""
        workspace = self.identities.workspace(workspace_id)
        active = workspace is not None and workspace.status is WorkspaceStatus.ACTIVE
        self.publish.due(workspace_id, post_id, None if active else SUSPENDED)


def _begun(post: Post, which: Callable[[PostPart], bool]) -> Post:
    """Return a post with a round of some of its parts begun; published ones are never in it."""
    parts = tuple(
        replace(part, status=PartStatus.PENDING, rounds=part.rounds + 1, error=None)
        if part.status is not PartStatus.PUBLISHED and which(part)
        else part
        for part in post.parts
    )
    return replace(post, status=PostStatus.PUBLISHING, parts=parts)


def _refusal(
    post: Post, part: PostPart, account: Account | None, files: Mapping[str, Media], now: datetime
) -> Json | None:
    """Return why a part fails before its network is asked, None when it is to be."""
    if post.publishing_since is not None and now - post.publishing_since > PUBLISHING_PATIENCE:
        return _error("PUBLISHING_TIMED_OUT", "It could not be published within an hour.")
    if account is None or account.status is not AccountStatus.ACTIVE:
        state = "gone" if account is None else account.status
        return _error("ACCOUNT_NOT_ACTIVE", f"The account is {state}; connect or refresh it, then retry.")
    if any(name not in files or files[name].status is not MediaStatus.READY for name in post.media):
        return _error("MEDIA_NOT_READY", f"A file that the post on {part.platform} shows is not uploaded.")
    return None


def _error(code: str, message: str) -> Json:
    return {"code": code, "message": message}


def _part(post: Post, part_id: str) -> PostPart:
    """Return a part of a post. Raises MalformedId, NotFound."""
    if not _PART_ID.fullmatch(part_id):
        raise MalformedId(prefix="pp_")
    part = next((each for each in post.parts if each.id == part_id), None)
    if part is None:
        raise NotFound(what="Platform")
    return part


def _worded(post: Post, part: PostPart, content: str | None) -> Post:
    """Return a post with a content of its own for the platform of a part."""
    if content is None:
        return post
    overrides: Json = post.extra.get("platformOverrides", {})
    before = overrides.get(part.platform)
    override = {**(before if isinstance(before, dict) else {}), "content": content}
    return replace(post, extra={**post.extra, "platformOverrides": {**overrides, part.platform: override}})


def _refuse(problems: list[Problem]) -> None:
    if problems:
        raise InvalidRequest(problems)
