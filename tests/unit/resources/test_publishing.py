"""Posts are published once: now, when they are due, again where they failed (spec operations 1.6)."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from resource_world import MP4, World

from batchwork.domain.account import AccountStatus
from batchwork.domain.idempotency import Ticket
from batchwork.domain.post import MAX_ROUNDS, PUBLISHING_HOLD, PUBLISHING_PATIENCE, PartStatus, Post, PostStatus

MINUTE = timedelta(minutes=1)


def two_accounts(world: World) -> list[str]:
    """Return an account that is taken and one whose network refuses it."""
    world.networks.refusing.add("refused")
    return [world.an_account(), world.an_account(platform="LINKEDIN", username="refused")]


def publish(world: World, post: Any) -> Any:
    called = world("POST", f"posts/{post['id']}/publish")
    assert called.status == 200, called.raw
    return called.body


def begun(world: World, post: Any) -> Post:
    """Leave a post as one who died while publishing it."""
    stored, now = world.stored(post["id"]), world.clock.now()
    left = replace(
        stored,
        status=PostStatus.PUBLISHING,
        parts=tuple(replace(part, rounds=1) for part in stored.parts),
        revision=stored.revision + 1,
        updated_at=now,
        publishing_since=now,
    )
    assert world.posts.replace(left)
    return left


# ── now ──


def test_a_published_post_tells_where_it_stands_on_each_account(world: World) -> None:
    post = world.a_post(accountIds=[world.an_account(), world.an_account(platform="LINKEDIN")])
    published = publish(world, post)
    assert (published["status"], published["publishedAt"]) == ("published", "2026-01-15T10:30:02.000Z")
    for part in published["platforms"]:
        assert (part["status"], part["publishedAt"], part["error"]) == ("published", published["publishedAt"], None)
        assert part["platformPostId"]
        assert part["platformPostUrl"].startswith("https://")
    assert world("GET", f"posts/{post['id']}").body == published
    assert world.events(of=post["id"]) == ["post.created", "post.published"]
    assert len(world.networks.published) == 2


def test_a_scheduled_post_may_be_published_before_its_time(world: World) -> None:
    post = world.a_post(scheduledFor="2026-04-09T12:00:00Z")
    published = publish(world, post)
    assert (published["status"], published["scheduledFor"]) == ("published", post["scheduledFor"])
    world.clock.pass_(timedelta(days=200))
    world.sweep()
    assert len(world.networks.published) == 1


def test_each_platform_gets_its_own_words(world: World) -> None:
    accounts = [world.an_account(), world.an_account(platform="LINKEDIN"), world.an_account(platform="MASTODON")]
    overrides = {"TWITTER": {"content": "Birds"}, "linkedin": "Colleagues"}
    publish(world, world.a_post(content="All", accountIds=accounts, platformOverrides=overrides))
    said = {account: content for _, account, content in world.networks.published.values()}
    assert said == dict(zip(accounts, ("Birds", "Colleagues", "All"), strict=True))


def test_a_post_that_some_networks_refuse_is_partial(world: World) -> None:
    post = world.a_post(accountIds=two_accounts(world))
    published = publish(world, post)
    good, bad = published["platforms"]
    assert (published["status"], good["status"], bad["status"]) == ("partial", "published", "failed")
    assert bad["error"] == {"code": "TOKEN_REVOKED", "message": "The account is no longer accepted."}
    assert published["publishedAt"] is not None
    assert world.events(of=post["id"]) == ["post.created", "post.published"]


def test_a_post_that_all_networks_refuse_has_failed(world: World) -> None:
    post = world.a_post(accountIds=two_accounts(world)[1:])
    failed = publish(world, post)
    assert (failed["status"], failed["publishedAt"]) == ("failed", None)
    assert world.events(of=post["id"]) == ["post.created", "post.failed"]


@pytest.mark.parametrize("status", [status for status in AccountStatus if status is not AccountStatus.ACTIVE])
def test_an_account_that_is_not_active_is_not_asked(world: World, status: AccountStatus) -> None:
    account = world.an_account()
    post = world.a_post(accountIds=[account])
    world.change_account(account, status)
    (part,) = publish(world, post)["platforms"]
    assert (part["status"], part["error"]["code"], part["accountStatus"]) == ("failed", "ACCOUNT_NOT_ACTIVE", status)
    assert not world.networks.tokens


def test_what_breaks_the_networks_limits_is_not_published(world: World) -> None:
    post = world.a_post(content="x" * 281)
    refused = world("POST", f"posts/{post['id']}/publish")
    assert (refused.status, refused.code) == (400, "CONTENT_TOO_LONG")
    assert world("GET", f"posts/{post['id']}").body == post


def test_media_must_be_uploaded_before_a_post_is_published(world: World) -> None:
    image = world.a_file(uploaded=False)
    post = world.a_post(media=[image])
    refused = world("POST", f"posts/{post['id']}/publish")
    assert (refused.status, refused.code, refused.fields) == (400, "MEDIA_REQUIRED", ["media.0"])
    assert world("GET", f"posts/{post['id']}").body["status"] == "draft"
    assert world.events(of=image) == []


def test_media_that_arrived_unnoticed_are_judged_when_they_are_needed(world: World) -> None:
    video = world.a_file(MP4, "video/mp4", uploaded=False)
    world.blobs.upload("acme", video, MP4)
    post = world.a_post(accountIds=[world.an_account(platform="TIKTOK")], media=[video])
    assert publish(world, post)["status"] == "published"
    assert world.events(of=video) == ["media.uploaded"]


def test_a_post_whose_media_were_removed_is_not_published(world: World) -> None:
    image = world.a_file()
    post = world.a_post(media=[image])
    world("DELETE", f"media/{image}")
    refused = world("POST", f"posts/{post['id']}/publish")
    assert (refused.status, refused.fields) == (400, ["media.0"])
    assert world("GET", f"posts/{post['id']}").body["media"] == [{"id": image, "url": None, "type": None}]


@pytest.mark.parametrize("act", ["publish", "cancel", "retry"])
def test_a_post_is_published_once_and_then_neither_cancelled_nor_retried(world: World, act: str) -> None:
    post = world.a_post()
    published = publish(world, post)
    refused = world("POST", f"posts/{post['id']}/{act}")
    assert (refused.status, refused.code) == (409, "CONFLICT")
    assert "published" in refused.error["message"]
    assert world("GET", f"posts/{post['id']}").body == published
    assert len(world.networks.tokens) == 1


def test_a_published_post_can_be_removed_and_one_that_is_being_published_cannot(world: World) -> None:
    post = world.a_post()
    publish(world, post)
    assert world("DELETE", f"posts/{post['id']}").status == 204
    other = world.a_post()
    stored = world.stored(other["id"])
    world.posts.replace(replace(stored, status=PostStatus.PUBLISHING, revision=2))
    refused = world("DELETE", f"posts/{other['id']}")
    assert (refused.status, refused.code) == (409, "CONFLICT")


# ── at the same time ──


def test_of_many_who_publish_at_once_one_does(world: World) -> None:
    post = world.a_post(accountIds=[world.an_account(), world.an_account()])
    statuses = []

    def one() -> None:
        statuses.append(world("POST", f"posts/{post['id']}/publish").status)

    threads = [threading.Thread(target=one) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == [200, *(409,) * 7]
    assert len(world.networks.tokens) == 2
    assert world.events(of=post["id"]) == ["post.created", "post.published"]


def test_a_post_that_is_cancelled_as_its_publishing_begins_is_one_or_the_other(world: World) -> None:
    post = world.a_post()
    store, raced = world.posts.replace, list[Post]()

    def slow(newer: Post, *events: str) -> bool:
        if not raced:
            raced.append(newer)
            stored = world.stored(post["id"])
            assert store(replace(stored, status=PostStatus.CANCELLED, revision=stored.revision + 1))
        return store(newer, *events)

    world.posts.replace = slow  # type: ignore[method-assign, assignment] # somebody else, at the worst moment
    assert world("POST", f"posts/{post['id']}/publish").status == 409
    assert not world.networks.tokens


def test_of_two_who_finish_a_round_the_one_who_took_it_last_tells_what_came_of_it(world: World) -> None:
    post = world.a_post(accountIds=[world.an_account(username="late")])
    ask = world.networks.publish

    def slow(*asked: Any) -> Any:
        # The network is so slow that the sweeper takes the post over, is answered, and the first is refused.
        world.networks.publish = ask  # type: ignore[method-assign] # only the first is slow
        world.clock.pass_(PUBLISHING_HOLD)
        world.sweep()
        world.networks.refusing.add("late")
        return ask(*asked)

    world.networks.publish = slow  # type: ignore[method-assign, assignment] # as above
    published = publish(world, post)
    assert published["status"] == "published"
    assert len(set(world.networks.tokens)) == 1
    assert len(world.networks.published) == 1
    assert world.events(of=post["id"]) == ["post.created", "post.published"]


def test_who_goes_on_with_what_an_earlier_try_left_is_the_only_one_to_tell_of_it(world: World) -> None:
    post = world.a_post()
    left = begun(world, post)
    ask = world.networks.publish

    def slow(*asked: Any) -> Any:
        # The earlier try lives after all, and says that it failed.
        failed = tuple(replace(part, status=PartStatus.FAILED) for part in left.parts)
        late = replace(left, status=PostStatus.FAILED, parts=failed, revision=left.revision + 1)
        assert not world.posts.replace(late, "post.failed")
        return ask(*asked)

    world.networks.publish = slow  # type: ignore[method-assign, assignment] # as above
    ticket = Ticket("00000000-0000-4000-9000-000000000001", world.clock.now(), again=True)
    assert world("POST", f"posts/{post['id']}/publish", ticket=ticket).body["status"] == "published"
    assert world.events(of=post["id"]) == ["post.created", "post.published"]


def test_a_due_post_that_is_cancelled_as_the_sweeper_looks_is_not_published(world: World) -> None:
    post = world.a_post(scheduledFor="2026-01-15T11:00:00Z")
    world.clock.pass_(timedelta(hours=1))
    look = world.posts.get

    def slow(*names: str) -> Post | None:
        stored = look(*names)
        world.posts.get = look  # type: ignore[method-assign] # only the first is slow
        assert world("POST", f"posts/{post['id']}/cancel").status == 200
        return stored

    world.posts.get = slow  # type: ignore[method-assign, assignment] # somebody else, at the worst moment
    world.sweep()
    assert not world.networks.tokens
    assert world.stored(post["id"]).status is PostStatus.CANCELLED


def test_a_post_whose_publishing_begins_as_it_is_removed_stays(world: World) -> None:
    post = world.a_post()
    remove = world.posts.remove

    def slow(*names: Any) -> bool:
        world.posts.remove = remove  # type: ignore[method-assign] # only the first is slow
        begun(world, post)
        return remove(*names)

    world.posts.remove = slow  # type: ignore[method-assign, assignment] # somebody else, at the worst moment
    refused = world("DELETE", f"posts/{post['id']}")
    assert (refused.status, refused.code) == (409, "CONFLICT")
    assert world.stored(post["id"]).status is PostStatus.PUBLISHING


# ── when it is due ──


def test_a_scheduled_post_is_published_when_its_time_comes_and_not_before(world: World) -> None:
    post = world.a_post(scheduledFor="2026-01-15T11:00:00Z")
    world.clock.pass_(timedelta(minutes=29))
    world.sweep()
    assert not world.networks.published
    world.clock.pass_(MINUTE)
    world.sweep()
    assert world("GET", f"posts/{post['id']}").body["status"] == "published"
    world.sweep()
    assert len(world.networks.tokens) == 1
    assert world.events(of=post["id"]) == ["post.created", "post.scheduled", "post.published"]


def test_a_due_post_fails_on_what_came_in_between(world: World) -> None:
    image = world.a_file(uploaded=False)
    gone = world.an_account()
    post = world.a_post(scheduledFor="2026-01-15T11:00:00Z", accountIds=[gone, world.an_account()], media=[image])
    world.change_account(gone, AccountStatus.DISCONNECTED)
    world.clock.pass_(timedelta(hours=1))
    world.sweep()
    failed = world("GET", f"posts/{post['id']}").body
    assert failed["status"] == "failed"
    assert [part["error"]["code"] for part in failed["platforms"]] == ["ACCOUNT_NOT_ACTIVE", "MEDIA_NOT_READY"]


def test_a_post_that_somebody_left_while_publishing_is_finished_a_minute_later(world: World) -> None:
    post = world.a_post()
    begun(world, post)
    world.publishing.due("acme", post["id"])
    world.clock.pass_(PUBLISHING_HOLD - timedelta(seconds=1))
    world.sweep()
    assert not world.networks.tokens
    world.clock.pass_(timedelta(seconds=1))
    world.sweep()
    assert world("GET", f"posts/{post['id']}").body["status"] == "published"


def test_a_round_that_nobody_can_finish_is_given_up_after_an_hour(world: World) -> None:
    post = world.a_post(scheduledFor="2026-01-15T11:00:00Z")
    world.clock.pass_(timedelta(minutes=30))

    def broken(*_: Any) -> Any:
        raise ConnectionError

    ask, world.networks.publish = world.networks.publish, broken  # type: ignore[method-assign, assignment] # it hangs
    for _ in range(int(PUBLISHING_PATIENCE / MINUTE) + 2):
        for names in world.posts.due(world.clock.now(), 10):
            try:
                world.publishing.due(*names)
            except ConnectionError:
                assert world.stored(post["id"]).status is PostStatus.PUBLISHING
        world.clock.pass_(MINUTE + timedelta(seconds=1))
    world.networks.publish = ask  # type: ignore[method-assign] # as above
    failed = world("GET", f"posts/{post['id']}").body
    assert failed["status"] == "failed"
    assert failed["platforms"][0]["error"]["code"] == "PUBLISHING_TIMED_OUT"
    assert world.posts.due(world.clock.now() + timedelta(days=1), 10) == []


def test_a_post_that_was_moved_or_removed_since_is_left_alone(world: World) -> None:
    post = world.a_post(scheduledFor="2026-01-15T11:00:00Z")
    world.clock.pass_(timedelta(hours=1))
    names = world.posts.due(world.clock.now(), 10)
    world("PATCH", f"posts/{post['id']}", {"scheduledFor": "2026-01-16T11:00:00Z"})
    world.publishing.due(*names[0])
    world("DELETE", f"posts/{post['id']}")
    world.publishing.due(*names[0])
    assert not world.networks.tokens


# ── again ──


def test_a_retry_publishes_what_failed_and_nothing_else(world: World) -> None:
    good, bad = two_accounts(world)
    post = world.a_post(accountIds=[good, bad])
    publish(world, post)
    world.networks.refusing.clear()
    retried = world("POST", f"posts/{post['id']}/retry")
    assert retried.status == 200
    assert retried.body == {
        "id": post["id"],
        "status": "published",
        "retriedPlatforms": [
            {"platform": "linkedin", "accountId": bad, "retryCount": 1, "nextRetryAt": "2026-01-15T10:30:03.000Z"}
        ],
        "skippedPlatforms": [
            {"platform": "twitter", "accountId": good, "retryCount": 0, "reason": "It is published already"}
        ],
    }
    shown = world("GET", f"posts/{post['id']}").body
    assert shown["publishedAt"] == "2026-01-15T10:30:02.000Z"
    assert [part["status"] for part in shown["platforms"]] == ["published", "published"]
    assert len(set(world.networks.tokens)) == len(world.networks.tokens) == 3


def test_a_retry_has_an_hour_of_its_own(world: World) -> None:
    post = world.a_post(accountIds=two_accounts(world)[1:])
    publish(world, post)
    world.clock.pass_(2 * PUBLISHING_PATIENCE)
    world.networks.refusing.clear()
    assert world("POST", f"posts/{post['id']}/retry").body["status"] == "published"


def test_a_retry_that_fails_again_says_so(world: World) -> None:
    post = world.a_post(accountIds=two_accounts(world)[1:])
    publish(world, post)
    retried = world("POST", f"posts/{post['id']}/retry").body
    assert (retried["status"], retried["retriedPlatforms"][0]["retryCount"]) == ("failed", 1)
    assert world.events(of=post["id"]) == ["post.created", "post.failed", "post.failed"]


def test_a_platform_is_retried_so_often_and_no_more(world: World) -> None:
    post = world.a_post(accountIds=two_accounts(world)[1:])
    publish(world, post)
    for _ in range(MAX_ROUNDS - 1):
        assert len(world("POST", f"posts/{post['id']}/retry").body["retriedPlatforms"]) == 1
    asked = len(world.networks.tokens)
    last = world("POST", f"posts/{post['id']}/retry").body
    assert (last["status"], last["retriedPlatforms"]) == ("failed", [])
    assert "10 times" in last["skippedPlatforms"][0]["reason"]
    assert len(world.networks.tokens) == asked


@pytest.mark.parametrize("act", ["retry", "platforms/{part}/fix"])
def test_a_draft_is_neither_retried_nor_fixed(world: World, act: str) -> None:
    post = world.a_post()
    path = f"posts/{post['id']}/{act.format(part=post['platforms'][0]['postPlatformId'])}"
    refused = world("POST", path)
    assert (refused.status, refused.code) == (409, "CONFLICT")


# ── one platform ──


def test_a_fix_publishes_one_platform_with_words_of_its_own(world: World) -> None:
    good, bad = two_accounts(world)
    post = world.a_post(accountIds=[good, bad])
    part = publish(world, post)["platforms"][1]["postPlatformId"]
    world.networks.refusing.clear()
    fixed = world("POST", f"posts/{post['id']}/platforms/{part}/fix", {"content": "Sorry"})
    assert fixed.status == 200
    assert fixed.body == {"success": True, "platformId": part, "status": "published"}
    assert [*world.networks.published.values()][-1] == (post["id"], bad, "Sorry")
    shown = world("GET", f"posts/{post['id']}").body
    assert (shown["status"], shown["content"]) == ("published", "Hello")
    assert shown["platformOverrides"] == {"LINKEDIN": {"content": "Sorry"}}


def test_a_fix_needs_no_body_and_leaves_the_others_as_they_are(world: World) -> None:
    world.networks.refusing |= {"one", "two"}
    accounts = [world.an_account(username="one"), world.an_account(username="two")]
    post = world.a_post(accountIds=accounts)
    first, second = publish(world, post)["platforms"]
    world.networks.refusing.discard("two")
    fixed = world("POST", f"posts/{post['id']}/platforms/{second['postPlatformId']}/fix").body
    assert fixed["success"] is True
    shown = world("GET", f"posts/{post['id']}").body
    assert shown["status"] == "partial"
    assert shown["platforms"][0] == first


def test_a_fix_does_not_publish_on_an_account_that_was_added_since(world: World) -> None:
    bad = two_accounts(world)[1]
    post = world.a_post(accountIds=[bad])
    part = publish(world, post)["platforms"][0]["postPlatformId"]
    world("PATCH", f"posts/{post['id']}", {"accountIds": [bad, world.an_account()]})
    world.networks.refusing.clear()
    assert world("POST", f"posts/{post['id']}/platforms/{part}/fix").body["success"] is True
    shown = world("GET", f"posts/{post['id']}").body
    assert (shown["status"], [each["status"] for each in shown["platforms"]]) == ("partial", ["published", "pending"])
    assert world("POST", f"posts/{post['id']}/retry").body["status"] == "published"


def test_a_fix_that_fails_says_so(world: World) -> None:
    post = world.a_post(accountIds=two_accounts(world)[1:])
    part = publish(world, post)["platforms"][0]["postPlatformId"]
    fixed = world("POST", f"posts/{post['id']}/platforms/{part}/fix", {}).body
    assert fixed == {"success": False, "platformId": part, "status": "failed"}


@pytest.mark.parametrize(
    ("part", "body", "status"),
    [
        ("pp_cnone", {}, 404),
        ("none", {}, 400),
        ("{bad}", {"content": "x" * 3_001}, 400),
        ("{bad}", {"content": ""}, 400),
        ("{bad}", {"mediaUrl": "https://files.example/a.jpg"}, 400),
        ("{good}", {}, 409),
    ],
)
def test_a_fix_that_cannot_be_is_refused(world: World, part: str, body: dict[str, Any], status: int) -> None:
    post = world.a_post(accountIds=two_accounts(world))
    parts = [each["postPlatformId"] for each in publish(world, post)["platforms"]]
    asked = len(world.networks.tokens)
    named = part.format(good=parts[0], bad=parts[1])
    assert world("POST", f"posts/{post['id']}/platforms/{named}/fix", body).status == status
    assert len(world.networks.tokens) == asked


# ── under one ticket ──


@pytest.mark.parametrize("act", ["publish", "retry", "fix", "cancel"])
def test_an_act_that_an_earlier_try_did_is_found_done(world: World, act: str) -> None:
    accounts = two_accounts(world) if act in {"retry", "fix"} else [world.an_account()]
    post = world.a_post(accountIds=accounts)
    path = f"posts/{post['id']}/{act}"
    if act in {"retry", "fix"}:
        part = publish(world, post)["platforms"][1]["postPlatformId"]
        path = path if act == "retry" else f"posts/{post['id']}/platforms/{part}/fix"
        world.networks.refusing.clear()
    ticket = Ticket("00000000-0000-4000-9000-000000000001", world.clock.now())
    first = world("POST", path, ticket=ticket)
    assert first.status == 200
    told, asked = len(world.posts.told), len(world.networks.tokens)
    again = world("POST", path, ticket=replace(ticket, again=True))
    assert (again.status, again.body) == (200, first.body)
    assert (len(world.posts.told), len(world.networks.tokens)) == (told, asked)
