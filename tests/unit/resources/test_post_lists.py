"""Lists of posts: pages, filters, and what both published clients read of them (spec operations 1.5)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from fakes.shelf import FakeShelf
from resource_world import World

from batchwork.domain.post import Post
from batchwork.edge.endpoint import ANSWER_LIMIT, serialized
from batchwork.ports.operations import Slice


def ids(world: World, **query: str) -> list[str]:
    return world("GET", "posts", query=query).ids


def test_a_list_is_newest_first_in_both_clients_spelling(world: World) -> None:
    posts = [world.a_post() for _ in range(3)]
    listed = world("GET", "posts").body
    assert listed["data"] == posts[::-1]
    assert listed["pagination"] == {
        "has_more": False,
        "hasMore": False,
        "next_cursor": None,
        "nextCursor": None,
        "limit": 20,
    }


def test_a_page_goes_on_where_the_one_before_ended(world: World) -> None:
    posts = [world.a_post()["id"] for _ in range(5)]
    seen: list[str] = []
    query = {"limit": "2"}
    for _ in range(3):
        page = world("GET", "posts", query=query).body
        seen += [post["id"] for post in page["data"]]
        told = page["pagination"]
        assert told["next_cursor"] == told["nextCursor"]
        assert told["has_more"] is told["hasMore"] is (len(seen) < 5)
        query = {"limit": "2", "cursor": str(told["next_cursor"])}
    assert seen == posts[::-1]


def test_an_empty_list_is_one(world: World) -> None:
    assert world("GET", "posts").body["data"] == []
    assert world("GET", "posts", query={"offset": "5"}).body["data"] == []


def test_an_offset_skips_as_the_npm_client_asks(world: World) -> None:
    posts = [world.a_post()["id"] for _ in range(5)][::-1]
    assert ids(world, offset="2", limit="2") == posts[2:4]
    assert ids(world, offset="4") == posts[4:]
    assert ids(world, offset="5") == []
    assert ids(world, offset="9") == []


@pytest.mark.parametrize("status", ["draft", "DRAFT", "scheduled", "SCHEDULED", "published", "cancelled"])
def test_a_filter_by_status_may_be_in_either_case(world: World, status: str) -> None:
    posts = {
        "draft": world.a_post()["id"],
        "scheduled": world.a_post(scheduledFor="2026-04-09T12:00:00Z")["id"],
        "published": world.a_post()["id"],
        "cancelled": world.a_post()["id"],
    }
    world("POST", f"posts/{posts['published']}/publish")
    world("POST", f"posts/{posts['cancelled']}/cancel")
    assert ids(world, status=status) == [posts[status.lower()]]


def test_a_filter_by_platform_finds_posts_that_are_for_it_among_others(world: World) -> None:
    twitter, linkedin = world.an_account(), world.an_account(platform="LINKEDIN")
    both = world.a_post(accountIds=[twitter, linkedin])["id"]
    one = world.a_post(accountIds=[twitter])["id"]
    assert ids(world, platform="LINKEDIN") == ids(world, platform="linkedin") == [both]
    assert ids(world, platform="TWITTER") == [one, both]
    assert ids(world, platform="FACEBOOK") == []


def test_filters_by_time_include_both_ends(world: World) -> None:
    posts = []
    for _ in range(4):
        posts.append(world.a_post())
        world.clock.pass_(timedelta(hours=1))
    times = [post["createdAt"] for post in posts]
    names = [post["id"] for post in posts]
    assert ids(world, **{"from": times[1], "to": times[2]}) == [names[2], names[1]]
    assert ids(world, **{"from": times[2]}) == [names[3], names[2]]
    assert ids(world, to=times[1]) == [names[1], names[0]]
    assert ids(world, to=times[3], limit="1") == [names[3]]
    assert ids(world, **{"from": "2099-01-01T00:00:00Z"}) == []
    assert ids(world, to="2099-01-01T00:00:00Z") == names[::-1]
    assert ids(world, to="1960-01-01T00:00:00Z") == []


def test_a_post_is_within_the_millisecond_that_is_told_of_it(world: World) -> None:
    world.clock.at = world.clock.at.replace(microsecond=999)
    post = world.a_post()
    assert post["createdAt"].endswith(".000Z")
    assert ids(world, **{"from": post["createdAt"], "to": post["createdAt"]}) == [post["id"]]


def test_a_cursor_goes_on_within_a_filter_by_time(world: World) -> None:
    posts = [world.a_post() for _ in range(5)]
    query = {"to": posts[3]["createdAt"], "limit": "2"}
    first = world("GET", "posts", query=query)
    assert first.ids == [posts[3]["id"], posts[2]["id"]]
    second = world("GET", "posts", query={**query, "cursor": first.body["pagination"]["nextCursor"]})
    assert second.ids == [posts[1]["id"], posts[0]["id"]]


@pytest.mark.parametrize(
    "query",
    [
        {"limit": "0"}, {"limit": "101"}, {"limit": "ten"}, {"limit": "-1"}, {"limit": "1.5"},
        {"offset": "-1"}, {"offset": "1001"}, {"cursor": "../etc"}, {"status": "LOST"}, {"platform": "MYSPACE"},
    ],
)  # fmt: skip
def test_what_is_no_value_of_a_filter_is_refused(world: World, query: dict[str, str]) -> None:
    refused = world("GET", "posts", query=query)
    assert (refused.status, refused.code) == (400, "VALIDATION_ERROR")
    assert refused.fields == list(query)


@pytest.mark.parametrize("text", ["yesterday", "2026-04-09", "2026-04-09T12:00:00"])
def test_a_time_without_offset_is_no_time(world: World, text: str) -> None:
    for name in ("from", "to"):
        refused = world("GET", "posts", query={name: text})
        assert (refused.status, refused.code, refused.fields) == (400, "INVALID_DATE", [name])


def test_everything_wrong_with_a_query_is_told_at_once(world: World) -> None:
    query: dict[str, Any] = {"limit": "0", "status": "LOST", "from": "yesterday"}
    assert set(world("GET", "posts", query=query).fields) == set(query)


def test_the_edges_of_a_limit_are_within_it(world: World) -> None:
    world.a_post()
    for limit in ("1", "100"):
        assert world("GET", "posts", query={"limit": limit}).body["pagination"]["limit"] == int(limit)


def test_another_workspaces_posts_are_not_listed(world: World) -> None:
    world.a_post()
    assert world("GET", "posts", workspace_id="other").body["data"] == []


def test_a_page_that_no_answer_has_room_for_ends_sooner_and_goes_on(world: World) -> None:
    # Break: listed, show all entries: 400 for a list that the client did not make too large.
    account = world.an_account()
    metadata = {f"text{number}": '"' * 1_000 for number in range(30)}
    posts = [world.a_post(accountIds=[account], metadata=metadata)["id"] for _ in range(100)][::-1]
    seen: list[str] = []
    pages, query = 0, {"limit": "100"}
    while True:
        page = world("GET", "posts", query=query)
        assert serialized(page.raw) <= ANSWER_LIMIT
        pages, seen = pages + 1, seen + page.ids
        if page.body["pagination"]["next_cursor"] is None:
            break
        query = {"limit": "100", "cursor": page.body["pagination"]["next_cursor"]}
    assert seen == posts
    assert pages == 3


def test_an_offset_costs_no_more_than_one_search(world: World) -> None:
    # Break: PostCalls._page, search on until all are skipped.
    class Short(FakeShelf[Post]):
        searches = 0

        def page(self, *asked: Any, **how: Any) -> Slice[Post]:
            self.searches += 1
            return Slice([], "post_c1")  # as one that found nothing in all the rows it may read

    world.posts = shelf = Short()
    page = world("GET", "posts", query={"status": "FAILED", "offset": "3"}).body
    assert page["data"] == []
    assert page["pagination"]["next_cursor"] == "post_c1"
    assert shelf.searches == 1
