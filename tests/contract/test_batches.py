"""What every BatchStore does: the fake and DynamoDB (moto) alike."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from engine import announce
from factories import AT, a_batch, a_charge, a_webhook, charge_for, items_of
from fakes.batches import FakeBatches
from fakes.deliveries import FakeDeliveries
from fakes.usage import FakeUsage

from batchwork.adapters import aws, packing
from batchwork.adapters.dynamodb import keys
from batchwork.adapters.dynamodb.batches import DynamoBatches
from batchwork.adapters.dynamodb.deliveries import DynamoDeliveries
from batchwork.adapters.dynamodb.usage import DynamoUsage
from batchwork.adapters.packing import Packer
from batchwork.adapters.s3 import S3Blobs
from batchwork.domain.batch import FOLLOW_UP, Batch, BatchRef, BatchStatus, StopCause, Tally
from batchwork.domain.chunk import Cut
from batchwork.domain.errors import AlreadyCounted, QuotaExceeded
from batchwork.domain.item import CANCELLED, CRASHED, Deferral, Item, ItemError, Result
from batchwork.domain.lease import Lease
from batchwork.ports import BatchStore
from batchwork.ports.identity import UsageStore
from batchwork.ports.webhooks import DeliveryStore
from batchwork.use_cases.settle import Count

SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)


class Stores:
    def __init__(self, batches: BatchStore, deliveries: DeliveryStore, usage: UsageStore) -> None:
        self.batches = batches
        self.deliveries = deliveries
        self.usage = usage


@pytest.fixture(params=["fake", "moto"])
def stores(request: pytest.FixtureRequest) -> Iterator[Stores]:
    if request.param == "fake":
        deliveries, usage = FakeDeliveries(), FakeUsage()
        yield Stores(FakeBatches(deliveries, usage), deliveries, usage)
    else:
        table, bucket = request.getfixturevalue("table"), request.getfixturevalue("bucket")
        blobs = S3Blobs(bucket)
        batches = DynamoBatches(table, Packer(lambda: blobs), timedelta(days=30))
        yield Stores(batches, DynamoDeliveries(table), DynamoUsage(table))


@pytest.fixture
def store(stores: Stores) -> BatchStore:
    return stores.batches


@pytest.fixture
def stored(store: BatchStore) -> Callable[..., Batch]:
    def make(batch: Batch | None = None, items: list[Item] | None = None) -> Batch:
        batch = batch or a_batch()
        assert store.create(batch, items or items_of(batch), AT + MINUTE, charge_for(batch))
        return batch

    return make


def a_result(index: int = 0, *, output: dict[str, object] | None = None) -> Result:
    return Result(index=index, finished_at=AT, attempts=1, output=output or {"n": index})


def a_lease(token: str = "one", *, seconds: int = 75, attempt: int = 1) -> Lease:
    return Lease(token, AT + timedelta(seconds=seconds), attempt)


def test_what_is_stored_is_read_back(store: BatchStore, stored: Callable[..., Batch]) -> None:
    batch = stored(a_batch(total=25, webhook=a_webhook(), attributes={"agent_id": "a", "first_id": 7}))
    assert store.get(batch.ref) == batch
    items = [item for chunk in range(batch.cut.chunks) for item in store.chunk(batch, chunk).items]
    assert items == items_of(batch)


def test_another_workspace_finds_nothing_under_the_same_id(store: BatchStore, stored: Callable[..., Batch]) -> None:
    batch = stored()
    assert store.get(BatchRef("other", batch.id)) is None
    assert store.find("other", "messages", None, 0, 10).total == 0
    assert store.stop(BatchRef("other", batch.id), StopCause.CANCELLED, None, AT) is None


def test_inputs_too_large_for_a_row_come_back_whole(store: BatchStore, stored: Callable[..., Batch]) -> None:
    noise = random.Random(1).randbytes(700_000).hex()
    batch = stored(a_batch(total=1), [Item(0, {"message": noise})])
    assert store.chunk(batch, 0).items[0].body["message"] == noise


def test_batches_are_listed_newest_first_by_status_and_page(store: BatchStore, stored: Callable[..., Batch]) -> None:
    batches = [stored(a_batch(created_at=AT + n * MINUTE)) for n in range(5)]
    stored(a_batch(family="operations"))
    store.stop(batches[1].ref, StopCause.CANCELLED, None, AT)
    page = store.find("acme", "messages", None, 1, 2)
    assert ([batch.id for batch in page.entries], page.total) == ([batches[3].id, batches[2].id], 5)
    page = store.find("acme", "messages", BatchStatus.IN_PROGRESS, 0, 50)
    assert ([batch.id for batch in page.entries], page.total) == ([batches[n].id for n in (4, 3, 2, 0)], 4)
    assert store.find("acme", "messages", None, 50, 10).entries == []


# ── a batch and its charge are stored together, once ──


def test_a_batch_is_charged_as_it_is_stored(stores: Stores, stored: Callable[..., Batch]) -> None:
    batch = stored(a_batch(total=25))
    assert stores.usage.used("acme", "2026-01") == 25
    assert list(stores.usage.charges("acme", "2026-01")) == [charge_for(batch)]


def test_a_batch_that_exists_is_neither_stored_nor_charged_again(stores: Stores, stored: Callable[..., Batch]) -> None:
    batch = stored(a_batch(attributes={"try": 1}))
    counted = stores.batches.count(batch, [Tally(0, 9, 1)])
    again = replace(batch, attributes={"try": 2}, created_at=AT + MINUTE)
    assert stores.batches.create(again, items_of(again), AT + 2 * MINUTE, charge_for(batch)) is False
    assert stores.batches.get(batch.ref) == counted
    assert stores.usage.used("acme", "2026-01") == 20


def test_a_batch_that_exists_is_found_however_full_the_month_is(stores: Stores) -> None:
    batch = a_batch()
    assert stores.batches.create(batch, items_of(batch), AT, charge_for(batch, ceiling=20))
    assert stores.batches.create(batch, items_of(batch), AT, charge_for(batch, ceiling=20)) is False


def test_a_batch_beyond_the_ceiling_is_not_stored_and_counts_nothing(stores: Stores) -> None:
    stores.usage.reserve(a_charge(units=81))
    batch = a_batch(webhook=a_webhook())
    with pytest.raises(QuotaExceeded) as refusal:
        stores.batches.create(batch, items_of(batch), AT, charge_for(batch, ceiling=100))
    assert {name: refusal.value.facts[name] for name in ("quota", "used", "units")} == {
        "quota": 100,
        "used": 81,
        "units": 20,
    }
    assert stores.batches.get(batch.ref) is None
    assert stores.batches.due(AT + MINUTE, 10) == []
    assert stores.usage.used("acme", "2026-01") == 81
    smaller = a_batch(total=19)
    assert stores.batches.create(smaller, items_of(smaller), AT, charge_for(smaller, ceiling=100))
    assert stores.usage.used("acme", "2026-01") == 100


# ── leases ──


def test_a_leased_unit_is_taken_by_nobody_else_until_its_lease_ends(
    store: BatchStore, stored: Callable[..., Batch]
) -> None:
    batch = stored()
    unit = batch.cut.unit(0)
    assert store.lease(batch, unit, a_lease("one"), AT)
    assert not store.lease(batch, unit, a_lease("two"), AT + timedelta(seconds=74))
    assert not store.settle_free(batch, unit, [a_result()], AT)
    later = AT + timedelta(seconds=75)
    assert store.lease(batch, unit, Lease("two", later + MINUTE, 2), later)
    state = store.chunk(batch, 0).units[0]
    assert state.lease == Lease("two", later + MINUTE, 2)


def test_a_worker_that_outlived_its_lease_cannot_settle(store: BatchStore, stored: Callable[..., Batch]) -> None:
    batch = stored()
    unit = batch.cut.unit(0)
    store.lease(batch, unit, a_lease("one"), AT)
    later = AT + timedelta(seconds=75)
    store.lease(batch, unit, Lease("two", later + MINUTE, 2), later)
    assert not store.settle(batch, unit, "one", [a_result()], [])
    assert store.settle(batch, unit, "two", [a_result(output={"by": "two"})], [])
    assert store.chunk(batch, 0).results()[0].output == {"by": "two"}


def test_a_settled_unit_is_final(store: BatchStore, stored: Callable[..., Batch]) -> None:
    batch = stored()
    unit = batch.cut.unit(0)
    store.lease(batch, unit, a_lease("one"), AT)
    assert store.settle(batch, unit, "one", [a_result()], [])
    far = AT + timedelta(days=1)
    assert not store.lease(batch, unit, Lease("two", far + MINUTE, 2), far)
    assert not store.settle_free(batch, unit, [a_result(output={"other": 1})], far)
    assert not store.settle(batch, unit, "two", [a_result(output={"other": 1})], [])
    assert store.chunk(batch, 0).results()[0].output == {"n": 0}


def test_a_free_unit_is_settled_without_a_lease_and_an_expired_one_too(
    store: BatchStore, stored: Callable[..., Batch]
) -> None:
    batch = stored()
    failed = Result(index=0, finished_at=AT, attempts=0, error=CANCELLED)
    assert store.settle_free(batch, batch.cut.unit(0), [failed], AT)
    store.lease(batch, batch.cut.unit(1), a_lease("one"), AT)
    assert store.settle_free(batch, batch.cut.unit(1), [replace(failed, index=10)], AT + timedelta(seconds=75))
    assert not store.settle(batch, batch.cut.unit(1), "one", [a_result(10)], [])
    assert store.chunk(batch, 0).results()[0].error == CANCELLED


def test_what_a_slice_defers_is_read_back_and_given_back_again(store: BatchStore, stored: Callable[..., Batch]) -> None:
    batch = stored()
    first = Deferral(index=3, attempts=1, not_before=AT + MINUTE, error=CRASHED)
    store.lease(batch, batch.cut.unit(0), a_lease("one"), AT)
    store.settle(batch, batch.cut.unit(0), "one", [a_result(0)], [first])
    state = store.chunk(batch, 0)
    assert state.deferrals() == {3: first}
    single = batch.cut.single(3)
    assert store.lease(batch, single, a_lease("two", attempt=2), AT)
    second = replace(first, attempts=2, not_before=AT + 2 * MINUTE)
    assert store.give_back(batch, single, "two", second)
    assert not store.give_back(batch, single, "three", second)
    state = store.chunk(batch, 0)
    assert state.deferrals() == {3: second}
    assert state.units[single.number].lease is None
    assert store.lease(batch, single, a_lease("four", attempt=3), AT)
    assert store.settle(batch, single, "four", [a_result(3)], [])
    assert set(store.chunk(batch, 0).results()) == {0, 3}


def test_a_request_repeated_because_its_answer_was_lost_succeeds(
    store: BatchStore, stored: Callable[..., Batch]
) -> None:
    batch = stored()
    assert store.lease(batch, batch.cut.unit(0), a_lease("one"), AT)
    assert store.lease(batch, batch.cut.unit(0), a_lease("one"), AT)


# ── counts ──


def test_a_unit_is_counted_once(store: BatchStore, stored: Callable[..., Batch]) -> None:
    batch = stored()
    counted = store.count(batch, [Tally(0, 9, 1)])
    assert (counted.succeeded, counted.failed, counted.remaining, counted.counted) == (9, 1, 10, frozenset({0}))
    with pytest.raises(AlreadyCounted):
        store.count(batch, [Tally(0, 9, 1)])
    with pytest.raises(AlreadyCounted):
        store.count(batch, [Tally(1, 10, 0), Tally(0, 9, 1)])
    assert store.get(batch.ref) == counted


def test_many_units_are_counted_at_once(store: BatchStore, stored: Callable[..., Batch]) -> None:
    batch = stored(a_batch(cut=Cut(1000, 100, 10)))
    counted = store.count(batch, [Tally(unit, 10, 0) for unit in range(110)][:100])
    assert counted.remaining == 0


# ── stop and close ──


def test_a_cancel_moves_to_cancelling_once(store: BatchStore, stored: Callable[..., Batch]) -> None:
    batch = stored()
    stopped = store.stop(batch.ref, StopCause.CANCELLED, None, AT)
    assert stopped is not None
    assert (stopped.status, stopped.stop) == (BatchStatus.CANCELLING, StopCause.CANCELLED)
    assert store.stop(batch.ref, StopCause.CANCELLED, None, AT) is None
    assert store.stop(batch.ref, StopCause.FAILED, "x", AT) is None


def test_a_cancel_that_the_sdk_repeats_because_its_answer_was_lost_succeeds(
    table: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Breaks when stop sets no token, or does not look at it: the client is told that nothing can be cancelled."""
    dynamodb = aws.client("dynamodb")
    store = DynamoBatches(table, Packer(lambda: pytest.fail("nothing is spilled here")), timedelta(days=30), dynamodb)
    batch, update = a_batch(), dynamodb.update_item
    store.create(batch, items_of(batch), AT + MINUTE, charge_for(batch))

    def twice(**asked: Any) -> Any:
        update(**asked)
        return update(**asked)

    monkeypatch.setattr(dynamodb, "update_item", twice)
    stopped = store.stop(batch.ref, StopCause.CANCELLED, None, AT)
    assert stopped == store.get(batch.ref)
    assert stopped is not None
    assert stopped.status is BatchStatus.CANCELLING
    monkeypatch.undo()
    assert store.stop(batch.ref, StopCause.CANCELLED, None, AT) is None


def test_a_failure_keeps_its_reason_and_a_deadline_yields_to_a_cancel(
    store: BatchStore, stored: Callable[..., Batch]
) -> None:
    failed = stored()
    stopped = store.stop(failed.ref, StopCause.FAILED, "the reason", AT)
    assert stopped is not None
    assert (stopped.status, stopped.reason) == (BatchStatus.IN_PROGRESS, "the reason")
    expired = stored()
    assert store.stop(expired.ref, StopCause.EXPIRED, None, AT) is not None
    assert store.stop(expired.ref, StopCause.CANCELLED, None, AT) is not None


def test_a_batch_with_nothing_left_can_no_longer_be_stopped(store: BatchStore, stored: Callable[..., Batch]) -> None:
    batch = stored(a_batch(total=1))
    store.count(batch, [Tally(0, 1, 0)])
    assert store.stop(batch.ref, StopCause.CANCELLED, None, AT) is None


def test_a_batch_closes_once_with_its_delivery(stores: Stores, stored: Callable[..., Batch]) -> None:
    store = stores.batches
    batch = stored(a_batch(total=1, webhook=a_webhook()))
    delivery = announce(batch, BatchStatus.COMPLETED, AT)
    assert delivery is not None
    assert not store.close(batch, BatchStatus.COMPLETED, AT, delivery)
    assert stores.deliveries.get("acme", delivery.id) is None
    batch = store.count(batch, [Tally(0, 1, 0)])
    assert store.close(batch, BatchStatus.COMPLETED, AT, delivery)
    assert not store.close(batch, BatchStatus.COMPLETED, AT + MINUTE, delivery)
    closed = store.get(batch.ref)
    assert closed is not None
    assert (closed.status, closed.completed_at, closed.cancelled_at) == (BatchStatus.COMPLETED, AT, None)
    assert stores.deliveries.get("acme", delivery.id) == delivery


def test_a_batch_without_a_webhook_closes_once_too(store: BatchStore, stored: Callable[..., Batch]) -> None:
    batch = stored(a_batch(total=1))
    assert not store.close(batch, BatchStatus.COMPLETED, AT, None)
    batch = store.count(batch, [Tally(0, 1, 0)])
    assert store.close(batch, BatchStatus.COMPLETED, AT, None)
    assert not store.close(batch, BatchStatus.CANCELLED, AT + MINUTE, None)
    closed = store.get(batch.ref)
    assert closed is not None
    assert (closed.status, closed.completed_at) == (BatchStatus.COMPLETED, AT)


def test_a_cancelled_batch_says_when(store: BatchStore, stored: Callable[..., Batch]) -> None:
    batch = stored(a_batch(total=1))
    store.stop(batch.ref, StopCause.CANCELLED, None, AT)
    batch = store.count(batch, [Tally(0, 0, 1)])
    assert store.close(batch, BatchStatus.CANCELLED, AT + MINUTE, None)
    closed = store.get(batch.ref)
    assert closed is not None
    assert (closed.completed_at, closed.cancelled_at) == (None, AT + MINUTE)


# ── the sweeper's index ──


def test_open_batches_are_due_until_they_close(store: BatchStore, stored: Callable[..., Batch]) -> None:
    batch, other = stored(a_batch(total=1)), stored(a_batch(total=1))
    assert store.due(AT, 10) == []
    assert set(store.due(AT + MINUTE, 10)) == {batch.ref, other.ref}
    assert len(store.due(AT + MINUTE, 1)) == 1
    store.checked(batch, AT + 2 * MINUTE, 3)
    assert store.due(AT + MINUTE, 10) == [other.ref]
    looked = store.get(batch.ref)
    assert looked is not None
    assert looked.checks == 3
    counted = store.count(batch, [Tally(0, 1, 0)])
    store.close(counted, BatchStatus.COMPLETED, AT, None)
    store.checked(counted, AT + 2 * MINUTE, 0)
    assert store.due(AT + 5 * MINUTE, 10) == [other.ref]


@pytest.mark.parametrize(("cause", "end"), [(StopCause.CANCELLED, AT + HOUR), (None, AT + 24 * HOUR)])
def test_a_stopped_batch_of_runs_is_due_until_it_is_released(
    store: BatchStore, stored: Callable[..., Batch], cause: StopCause | None, end: datetime
) -> None:
    # Break: closing() (and its twin), let each ended batch be due no more. The second ran into its deadline.
    batch = stored(a_batch(total=1, family="workflow_runs"))
    if cause is not None:
        assert store.stop(batch.ref, cause, None, AT)
    store.release(batch)  # open ones stay due
    store.close(store.count(batch, [Tally(0, 0, 1)]), BatchStatus.COMPLETED, end, None)
    assert store.due(end + FOLLOW_UP - SECOND, 10) == []
    assert store.due(end + FOLLOW_UP, 10) == [batch.ref]
    store.checked(batch, end + 5 * MINUTE, 1)
    assert store.due(end + FOLLOW_UP, 10) == []
    assert store.due(end + 5 * MINUTE, 10) == [batch.ref]
    for _ in range(2):
        store.release(batch)
        assert store.due(end + 5 * MINUTE, 10) == []
    store.checked(batch, end, 0)
    assert store.due(end + 5 * MINUTE, 10) == []


def test_a_batch_of_runs_that_all_had_their_worker_is_due_no_more(
    store: BatchStore, stored: Callable[..., Batch]
) -> None:
    batch = stored(a_batch(total=1, family="workflow_runs"))
    store.close(store.count(batch, [Tally(0, 1, 0)]), BatchStatus.COMPLETED, AT + HOUR, None)
    assert store.due(AT + 48 * HOUR, 10) == []


# ── what some families keep besides ──


def test_the_first_time_that_a_batch_is_taken_up_stays(store: BatchStore, stored: Callable[..., Batch]) -> None:
    """Breaks when DynamoBatches.start has no condition: a second worker would move the time."""
    batch = stored(a_batch(total=1))
    assert batch.started_at is None
    store.start(batch, AT + MINUTE)
    store.start(batch, AT + 2 * MINUTE)
    started = store.get(batch.ref)
    assert started == replace(batch, started_at=AT + MINUTE)


def test_a_closed_batch_is_not_taken_up_any_more(store: BatchStore, stored: Callable[..., Batch]) -> None:
    batch = stored(a_batch(total=1))
    assert store.close(store.count(batch, [Tally(0, 1, 0)]), BatchStatus.COMPLETED, AT, None)
    store.start(batch, AT + MINUTE)
    closed = store.get(batch.ref)
    assert closed is not None
    assert (closed.status, closed.started_at) == (BatchStatus.COMPLETED, None)


def test_skipped_items_are_counted_among_the_failed_and_apart(store: BatchStore, stored: Callable[..., Batch]) -> None:
    batch = stored(a_batch(cut=Cut(10, 10, 1)))
    counted = store.count(batch, [Tally(0, 1, 0), Tally(1, 0, 1)])
    assert (counted.succeeded, counted.failed, counted.skipped) == (1, 1, 0)
    counted = store.count(counted, [Tally(2, 0, 1, 1), Tally(3, 0, 1, 1), Tally(4, 0, 1)])
    assert (counted.succeeded, counted.failed, counted.skipped, counted.remaining) == (1, 4, 2, 5)
    assert store.get(batch.ref) == counted


def test_a_failure_may_have_an_output_and_may_have_been_skipped(
    store: BatchStore, stored: Callable[..., Batch]
) -> None:
    batch = stored(a_batch(cut=Cut(3, 3, 1)))
    results = [
        Result(index=0, finished_at=AT, attempts=1, output={"status": 404}, error=ItemError(404, "NOT_FOUND")),
        Result(
            index=1, finished_at=AT, attempts=0, output={"status": 424}, error=ItemError(424, "SKIPPED"), skipped=True
        ),
        Result(index=2, finished_at=AT, attempts=1, output={"status": 201}),
    ]
    for result in results:
        assert store.settle_free(batch, batch.cut.unit(result.index), [result], AT)
    assert store.chunk(batch, 0).results() == {result.index: result for result in results}


class Fetched:
    """Blobs in memory that note what was fetched."""

    def __init__(self) -> None:
        self.kept: dict[str, bytes] = {}
        self.fetched: list[str] = []

    def put(self, key: str, content: bytes, content_type: str = "") -> None:
        self.kept[key] = content

    def get(self, key: str) -> bytes:
        self.fetched.append(key)
        return self.kept[key]


def test_results_are_fetched_only_where_they_are_looked_at(table: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # Break: unit_of, read every row at once.
    monkeypatch.setattr(packing, "INLINE_LIMIT", 100)
    blobs = Fetched()
    store = DynamoBatches(table, Packer(lambda: blobs), timedelta(days=30))
    batch = a_batch(cut=Cut(3, 3, 1))
    assert store.create(batch, items_of(batch), AT + MINUTE, charge_for(batch))
    noise = [random.Random(n).randbytes(1_000).hex() for n in range(3)]
    results = [a_result(n, output={"n": noise[n]}) for n in range(3)]
    for n in range(2):
        assert store.settle_free(batch, batch.cut.unit(n), [results[n]], AT)
    last = batch.cut.unit(2)
    assert store.lease(batch, last, a_lease(), AT)
    assert store.settle(batch, last, "one", [results[2]], [])
    blobs.fetched.clear()
    counted = Count(store)(store.count(batch, [Tally(0, 1, 0), Tally(1, 1, 0)]), store.chunk(batch, 0).settled_units())
    assert (counted.succeeded, counted.remaining) == (3, 0)
    units = [key for key in blobs.fetched if "/units/" in key]
    assert [key.split("/")[-2] for key in units] == ["2"], "the others are counted, and nothing is deferred"
    state = store.chunk(batch, 0)
    assert state.results() == dict(enumerate(results))
    first = state.units[0].results
    assert (first, list(first), len(first), first[0]) == ((results[0],), [results[0]], 1, results[0])
    assert first != (results[1],)
    for key in list(blobs.kept):
        if "/units/0/" in key:
            del blobs.kept[key]
    with pytest.raises(KeyError):
        store.chunk(batch, 0).results()


def test_a_unit_stored_by_a_version_that_told_nothing_of_deferrals_is_read_whole(table: str, bucket: str) -> None:
    store = DynamoBatches(table, Packer.in_bucket(bucket), timedelta(days=30))
    batch = a_batch()
    assert store.create(batch, items_of(batch), AT + MINUTE, charge_for(batch))
    deferral = Deferral(index=3, attempts=1, not_before=AT + MINUTE, error=CRASHED)
    assert store.lease(batch, batch.cut.unit(0), a_lease(), AT)
    assert store.settle(batch, batch.cut.unit(0), "one", [a_result()], [deferral])
    key = keys.key(keys.chunk(batch.workspace_id, batch.id, 0), keys.unit(0))
    aws.client("dynamodb").update_item(TableName=table, Key=key, UpdateExpression="REMOVE undeferred")
    state = store.chunk(batch, 0)
    assert (state.deferrals(), state.results()) == ({3: deferral}, {0: a_result()})
