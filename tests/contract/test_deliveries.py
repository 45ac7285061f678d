from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from botocore.exceptions import ClientError
from factories import AT
from fakes.deliveries import FakeDeliveries
from unit.webhooks.deliveries import a_delivery, a_told_delivery, an_attempt

from batchwork.adapters import aws
from batchwork.adapters.dynamodb import keys
from batchwork.adapters.dynamodb.deliveries import DynamoDeliveries, delivery_of, delivery_row
from batchwork.domain.webhook import Delivery, DeliveryStatus
from batchwork.ports.webhooks import DeliveryStore

HOLD = timedelta(seconds=30)
LATER = AT + timedelta(hours=1)
PENDING, DELIVERED, FAILED = DeliveryStatus.PENDING, DeliveryStatus.DELIVERED, DeliveryStatus.FAILED


@pytest.fixture(params=["fake", "dynamodb"])
def store(request: pytest.FixtureRequest) -> DeliveryStore:
    if request.param == "fake":
        return FakeDeliveries()
    return DynamoDeliveries(request.getfixturevalue("table"), timedelta(days=30))


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
