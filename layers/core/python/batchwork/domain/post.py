"""Posts: what is to be published on which accounts, and what became of it (spec operations 1.6)."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

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
