"""The bodies of the post calls (spec operations 1.6), as drafts.

What the spec leaves open is chosen here: `scheduledAt`, `overrides` and `mediaIds` are other names of `scheduledFor`,
`platformOverrides` and `media`, which go before them; platforms and content types may be in lower case; a post has at
most 100 accounts, 50 media and 50 tags; where accounts are named, `platforms` is not looked at.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Annotated, Any

from pydantic import Field, ValidationError

from batchwork.domain.errors import InvalidRequest, Problem
from batchwork.domain.item import Json
from batchwork.domain.media import kind_of
from batchwork.domain.platforms import CONTENT_TYPES, IMAGE, PLATFORMS, Wording
from batchwork.domain.resource import to_millis
from batchwork.edge.json_text import BODY
from batchwork.edge.shapes import problems_of
from batchwork.families.operations.shapes import Shape
from batchwork.families.operations.times import moment
from batchwork.use_cases.drafts import MAX_ACCOUNTS, Draft

MAX_CONTENT = 10_000
MAX_BULK = 50
MAX_MEDIA = 50
#: Limits of `metadata`: characters of a key and of a text, entries of a list, characters of each.
MAX_KEY, MAX_TEXT, MAX_ENTRIES, MAX_ENTRY = 100, 1_000, 100, 200
METADATA = "metadata"
_ONE_OF_PLATFORMS = f"Must be one of {', '.join(PLATFORMS)}"

_Id = Annotated[str, Field(min_length=1, max_length=64)]
_Ids = Annotated[list[_Id], Field(min_length=1, max_length=MAX_ACCOUNTS)]
_Media = Annotated[list[_Id], Field(max_length=MAX_MEDIA)]
_Content = Annotated[str, Field(min_length=1, max_length=MAX_CONTENT)]
_Name = Annotated[str, Field(min_length=1, max_length=32)]


class _ThreadPost(Shape):
    sequence: int
    content: _Content
    media_ids: _Media | None = None


class _Words(Shape):
    """What every body that tells of a post has."""

    content: _Content | None = None
    account_ids: _Ids | None = None
    platforms: Annotated[list[_Name], Field(max_length=len(PLATFORMS))] | None = None
    content_type: _Name | None = None
    platform_overrides: dict[str, Any] | None = None
    overrides: dict[str, Any] | None = None
    platform_metadata: dict[str, Any] | None = None
    thread_posts: Annotated[list[_ThreadPost], Field(max_length=25)] | None = None
    first_comment: Annotated[str, Field(max_length=2_200)] | None = None


class PostBody(_Words):
    """The body that makes or changes a post."""

    scheduled_for: Annotated[str, Field(max_length=64)] | None = None
    scheduled_at: Annotated[str, Field(max_length=64)] | None = None
    save_as_draft: bool | None = None
    media: _Media | None = None
    media_ids: _Media | None = None
    tags: Annotated[list[Annotated[str, Field(min_length=1, max_length=100)]], Field(max_length=50)] | None = None
    persona_id: _Id | None = None
    queue: bool | None = None
    first_comment_delay: Annotated[int, Field(ge=0, le=60)] | None = None
    metadata: dict[str, Any] | None = None


class MediaItem(Shape):
    """A file that a validation is told of instead of its id."""

    type: _Name
    mime_type: Annotated[str, Field(max_length=255)] | None = None

    @property
    def kind(self) -> str:
        """Return what it is; a gif is an image."""
        return kind_of(self.mime_type) if self.mime_type else {"gif": IMAGE}.get(self.type.lower(), self.type.lower())


class WordsBody(_Words):
    """The body that asks what networks would say of a post."""

    media: Annotated[list[_Id | MediaItem], Field(max_length=MAX_MEDIA)] | None = None
    media_ids: _Media | None = None


class BulkBody(Shape):
    """The body that makes many posts."""

    posts: Annotated[list[Any], Field(min_length=1, max_length=MAX_BULK)]
    dry_run: bool | None = Field(default=None, alias="dry_run")
    dry_run_camel: bool | None = Field(default=None, alias="dryRun")


class FixBody(Shape):
    """The body that tries one platform of a post again."""

    content: _Content | None = None
    media_url: str | None = None
    refresh_media: bool | None = None


#: Fields of a body that are kept as they were sent → their names.
_EXTRA = {
    "platform_overrides": "platformOverrides",
    "platform_metadata": "platformMetadata",
    "tags": "tags",
    "persona_id": "personaId",
    "thread_posts": "threadPosts",
    "first_comment": "firstComment",
    "first_comment_delay": "firstCommentDelay",
}
#: Fields of a body → the field of a draft that they give.
_FIELDS = {
    "content": "content",
    "account_ids": "account_ids",
    "platforms": "platforms",
    "scheduled_for": "scheduled_for",
    "scheduled_at": "scheduled_for",
    "content_type": "content_type",
    "save_as_draft": "as_draft",
    "media": "media",
    "media_ids": "media",
    "metadata": "metadata",
    "overrides": "extra",
    **dict.fromkeys(_EXTRA, "extra"),
}


def new_post(body: PostBody) -> Draft:
    """Return the post that a body tells of. Raises InvalidRequest with everything that breaks a rule."""
    problems = [] if body.content is not None else [Problem("content", "Field required", "missing")]
    if not (body.account_ids or body.platforms):
        problems.append(Problem("accountIds", "Name at least one account", "missing"))
    return _draft(body, problems)


def new_post_of(value: Any) -> Draft:
    """Return the post that one entry of a list tells of. Raises InvalidRequest."""
    if not isinstance(value, dict):
        raise InvalidRequest([Problem(BODY, "Input should be an object", "model_type")])
    try:
        body = PostBody.model_validate(value)
    except ValidationError as exc:
        raise InvalidRequest(problems_of(exc)) from exc
    return new_post(body)


def changes(body: PostBody) -> tuple[Draft, frozenset[str]]:
    """Return what a body changes, and which fields of a draft it gives; a null takes a field away.

    Raises InvalidRequest.
    """
    told = body.model_fields_set
    problems = [
        Problem(place, "Must be neither null nor empty", "missing")
        for name, place in (("content", "content"), ("account_ids", "accountIds"), ("platforms", "platforms"))
        if name in told and not getattr(body, name)
    ]
    if body.queue:
        problems.append(
            Problem("queue", "A post is queued when it is made; give scheduledFor", "queue", structural=False)
        )
    elif not told & _FIELDS.keys():
        problems.append(Problem(BODY, "Give at least one field to change", "missing"))
    draft = _draft(body, problems)
    taken = {name: None for field, name in (*_EXTRA.items(), ("overrides", "platformOverrides")) if field in told}
    return replace(draft, extra={**taken, **draft.extra}), frozenset(_FIELDS[name] for name in told if name in _FIELDS)


def wording(body: WordsBody, kinds: Mapping[str, str]) -> tuple[Wording, tuple[str, ...]]:
    """Return what a body would have posted, and on which platforms: on all where it names none.

    kinds: of the media that it names, by id. Raises InvalidRequest.
    """
    problems = [] if body.content is not None else [Problem("content", "Field required", "missing")]
    words = _words(body, problems)
    if problems:
        raise InvalidRequest(problems)
    media = [*(body.media or ()), *(body.media_ids or ())]
    overrides = {
        name: each if isinstance(each, str) else each["content"]
        for name, each in words.overrides.items()
        if isinstance(each, str) or isinstance(each.get("content"), str)
    }
    told = Wording(
        content=body.content or "",
        overrides=overrides,
        content_type=words.content_type,
        media=[each.kind if isinstance(each, MediaItem) else kinds[each] for each in media],
        thread=[each.content for each in body.thread_posts or ()],
        first_comment=body.first_comment,
    )
    return told, words.platforms


@dataclass(frozen=True, slots=True)
class _Said:
    """What of a body is said in upper case from here on."""

    platforms: tuple[str, ...]
    content_type: str | None
    overrides: Json
    metadata: Json


def _draft(body: PostBody, problems: list[Problem]) -> Draft:
    named: dict[str, str] = {}
    if body.media is None and body.media_ids is not None:
        named["media"] = "mediaIds"
    if body.scheduled_for is None and body.scheduled_at is not None:
        named["scheduled_for"] = "scheduledAt"
    at: datetime | Problem | None = None
    text = body.scheduled_at if body.scheduled_for is None else body.scheduled_for
    if text is not None:
        at = moment(text, named.get("scheduled_for", "scheduledFor"))
        if isinstance(at, Problem):
            problems.append(at)
        elif body.queue:
            problems.append(Problem("queue", "Must not be given beside a time", "exclusive", structural=False))
    words = _words(body, problems)
    if body.metadata is not None:
        problems += _metadata_problems(body.metadata)
    if problems:
        raise InvalidRequest(problems)
    thread = [each.model_dump(by_alias=True, exclude_none=True) for each in body.thread_posts or ()]
    extra = {
        "platformOverrides": words.overrides or None,
        "platformMetadata": words.metadata or None,
        "tags": body.tags or None,
        "personaId": body.persona_id,
        "threadPosts": thread or None,
        "firstComment": body.first_comment or None,
        "firstCommentDelay": body.first_comment_delay,
    }
    return Draft(
        content=body.content or "",
        account_ids=tuple(body.account_ids or ()),
        platforms=words.platforms,
        scheduled_for=to_millis(at) if isinstance(at, datetime) else None,
        as_draft=body.save_as_draft is True,
        queue=body.queue is True,
        content_type=words.content_type,
        media=tuple(dict.fromkeys(body.media or body.media_ids or ())),
        metadata=body.metadata,
        extra={name: value for name, value in extra.items() if value is not None},
        named=named,
    )


def _words(body: _Words, problems: list[Problem]) -> _Said:
    """Return what a body says in upper case; what is wrong with it goes to the problems."""
    platforms = tuple(dict.fromkeys(name.upper() for name in body.platforms or ()))
    for place, name in enumerate(body.platforms or ()):
        if name.upper() not in PLATFORMS:
            problems.append(Problem(f"platforms.{place}", _ONE_OF_PLATFORMS, "enum"))
    content_type = body.content_type and body.content_type.upper()
    if content_type and content_type not in CONTENT_TYPES:
        problems.append(Problem("contentType", f"Must be one of {', '.join(CONTENT_TYPES)}", "enum"))
    first = "overrides" if body.platform_overrides is None and body.overrides is not None else "platformOverrides"
    overrides = _by_platform(body.platform_overrides or body.overrides or {}, first, problems)
    for name, each in overrides.items():
        content = each.get("content") if isinstance(each, dict) else each
        if not isinstance(each, dict | str) or not isinstance(content, str | None):
            problems.append(Problem(f"{first}.{name}", "Must be a text, or an object whose content is one", "type"))
        elif content is not None and not content:
            problems.append(Problem(f"{first}.{name}.content", "Must have at least 1 character", "too_short"))
    for index, each in enumerate(body.thread_posts or ()):
        if each.sequence != index + 1:
            message = "Sequences must count from 1, without gaps and in order"
            problems.append(Problem(f"threadPosts.{index}.sequence", message, "sequence", structural=False))
    metadata = _by_platform(body.platform_metadata or {}, "platformMetadata", problems)
    return _Said(platforms, content_type or None, overrides, metadata)


def _by_platform(given: Json, place: str, problems: list[Problem]) -> Json:
    """Return an object keyed by platform, in upper case."""
    unknown = [name for name in given if name.upper() not in PLATFORMS]
    problems += [Problem(f"{place}.{_shown(name)}", _ONE_OF_PLATFORMS, "enum") for name in unknown]
    return {name.upper(): value for name, value in given.items()}


def _metadata_problems(metadata: Json, place: str = METADATA) -> Iterator[Problem]:
    """Yield what passes the limits of metadata (spec operations 1.6); objects within it have the same."""
    for name, value in metadata.items():
        at = f"{place}.{_shown(name)}"
        if len(name) > MAX_KEY:
            yield Problem(at, f"Keys have at most {MAX_KEY} characters", METADATA, structural=False)
        if isinstance(value, str) and len(value) > MAX_TEXT:
            yield Problem(at, f"Texts have at most {MAX_TEXT} characters", METADATA, structural=False)
        elif isinstance(value, list) and len(value) > MAX_ENTRIES:
            yield Problem(at, f"Lists have at most {MAX_ENTRIES} items", METADATA, structural=False)
        elif isinstance(value, list) and any(_long(entry) for entry in value):
            yield Problem(at, f"Items of lists have at most {MAX_ENTRY} characters", METADATA, structural=False)
        elif isinstance(value, dict):
            yield from _metadata_problems(value, at)


def _long(entry: Any) -> bool:
    """Whether an item of a list is over the limit, as text or as JSON."""
    text = entry if isinstance(entry, str) else json.dumps(entry, ensure_ascii=False)
    return len(text) > MAX_ENTRY


def _shown(name: str) -> str:
    return name if name.isprintable() and len(name) <= MAX_KEY else "…"
