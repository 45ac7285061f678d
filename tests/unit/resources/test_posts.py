"""Posts are made, shown, cancelled, copied and removed (spec operations 1.6)."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from resource_world import World

from batchwork.domain.account import AccountStatus
from batchwork.domain.idempotency import Ticket

LATER = "2026-04-09T12:00:00Z"
UNKNOWN = "post_c00000000000000000000009"


# ── making one ──


def test_the_seeds_example_makes_a_draft_with_every_documented_field(world: World) -> None:
    world.an_account(id="acc_123", display_name="Acme")
    made = world("POST", "posts", {"content": "Hello from batch!", "accountIds": ["acc_123"]})
    assert made.status == 201
    post = made.body
    assert post["id"].startswith("post_c")
    assert {name: post[name] for name in ("content", "status", "scheduledFor", "publishedAt", "media", "metadata")} == {
        "content": "Hello from batch!",
        "status": "draft",
        "scheduledFor": None,
        "publishedAt": None,
        "media": [],
        "metadata": None,
    }
    assert post["createdAt"] == post["updatedAt"] == "2026-01-15T10:30:01.000Z"
    (part,) = post["platforms"]
    assert part["postPlatformId"].startswith("pp_c")
    assert part == {
        "postPlatformId": part["postPlatformId"],
        "platform": "twitter",
        "accountId": "acc_123",
        "accountName": "Acme",
        "accountAvatarUrl": None,
        "accountStatus": "active",
        "status": "pending",
        "platformPostId": None,
        "platformPostUrl": None,
        "publishedAt": None,
        "error": None,
    }
    assert world("GET", f"posts/{post['id']}").body == post
    assert world.events() == ["post.created"]


def test_a_post_with_a_time_is_scheduled(world: World) -> None:
    post = world.a_post(scheduledFor="2026-04-09T14:00:00.123456+02:00")
    assert (post["status"], post["scheduledFor"]) == ("scheduled", "2026-04-09T12:00:00.123Z")
    assert world.events() == ["post.created", "post.scheduled"]


def test_the_npm_clients_name_of_the_time_is_understood(world: World) -> None:
    post = world.a_post(scheduledAt=LATER)
    assert (post["status"], post["scheduledFor"]) == ("scheduled", "2026-04-09T12:00:00.000Z")


def test_a_post_saved_as_draft_is_one_though_it_has_a_time(world: World) -> None:
    post = world.a_post(scheduledFor=LATER, saveAsDraft=True)
    assert (post["status"], post["scheduledFor"]) == ("draft", "2026-04-09T12:00:00.000Z")
    assert world.events() == ["post.created"]


def test_what_else_a_body_says_is_kept_and_shown(world: World) -> None:
    image = world.a_file()
    said: dict[str, Any] = {
        "contentType": "THREAD",
        "platformMetadata": {"TWITTER": {"replySettings": "everyone"}},
        "tags": ["launch"],
        "personaId": "persona_1",
        "threadPosts": [{"sequence": 1, "content": "One", "mediaIds": [image]}, {"sequence": 2, "content": "Two"}],
        "firstComment": "First!",
        "firstCommentDelay": 30,
        "metadata": {"campaign": "summer", "list": ["a", 1], "deep": {"n": None}},
    }
    post = world.a_post(**said, overrides={"twitter": {"content": "Hi, birds"}}, mediaIds=[image])
    assert {name: post[name] for name in said} == said
    assert post["platformOverrides"] == {"TWITTER": {"content": "Hi, birds"}}
    (shown,) = post["media"]
    assert (shown["id"], shown["type"]) == (image, "image")
    assert shown["url"].startswith("https://")


def test_platforms_stand_for_all_of_their_active_accounts(world: World) -> None:
    twitter = [world.an_account(), world.an_account()]
    world.an_account(platform="LINKEDIN")
    world.an_account(status=AccountStatus.EXPIRED)
    post = world.a_post(platforms=["twitter"])
    assert sorted(part["accountId"] for part in post["platforms"]) == sorted(twitter)


def test_an_account_named_twice_gets_the_post_once(world: World) -> None:
    account = world.an_account()
    assert len(world.a_post(accountIds=[account, account])["platforms"]) == 1


def test_a_queued_post_takes_the_next_hour_that_is_free(world: World) -> None:
    first, second = world.a_post(queue=True), world.a_post(queue=True)
    assert (first["status"], first["scheduledFor"]) == ("scheduled", "2026-01-15T11:00:00.000Z")
    assert second["scheduledFor"] == "2026-01-15T12:00:00.000Z"


def test_a_dry_run_takes_no_hour_and_makes_nothing(world: World) -> None:
    body = {"content": "Hello", "accountIds": [world.an_account()], "queue": True}
    assert world.rehearsed("POST", "posts", body) == 200
    assert not world.posts.stored
    assert world.a_post(queue=True)["scheduledFor"] == "2026-01-15T11:00:00.000Z"


def test_a_draft_may_break_the_networks_limits(world: World) -> None:
    assert world.a_post(content="x" * 281, contentType="STORY")["status"] == "draft"


# ── what is refused ──


@pytest.mark.parametrize(
    ("changes", "field", "code"),
    [
        ({"content": None}, "content", "VALIDATION_ERROR"),
        ({"content": ""}, "content", "VALIDATION_ERROR"),
        ({"content": "x" * 10_001}, "content", "VALIDATION_ERROR"),
        ({"content": 7}, "content", "VALIDATION_ERROR"),
        ({"accountIds": []}, "accountIds", "VALIDATION_ERROR"),
        ({"accountIds": None}, "accountIds", "VALIDATION_ERROR"),
        ({"accountIds": "acc_1"}, "accountIds", "VALIDATION_ERROR"),
        ({"accountIds": [f"acc_{n}" for n in range(101)]}, "accountIds", "VALIDATION_ERROR"),
        ({"accountIds": ["acc_none"]}, "accountIds.0", "ACCOUNT_NOT_FOUND"),
        ({"accountIds": ["not an id"]}, "accountIds.0", "ACCOUNT_NOT_FOUND"),
        ({"scheduledFor": "2026-04-09T12:00:00"}, "scheduledFor", "INVALID_DATE"),
        ({"scheduledFor": "2026-04-09"}, "scheduledFor", "INVALID_DATE"),
        ({"scheduledFor": "tomorrow"}, "scheduledFor", "INVALID_DATE"),
        ({"scheduledAt": "2026-04-09 12:00"}, "scheduledAt", "INVALID_DATE"),
        ({"scheduledFor": "2026-01-15T10:30:00Z"}, "scheduledFor", "VALIDATION_ERROR"),
        ({"scheduledAt": "2026-01-15T10:30:00Z"}, "scheduledAt", "VALIDATION_ERROR"),
        ({"contentType": "POEM"}, "contentType", "VALIDATION_ERROR"),
        ({"queue": True, "scheduledFor": LATER}, "queue", "VALIDATION_ERROR"),
        ({"media": ["media_cnone"]}, "media.0", "VALIDATION_ERROR"),
        ({"mediaIds": ["media_cnone"]}, "mediaIds.0", "VALIDATION_ERROR"),
        ({"media": [""]}, "media.0", "VALIDATION_ERROR"),
        ({"platformOverrides": {"MYSPACE": {"content": "x"}}}, "platformOverrides.MYSPACE", "VALIDATION_ERROR"),
        ({"platformOverrides": {"TWITTER": 7}}, "platformOverrides.TWITTER", "VALIDATION_ERROR"),
        ({"overrides": {"TWITTER": {"content": 7}}}, "overrides.TWITTER", "VALIDATION_ERROR"),
        ({"platformMetadata": {"myspace": {}}}, "platformMetadata.myspace", "VALIDATION_ERROR"),
        ({"threadPosts": [{"sequence": 2, "content": "x"}]}, "threadPosts.0.sequence", "VALIDATION_ERROR"),
        (
            {"threadPosts": [{"sequence": 1, "content": "x"}, {"sequence": 1, "content": "x"}]},
            "threadPosts.1.sequence",
            "VALIDATION_ERROR",
        ),
        (
            {"threadPosts": [{"sequence": n + 1, "content": "x"} for n in range(26)]},
            "threadPosts",
            "VALIDATION_ERROR",
        ),
        (
            {"threadPosts": [{"sequence": 1, "content": "x", "mediaIds": ["media_cnone"]}]},
            "threadPosts.0.mediaIds.0",
            "VALIDATION_ERROR",
        ),
        ({"firstComment": "x" * 2_201}, "firstComment", "VALIDATION_ERROR"),
        ({"firstCommentDelay": 61}, "firstCommentDelay", "VALIDATION_ERROR"),
        ({"firstCommentDelay": -1}, "firstCommentDelay", "VALIDATION_ERROR"),
        ({"saveAsDraft": "yes"}, "saveAsDraft", "VALIDATION_ERROR"),
        ({"tags": "launch"}, "tags", "VALIDATION_ERROR"),
        ({"metadata": ["a"]}, "metadata", "VALIDATION_ERROR"),
        ({"content": "a\0b"}, "content", "VALIDATION_ERROR"),
    ],
)
def test_a_body_that_breaks_a_rule_is_refused_where_it_does(
    world: World, changes: dict[str, Any], field: str, code: str
) -> None:
    account = world.an_account()
    refused = world("POST", "posts", {"content": "Hello", "accountIds": [account], **changes})
    assert (refused.status, refused.code) == (400, code)
    assert refused.fields == [field]
    assert not world.posts.stored


@pytest.mark.parametrize(
    "metadata",
    [
        {"k" * 101: "x"},
        {"key": "x" * 1_001},
        {"key": ["x"] * 101},
        {"key": ["x" * 201]},
        {"key": [{"deep": "x" * 201}]},
        {"deep": {"key": "x" * 1_001}},
    ],
)
def test_metadata_beyond_its_limits_alone_is_422(world: World, metadata: dict[str, Any]) -> None:
    body = {"content": "Hello", "accountIds": [world.an_account()], "metadata": metadata}
    refused = world("POST", "posts", body)
    assert (refused.status, refused.code) == (422, "VALIDATION_ERROR")
    (field,) = refused.fields
    assert field.startswith("metadata.")


def test_metadata_at_its_limits_is_taken(world: World) -> None:
    metadata = {"k" * 100: "x" * 1_000, "list": ["x" * 200] * 100, "number": 1.5, "none": None, "yes": True}
    assert world.a_post(metadata=metadata)["metadata"] == metadata


@pytest.mark.parametrize("raw", [b"", b"{", b"[]", b'"text"', b"null", b'{"content": NaN}', b"\xff"])
def test_what_is_no_object_is_refused(world: World, raw: bytes) -> None:
    assert world("POST", "posts", raw).status == 400


@pytest.mark.parametrize("number", ["1e999", "-1E+400", "NaN", "Infinity", f"{'9' * 400}.0", f"{'9' * 300}e99"])
def test_a_number_that_json_has_not_is_no_json(world: World, number: str) -> None:
    account = world.an_account()
    raw = f'{{"content": "Hello", "accountIds": ["{account}"], "metadata": {{"n": {number}}}}}'
    refused = world("POST", "posts", raw.encode())
    assert (refused.status, refused.code) == (400, "BAD_REQUEST")


def test_everything_wrong_with_a_body_is_told_at_once(world: World) -> None:
    body = {"content": "x" * 10_001, "accountIds": [], "media": 7}
    assert set(world("POST", "posts", body).fields) == {"content", "accountIds", "media"}
    body = {
        "content": "Hello",
        "accountIds": ["acc_cnone"],
        "media": ["media_cnone"],
        "scheduledFor": "2020-01-01T00:00:00Z",
    }
    assert set(world("POST", "posts", body).fields) == {"accountIds.0", "media.0", "scheduledFor"}


def test_a_body_over_100_kb_is_refused_also_outside_of_a_batch(world: World) -> None:
    body = {"content": "Hello", "accountIds": [world.an_account()], "platformMetadata": {"TWITTER": {"x": ""}}}
    size = len(json.dumps(body, separators=(",", ":")).encode())
    body["platformMetadata"]["TWITTER"]["x"] = "x" * (100 * 1024 - size)  # type: ignore[index] # JSON
    assert world("POST", "posts", body).status == 201
    body["platformMetadata"]["TWITTER"]["x"] += "x"  # type: ignore[index] # JSON
    assert world("POST", "posts", body).status == 413


def test_a_disconnected_account_is_not_found(world: World) -> None:
    account = world.an_account(status=AccountStatus.DISCONNECTED)
    refused = world("POST", "posts", {"content": "Hello", "accountIds": [account]})
    assert (refused.status, refused.code) == (400, "ACCOUNT_NOT_FOUND")


def test_an_expired_account_can_be_refreshed_before_its_post_is_due(world: World) -> None:
    account = world.an_account(status=AccountStatus.EXPIRED)
    (part,) = world.a_post(accountIds=[account], scheduledFor=LATER)["platforms"]
    assert part["accountStatus"] == "expired"


@pytest.mark.parametrize("platforms", [["linkedin"], ["twitter", "linkedin"]])
def test_a_platform_without_an_active_account_is_refused(world: World, platforms: list[str]) -> None:
    world.an_account()
    refused = world("POST", "posts", {"content": "Hello", "platforms": platforms})
    assert (refused.status, refused.code) == (400, "ACCOUNT_NOT_FOUND")
    assert refused.fields == [f"platforms.{platforms.index('linkedin')}"]


def test_a_platform_that_is_none_is_refused(world: World) -> None:
    refused = world("POST", "posts", {"content": "Hello", "platforms": ["myspace"]})
    assert (refused.status, refused.fields) == (400, ["platforms.0"])


@pytest.mark.parametrize("when", [{"scheduledFor": LATER}, {"queue": True}])
def test_what_is_scheduled_may_not_break_the_networks_limits(world: World, when: dict[str, Any]) -> None:
    accounts = [world.an_account(), world.an_account(), world.an_account(platform="INSTAGRAM")]
    refused = world("POST", "posts", {"content": "x" * 281, "accountIds": accounts, **when})
    assert (refused.status, refused.code) == (400, "CONTENT_TOO_LONG")
    details = refused.error["details"]
    assert {name: details[name] for name in ("field", "platform", "maxLength", "actualLength")} == {
        "field": "content",
        "platform": "TWITTER",
        "maxLength": 280,
        "actualLength": 281,
    }
    assert refused.fields == ["content", "media"]
    assert world.a_post(queue=True)["scheduledFor"] == "2026-01-15T11:00:00.000Z"  # no hour was lost


def test_a_file_whose_upload_failed_is_refused(world: World) -> None:
    failed = world.a_file(content=b"no image", content_type="image/png")
    refused = world("POST", "posts", {"content": "Hello", "accountIds": [world.an_account()], "media": [failed]})
    assert (refused.status, refused.fields) == (400, ["media.0"])


# ── showing one ──


@pytest.mark.parametrize("post_id", ["7", "post_", "acc_c123", "post_with-dash", "%2e%2e", "post_" + "x" * 41])
@pytest.mark.parametrize(
    ("method", "below"),
    [("GET", ""), ("DELETE", ""), *(("POST", f"/{act}") for act in ("publish", "cancel", "clone", "retry"))],
)
def test_an_id_that_can_be_none_is_a_bad_request(world: World, method: str, below: str, post_id: str) -> None:
    refused = world(method, f"posts/{post_id}{below}")
    assert (refused.status, refused.code) == (400, "BAD_REQUEST")


@pytest.mark.parametrize("post_id", [UNKNOWN, "clxold1234567890"])
@pytest.mark.parametrize(
    ("method", "below", "body"),
    [
        ("GET", "", None),
        ("PATCH", "", {"content": "x"}),
        ("DELETE", "", None),
        *(("POST", f"/{act}", None) for act in ("publish", "cancel", "clone", "retry", "platforms/pp_c1/fix")),
    ],
)
def test_a_post_that_is_not_there_is_not_found(world: World, method: str, below: str, body: Any, post_id: str) -> None:
    missing = world(method, f"posts/{post_id}{below}", body)
    assert (missing.status, missing.code) == (404, "NOT_FOUND")


@pytest.mark.parametrize(
    ("method", "below", "body"),
    [
        ("GET", "", None),
        ("PATCH", "", {"content": "x"}),
        ("DELETE", "", None),
        *(("POST", f"/{act}", None) for act in ("publish", "cancel", "clone", "retry")),
    ],
)
def test_another_workspaces_post_is_not_found_and_stays_as_it_is(
    world: World, method: str, below: str, body: Any
) -> None:
    post = world.a_post()
    assert world(method, f"posts/{post['id']}{below}", body, workspace_id="other").status == 404
    assert world("GET", f"posts/{post['id']}").body == post


def test_another_workspaces_accounts_and_media_are_not_found(world: World) -> None:
    body = {"content": "Hello", "accountIds": [world.an_account()], "media": [world.a_file()]}
    refused = world("POST", "posts", body, workspace_id="other")
    assert (refused.status, refused.fields) == (400, ["accountIds.0", "media.0"])


@pytest.mark.parametrize(("method", "path"), [("PUT", "posts"), ("POST", "posts/x/burn"), ("GET", "posts/a/b/c/d")])
def test_a_call_that_there_is_not_is_not_found(world: World, method: str, path: str) -> None:
    missing = world(method, path)
    assert (missing.status, missing.code) == (404, "NOT_FOUND")


# ── cancelling, copying, removing ──


@pytest.mark.parametrize("body", [{}, {"scheduledFor": LATER}])
def test_a_draft_or_scheduled_post_can_be_cancelled_once(world: World, body: dict[str, Any]) -> None:
    post = world.a_post(**body)
    cancelled = world("POST", f"posts/{post['id']}/cancel")
    assert (cancelled.status, cancelled.body["status"]) == (200, "cancelled")
    again = world("POST", f"posts/{post['id']}/cancel")
    assert (again.status, again.code) == (409, "CONFLICT")
    assert "cancelled" in again.error["message"]


def test_a_cancelled_post_is_not_published_when_its_time_comes(world: World) -> None:
    post = world.a_post(scheduledFor="2026-01-15T11:00:00Z")
    world("POST", f"posts/{post['id']}/cancel")
    world.clock.at = world.clock.at.replace(hour=12)
    world.sweep()
    assert not world.networks.published


def test_a_copy_is_a_draft_of_its_own_that_says_the_same(world: World) -> None:
    said = {"tags": ["a"], "metadata": {"k": "v"}, "media": [world.a_file()], "contentType": "IMAGE"}
    post = world.a_post(scheduledFor=LATER, **said)
    world("POST", f"posts/{post['id']}/cancel")
    clone = world("POST", f"posts/{post['id']}/clone")
    assert clone.status == 201
    copy = clone.body
    assert copy["id"] != post["id"]
    assert (copy["status"], copy["scheduledFor"]) == ("draft", None)
    assert {name: copy[name] for name in ("content", *said)} == {name: post[name] for name in ("content", *said)}
    assert [part["accountId"] for part in copy["platforms"]] == [part["accountId"] for part in post["platforms"]]
    assert not {part["postPlatformId"] for part in copy["platforms"]} & {
        part["postPlatformId"] for part in post["platforms"]
    }
    assert world.events(of=copy["id"]) == ["post.created"]


def test_a_copy_of_a_published_post_is_not_published(world: World) -> None:
    post = world.a_post()
    world("POST", f"posts/{post['id']}/publish")
    copy = world("POST", f"posts/{post['id']}/clone").body
    (part,) = copy["platforms"]
    assert (copy["publishedAt"], part["status"], part["platformPostId"]) == (None, "pending", None)


def test_a_post_is_removed_with_an_empty_204(world: World) -> None:
    post = world.a_post()
    gone = world("DELETE", f"posts/{post['id']}")
    assert (gone.status, gone.raw) == (204, "")
    assert world("GET", f"posts/{post['id']}").status == 404
    assert world("DELETE", f"posts/{post['id']}").status == 404


# ── under an Idempotency-Key ──


def test_the_same_key_makes_one_post(world: World) -> None:
    body = {"content": "Hello", "accountIds": [world.an_account()]}
    first, second = world("POST", "posts", body, key="k1"), world("POST", "posts", body, key="k1")
    assert (first.status, first.raw) == (second.status, second.raw) == (201, first.raw)
    assert len(world.posts.stored) == 1
    assert world("POST", "posts", {**body, "content": "Bye"}, key="k1").code == "IDEMPOTENCY_CONFLICT"


def test_the_same_key_removes_one_post_and_says_so_again(world: World) -> None:
    post = world.a_post()
    assert world("DELETE", f"posts/{post['id']}", key="k1").status == 204
    assert world("DELETE", f"posts/{post['id']}", key="k1").status == 204


def test_a_post_that_an_earlier_try_made_is_found_though_its_account_is_gone_by_now(world: World) -> None:
    account = world.an_account()
    body = {"content": "Hello", "accountIds": [account], "scheduledFor": "2026-01-15T10:31:00Z"}
    ticket = Ticket("00000000-0000-4000-9000-000000000001", world.clock.now())
    first = world("POST", "posts", body, ticket=ticket).body
    world.change_account(account, AccountStatus.DISCONNECTED)
    world.clock.at += timedelta(hours=1)
    again = world("POST", "posts", body, ticket=replace(ticket, again=True))
    assert (again.status, again.body["id"]) == (201, first["id"])
    assert len(world.posts.stored) == 1
