"""Posts, accounts and media under faults: the process dies before or after each single call of a store, of the bucket or
of a network, and the same call is sent again under its Idempotency-Key; or the sweeper alone goes on.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pytest
from engine import Died, Fuse
from factories import AT
from resource_world import PNG, Called, World

from batchwork.domain.account import Destination
from batchwork.domain.idempotency import Ticket
from batchwork.domain.ids import part_of
from batchwork.domain.media import MediaStatus
from batchwork.domain.post import PostStatus
from batchwork.families.operations.events import event_of

MINUTE = timedelta(minutes=1)
#: Of one post and everything else that a test may ask about.
Prepared = dict[str, Any]


@dataclass(frozen=True)
class Work:
    """A piece of work: prepare: what is there before; call: (method, path, body); left: what must be true afterwards."""

    prepare: Callable[[World], Prepared]
    call: Callable[[Prepared], tuple[str, str, Any]]
    status: int
    left: Callable[[World, Prepared, Called], None]

    def send(self, world: World, there: Prepared) -> Called:
        method, path, body = self.call(there)
        return world(method, path, body, key="order-1")


def accounts(world: World) -> Prepared:
    return {"accounts": [world.an_account(), world.an_account(platform="LINKEDIN")]}


def a_draft(world: World) -> Prepared:
    there = accounts(world)
    return {**there, "post": world.a_post(accountIds=there["accounts"])["id"]}


def a_scheduled_post(world: World) -> Prepared:
    there = accounts(world)
    time = "2026-04-09T12:00:00Z"
    return {**there, "post": world.a_post(accountIds=there["accounts"], scheduledFor=time)["id"]}


def a_partial_post(world: World) -> Prepared:
    world.networks.refusing.add("refused")
    good, bad = world.an_account(), world.an_account(platform="LINKEDIN", username="refused")
    post = world.a_post(accountIds=[good, bad])
    published = world("POST", f"posts/{post['id']}/publish").body
    world.networks.refusing.clear()
    part = published["platforms"][1]["postPlatformId"]
    return {"accounts": [good, bad], "post": post["id"], "part": part}


def a_connection(world: World) -> Prepared:
    return {"state": world("POST", "accounts/connect/twitter", {}).body["state"]}


def a_lost_account(world: World) -> Prepared:
    there = a_connection(world)
    account = world.an_account(username="granted")
    world("DELETE", f"accounts/{account}")
    return {**there, "account": account}


def a_file(world: World) -> Prepared:
    return {"media": world.a_file()}


def one_post(world: World, there: Prepared, answer: Called) -> None:
    assert [name for _, name in world.posts.stored] == [answer.body["id"]]
    assert world.events(of=answer.body["id"]) == ["post.created"]
    assert [part["accountId"] for part in answer.body["platforms"]] == there["accounts"]


def one_queued_post(world: World, _: Prepared, answer: Called) -> None:
    assert [name for _, name in world.posts.stored] == [answer.body["id"]]
    assert answer.body["status"] == "scheduled"
    assert world.events(of=answer.body["id"]) == ["post.created", "post.scheduled"]


def all_posts(world: World, _: Prepared, answer: Called) -> None:
    names = [result["postId"] for result in answer.body["results"]]
    assert sorted(name for _, name in world.posts.stored) == sorted(names)
    assert world.events() == ["post.created"] * len(names)


def one_copy(world: World, there: Prepared, answer: Called) -> None:
    assert {name for _, name in world.posts.stored} == {there["post"], answer.body["id"]}
    assert world.events(of=answer.body["id"]) == ["post.created"]


def changed(world: World, there: Prepared, answer: Called) -> None:
    assert world.stored(there["post"]).content == answer.body["content"] == "Bye"
    assert world.events(of=there["post"]) == ["post.created", "post.scheduled"]
    assert world.stored(there["post"]).revision == 2


def published(world: World, there: Prepared, answer: Called) -> None:
    assert answer.body["status"] == "published"
    said = [(post, account) for post, account, _ in world.networks.published.values()]
    assert sorted(said) == sorted((there["post"], account) for account in there["accounts"])
    assert world.events(of=there["post"])[-1:] == ["post.published"]
    assert world.events(of=there["post"]).count("post.published") == 1
    assert world.posts.due(world.clock.now() + timedelta(days=365), 10) == []


def recovered(world: World, there: Prepared, answer: Called) -> None:
    assert answer.body["status"] == "published"
    assert world.stored(there["post"]).status is PostStatus.PUBLISHED
    said = [account for _, account, _ in world.networks.published.values()]
    assert sorted(said) == sorted(there["accounts"])
    assert world.events(of=there["post"]) == ["post.created", "post.published", "post.published"]


def cancelled(world: World, there: Prepared, answer: Called) -> None:
    assert answer.body["status"] == "cancelled"
    assert world.stored(there["post"]).revision == 2
    assert world.posts.due(world.clock.now() + timedelta(days=365), 10) == []


def gone(world: World, _there: Prepared, answer: Called) -> None:
    assert not world.posts.stored
    assert answer.raw == ""


def one_account(world: World, _: Prepared, answer: Called) -> None:
    assert [name for _, name in world.accounts.stored] == [answer.body["account"]["id"]]
    assert world.events() == ["account.connected"]


def the_same_account(world: World, there: Prepared, answer: Called) -> None:
    assert [name for _, name in world.accounts.stored] == [there["account"]]
    assert (answer.body["account"]["id"], answer.body["account"]["status"]) == (there["account"], "active")
    assert world.events() == ["account.disconnected", "account.connected"]


def one_state(world: World, _: Prepared, answer: Called) -> None:
    body = {"code": "granted", "state": answer.body["state"]}
    assert world("POST", "accounts/callback/twitter", body).status == 200


def disconnected(world: World, there: Prepared, _: Called) -> None:
    assert world.events(of=there["accounts"][0]) == ["account.disconnected"]


def one_announced_file(world: World, _: Prepared, answer: Called) -> None:
    assert [name for _, name in world.media.stored] == [answer.body["mediaId"]]


def no_file(world: World, _there: Prepared, _: Called) -> None:
    assert not world.media.stored
    assert not world.blobs.kept


def posts_body(there: Prepared) -> dict[str, Any]:
    return {"content": "Hello", "accountIds": there["accounts"]}


WORKS = {
    "create": Work(accounts, lambda there: ("POST", "posts", posts_body(there)), 201, one_post),
    "queue": Work(
        accounts, lambda there: ("POST", "posts", {**posts_body(there), "queue": True}), 201, one_queued_post
    ),
    "bulk": Work(accounts, lambda there: ("POST", "posts/bulk", {"posts": [posts_body(there)] * 3}), 200, all_posts),
    "clone": Work(a_draft, lambda there: ("POST", f"posts/{there['post']}/clone", None), 201, one_copy),
    "change": Work(
        a_draft,
        lambda there: ("PATCH", f"posts/{there['post']}", {"content": "Bye", "scheduledFor": "2026-04-09T12:00:00Z"}),
        200,
        changed,
    ),
    "publish": Work(a_draft, lambda there: ("POST", f"posts/{there['post']}/publish", None), 200, published),
    "publish early": Work(
        a_scheduled_post, lambda there: ("POST", f"posts/{there['post']}/publish", None), 200, published
    ),
    "retry": Work(a_partial_post, lambda there: ("POST", f"posts/{there['post']}/retry", None), 200, recovered),
    "fix": Work(
        a_partial_post,
        lambda there: ("POST", f"posts/{there['post']}/platforms/{there['part']}/fix", {"content": "Sorry"}),
        200,
        recovered,
    ),
    "cancel": Work(a_scheduled_post, lambda there: ("POST", f"posts/{there['post']}/cancel", None), 200, cancelled),
    "delete": Work(a_draft, lambda there: ("DELETE", f"posts/{there['post']}", None), 204, gone),
    "connect": Work(lambda _: {}, lambda _: ("POST", "accounts/connect/twitter", {}), 200, one_state),
    "callback": Work(
        a_connection,
        lambda there: ("POST", "accounts/callback/twitter", {"code": "granted", "state": there["state"]}),
        200,
        one_account,
    ),
    "reconnect": Work(
        a_lost_account,
        lambda there: ("POST", "accounts/callback/twitter", {"code": "granted", "state": there["state"]}),
        200,
        the_same_account,
    ),
    "disconnect": Work(accounts, lambda there: ("DELETE", f"accounts/{there['accounts'][0]}", None), 204, disconnected),
    "announce": Work(
        lambda _: {},
        lambda _: ("POST", "media/upload", {"filename": "a", "contentType": "image/png", "sizeBytes": 9}),
        201,
        one_announced_file,
    ),
    "remove": Work(a_file, lambda there: ("DELETE", f"media/{there['media']}", None), 204, no_file),
}


def calls_of(work: Work) -> int:
    world, fuse = World(), Fuse()
    there = work.prepare(world)
    assert work.send(world.dying(fuse), there).status == work.status
    return fuse.calls


@pytest.mark.parametrize("deaths", [1, 2])
@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("name", list(WORKS))
def test_a_call_that_died_at_any_point_ends_right_when_it_is_sent_again(name: str, after: bool, deaths: int) -> None:
    work = WORKS[name]
    points = calls_of(work)
    assert points >= 3
    for point in range(1, points + 1):
        world = World()
        there = work.prepare(world)
        for _ in range(deaths):
            world.try_(lambda process: work.send(process, there), Fuse(point, after=after))  # noqa: B023 -- run at once
        first, again = work.send(world, there), work.send(world, there)
        assert (first.status, again.status) == (work.status, work.status), (point, first.raw)
        assert first.raw == again.raw
        work.left(world, there, first)


@pytest.mark.parametrize("after", [False, True])
def test_what_died_while_publishing_is_finished_by_the_sweeper_alone(after: bool) -> None:
    points = calls_of(WORKS["publish"])
    finished = 0
    for point in range(1, points + 1):
        world = World()
        there = a_draft(world)
        world.try_(lambda process: process("POST", f"posts/{there['post']}/publish"), Fuse(point, after=after))  # noqa: B023 -- run at once
        for _ in range(3):
            world.clock.pass_(MINUTE)
            world.sweep()
        # A key's own calls come first and last: publishing was begun or not, and never left half done.
        stored = world.stored(there["post"])
        assert stored.status in {PostStatus.DRAFT, PostStatus.PUBLISHED}
        assert len(world.networks.published) == (2 if stored.status is PostStatus.PUBLISHED else 0)
        assert world.events(of=there["post"]).count("post.published") == (stored.status is PostStatus.PUBLISHED)
        finished += stored.status is PostStatus.PUBLISHED
    assert finished > 0


@pytest.mark.parametrize("after", [False, True])
def test_a_sweeper_that_dies_at_any_point_leaves_a_due_post_to_the_next_one(after: bool) -> None:
    fuse = Fuse()
    world = World()
    a_scheduled_post(world)
    world.clock.pass_(timedelta(days=200))
    world.dying(fuse).sweep()
    for point in range(1, fuse.calls + 1):
        world = World()
        there = a_scheduled_post(world)
        world.clock.pass_(timedelta(days=200))
        with pytest.raises(Died):
            world.dying(Fuse(point, after=after)).sweep()
        for _ in range(3):
            world.clock.pass_(MINUTE)
            world.sweep()
        assert world.stored(there["post"]).status is PostStatus.PUBLISHED
        assert len(world.networks.published) == 2
        assert world.events(of=there["post"]) == ["post.created", "post.scheduled", "post.published"]


@pytest.mark.parametrize("after", [False, True])
def test_bytes_whose_judge_died_at_any_point_are_judged_when_the_event_comes_again(after: bool) -> None:
    for point in range(1, 4):
        world = World()
        media_id = world.a_file(uploaded=False)
        world.blobs.upload("acme", media_id, PNG)
        with pytest.raises(Died):
            world.dying(Fuse(point, after=after)).files.arrived("acme", media_id)
        world.files.arrived("acme", media_id)
        stored = world.media.get("acme", media_id)
        assert stored is not None
        assert stored.status is MediaStatus.READY
        assert world.events() == ["media.uploaded"]


# ── the same work again, whose later operations took away what its earlier ones made or changed ──


TICKET = Ticket("00000000-0000-4000-8000-000000000099", AT)
Batch = Callable[[Callable[..., Called]], list[int]]


def twice(world: World, batch: Batch) -> tuple[list[int], list[int]]:
    """Do a batch twice under one ticket, as who finds that its first try died at the very end."""

    def tried(again: bool) -> list[int]:
        index = itertools.count()

        def call(method: str, path: str, body: Any = None) -> Called:
            ticket = part_of(replace(TICKET, again=again), next(index))
            return world(method, path, body, ticket=ticket)

        return batch(call)

    return tried(False), tried(True)


def test_a_clone_is_found_though_its_original_was_removed_after_it(world: World) -> None:
    # Break: PostCalls.clone, read the original first.
    post = world.a_post()["id"]

    def batch(call: Callable[..., Called]) -> list[int]:
        return [call("POST", f"posts/{post}/clone").status, call("DELETE", f"posts/{post}").status]

    first, again = twice(world, batch)
    assert first == again == [201, 204]
    assert len(world("GET", "posts").ids) == 1


def test_a_post_is_found_though_its_account_was_disconnected_after_it(world: World) -> None:
    # Break: PostCalls.create, check the accounts first.
    account = world.an_account()

    def batch(call: Callable[..., Called]) -> list[int]:
        made = call("POST", "posts", {"content": "x", "accountIds": [account]})
        return [made.status, call("DELETE", f"accounts/{account}").status]

    first, again = twice(world, batch)
    assert first == again == [201, 204]
    assert len(world("GET", "posts").ids) == 1


def test_a_page_stays_chosen_though_its_account_was_disconnected_after_it(world: World) -> None:
    # Break: Accounts.selectable, ask for a connected account first.
    pages = (Destination("page-1", "One"),)
    account = world.an_account(platform="FACEBOOK", destinations=pages)

    def batch(call: Callable[..., Called]) -> list[int]:
        chosen = call("POST", f"accounts/{account}/select-page", {"pageId": "page-1"})
        return [chosen.status, call("DELETE", f"accounts/{account}").status]

    first, again = twice(world, batch)
    assert first == again == [200, 204]
    assert world("POST", f"accounts/{account}/select-page", {"pageId": "page-1"}).status == 409


def test_what_is_made_published_and_removed_twice_is_published_and_told_once(world: World) -> None:
    # Break: event_of, let ids follow from updated_at; or a publication's token from anything but post, part and round.
    account = world.an_account()

    def batch(call: Callable[..., Called]) -> list[int]:
        made = call("POST", "posts", {"content": "x", "accountIds": [account]})
        post = made.body["id"]
        return [made.status, call("POST", f"posts/{post}/publish").status, call("DELETE", f"posts/{post}").status]

    first, again = twice(world, batch)
    assert first == again == [201, 200, 204]
    assert world("GET", "posts").ids == []
    told = [event_of("POST", post, name).id for post, names in world.posts.told for name in names]
    assert len(told) == 4
    assert len(set(told)) == 2
    assert len(world.networks.published) == 1
