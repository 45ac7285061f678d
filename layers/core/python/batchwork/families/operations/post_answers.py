"""Posts as they are answered (spec operations 1.6): the documented fields, then the others that a body may set."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from batchwork.domain.account import Account
from batchwork.domain.errors import Problem
from batchwork.domain.item import Json
from batchwork.domain.media import Media
from batchwork.domain.post import MAX_ROUNDS, PartStatus, Post, PostPart
from batchwork.families.operations.times import maybe, timestamp


def post_object(
    post: Post,
    accounts: Mapping[str, Account],
    files: Mapping[str, Media],
    url: Callable[[Media], str | None],
) -> Json:
    """Return a post. url: returns where the bytes of a file are."""
    extra = post.extra
    return {
        "id": post.id,
        "content": post.content,
        "status": post.status,
        "scheduledFor": maybe(post.scheduled_for),
        "publishedAt": maybe(post.published_at),
        "createdAt": timestamp(post.created_at),
        "updatedAt": timestamp(post.updated_at),
        "platforms": [_part_object(part, accounts.get(part.account_id)) for part in post.parts],
        "media": [_media_object(name, files.get(name), url) for name in post.media],
        "metadata": post.metadata,
        "contentType": post.content_type,
        "tags": extra.get("tags", []),
        "personaId": extra.get("personaId"),
        "platformOverrides": extra.get("platformOverrides"),
        "platformMetadata": extra.get("platformMetadata"),
        "threadPosts": extra.get("threadPosts", []),
        "firstComment": extra.get("firstComment"),
        "firstCommentDelay": extra.get("firstCommentDelay"),
    }


def retry_object(before: Post, after: Post, at: str, *, again: bool) -> Json:
    """Return what a retry did. before: as it was looked at; at: when; again: an earlier try may have done it."""
    rounds = {part.id: part.rounds for part in before.parts}
    retried, skipped = [], []
    for part in after.parts:
        told = {"platform": part.platform.lower(), "accountId": part.account_id, "retryCount": max(0, part.rounds - 1)}
        if part.rounds > rounds.get(part.id, 0) or (again and part.rounds > 1):
            retried.append({**told, "nextRetryAt": at})
        else:
            skipped.append({**told, "reason": _skipped(part)})
    return {"id": after.id, "status": after.status, "retriedPlatforms": retried, "skippedPlatforms": skipped}


def issue(problem: Problem) -> Json:
    """Return one thing that a validation found."""
    return {"code": problem.kind.upper(), "message": problem.message, "field": problem.place}


def bulk_errors(problems: Iterable[Problem]) -> list[Json]:
    """Return why one of many posts was not made."""
    return [{"field": problem.place, "issue": problem.kind.upper(), "detail": problem.message} for problem in problems]


def _part_object(part: PostPart, account: Account | None) -> Json:
    return {
        "postPlatformId": part.id,
        "platform": part.platform.lower(),
        "accountId": part.account_id,
        "accountName": part.account_name,
        "accountAvatarUrl": part.account_avatar_url,
        "accountStatus": None if account is None else account.status,
        "status": part.status,
        "platformPostId": part.platform_post_id,
        "platformPostUrl": part.platform_post_url,
        "publishedAt": maybe(part.published_at),
        "error": part.error,
    }


def _media_object(name: str, file: Media | None, url: Callable[[Media], str | None]) -> Json:
    """Return a file that a post shows; one that was removed has an id only."""
    if file is None:
        return {"id": name, "url": None, "type": None}
    return {"id": name, "url": url(file), "type": file.kind}


def _skipped(part: PostPart) -> str:
    if part.status is PartStatus.PUBLISHED:
        return "It is published already"
    return f"It was tried {MAX_ROUNDS} times" if part.rounds >= MAX_ROUNDS else "It is not due"
