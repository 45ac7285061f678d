"""What the networks take (spec operations 1.3): limits that each publishes itself; lengths count Unicode characters.

A draft may break them; what is scheduled or published may not.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from batchwork.domain.errors import Problem

CONTENT_TYPES = ("TEXT", "IMAGE", "VIDEO", "CAROUSEL", "THREAD", "STORY", "REEL")
IMAGE, VIDEO = "image", "video"


class Needs(StrEnum):
    """Which media a post needs on a network."""

    NOTHING = "nothing"
    MEDIA = "an image or a video"
    VIDEO = "a video"


@dataclass(frozen=True, slots=True, kw_only=True)
class Platform:
    """What a network takes. length: characters; types: content types; pages: an account posts to pages of its own.

    comments: a first comment can be posted below a post.
    """

    length: int
    types: frozenset[str]
    needs: Needs = Needs.NOTHING
    pages: bool = False
    comments: bool = False


def _types(*types: str) -> frozenset[str]:
    return frozenset(types)


_PLAIN = ("TEXT", "IMAGE", "VIDEO")

PLATFORMS: Mapping[str, Platform] = {
    "TWITTER": Platform(length=280, types=_types(*_PLAIN, "THREAD")),
    "LINKEDIN": Platform(length=3_000, types=_types(*_PLAIN, "CAROUSEL"), pages=True, comments=True),
    "FACEBOOK": Platform(length=63_206, types=_types(*_PLAIN, "CAROUSEL", "STORY", "REEL"), pages=True, comments=True),
    "INSTAGRAM": Platform(
        length=2_200, types=_types("IMAGE", "VIDEO", "CAROUSEL", "STORY", "REEL"), needs=Needs.MEDIA, comments=True
    ),
    "THREADS": Platform(length=500, types=_types(*_PLAIN, "CAROUSEL", "THREAD"), comments=True),
    "BLUESKY": Platform(length=300, types=_types(*_PLAIN, "THREAD")),
    "MASTODON": Platform(length=500, types=_types(*_PLAIN, "THREAD")),
    "YOUTUBE": Platform(length=5_000, types=_types("VIDEO", "REEL"), needs=Needs.VIDEO, comments=True),
    "TIKTOK": Platform(length=2_200, types=_types("VIDEO"), needs=Needs.VIDEO),
    "PINTEREST": Platform(length=500, types=_types("IMAGE", "VIDEO", "CAROUSEL"), needs=Needs.MEDIA),
    "REDDIT": Platform(length=40_000, types=_types(*_PLAIN, "CAROUSEL")),
    "SNAPCHAT": Platform(length=160, types=_types("IMAGE", "VIDEO", "STORY"), needs=Needs.MEDIA),
    "TELEGRAM": Platform(length=4_096, types=_types(*_PLAIN)),
    "GOOGLE_BUSINESS": Platform(length=1_500, types=_types(*_PLAIN), pages=True),
    "WHATSAPP": Platform(length=4_096, types=_types(*_PLAIN, "STORY")),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Wording:
    """What is to be posted. overrides: the content on some platforms; media: the kind of each (image, video, ...).

    content_type: upper case, or None; thread: the content of each further post; first_comment: None when there is none.
    """

    content: str
    overrides: Mapping[str, str] = field(default_factory=dict)
    content_type: str | None = None
    media: Sequence[str] = ()
    thread: Sequence[str] = ()
    first_comment: str | None = None

    @property
    def told_type(self) -> str | None:
        """Return the type that a client chose: one who writes a thread needs not say so."""
        return self.content_type or ("THREAD" if self.thread else None)


def content_on(platform: str, content: str, overrides: Mapping[str, str]) -> str:
    """Return the content on a platform: its own, or else the one for all."""
    return overrides.get(platform, content)


def broken_rules(wording: Wording, name: str) -> list[Problem]:
    """Return what keeps a post off a platform; the facts of each are what clients act on (spec operations 1.3)."""
    platform = PLATFORMS[name]
    return [
        *_too_long(wording, name, platform),
        *_wrong_type(wording, name, platform),
        *_missing(wording, name, platform),
    ]


def warnings(wording: Wording, name: str) -> list[Problem]:
    """Return what of a post a platform leaves out."""
    if wording.first_comment is None or PLATFORMS[name].comments:
        return []
    message = f"{name} takes no first comment; it is left out"
    return [Problem("firstComment", message, "first_comment_not_supported", facts={"platform": name})]


def _too_long(wording: Wording, name: str, platform: Platform) -> Iterator[Problem]:
    place = f"platformOverrides.{name}.content" if name in wording.overrides else "content"
    texts = [(place, content_on(name, wording.content, wording.overrides))]
    texts += [(f"threadPosts.{index}.content", text) for index, text in enumerate(wording.thread)]
    for field_name, text in texts:
        if len(text) > platform.length:
            yield Problem(
                field_name,
                f"{name} takes at most {platform.length} characters; this has {len(text)}",
                "content_too_long",
                structural=False,
                facts={"platform": name, "maxLength": platform.length, "actualLength": len(text)},
            )


def _wrong_type(wording: Wording, name: str, platform: Platform) -> Iterator[Problem]:
    told = wording.told_type
    if told is not None and told not in platform.types:
        yield Problem(
            "contentType" if wording.content_type else "threadPosts",
            f"{name} takes no {told}; it takes {', '.join(sorted(platform.types))}",
            "content_type_not_supported",
            structural=False,
            facts={"platform": name, "contentType": told},
        )


def _missing(wording: Wording, name: str, platform: Platform) -> Iterator[Problem]:
    """Yield what media are missing: those that the network needs, or those that the chosen type is made of."""
    videos = sum(kind == VIDEO for kind in wording.media)
    shown = videos + sum(kind == IMAGE for kind in wording.media)
    message = None
    if (platform.needs is Needs.VIDEO and not videos) or (platform.needs is Needs.MEDIA and not shown):
        message = f"{name} needs {platform.needs}"
    elif wording.told_type in {"VIDEO", "REEL"} and not videos:
        message = f"A {wording.told_type} needs {Needs.VIDEO}"
    elif wording.told_type in {"IMAGE", "STORY"} and not shown:
        message = f"A post of type {wording.told_type} needs {Needs.MEDIA}"
    elif wording.told_type == "CAROUSEL" and shown < 2:
        message = "A CAROUSEL needs two images or videos"
    if message is not None:
        yield Problem("media", message, "media_required", structural=False, facts={"platform": name})
