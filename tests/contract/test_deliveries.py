from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError
from factories import AT
from fakes.bodies import FakeBodies
from fakes.deliveries import FakeDeliveries
from unit.webhooks.deliveries import a_delivery, a_told_delivery, an_attempt, an_endpoint

from batchwork.adapters import aws
from batchwork.adapters.dynamodb import endpoint_log, keys
from batchwork.adapters.dynamodb.deliveries import DynamoDeliveries, delivery_of, delivery_row
from batchwork.domain.webhook import MAX_INLINE, Delivery, DeliveryStatus, PayloadRef
from batchwork.ports.webhooks import DeliveryStore, Wanted

HOLD = timedelta(seconds=30)
LATER = AT + timedelta(hours=1)
PENDING, DELIVERED, FAILED = DeliveryStatus.PENDING, DeliveryStatus.DELIVERED, DeliveryStatus.FAILED


@pytest.fixture(params=["fake", "dynamodb"])
def store(request: pytest.FixtureRequest) -> DeliveryStore:
    if request.param == "fake":
        return FakeDeliveries()
    return DynamoDeliveries(request.getfixturevalue("table"), timedelta(days=30), bodies=FakeBodies())


def stored(store: DeliveryStore, delivery: Delivery) -> Delivery:
    found = store.get(delivery.workspace_id, delivery.id)
    assert found is not None
    return found


@pytest.mark.parametrize(
    "delivery",
    [
        a_delivery(),
        a_delivery(secret=None, body=b"\x00\xff", url="https://x.example/?q=%20"),
        a_told_delivery(),
        a_told_delivery(version="2026-02-09", replay_of="d-1", trial=True),
        a_told_delivery(status=FAILED, recovered=True),
        a_delivery(body=b"x" * 1024),
        a_delivery(body=b"x" * MAX_INLINE),
        a_delivery(
            attempts=(an_attempt(), an_attempt(number=2, status=None, error="timeout after 10 s")), status=FAILED
        ),
    ],
)
def test_a_delivery_comes_back_as_it_was_put(store: DeliveryStore, delivery: Delivery) -> None:
    assert store.put(delivery)
    assert stored(store, delivery) == delivery


def test_a_delivery_is_put_once(store: DeliveryStore) -> None:
    delivery = a_delivery()
    assert store.put(delivery)
    assert not store.put(delivery)
    assert not store.put(replace(delivery, url="https://other.example/"))
    assert stored(store, delivery) == delivery


def test_an_unknown_delivery_or_one_of_another_workspace_is_none(store: DeliveryStore) -> None:
    delivery = a_delivery()
    store.put(delivery)
    assert store.get("other", delivery.id) is None
    assert store.get(delivery.workspace_id, "unknown") is None


def test_an_attempt_is_held_by_one_sender_until_its_hold_ends(store: DeliveryStore) -> None:
    delivery = a_delivery()
    store.put(delivery)
    assert store.begin(delivery, 1, AT + HOLD, AT)
    assert not store.begin(delivery, 1, AT + HOLD, AT)
    just_before = AT + HOLD - timedelta(milliseconds=1)
    assert not store.begin(delivery, 1, just_before + HOLD, just_before)
    assert store.begin(delivery, 1, AT + 2 * HOLD, AT + HOLD)


@pytest.mark.parametrize("number", [0, 2, 11])
def test_only_the_next_attempt_can_be_begun(store: DeliveryStore, number: int) -> None:
    delivery = a_delivery()
    store.put(delivery)
    assert not store.begin(delivery, number, AT + HOLD, AT)


def test_a_delivery_that_is_not_stored_cannot_be_begun(store: DeliveryStore) -> None:
    assert not store.begin(a_delivery(), 1, AT + HOLD, AT)


def test_a_record_adds_the_attempt_frees_the_hold_and_sets_when_the_next_is_due(store: DeliveryStore) -> None:
    delivery = a_delivery()
    store.put(delivery)
    store.begin(delivery, 1, AT + HOLD, AT)
    recorded = store.record(delivery, an_attempt(), PENDING, LATER)
    assert recorded == replace(delivery, attempts=(an_attempt(),), due_at=LATER)
    assert stored(store, delivery) == recorded
    assert not store.begin(delivery, 1, AT + HOLD, AT)
    assert store.begin(delivery, 2, AT + HOLD, AT)


def test_an_attempt_is_recorded_once(store: DeliveryStore) -> None:
    delivery = a_delivery()
    store.put(delivery)
    first = store.record(delivery, an_attempt(), PENDING, LATER)
    assert store.record(delivery, an_attempt(status=200, error=None), DELIVERED, None) == first
    assert stored(store, delivery) == first


def test_the_first_delivery_is_marked_once_a_replay_of_it_is_delivered(store: DeliveryStore) -> None:
    for status, recovered in ((FAILED, False), (DELIVERED, True)):
        first = a_told_delivery()
        store.put(first)
        ended = store.record(first, an_attempt(), FAILED, None)
        replay = a_told_delivery(replay_of=first.id)
        store.put(replay)
        store.record(replay, an_attempt(status=200, error=None), status, None)
        assert stored(store, first) == replace(ended, recovered=recovered)
        assert not stored(store, replay).recovered


def test_a_replay_of_a_delivery_that_expired_brings_nothing_of_it_back(store: DeliveryStore) -> None:
    """Break: DynamoDeliveries._mark_recovered, leave the condition out."""
    replay = a_told_delivery(replay_of="d-1")
    store.put(replay)
    assert store.record(replay, an_attempt(status=200, error=None), DELIVERED, None).status is DELIVERED
    assert store.get("acme", "d-1") is None


@pytest.mark.parametrize("end", [DELIVERED, FAILED])
def test_an_ended_delivery_is_neither_begun_nor_recorded_nor_due(store: DeliveryStore, end: DeliveryStatus) -> None:
    delivery = a_delivery()
    store.put(delivery)
    ended = store.record(delivery, an_attempt(), end, None)
    assert ended == replace(delivery, attempts=(an_attempt(),), status=end)
    assert not store.begin(delivery, 2, LATER + HOLD, LATER)
    assert store.record(delivery, an_attempt(number=2), PENDING, LATER) == ended
    assert store.due(LATER + timedelta(days=1), 10) == []


def test_eleven_attempts_are_kept_in_order(store: DeliveryStore) -> None:
    delivery = a_delivery()
    store.put(delivery)
    attempts = [an_attempt(number=number, started_at=AT + timedelta(minutes=number)) for number in range(1, 12)]
    for attempt in attempts:
        store.record(delivery, attempt, PENDING, LATER)
    assert stored(store, delivery).attempts == tuple(attempts)


def test_due_gives_pending_deliveries_of_every_workspace_most_overdue_first(store: DeliveryStore) -> None:
    due = [a_delivery(due_at=AT + timedelta(seconds=n), workspace_id="acme" if n % 2 else "other") for n in range(20)]
    for delivery in [*reversed(due), a_delivery(due_at=LATER), a_delivery(status=DELIVERED, due_at=AT)]:
        store.put(delivery)
    names = [(delivery.workspace_id, delivery.id) for delivery in due]
    assert store.due(AT + timedelta(seconds=19), 100) == names
    assert store.due(AT + timedelta(seconds=18), 100) == names[:19]
    assert store.due(AT + timedelta(seconds=19), 7) == names[:7]
    assert store.due(AT - timedelta(milliseconds=1), 100) == []


def test_find_lists_a_workspaces_deliveries_newest_first(store: DeliveryStore) -> None:
    made = [
        a_delivery(subject="b-1" if n % 2 else "b-10", created_at=AT + timedelta(minutes=n)) for n in (3, 1, 4, 0, 2)
    ]
    for delivery in [*made, a_delivery(workspace_id="other", subject="b-1")]:
        store.put(delivery)
    newest = sorted(made, key=lambda delivery: delivery.created_at, reverse=True)
    assert store.find("acme", None, 10) == newest
    assert store.find("acme", None, 2) == newest[:2]
    assert store.find("acme", "b-1", 10) == [delivery for delivery in newest if delivery.subject == "b-1"]
    assert store.find("acme", "b", 10) == []
    assert store.find("nobody", None, 10) == []


def test_a_row_expires_after_its_retention_and_leaves_the_due_index_when_it_ends(table: str) -> None:
    store = DynamoDeliveries(table, timedelta(days=30))
    delivery = a_delivery(created_at=datetime(2026, 1, 1, tzinfo=UTC))
    store.put(delivery)
    store.record(delivery, an_attempt(), DELIVERED, None)
    row = aws.client("dynamodb").get_item(TableName=table, Key=keys.delivery("acme", delivery.id))["Item"]
    assert row["expires_at"] == {"N": str(int(datetime(2026, 1, 31, tzinfo=UTC).timestamp()))}
    assert row["kind"] == {"S": "delivery"}
    assert "due_pk" not in row
    assert "held_until" not in row


def test_a_row_and_its_delivery_are_two_forms_of_one_thing() -> None:
    delivery = a_delivery(attempts=(an_attempt(),))
    row = delivery_row(delivery, None)
    assert delivery_of(row) == delivery
    assert row["due_pk"]["S"] in keys.due_pks("DELIVERY")
    assert "expires_at" not in row
    assert "due_pk" not in delivery_row(replace(delivery, status=FAILED), None)


def test_an_error_that_is_no_condition_passes_through(in_moto: None) -> None:
    store = DynamoDeliveries("no-such-table")
    for call in (
        lambda: store.put(a_delivery()),
        lambda: store.begin(a_delivery(), 1, AT + HOLD, AT),
        lambda: store.record(a_delivery(), an_attempt(), PENDING, LATER),
        lambda: store.get("acme", "x"),
    ):
        with pytest.raises(ClientError, match="ResourceNotFoundException"):
            call()


def test_a_delivery_to_an_endpoint_goes_through_its_attempts_like_any_other(store: DeliveryStore) -> None:
    delivery = a_told_delivery()
    store.put(delivery)
    assert store.begin(delivery, 1, AT + HOLD, AT)
    # The sender holds it as it goes out, with the endpoint's present URL and secret: neither gets into its row.
    addressed = replace(delivery, url="https://moved.example/", secret="whsec_secret")
    recorded = store.record(addressed, an_attempt(), PENDING, LATER)
    assert recorded == replace(delivery, attempts=(an_attempt(),), due_at=LATER)
    assert stored(store, delivery) == recorded
    assert store.find("acme", delivery.subject, 10) == [recorded]


def test_the_row_of_a_delivery_without_an_endpoint_says_nothing_of_one() -> None:
    assert "endpoint_id" not in delivery_row(a_delivery(), None)


# ── Bodies apart from their rows ──


@pytest.mark.parametrize(
    "delivery",
    [
        a_delivery(body=b"x" * (MAX_INLINE + 1)),
        a_told_delivery(body=b'{"object":"workflow_run"}', payload=PayloadRef("workflow_run_1", {"n": 1.5, "a": None})),
        a_told_delivery(body=b"{}", payload=PayloadRef("workflow_run_1")),
    ],
    ids=["large", "payload", "payload without metadata"],
)
def test_what_is_large_or_fetched_is_kept_apart_and_its_row_says_where(
    store: DeliveryStore, delivery: Delivery
) -> None:
    assert store.put(delivery)
    kept = stored(store, delivery)
    assert kept.blob is not None
    assert kept == replace(delivery, body=b"", blob=kept.blob)
    bodies: Any = store.bodies if isinstance(store, FakeDeliveries) else vars(store)["_bodies"]
    assert bodies.read(kept.blob) == delivery.body
    assert store.record(kept, an_attempt(), PENDING, LATER).blob == kept.blob


# ── The next attempt, now ──

SOON = AT + timedelta(minutes=1)


def test_what_is_hurried_is_due_now_and_shows_it_until_it_is_attempted(store: DeliveryStore) -> None:
    store.put(a_delivery(id="d-1"))
    tried = store.record(a_delivery(id="d-1"), an_attempt(), PENDING, LATER + timedelta(minutes=1), LATER)
    assert (stored(store, tried), tried.next_attempt_at) == (tried, LATER)
    hurried = store.hurry(tried, SOON, AT)
    assert hurried == replace(tried, due_at=SOON, next_at=AT) == stored(store, tried)
    assert store.due(SOON, 10) == [(tried.workspace_id, "d-1")]
    again = store.record(hurried, an_attempt(number=2), PENDING, LATER)
    assert (again.next_at, again.next_attempt_at) == (None, LATER)


def test_what_is_postponed_forgets_when_the_queue_was_to_bring_it(store: DeliveryStore) -> None:
    delivery = a_delivery()
    store.put(delivery)
    store.postpone(delivery, LATER, next_at=SOON)
    assert stored(store, delivery).next_attempt_at == SOON
    store.postpone(delivery, LATER)
    assert stored(store, delivery).next_attempt_at == LATER


def test_what_is_held_was_made_has_its_turn_or_ended_is_not_hurried(store: DeliveryStore) -> None:
    held, made, turned, ended, none = (a_delivery() for _ in range(5))
    for each in (held, made, turned, ended):
        store.put(each)
    assert store.begin(held, 1, AT + HOLD, AT)
    store.record(made, an_attempt(), PENDING, LATER)
    store.postpone(turned, LATER, SOON)
    store.record(ended, an_attempt(), FAILED, None)
    before = [store.get(each.workspace_id, each.id) for each in (held, made, turned, ended)]
    for each in (held, made, turned, ended, none):
        assert store.hurry(each, SOON, AT) is None
    assert [store.get(each.workspace_id, each.id) for each in (held, made, turned, ended)] == before
    assert store.hurry(held, SOON, AT + HOLD) is not None


def test_a_body_that_can_be_kept_nowhere_is_refused_before_anything_is_written(table: str) -> None:
    large = a_delivery(body=b"x" * (MAX_INLINE + 1))
    with pytest.raises(TypeError, match="kept apart"):
        DynamoDeliveries(table).put(large)
    assert DynamoDeliveries(table).get("acme", large.id) is None


def test_a_body_that_compresses_well_costs_few_write_units() -> None:
    row = delivery_row(a_delivery(body=b'{"a":"b"},' * 10_000), None)
    assert "body" not in row
    assert len(row["zipped"]["B"]) < 1000


# ── Turns ──


def test_a_turn_is_kept_until_the_attempt_is_made(store: DeliveryStore) -> None:
    delivery = a_told_delivery()
    store.put(delivery)
    store.postpone(delivery, LATER, AT + timedelta(minutes=5))
    assert stored(store, delivery) == replace(delivery, due_at=LATER, turn_at=AT + timedelta(minutes=5))
    store.postpone(delivery, LATER + HOLD)
    assert stored(store, delivery).turn_at == AT + timedelta(minutes=5)
    assert store.record(delivery, an_attempt(), PENDING, LATER).turn_at is None
    assert stored(store, delivery).turn_at is None


def test_a_turn_is_not_given_to_an_attempt_that_was_made_meanwhile(store: DeliveryStore) -> None:
    delivery = a_told_delivery()
    store.put(delivery)
    recorded = store.record(delivery, an_attempt(), PENDING, LATER)
    store.postpone(delivery, LATER + HOLD, AT)
    assert stored(store, delivery) == recorded


# ── The log of an endpoint ──

ENDPOINT = an_endpoint(id="wh_c1")
IDS = [f"20000000-0000-4000-8000-{number:012d}" for number in range(8)]


def logged(store: DeliveryStore, **wanted: Any) -> tuple[list[str], str | None]:
    page = store.of_endpoint("acme", "wh_c1", Wanted(**{"limit": 10, **wanted}))
    return [each.id for each in page.entries], page.next


@pytest.fixture
def log(store: DeliveryStore) -> DeliveryStore:
    """Eight deliveries a minute apart, every other one failed; and those of others."""
    for number, name in enumerate(IDS):
        made_at = AT + timedelta(minutes=number)
        delivery = replace(a_told_delivery(id=name, endpoint=ENDPOINT), created_at=made_at, due_at=made_at)
        store.put(delivery)
        store.record(delivery, an_attempt(), FAILED if number % 2 else DELIVERED, None)
    store.put(a_told_delivery(endpoint=an_endpoint(id="wh_c2")))
    store.put(a_told_delivery(endpoint=an_endpoint(id="wh_c1", workspace_id="other")))
    store.put(a_delivery())
    return store


def test_the_log_of_an_endpoint_has_its_deliveries_newest_first_with_their_attempts(log: DeliveryStore) -> None:
    assert logged(log) == (IDS[::-1], None)
    (newest,) = log.of_endpoint("acme", "wh_c1", Wanted(limit=1)).entries
    assert newest == stored(log, newest)
    assert newest.attempts == (an_attempt(),)
    assert log.of_endpoint("acme", "wh_none", Wanted(limit=10)).entries == []


@pytest.mark.parametrize("limit", [1, 2, 3, 4, 7, 8, 9])
@pytest.mark.parametrize(("status", "ids"), [(None, IDS[::-1]), (FAILED, IDS[::-2]), (PENDING, [])])
def test_a_walk_through_the_log_finds_each_once_and_ends(
    log: DeliveryStore, limit: int, status: DeliveryStatus | None, ids: list[str]
) -> None:
    found, after = logged(log, limit=limit, status=status)
    assert len(found) <= limit
    while after is not None:
        assert re.fullmatch(r"[0-9]{13}_[a-z0-9-]{36}", after)
        part, after = logged(log, limit=limit, status=status, after=after)
        assert len(part) <= limit
        found += part
    assert found == ids


def test_a_page_that_is_the_last_one_does_not_go_on(log: DeliveryStore) -> None:
    assert logged(log, limit=8)[1] is None
    assert logged(log, limit=4, status=FAILED)[1] is None


def test_what_is_made_during_a_walk_is_not_in_it(log: DeliveryStore) -> None:
    found, after = logged(log, limit=3)
    later = AT + timedelta(hours=1)
    log.put(replace(a_told_delivery(endpoint=ENDPOINT), created_at=later))
    assert found + logged(log, after=after)[0] == IDS[::-1]


def test_since_takes_the_moment_in_and_until_leaves_it_out(log: DeliveryStore) -> None:
    third, fifth = AT + timedelta(minutes=3), AT + timedelta(minutes=5)
    assert logged(log, since=third)[0] == IDS[:2:-1]
    assert logged(log, until=fifth)[0] == IDS[4::-1]
    assert logged(log, since=third, until=fifth)[0] == [IDS[4], IDS[3]]
    assert logged(log, since=fifth, until=third) == ([], None)
    assert logged(log, since=datetime(1, 1, 1, tzinfo=UTC))[0] == IDS[::-1]


def test_a_page_that_finds_too_little_in_many_reads_goes_on(
    log: DeliveryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(endpoint_log, "_ROWS", 1)
    monkeypatch.setattr(endpoint_log, "_QUERIES", 1)
    monkeypatch.setattr(FakeDeliveries, "searched", 4)
    found, after = logged(log, limit=1, status=PENDING)
    assert found == []
    assert after is not None
    rounds = 0
    while after is not None:
        _, after = logged(log, limit=1, status=PENDING, after=after)
        rounds += 1
        assert rounds < 9


def test_a_delivery_without_an_endpoint_is_in_no_log() -> None:
    assert not {"group_pk", "group_sk"} & delivery_row(a_delivery(), None).keys()
