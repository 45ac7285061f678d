"""Shelf: the twin, the table and the table with a memory before it keep the same promises."""

from __future__ import annotations

import base64
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from factories import AT
from fakes.clock import FakeClock
from fakes.shelf import FakeShelf

from batchwork.adapters import aws
from batchwork.adapters.dynamodb import keys
from batchwork.adapters.dynamodb.resource_rows import AccountCodec, MediaCodec, PostCodec
from batchwork.adapters.dynamodb.shelf import QUERIES, ROWS, DynamoShelf
from batchwork.adapters.recent_shelf import FRESH, RecentShelf
from batchwork.domain.account import Account, AccountStatus, Destination
from batchwork.domain.media import Media, MediaStatus
from batchwork.domain.patience import NobodyWaitsError, while_waited_for
from batchwork.domain.post import PUBLISHING_HOLD, PartStatus, Post, PostPart, PostStatus, due_at
from batchwork.ports.operations import Shelf

SECOND = timedelta(seconds=1)


def a_part(**changes: Any) -> PostPart:
    values = {"id": "pp_c1", "platform": "TWITTER", "account_id": "acc_c1", "account_name": "Acme"}
    return PostPart(**{**values, **changes})


def a_post(number: int = 1, **changes: Any) -> Post:
    values: dict[str, Any] = {
        "id": f"post_c{number:04d}",
        "workspace_id": "acme",
        "created_at": AT,
        "updated_at": AT,
        "content": "Hello",
        "status": PostStatus.DRAFT,
        "parts": (a_part(),),
    }
    return Post(**{**values, **changes})


def after(post: Post, **changes: Any) -> Post:
    return replace(post, revision=post.revision + 1, updated_at=post.updated_at + SECOND, **changes)


@pytest.fixture(params=["fake", "dynamodb", "recent"])
def shelf(request: pytest.FixtureRequest) -> Shelf[Post]:
    if request.param == "fake":
        return FakeShelf(due_at)
    table = DynamoShelf(request.getfixturevalue("table"), PostCodec(), aws.client("dynamodb"))
    return RecentShelf(table, FakeClock()) if request.param == "recent" else table


@pytest.fixture
def dynamo(table: str) -> DynamoShelf[Post]:
    return DynamoShelf(table, PostCodec(), aws.client("dynamodb"))


def all_of(shelf: Shelf[Post], limit: int, **given: Any) -> list[list[str]]:
    """Return the ids of each page, to the end."""
    pages: list[list[str]] = []
    last: str | None = None
    while True:
        wanted, since, ascending = (given.get(name) for name in ("wanted", "since", "ascending"))
        page = shelf.page("acme", last, limit, wanted or (lambda _: True), since or "", ascending=bool(ascending))
        pages.append([each.id for each in page.entries])
        if page.next is None:
            return pages
        last = page.next


# ── one resource ──


def test_a_resource_comes_back_whole(shelf: Shelf[Post]) -> None:
    post = a_post(
        content="Grüße 🎉\n",
        status=PostStatus.PARTIAL,
        parts=(
            a_part(
                account_avatar_url="https://a.example/a.png",
                status=PartStatus.PUBLISHED,
                rounds=2,
                platform_post_id="1",
                platform_post_url="https://twitter.example/1",
                published_at=AT,
            ),
            a_part(id="pp_c2", status=PartStatus.FAILED, rounds=1, error={"code": "X", "message": "refused"}),
        ),
        content_type="IMAGE",
        scheduled_for=AT + SECOND,
        published_at=AT,
        publishing_since=AT,
        media=("media_c1", "media_c2"),
        metadata={"campaign": "summer", "n": 1.5, "list": ["a"], "empty": None},
        extra={"tags": ["a"], "platformOverrides": {"TWITTER": {"content": "Hi"}}},
    )
    assert shelf.add(post)
    assert shelf.get("acme", post.id) == post
    assert shelf.get_many("acme", [post.id]) == {post.id: post}


def test_times_are_kept_to_the_millisecond(shelf: Shelf[Post]) -> None:
    at = datetime(2026, 4, 9, 12, 0, 0, 123_000, UTC)
    shelf.add(a_post(created_at=at, updated_at=at, scheduled_for=at))
    stored = shelf.get("acme", "post_c0001")
    assert stored is not None
    assert (stored.created_at, stored.updated_at, stored.scheduled_for) == (at, at, at)


def test_a_resource_is_added_once(shelf: Shelf[Post]) -> None:
    assert shelf.add(a_post(content="first"))
    assert not shelf.add(a_post(content="second"))
    stored = shelf.get("acme", "post_c0001")
    assert stored is not None
    assert stored.content == "first"


def test_a_change_follows_the_revision_before_it_and_no_other(shelf: Shelf[Post]) -> None:
    first = a_post()
    shelf.add(first)
    assert shelf.replace(after(first, content="second"))
    assert not shelf.replace(after(first, content="third"))
    stored = shelf.get("acme", first.id)
    assert stored is not None
    assert (stored.content, stored.revision) == ("second", 2)


def test_what_is_not_there_is_neither_changed_nor_made_by_a_change(shelf: Shelf[Post]) -> None:
    assert not shelf.replace(after(a_post()))
    assert shelf.get("acme", "post_c0001") is None


def test_a_resource_is_removed_once(shelf: Shelf[Post]) -> None:
    shelf.add(a_post())
    assert shelf.remove("acme", "post_c0001")
    assert not shelf.remove("acme", "post_c0001")
    assert shelf.get("acme", "post_c0001") is None


def test_only_the_revision_that_was_looked_at_is_removed(shelf: Shelf[Post]) -> None:
    first = a_post()
    shelf.add(first)
    shelf.replace(after(first))
    assert not shelf.remove("acme", first.id, 1)
    assert shelf.get("acme", first.id) is not None
    assert shelf.remove("acme", first.id, 2)
    assert not shelf.remove("acme", first.id, 2)


def test_another_workspace_sees_changes_and_removes_nothing(shelf: Shelf[Post]) -> None:
    post = a_post()
    shelf.add(post)
    assert shelf.get("other", post.id) is None
    assert shelf.get_many("other", [post.id]) == {}
    assert not shelf.replace(after(replace(post, workspace_id="other")))
    assert not shelf.remove("other", post.id)
    assert shelf.page("other", None, 10, lambda _: True).entries == []
    assert shelf.get("acme", post.id) == post


def test_many_are_read_at_once_and_those_that_are_not_there_are_left_out(shelf: Shelf[Post]) -> None:
    posts = [a_post(number) for number in range(130)]
    for post in posts:
        shelf.add(post)
    names = [post.id for post in posts]
    assert shelf.get_many("acme", [*names, "post_none", names[0]]) == {post.id: post for post in posts}
    assert shelf.get_many("acme", []) == {}


# ── lists ──


def test_a_list_is_newest_first_and_each_page_goes_on_after_the_one_before(shelf: Shelf[Post]) -> None:
    for number in range(5):
        shelf.add(a_post(number))
    assert all_of(shelf, 2) == [["post_c0004", "post_c0003"], ["post_c0002", "post_c0001"], ["post_c0000"]]
    assert all_of(shelf, 5) == [["post_c0004", "post_c0003", "post_c0002", "post_c0001", "post_c0000"]]


def test_a_list_may_be_read_oldest_first(shelf: Shelf[Post]) -> None:
    for number in range(5):
        shelf.add(a_post(number))
    assert all_of(shelf, 2, ascending=True) == [
        ["post_c0000", "post_c0001"],
        ["post_c0002", "post_c0003"],
        ["post_c0004"],
    ]
    assert all_of(shelf, 2, ascending=True, since="post_c0003") == [["post_c0003", "post_c0004"]]
    later = shelf.page("acme", "post_c0001", 9, lambda _: True, "post_c0003", ascending=True)
    assert [each.id for each in later.entries] == ["post_c0003", "post_c0004"]


def test_a_page_holds_what_is_wanted_only(shelf: Shelf[Post]) -> None:
    for number in range(9):
        shelf.add(a_post(number, content="odd" if number % 2 else "even"))
    pages = all_of(shelf, 2, wanted=lambda post: post.content == "odd")
    assert pages == [["post_c0007", "post_c0005"], ["post_c0003", "post_c0001"]]


def test_a_list_may_begin_after_an_id_that_is_not_there(shelf: Shelf[Post]) -> None:
    for number in range(4):
        shelf.add(a_post(number))
    assert [each.id for each in shelf.page("acme", "post_c0001z", 9, lambda _: True).entries] == [
        "post_c0001",
        "post_c0000",
    ]


def test_a_list_ends_before_what_is_older_than_it_asks_for(shelf: Shelf[Post]) -> None:
    for number in range(5):
        shelf.add(a_post(number))
    assert all_of(shelf, 2, since="post_c0002") == [["post_c0004", "post_c0003"], ["post_c0002"]]
    assert shelf.page("acme", "post_c0001", 2, lambda _: True, "post_c0003").entries == []


def test_a_list_that_goes_on_beyond_its_end_is_not_asked_for(table: str) -> None:
    client = aws.client("dynamodb")
    asked: list[Any] = []
    client.meta.events.register_first("before-send.dynamodb.Query", lambda **_: asked.append(1))
    # DynamoDB refuses a query that begins outside of its own bounds; the emulator does not.
    page = DynamoShelf(table, PostCodec(), client).page("acme", "post_c0001", 2, lambda _: True, "post_c0003")
    assert (page.entries, page.next, asked) == ([], None, [])


def test_a_page_whose_search_takes_too_long_is_short_and_goes_on(dynamo: DynamoShelf[Post]) -> None:
    searched = 3 + QUERIES * ROWS
    for number in range(searched + 10):
        dynamo.add(a_post(number, content="wanted" if number < 2 else "other"))
    first = dynamo.page("acme", None, 2, lambda post: post.content == "wanted")
    assert first.entries == []
    assert first.next == f"post_c{10:04d}"
    second = dynamo.page("acme", first.next, 2, lambda post: post.content == "wanted")
    assert [each.id for each in second.entries] == ["post_c0001", "post_c0000"]
    assert second.next is None


# ── what is due ──


def test_scheduled_and_publishing_posts_are_due_most_overdue_first(shelf: Shelf[Post]) -> None:
    scheduled = a_post(1, status=PostStatus.SCHEDULED, scheduled_for=AT + 5 * SECOND)
    earlier = a_post(2, status=PostStatus.SCHEDULED, scheduled_for=AT + 2 * SECOND)
    left = a_post(3, status=PostStatus.PUBLISHING, updated_at=AT - PUBLISHING_HOLD)
    later = a_post(4, status=PostStatus.SCHEDULED, scheduled_for=AT + 6 * SECOND)
    for post in (scheduled, earlier, left, later, a_post(5)):
        shelf.add(post)
    now = AT + 5 * SECOND
    assert shelf.due(now, 10) == [("acme", left.id), ("acme", earlier.id), ("acme", scheduled.id)]
    assert shelf.due(now, 1) == [("acme", left.id)]


def test_what_was_published_is_due_no_more(shelf: Shelf[Post]) -> None:
    post = a_post(status=PostStatus.SCHEDULED, scheduled_for=AT)
    shelf.add(post)
    shelf.replace(after(post, status=PostStatus.PUBLISHED))
    assert shelf.due(AT + SECOND, 10) == []


# ── the table's own ──


@pytest.mark.parametrize("write", ["add", "replace"])
def test_a_write_whose_answer_was_lost_and_is_repeated_is_a_success(table: str, write: str) -> None:
    client = aws.client("dynamodb")
    shelf = DynamoShelf(table, PostCodec(), client)
    post = a_post()
    if write == "replace":
        DynamoShelf(table, PostCodec(), aws.client("dynamodb")).add(post)
        post = after(post)
    sent: list[int] = []

    client.meta.events.register_first("before-send.dynamodb.PutItem", lambda **_: sent.append(1))
    client.meta.events.register("needs-retry.dynamodb.PutItem", lambda attempts, **_: 0 if attempts == 1 else None)
    assert shelf.add(post) if write == "add" else shelf.replace(post)
    assert len(sent) == 2


def test_a_post_as_the_seed_has_it_is_one_write_unit(dynamo: DynamoShelf[Post], table: str) -> None:
    dynamo.add(a_post(content="Hello from batch! " * 10, parts=(a_part(), a_part(id="pp_c2"))), "post.created")
    (row,) = aws.client("dynamodb").scan(TableName=table)["Items"]
    size = sum(len(name) + len(next(iter(value.values()))) for name, value in row.items())
    assert size <= 1024


def test_a_workspaces_resources_of_one_kind_are_one_partition(dynamo: DynamoShelf[Post], table: str) -> None:
    dynamo.add(a_post())
    (row,) = aws.client("dynamodb").scan(TableName=table)["Items"]
    assert {name: row[name] for name in ("pk", "sk")} == keys.resource("POST", "acme", "post_c0001")
    assert row["pk"]["S"] == "POST#acme"


def test_the_stream_tells_a_resource_and_the_events_of_its_last_write_only(
    dynamo: DynamoShelf[Post], table: str
) -> None:
    def image() -> dict[str, Any]:
        (row,) = aws.client("dynamodb").scan(TableName=table)["Items"]
        return {**row, "packed": {"B": base64.b64encode(row["packed"]["B"]).decode()}}

    post = a_post()
    dynamo.add(post, "post.created", "post.scheduled")
    assert dynamo.of_image(image()) == (post, ("post.created", "post.scheduled"))
    assert (image()["kind"], image()["events"]) == ({"S": "POST"}, {"S": "post.created post.scheduled"})
    dynamo.replace(after(post))
    assert "events" not in image()
    assert dynamo.of_image(image()) == (after(post), ())


# ── the other kinds ──


def test_an_account_comes_back_whole(table: str) -> None:
    shelf = DynamoShelf(table, AccountCodec(), aws.client("dynamodb"))
    account = Account(
        id="acc_c1",
        workspace_id="acme",
        created_at=AT,
        updated_at=AT,
        platform="FACEBOOK",
        username="acme",
        display_name="Acme",
        account_type="business",
        status=AccountStatus.ERROR,
        avatar_url="https://a.example/a.png",
        connected_at=AT,
        disconnected_at=AT,
        destinations=(Destination("p1", "Page"),),
        page_id="p1",
    )
    bare = Account(
        id="acc_c2", workspace_id="acme", created_at=AT, updated_at=AT, platform="TWITTER", username="a",
        display_name="A", connected_at=AT,
    )  # fmt: skip
    for each in (account, bare, replace(bare, id="acc_c3", destinations=())):
        shelf.add(each)
        assert shelf.get("acme", each.id) == each
    assert shelf.due(AT, 10) == []


def test_a_file_comes_back_whole(table: str) -> None:
    shelf = DynamoShelf(table, MediaCodec(), aws.client("dynamodb"))
    file = Media(
        id="media_c1", workspace_id="acme", created_at=AT, updated_at=AT, filename="ä.png", content_type="image/png",
        size_bytes=10, status=MediaStatus.READY, width=3, height=2,
    )  # fmt: skip
    shelf.add(file)
    assert shelf.get("acme", "media_c1") == file


def test_what_nobody_waits_for_any_more_is_not_written(shelf: Shelf[Post]) -> None:
    post = a_post()
    shelf.add(post)
    with while_waited_for(lambda: False), while_waited_for(lambda: True):
        with pytest.raises(NobodyWaitsError):
            shelf.add(a_post(2))
        with pytest.raises(NobodyWaitsError):
            shelf.replace(after(post, content="late"))
        with pytest.raises(NobodyWaitsError):
            shelf.remove("acme", post.id)
        assert shelf.get_many("acme", [post.id, "post_c0002"]) == {post.id: post}
    assert shelf.remove("acme", post.id)


# ── the memory ──


class Counting(FakeShelf[Post]):
    reads = 0

    def get_many(self, workspace_id: str, resource_ids: Any) -> dict[str, Post]:
        self.reads += 1
        return super().get_many(workspace_id, resource_ids)


def test_what_was_read_lately_is_not_read_again_until_it_is_no_longer_fresh() -> None:
    clock, store = FakeClock(), Counting()
    shelf = RecentShelf[Post](store, clock)
    store.add(a_post())
    for _ in range(3):
        assert set(shelf.get_many("acme", ["post_c0001"])) == {"post_c0001"}
    assert store.reads == 1
    clock.pass_(FRESH)
    shelf.get_many("acme", ["post_c0001"])
    assert store.reads == 2


def test_what_is_written_through_the_memory_is_seen_at_once() -> None:
    store = Counting()
    shelf = RecentShelf[Post](store, FakeClock())
    post = a_post()
    shelf.add(post)
    shelf.get_many("acme", [post.id])
    shelf.replace(after(post, content="newer"))
    assert shelf.get_many("acme", [post.id])[post.id].content == "newer"
    shelf.remove("acme", post.id)
    assert shelf.get_many("acme", [post.id]) == {}


def test_what_was_not_there_is_looked_for_again() -> None:
    store = Counting()
    shelf = RecentShelf[Post](store, FakeClock())
    assert shelf.get_many("acme", ["post_c0001"]) == {}
    store.add(a_post())
    assert set(shelf.get_many("acme", ["post_c0001"])) == {"post_c0001"}


def test_the_memory_is_no_other_workspaces() -> None:
    store = Counting()
    shelf = RecentShelf[Post](store, FakeClock())
    store.add(a_post())
    shelf.get_many("acme", ["post_c0001"])
    assert shelf.get_many("other", ["post_c0001"]) == {}


def test_who_begins_a_request_sees_what_others_wrote_before() -> None:
    store = Counting()
    shelf = RecentShelf[Post](store, FakeClock())
    post = a_post()
    store.add(post)
    shelf.get_many("acme", [post.id])
    store.replace(after(post, content="newer"))
    shelf.forget()
    assert shelf.get_many("acme", [post.id])[post.id].content == "newer"


@pytest.mark.parametrize("meanwhile", ["change", "forget"])
def test_what_was_read_before_a_write_is_not_kept_after_it(meanwhile: str) -> None:
    class Slow(Counting):
        """Is overtaken between its answer and its caller."""

        def get_many(self, workspace_id: str, resource_ids: Any) -> dict[str, Post]:
            found = super().get_many(workspace_id, resource_ids)
            if self.reads == 1 and meanwhile == "change":
                shelf.replace(after(post, content="newer"))
            elif self.reads == 1:
                store.replace(after(post, content="newer"))  # another process
                shelf.forget()
            return found

    store, post = Slow(), a_post()
    store.add(post)
    shelf = RecentShelf[Post](store, FakeClock())
    assert shelf.get_many("acme", [post.id])[post.id].content == "Hello"
    assert shelf.get_many("acme", [post.id])[post.id].content == "newer"
