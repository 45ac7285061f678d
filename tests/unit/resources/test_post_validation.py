"""What networks would say of a post, and many posts at once (spec operations 1.6)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from resource_world import World

from batchwork.domain.account import AccountStatus
from batchwork.domain.idempotency import Ticket
from batchwork.domain.platforms import PLATFORMS


def test_a_validation_tells_of_each_platform(world: World) -> None:
    told = world("POST", "posts/validate", {"content": "x" * 281, "platforms": ["TWITTER", "linkedin"]})
    assert told.status == 200
    assert told.body["valid"] is False
    assert told.body["platforms"]["LINKEDIN"] == {"valid": True, "errors": [], "warnings": []}
    twitter = told.body["platforms"]["TWITTER"]
    assert twitter["valid"] is False
    (error,) = twitter["errors"]
    assert (error["code"], error["field"]) == ("CONTENT_TOO_LONG", "content")
    assert "280" in error["message"]


def test_a_validation_without_platforms_is_for_all_of_them(world: World) -> None:
    told = world("POST", "posts/validate", {"content": "Hello", "platforms": []}).body
    assert list(told["platforms"]) == list(PLATFORMS)
    assert told["platforms"]["INSTAGRAM"]["errors"][0]["code"] == "MEDIA_REQUIRED"


def test_a_validation_may_name_accounts_instead(world: World) -> None:
    account = world.an_account(platform="BLUESKY")
    told = world("POST", "posts/validate", {"content": "x" * 301, "accountIds": [account]}).body
    assert (told["valid"], list(told["platforms"])) == (False, ["BLUESKY"])
    assert world("POST", "posts/validate", {"content": "x", "accountIds": ["acc_cnone"]}).code == "ACCOUNT_NOT_FOUND"


@pytest.mark.parametrize(
    ("media", "valid"),
    [
        ([{"type": "video", "url": "https://files.example/a.mp4", "sizeBytes": 7}], True),
        ([{"type": "x", "mimeType": "video/mp4"}], True),
        ([{"type": "gif"}], False),
        ([], False),
    ],
)
def test_a_validation_may_be_told_of_media_that_were_not_uploaded(world: World, media: list[Any], valid: bool) -> None:
    told = world("POST", "posts/validate", {"content": "Hello", "platforms": ["TIKTOK"], "media": media}).body
    assert told["valid"] is valid


def test_a_validation_knows_media_by_their_ids(world: World) -> None:
    image = world.a_file()
    for name in ("media", "mediaIds"):
        told = world("POST", "posts/validate", {"content": "Hello", "platforms": ["INSTAGRAM"], name: [image]}).body
        assert told["valid"] is True
    assert world("POST", "posts/validate", {"content": "Hello", "mediaIds": ["media_cnone"]}).status == 400


def test_a_validation_warns_of_what_is_left_out(world: World) -> None:
    body = {"content": "Hello", "platforms": ["TWITTER"], "firstComment": "First!"}
    told = world("POST", "posts/validate", body).body
    (warning,) = told["platforms"]["TWITTER"]["warnings"]
    assert told["valid"] is True
    assert (warning["code"], warning["field"]) == ("FIRST_COMMENT_NOT_SUPPORTED", "firstComment")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "content"),
        ({"content": "x", "platforms": ["myspace"]}, "platforms.0"),
        ({"content": "x" * 10_001}, "content"),
    ],
)
def test_a_validation_of_nothing_valid_is_refused(world: World, body: dict[str, Any], field: str) -> None:
    refused = world("POST", "posts/validate", body)
    assert (refused.status, refused.fields) == (400, [field])


def test_a_validation_makes_nothing(world: World) -> None:
    world("POST", "posts/validate", {"content": "Hello", "platforms": ["TWITTER"]})
    assert not world.posts.stored


# ── many at once ──


def test_many_posts_are_made_each_for_itself(world: World) -> None:
    account = world.an_account()
    posts = [
        {"content": "One", "accountIds": [account]},
        {"content": "Two"},
        "three",
        {"content": "Four", "accountIds": ["acc_cnone"]},
        {"content": "Five", "accountIds": [account], "scheduledFor": "2026-04-09T12:00:00Z"},
    ]
    made = world("POST", "posts/bulk", {"posts": posts})
    assert made.status == 200
    told = made.body
    assert {name: told[name] for name in ("dry_run", "total", "created", "failed")} == {
        "dry_run": False,
        "total": 5,
        "created": 2,
        "failed": 3,
    }
    assert [result["index"] for result in told["results"]] == [0, 1, 2, 3, 4]
    assert [result["status"] for result in told["results"]] == ["created", "failed", "failed", "failed", "created"]
    assert told["results"][1]["errors"] == [
        {"field": "accountIds", "issue": "MISSING", "detail": "Name at least one account"}
    ]
    assert told["results"][3]["errors"][0] == {
        "field": "accountIds.0",
        "issue": "ACCOUNT_NOT_FOUND",
        "detail": "Account not found",
    }
    names = [result["postId"] for result in told["results"] if result["status"] == "created"]
    assert world("GET", "posts").ids == names[::-1]
    assert [world.stored(name).content for name in names] == ["One", "Five"]


@pytest.mark.parametrize("name", ["dry_run", "dryRun"])
def test_a_bulk_dry_run_says_what_would_become_of_each(world: World, name: str) -> None:
    posts = [{"content": "One", "accountIds": [world.an_account()]}, {"content": "Two"}]
    told = world("POST", "posts/bulk", {"posts": posts, name: True}).body
    assert {name: told[name] for name in ("dry_run", "total", "created", "failed")} == {
        "dry_run": True,
        "total": 2,
        "created": 0,
        "failed": 1,
    }
    assert told["results"][0] == {"index": 0, "status": "valid"}
    assert told["results"][1]["status"] == "failed"
    assert not world.posts.stored


@pytest.mark.parametrize("total", [0, 51])
def test_a_bulk_call_is_for_1_to_50_posts(world: World, total: int) -> None:
    refused = world("POST", "posts/bulk", {"posts": [{"content": "x"}] * total})
    assert (refused.status, refused.fields) == (400, ["posts"])


def test_fifty_posts_are_made(world: World) -> None:
    post = {"content": "x", "accountIds": [world.an_account()]}
    assert world("POST", "posts/bulk", {"posts": [post] * 50}).body["created"] == 50
    assert len(world.posts.stored) == 50


def test_many_posts_that_an_earlier_try_made_are_found(world: World) -> None:
    account = world.an_account()
    body = {"posts": [{"content": "One", "accountIds": [account]}] * 3}
    ticket = Ticket("00000000-0000-4000-9000-000000000001", world.clock.now())
    first = world("POST", "posts/bulk", body, ticket=ticket).body
    world.change_account(account, AccountStatus.DISCONNECTED)
    assert world("POST", "posts/bulk", body, ticket=replace(ticket, again=True)).body == first
    assert len(world.posts.stored) == 3
