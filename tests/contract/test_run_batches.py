"""RunBatches: the twin and the table keep the same promises, beside what BatchStore writes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from factories import AT, a_batch, charge_for, items_of
from fakes.batches import FakeBatches
from fakes.runs import FakeRunBatches
from run_world import MILLISECOND, a_run_batch, inputs_of

from batchwork.adapters import aws
from batchwork.adapters.dynamodb import keys, run_batches
from batchwork.adapters.dynamodb.batches import DynamoBatches
from batchwork.adapters.dynamodb.run_batches import DynamoRunBatches
from batchwork.adapters.packing import Packer
from batchwork.domain.batch import Batch, BatchStatus, StopCause, Tally
from batchwork.domain.item import CANCELLED, Result
from batchwork.domain.lease import Lease
from batchwork.ports import BatchStore
from batchwork.ports.workflow_runs import Mark, RunBatches

HOUR = timedelta(hours=1)
SECOND = timedelta(seconds=1)


class Stores:
    def __init__(self, batches: BatchStore, made: RunBatches) -> None:
        self.batches, self.made = batches, made

    def store(self, batch: Batch) -> Batch:
        items = inputs_of(batch) if batch.family == "workflow_runs" else items_of(batch)
        assert self.batches.create(batch, items, AT, charge_for(batch))
        return batch

    def end(
        self, batch: Batch, at: datetime, *, stop: StopCause | None = None, status: BatchStatus = BatchStatus.COMPLETED
    ) -> None:
        if stop is not None:
            assert self.batches.stop(batch.ref, stop, None, at) is not None
        header = self.batches.count(batch, [Tally(0, batch.total, 0)])
        assert self.batches.close(header, status, at, None)

    def open(self, **given: Any) -> list[str]:
        found = self.made.open(
            given.get("workspace_id", "acme"),
            since=given.get("since", AT + HOUR),
            stopped_since=given.get("stopped_since", AT + HOUR),
            after=given.get("after"),
            ascending=given.get("ascending", True),
            limit=given.get("limit", 100),
        )
        return [batch.id for batch in found.batches]


@pytest.fixture(params=["fake", "dynamodb"])
def stores(request: pytest.FixtureRequest) -> Iterator[Stores]:
    if request.param == "fake":
        batches = FakeBatches()
        yield Stores(batches, FakeRunBatches(batches))
    else:
        table = request.getfixturevalue("table")
        yield Stores(real(table), DynamoRunBatches(table))


def real(table: str) -> DynamoBatches:
    def never() -> Any:
        raise AssertionError("the bucket was opened")

    return DynamoBatches(table, Packer(never), timedelta(days=30))


def mark(batch: Batch) -> Mark:
    return Mark(batch.created_at, batch.id)


def made_one_after_another(stores: Stores, count: int) -> list[Batch]:
    return [stores.store(a_run_batch(created_at=AT + number * SECOND)) for number in range(count)]


# ── all of them ──


@pytest.mark.parametrize("ascending", [False, True])
def test_batches_are_listed_by_their_making_each_page_after_the_one_before(stores: Stores, ascending: bool) -> None:
    ids = [batch.id for batch in made_one_after_another(stores, 5)][:: 1 if ascending else -1]
    found: list[str] = []
    last: Mark | None = None
    while part := stores.made.made("acme", after=last, ascending=ascending, limit=2):
        found += [batch.id for batch in part]
        last = mark(part[-1])
    assert found == ids


def test_headers_are_read_as_they_are(stores: Stores) -> None:
    batch = stores.store(a_run_batch())
    stores.batches.stop(batch.ref, StopCause.CANCELLED, None, AT)
    for found in (
        stores.made.made("acme", after=None, ascending=True, limit=1),
        stores.made.open("acme", since=AT, stopped_since=AT, after=None, ascending=True, limit=1).batches,
    ):
        assert [(each.id, each.status) for each in found] == [(batch.id, BatchStatus.CANCELLING)]


def test_batches_of_other_families_and_workspaces_are_not_among_them(stores: Stores) -> None:
    stores.store(a_batch())
    stores.store(a_run_batch(workspace_id="other"))
    assert stores.made.made("acme", after=None, ascending=True, limit=9) == []
    assert stores.open(since=AT) == []


# ── the open ones ──


@pytest.mark.parametrize("ascending", [False, True])
def test_open_batches_are_listed_by_their_making(stores: Stores, ascending: bool) -> None:
    batches = made_one_after_another(stores, 4)
    step = 1 if ascending else -1
    ids = [batch.id for batch in batches][::step]
    assert stores.open(ascending=ascending) == ids
    assert stores.open(ascending=ascending, limit=3) == ids[:3]
    assert stores.open(ascending=ascending, after=mark(batches[::step][1])) == ids[2:]


def test_a_batch_that_ended_is_open_for_who_asks_of_a_time_before(stores: Stores) -> None:
    # Break: closing(), remove the group instead.
    first, second, third = made_one_after_another(stores, 3)
    stores.end(second, AT + HOUR)
    assert stores.open(since=AT + HOUR) == [first.id, second.id, third.id]
    assert stores.open(since=AT + HOUR + MILLISECOND) == [first.id, third.id]
    assert stores.open(since=AT + HOUR, ascending=False, limit=2) == [third.id, second.id]
    assert stores.open(since=AT + HOUR, after=mark(second)) == [third.id]


@pytest.mark.parametrize(
    ("stop", "at", "status"),
    [
        (StopCause.CANCELLED, AT + HOUR, BatchStatus.CANCELLED),
        (StopCause.FAILED, AT + HOUR, BatchStatus.FAILED),
        (StopCause.EXPIRED, AT + HOUR, BatchStatus.COMPLETED),
        (None, AT + 24 * HOUR, BatchStatus.COMPLETED),
    ],
)
def test_a_batch_that_was_stopped_is_told_of_for_a_time_of_its_own(
    stores: Stores, stop: StopCause | None, at: datetime, status: BatchStatus
) -> None:
    # Break: closing(), put all ended ones into one group. The last of these ran into its deadline.
    batch = stores.store(a_run_batch())
    stores.end(batch, at, stop=stop, status=status)
    later = at + HOUR
    assert stores.open(since=later, stopped_since=at) == [batch.id]
    assert stores.open(since=at, stopped_since=later) == []


@pytest.mark.parametrize("stop", [None, StopCause.CANCELLED])
def test_of_very_many_ends_a_bounded_number_is_looked_at_and_it_is_told_from_when_on(
    stores: Stores, monkeypatch: pytest.MonkeyPatch, stop: StopCause | None
) -> None:
    # Break: DynamoRunBatches.open, tell no cut.
    monkeypatch.setattr(run_batches, "ENDS", 3)
    if isinstance(stores.made, FakeRunBatches):
        stores.made.ends = 3
    batches = made_one_after_another(stores, 6)
    for number, batch in enumerate(batches[:5]):
        stores.end(batch, AT + HOUR + number * SECOND, stop=stop)
    ids = [batch.id for batch in batches]

    def found(since: datetime) -> Any:
        return stores.made.open("acme", since=since, stopped_since=since, after=None, ascending=True, limit=100)

    some, all_ = found(AT + HOUR), found(AT + HOUR + 2 * SECOND)
    assert ([batch.id for batch in all_.batches], all_.cut) == (ids[2:], None)
    if stop is None:
        assert ([batch.id for batch in some.batches], some.cut) == ([*ids[:3], ids[5]], AT + HOUR + 3 * SECOND)
    else:
        assert ([batch.id for batch in some.batches], some.cut) == (ids[2:], AT + HOUR)


# ── the table's own ──


def header(table: str, batch: Batch) -> dict[str, Any]:
    found: dict[str, Any] = aws.client("dynamodb").get_item(TableName=table, Key=keys.header("acme", batch.id))["Item"]
    return found


def test_batches_of_other_families_are_in_no_group(table: str) -> None:
    stores = Stores(real(table), DynamoRunBatches(table))
    batch = stores.store(a_batch())
    stores.end(batch, AT)
    assert not {"group_pk", "group_sk"} & set(header(table, batch))


def test_a_page_reads_as_many_entries_and_headers_as_it_returns(table: str) -> None:
    stores = Stores(real(table), DynamoRunBatches(table))
    batches = made_one_after_another(stores, 30)
    for batch in batches[:15]:
        stores.end(batch, AT + HOUR)
    client = aws.client("dynamodb")
    counted: list[int] = []
    client.meta.events.register(
        "after-call.dynamodb.*",
        lambda parsed, **_: counted.append(
            len(parsed.get("Items") or next(iter(parsed.get("Responses", {}).values()), []))
        ),
    )
    made = DynamoRunBatches(table, client)
    made.made("acme", after=None, ascending=False, limit=5)
    assert sum(counted) <= 5 + 6
    counted.clear()
    found = made.open("acme", since=AT + 2 * HOUR, stopped_since=AT + HOUR, after=None, ascending=False, limit=5)
    assert [batch.id for batch in found.batches] == [batch.id for batch in batches[:24:-1]]
    assert found.cut is None
    assert sum(counted) <= 5 + 6


@pytest.mark.parametrize("family", ["workflow_runs", "messages"])
def test_a_unit_that_no_worker_settled_says_so_to_the_stream(table: str, family: str) -> None:
    # Break: DynamoBatches.settle_free, leave out `unworked`.
    batches = real(table)
    batch = a_run_batch(20, family=family)
    batches.create(batch, inputs_of(batch), AT, charge_for(batch))
    free, leased = batch.cut.unit(0), batch.cut.unit(1)
    results = [Result(index=index, finished_at=AT, attempts=0, error=CANCELLED) for index in range(20)]
    batches.lease(batch, leased, Lease("one", AT + HOUR, 1), AT)
    batches.settle(batch, leased, "one", results[10:], [])
    batches.settle_free(batch, free, results[:10], AT)
    rows = {
        number: aws.client("dynamodb").get_item(
            TableName=table, Key=keys.key(keys.chunk("acme", batch.id, batch.cut.unit(number).chunk), keys.unit(number))
        )["Item"]
        for number in (0, 1)
    }
    assert rows[0]["unworked"] == {"S": family}
    assert "unworked" not in rows[1]
    assert keys.names_of_chunk(rows[0]["pk"]["S"]) == ("acme", batch.id)
    assert rows[0]["unit"] == {"N": "0"}


def test_counting_costs_the_index_nothing(table: str) -> None:
    stores: Callable[..., Batch] = Stores(real(table), DynamoRunBatches(table)).store
    batch = stores(a_run_batch(20))
    before = header(table, batch)
    real(table).count(batch, [Tally(0, 10, 0)])
    projected = ("group_pk", "group_sk", "list_pk", "list_sk", "status")
    assert {name: before[name] for name in projected} == {name: header(table, batch)[name] for name in projected}
