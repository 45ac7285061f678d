"""Lists of runs over the table itself: what the stores' twins promise together, they keep together."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

import pytest
from factories import AT
from run_world import RETENTION, RunWorld, a_run, a_ticket

from batchwork.adapters.dynamodb import run_batches
from batchwork.adapters.dynamodb.batches import DynamoBatches
from batchwork.adapters.dynamodb.run_batches import DynamoRunBatches
from batchwork.adapters.dynamodb.runs import DynamoRuns
from batchwork.adapters.packing import Packer
from batchwork.adapters.packing import bucket as in_bucket
from batchwork.domain.batch import Batch, Tally
from batchwork.domain.item import Result
from batchwork.domain.lease import Lease
from batchwork.domain.run import Run, RunPlace, RunStatus
from batchwork.domain.run_writes import following
from batchwork.use_cases.list_runs import RunSort

SECOND = timedelta(seconds=1)


@pytest.fixture
def world(table: str, bucket: str) -> RunWorld:
    blobs = in_bucket(bucket)
    return RunWorld(
        batches=DynamoBatches(table, Packer(blobs), RETENTION),
        runs=DynamoRuns(table, blobs),
        made=DynamoRunBatches(table),
    )


def work(world: RunWorld, batch: Batch, number: int) -> None:
    """Do what a worker does with a slice, one thing after the other: moto loses updates under threads."""
    unit = batch.cut.unit(number)
    now = world.clock.now()
    assert world.batches.lease(batch, unit, Lease("one", now + SECOND, 1), now)
    for index in unit.indexes:
        run, events = following(None, a_run(index, batch, revision=0), now)
        assert world.runs.add(run, AT + RETENTION, *events)
    results = [
        Result(index=index, finished_at=now, attempts=1, output={"status": "PROCESSED"}) for index in unit.indexes
    ]
    assert world.batches.settle(batch, unit, "one", results, [])
    world.batches.count(batch, [Tally(number, len(results), 0)])


@pytest.fixture
def batches(world: RunWorld) -> list[Batch]:
    """One done, one half done, one that nobody has begun with, one that was cancelled."""
    found = []
    for total in (12, 25, 3, 4):
        found.append(world.submit(total))
        world.clock.pass_(SECOND)
    for number, unit in ((0, 1), (0, 0), (1, 1)):
        world.clock.pass_(SECOND)
        work(world, found[number], unit)
    world.complete(found[0].ref)
    world.clock.pass_(SECOND)
    world.change().cancel_batch("acme", f"batch_{found[3].id}", a_ticket())
    world.complete(found[3].ref)
    world.clock.pass_(timedelta(microseconds=123_456))
    return found


def places(runs: list[Run]) -> Counter[RunPlace]:
    return Counter(run.place for run in runs)


def every(*batches: Batch) -> Counter[RunPlace]:
    return Counter(RunPlace("acme", batch.id, index) for batch in batches for index in range(batch.total))


@pytest.mark.parametrize("sort", list(RunSort))
@pytest.mark.parametrize("ascending", [False, True])
@pytest.mark.parametrize("limit", [4, 100])
def test_a_walk_shows_every_run_once_in_order(
    world: RunWorld, batches: list[Batch], sort: RunSort, ascending: bool, limit: int
) -> None:
    runs = world.all(limit, sort=sort, ascending=ascending)
    assert places(runs) == every(*batches)
    created = [(run.created_at, run.place.batch_id, run.place.index) for run in runs]
    if sort is RunSort.CREATED:
        assert created == sorted(created, reverse=not ascending)


@pytest.mark.parametrize("ascending", [False, True])
def test_a_run_that_settles_during_a_walk_is_shown_once(world: RunWorld, batches: list[Batch], ascending: bool) -> None:
    left = [(batches[1], 0), (batches[1], 2), (batches[2], 0)]

    def go_on() -> None:
        world.clock.pass_(SECOND)
        if left:
            batch, unit = left.pop()
            work(world, batch, unit)
            world.complete(batch.ref)

    runs = [run for page in world.pages(9, between=go_on, ascending=ascending) for run in page]
    assert not left
    assert places(runs) == every(*batches)


def test_a_list_of_a_batch_of_a_status_and_its_counts_agree(world: RunWorld, batches: list[Batch]) -> None:
    for batch in batches:
        counts = world.summary(batch).counts
        assert sum(counts.values()) == batch.total
        for sort in RunSort:
            for status in RunStatus:
                found = world.all(7, sort=sort, status=status, batch_id=f"batch_{batch.id}")
                assert len(found) == counts.get(status, 0)


def test_what_clients_change_is_seen_at_once(world: RunWorld, batches: list[Batch]) -> None:
    done, open_one = RunPlace("acme", batches[0].id, 1), RunPlace("acme", batches[2].id, 1)
    change = world.change()
    change.update("acme", done.id, "renamed", {"k": "v"}, a_ticket())
    change.cancel("acme", open_one.id, a_ticket())
    first, second = world.pages(2)[0]
    assert {run.place for run in (first, second)} == {done, open_one}
    assert world.get(batches[0], 1).metadata == {"n": 1, "k": "v"}
    change.remove("acme", done.id, a_ticket())
    change.remove("acme", open_one.id, a_ticket())
    assert not {done, open_one} & set(places(world.all()))
    assert sum(places(world.all()).values()) == 42


@pytest.mark.parametrize("ascending", [False, True])
def test_of_very_many_batches_that_end_during_a_walk_no_run_is_lost(
    world: RunWorld, monkeypatch: pytest.MonkeyPatch, ascending: bool
) -> None:
    # Break: DynamoRunBatches.open, tell no cut.
    monkeypatch.setattr(run_batches, "ENDS", 3)
    found = []
    for _ in range(8):
        found.append(world.submit(1, listed=False))
        world.clock.pass_(SECOND)
    left = list(found)

    def end_all() -> None:
        world.clock.pass_(SECOND)
        while left:
            batch = left.pop(0)
            work(world, batch, 0)
            world.complete(batch.ref)
            world.clock.pass_(SECOND)

    runs = [run for page in world.pages(2, between=end_all, ascending=ascending) for run in page]
    assert set(places(runs)) == set(every(*found))


def test_what_the_stream_loses_of_a_cancelled_batch_the_sweeper_writes(world: RunWorld, batches: list[Batch]) -> None:
    # Break: DynamoBatches.release, or closing().
    cancelled = batches[3]
    assert not world.runs.briefs(RunPlace("acme", cancelled.id, index) for index in range(4))
    world.clock.pass_(timedelta(minutes=3))
    for _ in range(2):
        world.sweep()
        rows = world.runs.briefs(RunPlace("acme", cancelled.id, index) for index in range(4))
        assert {place.index: row.status for place, row in rows.items()} == dict.fromkeys(range(4), RunStatus.CANCELLED)
        assert cancelled.ref not in world.batches.due(world.clock.now() + timedelta(days=1), 100)
    assert not world.errors
