"""Posts, accounts and media as the documents that their rows keep. What is None is left out; times are milliseconds."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from batchwork.adapters.dynamodb.attributes import maybe_millis, maybe_time, millis, time_of, told
from batchwork.domain.account import Account, AccountStatus, Destination
from batchwork.domain.item import Json
from batchwork.domain.media import Media, MediaStatus
from batchwork.domain.post import PartStatus, Post, PostPart, PostStatus, due_at

if TYPE_CHECKING:
    from batchwork.adapters.dynamodb.shelf import Head


class PostCodec:
    """adapters.dynamodb.shelf.Codec of posts: scheduled and publishing ones are due."""

    kind = "POST"

    def document(self, resource: Post) -> Json:
        """Return a post's document."""
        return told(
            {
                "content": resource.content,
                "status": str(resource.status),
                "parts": [_part_document(part) for part in resource.parts],
                "content_type": resource.content_type,
                "scheduled_for": maybe_millis(resource.scheduled_for),
                "published_at": maybe_millis(resource.published_at),
                "publishing_since": maybe_millis(resource.publishing_since),
                "media": list(resource.media) or None,
                "metadata": resource.metadata,
                "extra": resource.extra or None,
            }
        )

    def resource(self, document: Json, head: Head) -> Post:
        """Return the post of its document."""
        return Post(
            **head,
            content=document["content"],
            status=PostStatus(document["status"]),
            parts=tuple(_part(each) for each in document["parts"]),
            content_type=document.get("content_type"),
            scheduled_for=maybe_time(document.get("scheduled_for")),
            published_at=maybe_time(document.get("published_at")),
            publishing_since=maybe_time(document.get("publishing_since")),
            media=tuple(document.get("media", ())),
            metadata=document.get("metadata"),
            extra=document.get("extra", {}),
        )

    def due_at(self, resource: Post) -> datetime | None:
        """Return when the sweeper is to look at a post."""
        return due_at(resource)


class AccountCodec:
    """adapters.dynamodb.shelf.Codec of accounts."""

    kind = "ACCOUNT"

    def document(self, resource: Account) -> Json:
        """Return an account's document."""
        pages = resource.destinations
        return told(
            {
                "platform": resource.platform,
                "username": resource.username,
                "display_name": resource.display_name,
                "account_type": resource.account_type,
                "status": str(resource.status),
                "avatar_url": resource.avatar_url,
                "connected_at": millis(resource.connected_at),
                "disconnected_at": maybe_millis(resource.disconnected_at),
                "destinations": None if pages is None else [[page.id, page.name] for page in pages],
                "page_id": resource.page_id,
            }
        )

    def resource(self, document: Json, head: Head) -> Account:
        """Return the account of its document."""
        pages = document.get("destinations")
        return Account(
            **head,
            platform=document["platform"],
            username=document["username"],
            display_name=document["display_name"],
            account_type=document["account_type"],
            status=AccountStatus(document["status"]),
            avatar_url=document.get("avatar_url"),
            connected_at=time_of(document["connected_at"]),
            disconnected_at=maybe_time(document.get("disconnected_at")),
            destinations=None if pages is None else tuple(Destination(*page) for page in pages),
            page_id=document.get("page_id"),
        )

    def due_at(self, resource: Account) -> datetime | None:  # noqa: ARG002 -- nothing is due for an account
        """Return None."""
        return None


class MediaCodec:
    """adapters.dynamodb.shelf.Codec of media."""

    kind = "MEDIA"

    def document(self, resource: Media) -> Json:
        """Return a file's document."""
        return told(
            {
                "filename": resource.filename,
                "content_type": resource.content_type,
                "size_bytes": resource.size_bytes,
                "status": str(resource.status),
                "width": resource.width,
                "height": resource.height,
            }
        )

    def resource(self, document: Json, head: Head) -> Media:
        """Return the file of its document."""
        return Media(
            **head,
            filename=document["filename"],
            content_type=document["content_type"],
            size_bytes=document["size_bytes"],
            status=MediaStatus(document["status"]),
            width=document.get("width"),
            height=document.get("height"),
        )

    def due_at(self, resource: Media) -> datetime | None:  # noqa: ARG002 -- nothing is due for a file
        """Return None."""
        return None


def _part_document(part: PostPart) -> Json:
    return told(
        {
            "id": part.id,
            "platform": part.platform,
            "account_id": part.account_id,
            "account_name": part.account_name,
            "account_avatar_url": part.account_avatar_url,
            "status": str(part.status),
            "rounds": part.rounds or None,
            "platform_post_id": part.platform_post_id,
            "platform_post_url": part.platform_post_url,
            "published_at": maybe_millis(part.published_at),
            "error": part.error,
        }
    )


def _part(document: Json) -> PostPart:
    return PostPart(
        id=document["id"],
        platform=document["platform"],
        account_id=document["account_id"],
        account_name=document["account_name"],
        account_avatar_url=document.get("account_avatar_url"),
        status=PartStatus(document["status"]),
        rounds=document.get("rounds", 0),
        platform_post_id=document.get("platform_post_id"),
        platform_post_url=document.get("platform_post_url"),
        published_at=maybe_time(document.get("published_at")),
        error=document.get("error"),
    )
