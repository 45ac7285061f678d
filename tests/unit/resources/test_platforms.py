"""What networks take: their own published limits, and the codes of spec operations 1.3."""

from __future__ import annotations

from typing import Any

import pytest

from batchwork.domain import account
from batchwork.domain.platforms import PLATFORMS, Wording, broken_rules, warnings


def kinds(wording: Wording, platform: str) -> list[str]:
    return [problem.kind for problem in broken_rules(wording, platform)]


def words(content: str = "Hello", **changes: Any) -> Wording:
    return Wording(content=content, **changes)


def test_every_network_that_an_account_can_be_on_has_its_rules() -> None:
    assert tuple(PLATFORMS) == account.PLATFORMS


@pytest.mark.parametrize(
    ("platform", "limit"),
    [
        ("TWITTER", 280), ("THREADS", 500), ("BLUESKY", 300), ("MASTODON", 500), ("LINKEDIN", 3_000),
        ("FACEBOOK", 63_206), ("REDDIT", 40_000), ("TELEGRAM", 4_096), ("GOOGLE_BUSINESS", 1_500), ("WHATSAPP", 4_096),
    ],
)  # fmt: skip
def test_a_text_may_be_as_long_as_its_network_says_and_no_longer(platform: str, limit: int) -> None:
    assert kinds(words("x" * limit), platform) == []
    (problem,) = broken_rules(words("x" * (limit + 1)), platform)
    assert (problem.kind, problem.place) == ("content_too_long", "content")
    assert problem.facts == {"platform": platform, "maxLength": limit, "actualLength": limit + 1}


@pytest.mark.parametrize(
    ("platform", "limit", "media"),
    [
        ("INSTAGRAM", 2_200, "image"), ("TIKTOK", 2_200, "video"), ("YOUTUBE", 5_000, "video"),
        ("PINTEREST", 500, "image"), ("SNAPCHAT", 160, "image"),
    ],
)  # fmt: skip
def test_networks_of_pictures_need_some(platform: str, limit: int, media: str) -> None:
    assert kinds(words("x" * limit, media=[media]), platform) == []
    assert kinds(words("x" * (limit + 1), media=[media]), platform) == ["content_too_long"]
    (problem,) = broken_rules(words(), platform)
    assert (problem.kind, problem.place, problem.facts) == ("media_required", "media", {"platform": platform})


@pytest.mark.parametrize("platform", ["TIKTOK", "YOUTUBE"])
def test_networks_of_videos_take_no_picture_for_one(platform: str) -> None:
    assert kinds(words(media=["image"]), platform) == ["media_required"]


@pytest.mark.parametrize("kind", ["document", "captions"])
def test_a_document_is_no_picture(kind: str) -> None:
    assert kinds(words(media=[kind]), "INSTAGRAM") == ["media_required"]


def test_a_character_counts_as_one_whatever_its_bytes() -> None:
    assert kinds(words("🎉" * 280), "TWITTER") == []


def test_a_platforms_own_content_replaces_the_content() -> None:
    long = words("x" * 281, overrides={"TWITTER": "short"})
    assert kinds(long, "TWITTER") == []
    assert kinds(long, "BLUESKY") == []
    (problem,) = broken_rules(words("short", overrides={"TWITTER": "x" * 281}), "TWITTER")
    assert (problem.place, problem.facts["actualLength"]) == ("platformOverrides.TWITTER.content", 281)
    assert kinds(words("short", overrides={"TWITTER": "x" * 281}), "BLUESKY") == []


def test_each_post_of_a_thread_has_the_limit() -> None:
    (problem,) = broken_rules(words(thread=["fine", "x" * 281]), "TWITTER")
    assert (problem.kind, problem.place) == ("content_too_long", "threadPosts.1.content")


@pytest.mark.parametrize(
    ("platform", "content_type", "media"),
    [
        ("TWITTER", "STORY", "image"),
        ("INSTAGRAM", "TEXT", "image"),
        ("YOUTUBE", "IMAGE", "video"),
        ("LINKEDIN", "REEL", "video"),
    ],
)
def test_a_type_that_a_network_has_not_is_refused(platform: str, content_type: str, media: str) -> None:
    (problem, *_) = broken_rules(words(content_type=content_type, media=[media]), platform)
    assert (problem.kind, problem.place) == ("content_type_not_supported", "contentType")
    assert problem.facts == {"platform": platform, "contentType": content_type}


def test_a_thread_is_one_though_nobody_says_so() -> None:
    (problem,) = broken_rules(words(thread=["more"]), "LINKEDIN")
    assert (problem.kind, problem.place) == ("content_type_not_supported", "threadPosts")
    assert kinds(words(thread=["more"]), "MASTODON") == []


@pytest.mark.parametrize(
    ("content_type", "media", "enough"),
    [
        ("IMAGE", [], False), ("IMAGE", ["image"], True),
        ("VIDEO", ["image"], False), ("VIDEO", ["video"], True),
        ("REEL", ["image"], False), ("REEL", ["video"], True),
        ("STORY", [], False), ("STORY", ["image"], True),
        ("CAROUSEL", ["image"], False), ("CAROUSEL", ["image", "video"], True),
    ],
)  # fmt: skip
def test_a_type_needs_the_media_that_it_is_made_of(content_type: str, media: list[str], enough: bool) -> None:
    expected = [] if enough else ["media_required"]
    assert kinds(words(content_type=content_type, media=media), "FACEBOOK") == expected


def test_a_first_comment_is_left_out_with_a_warning_where_there_is_none() -> None:
    (warning,) = warnings(words(first_comment="First!"), "TWITTER")
    assert (warning.kind, warning.place) == ("first_comment_not_supported", "firstComment")
    assert warnings(words(first_comment="First!"), "INSTAGRAM") == []
    assert warnings(words(), "TWITTER") == []
