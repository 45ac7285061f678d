"""PATCH of a post: what is given replaces what was, as long as the post can be changed."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from resource_world import World

from batchwork.domain.idempotency import Ticket
from batchwork.domain.post import Post, PostStatus

LATER, EVEN_LATER = "2026-04-09T12:00:00Z", "2026-05-09T12:00:00Z"


def put_into(world: World, post: dict[str, Any], status: PostStatus) -> None:
    stored = world.stored(post["id"])
    assert world.posts.replace(replace(stored, status=status, revision=stored.revision + 1))


def test_what_is_given_replaces_what_was_and_the_rest_stays(world: World) -> None:
    post = world.a_post(tags=["a"], metadata={"k": "v"}, firstComment="First!")
    changed = world("PATCH", f"posts/{post['id']}", {"content": "Bye", "tags": ["b"]})
    assert changed.status == 200
    assert changed.body == {**post, "content": "Bye", "tags": ["b"], "updatedAt": changed.body["updatedAt"]}
    assert changed.body["updatedAt"] > post["updatedAt"]
    assert world("GET", f"posts/{post['id']}").body == changed.body


def test_null_takes_a_field_away(world: World) -> None:
    post = world.a_post(
        tags=["a"], metadata={"k": "v"}, firstComment="First!", contentType="TEXT", media=[world.a_file()]
    )
    nulls = dict.fromkeys(("tags", "metadata", "firstComment", "contentType", "media"))
    changed = world("PATCH", f"posts/{post['id']}", nulls).body
    assert {name: changed[name] for name in nulls} == {**nulls, "tags": [], "media": []}


@pytest.mark.parametrize("name", ["overrides", "platformOverrides"])
def test_null_takes_the_words_of_all_platforms_away_under_either_name(world: World, name: str) -> None:
    post = world.a_post(platformOverrides={"TWITTER": "Birds"})
    assert world("PATCH", f"posts/{post['id']}", {name: None}).body["platformOverrides"] is None


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "body"),
        ({"unknown": 1}, "body"),
        ({"content": None}, "content"),
        ({"accountIds": None}, "accountIds"),
        ({"accountIds": []}, "accountIds"),
        ({"platforms": []}, "platforms"),
        ({"content": ""}, "content"),
        ({"scheduledFor": "2026-04-09T12:00:00"}, "scheduledFor"),
        ({"scheduledFor": "2020-01-01T00:00:00Z"}, "scheduledFor"),
        ({"media": ["media_cnone"]}, "media.0"),
    ],
)
def test_a_change_that_breaks_a_rule_is_refused_and_changes_nothing(
    world: World, body: dict[str, Any], field: str
) -> None:
    post = world.a_post()
    refused = world("PATCH", f"posts/{post['id']}", body)
    assert (refused.status, refused.fields) == (400, [field])
    assert world("GET", f"posts/{post['id']}").body == post


def test_a_time_schedules_a_draft_and_null_takes_the_time_back(world: World) -> None:
    post = world.a_post()
    scheduled = world("PATCH", f"posts/{post['id']}", {"scheduledAt": LATER}).body
    assert (scheduled["status"], scheduled["scheduledFor"]) == ("scheduled", "2026-04-09T12:00:00.000Z")
    moved = world("PATCH", f"posts/{post['id']}", {"scheduledFor": EVEN_LATER}).body
    assert (moved["status"], moved["scheduledFor"]) == ("scheduled", "2026-05-09T12:00:00.000Z")
    taken_back = world("PATCH", f"posts/{post['id']}", {"scheduledFor": None}).body
    assert (taken_back["status"], taken_back["scheduledFor"]) == ("draft", None)
    assert world.events(of=post["id"]) == ["post.created", "post.scheduled", "post.scheduled"]


def test_a_change_of_words_alone_does_not_schedule_anew(world: World) -> None:
    post = world.a_post(scheduledFor=LATER)
    world("PATCH", f"posts/{post['id']}", {"content": "Bye"})
    assert world.events(of=post["id"]) == ["post.created", "post.scheduled"]


def test_a_draft_that_has_its_time_is_scheduled_by_saying_so(world: World) -> None:
    post = world.a_post(scheduledFor=LATER, saveAsDraft=True)
    scheduled = world("PATCH", f"posts/{post['id']}", {"saveAsDraft": False}).body
    assert (scheduled["status"], scheduled["scheduledFor"]) == ("scheduled", post["scheduledFor"])
    draft = world("PATCH", f"posts/{post['id']}", {"saveAsDraft": True}).body
    assert (draft["status"], draft["scheduledFor"]) == ("draft", post["scheduledFor"])


def test_what_is_scheduled_may_not_come_to_break_the_networks_limits(world: World) -> None:
    post = world.a_post(scheduledFor=LATER)
    refused = world("PATCH", f"posts/{post['id']}", {"content": "x" * 281})
    assert (refused.status, refused.code) == (400, "CONTENT_TOO_LONG")
    draft = world.a_post(content="x" * 281)
    refused = world("PATCH", f"posts/{draft['id']}", {"scheduledFor": LATER})
    assert (refused.status, refused.code) == (400, "CONTENT_TOO_LONG")


def test_media_that_the_post_has_already_count(world: World) -> None:
    post = world.a_post(accountIds=[world.an_account(platform="INSTAGRAM")], media=[world.a_file()])
    assert world("PATCH", f"posts/{post['id']}", {"scheduledFor": LATER}).status == 200
    assert world("PATCH", f"posts/{post['id']}", {"media": []}).code == "MEDIA_REQUIRED"


def test_accounts_that_stay_keep_their_part(world: World) -> None:
    first, second, third = (world.an_account() for _ in range(3))
    post = world.a_post(accountIds=[first, second])
    changed = world("PATCH", f"posts/{post['id']}", {"accountIds": [third, second]}).body
    assert [part["accountId"] for part in changed["platforms"]] == [third, second]
    assert changed["platforms"][1] == post["platforms"][1]


def test_platforms_may_be_changed_as_the_npm_client_does(world: World) -> None:
    linkedin = world.an_account(platform="LINKEDIN")
    post = world.a_post()
    changed = world("PATCH", f"posts/{post['id']}", {"platforms": ["linkedin"]}).body
    assert [part["accountId"] for part in changed["platforms"]] == [linkedin]
    assert world("PATCH", f"posts/{post['id']}", {"accountIds": ["acc_cnone"]}).code == "ACCOUNT_NOT_FOUND"


@pytest.mark.parametrize("status", ["publishing", "published", "partial", "cancelled"])
def test_a_post_that_went_out_cannot_be_changed_and_is_told_what_can(world: World, status: str) -> None:
    post = world.a_post()
    put_into(world, post, PostStatus(status))
    refused = world("PATCH", f"posts/{post['id']}", {"content": "Bye"})
    assert (refused.status, refused.code) == (409, "CONFLICT")
    assert status in refused.error["message"]
    assert any(word in refused.error["message"] for word in ("clone", "wait", "retry"))


def test_a_failed_post_may_be_changed_and_scheduled_anew(world: World) -> None:
    account = world.an_account(username="refused")
    world.networks.refusing.add("refused")
    post = world.a_post(accountIds=[account])
    failed = world("POST", f"posts/{post['id']}/publish").body
    assert failed["platforms"][0]["error"]["code"] == "TOKEN_REVOKED"
    changed = world("PATCH", f"posts/{post['id']}", {"content": "Better"}).body
    assert (changed["status"], changed["platforms"]) == ("failed", failed["platforms"])
    scheduled = world("PATCH", f"posts/{post['id']}", {"scheduledFor": LATER}).body
    (part,) = scheduled["platforms"]
    assert (scheduled["status"], part["status"], part["error"]) == ("scheduled", "pending", None)


def test_a_change_that_changes_nothing_writes_nothing(world: World) -> None:
    post = world.a_post()
    before = len(world.posts.told)
    assert world("PATCH", f"posts/{post['id']}", {"content": "Hello"}).body == post
    assert len(world.posts.told) == before


def test_a_change_that_somebody_was_faster_than_is_made_on_top_of_theirs(world: World) -> None:
    post = world.a_post()
    store, raced = world.posts.replace, list[Post]()

    def slow(newer: Post, *events: str) -> bool:
        if not raced:
            raced.append(world.stored(post["id"]))
            assert store(replace(raced[0], metadata={"k": "v"}, revision=2))
        return store(newer, *events)

    world.posts.replace = slow  # type: ignore[method-assign, assignment] # somebody else, at the worst moment
    changed = world("PATCH", f"posts/{post['id']}", {"content": "Bye"}).body
    assert (changed["content"], changed["metadata"]) == ("Bye", {"k": "v"})
    assert world.stored(post["id"]).revision == 3


def test_a_change_that_others_are_always_faster_than_is_a_conflict(world: World) -> None:
    post = world.a_post()
    world.posts.replace = lambda *_: False  # type: ignore[method-assign] # others, every time
    refused = world("PATCH", f"posts/{post['id']}", {"content": "Bye"})
    assert (refused.status, refused.code) == (409, "CONFLICT")


def test_a_change_that_was_made_before_its_post_went_out_is_found_done(world: World) -> None:
    post = world.a_post()
    ticket = Ticket("00000000-0000-4000-9000-000000000001", world.clock.now())
    assert world("PATCH", f"posts/{post['id']}", {"content": "Bye"}, ticket=ticket).status == 200
    published = world("POST", f"posts/{post['id']}/publish").body
    again = replace(ticket, again=True)
    assert world("PATCH", f"posts/{post['id']}", {"content": "Bye"}, ticket=again).body == published
    assert world("PATCH", f"posts/{post['id']}", {"content": "Other"}, ticket=again).status == 409


def test_a_dry_run_says_what_a_change_would_be_refused_with_and_makes_none(world: World) -> None:
    post = world.a_post()
    path = f"posts/{post['id']}"
    assert world.rehearsed("PATCH", path, {"content": "Bye"}) == 200
    assert world.rehearsed("PATCH", path, {"scheduledFor": "2020-01-01T00:00:00Z"}) == 400
    assert world.rehearsed("PATCH", "posts/post_cnone", {"content": "Bye"}) == 404
    for act, status in {"publish": 200, "cancel": 200, "clone": 200, "retry": 409}.items():
        assert world.rehearsed("POST", f"{path}/{act}") == status
    assert world.rehearsed("DELETE", path) == 200
    assert world("GET", path).body == post
    world.clock.pass_(timedelta(days=1))
    assert not world.networks.published


def test_a_change_that_scheduled_a_post_is_found_done_though_its_time_has_come(world: World) -> None:
    post = world.a_post()
    ticket = Ticket("00000000-0000-4000-9000-000000000001", world.clock.now())
    body = {"scheduledFor": "2026-01-15T10:31:00Z"}
    assert world("PATCH", f"posts/{post['id']}", body, ticket=ticket).status == 200
    world.clock.pass_(timedelta(minutes=1))
    again = world("PATCH", f"posts/{post['id']}", body, ticket=replace(ticket, again=True))
    assert (again.status, again.body["status"]) == (200, "scheduled")
