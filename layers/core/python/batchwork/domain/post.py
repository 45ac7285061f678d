"""Posts: what is to be published on which accounts, and what became of it (spec operations 1.6)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from batchwork.domain.item import Json
from batchwork.domain.resource import Resource

PREFIX = "post_"


class PostStatus(StrEnum):
    """Where a post stands; lower case in answers, upper case in filters and events."""

    DRAFT = "draft"
    SCHEDULED = "scheduled"
    PUBLISHING = "publishing"
    PUBLISHED = "published"
    #: Published on some of its platforms.
    PARTIAL = "partial"
    FAILED = "failed"
    CANCELLED = "cancelled"


class PartStatus(StrEnum):
    """Where a post stands on one account."""

    PENDING = "pending"
    PUBLISHED = "published"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class PostPart:
    """A post on one account. id: ``pp_...``; platform: upper case; rounds: how often publishing was begun."""

    id: str
    platform: str
    account_id: str
    account_name: str
    account_avatar_url: str | None = None
    status: PartStatus = PartStatus.PENDING
    rounds: int = 0
    platform_post_id: str | None = None
    platform_post_url: str | None = None
    published_at: datetime | None = None
    error: Json | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Post(Resource):
    """A post. media: ids. content_type: upper case, or None. extra: the request's other fields as they were sent (tags,
    personaId, platformOverrides, platformMetadata, threadPosts, firstComment, firstCommentDelay), absent ones left out.
    publishing_since: when the round that is under way was begun.
    """

    content: str
    status: PostStatus
    parts: tuple[PostPart, ...]
    content_type: str | None = None
    scheduled_for: datetime | None = None
    published_at: datetime | None = None
    media: tuple[str, ...] = ()
    metadata: Json | None = None
    extra: Json = field(default_factory=dict)
    publishing_since: datetime | None = None

    @property
    def overrides(self) -> dict[str, str]:
        """Return the content of the platforms that have one of their own."""
        told = {name: _content(each) for name, each in self.extra.get("platformOverrides", {}).items()}
        return {name: content for name, content in told.items() if content is not None}

    @property
    def platforms(self) -> tuple[str, ...]:
        """Return the platforms that it is for, each once."""
        return tuple(dict.fromkeys(part.platform for part in self.parts))


def _content(override: Any) -> str | None:
    """Return the content of an override: an object with `content`, or the text itself."""
    content = override.get("content") if isinstance(override, dict) else override
    return content if isinstance(content, str) else None


#: Who publishes a post owns it this long; then the sweeper finishes what somebody left.
PUBLISHING_HOLD = timedelta(seconds=60)
#: A round that is under way for so long is given up: what is left of it has failed.
PUBLISHING_PATIENCE = timedelta(hours=1)
#: Rounds in which a part may be tried.
MAX_ROUNDS = 10


def due_at(post: Post) -> datetime | None:
    """Return when the sweeper is to look at a post, None for never."""
    match post.status:
        case PostStatus.SCHEDULED:
            return post.scheduled_for
        case PostStatus.PUBLISHING:
            return post.updated_at + PUBLISHING_HOLD
    return None


def status_of(parts: Sequence[PostPart]) -> PostStatus:
    """Return what a round that ended makes of a post: published when every part is, partial when some are."""
    published = sum(part.status is PartStatus.PUBLISHED for part in parts)
    if published == len(parts):
        return PostStatus.PUBLISHED
    return PostStatus.PARTIAL if published else PostStatus.FAILED
