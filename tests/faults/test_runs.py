"""Runs under faults, each test with the line to break to see it fail.

Every schedule kills the process before or after one call to a port, then lets the same be asked again, the queue redeliver,
the stream repeat or the sweeper run, and looks from the outside: every run accepted has ended in one way, told by one
event, and the counts add up.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest
from engine import Died, Fuse
from run_world import MILLISECOND, RunWorld, a_ticket, retryable

from batchwork.domain.batch import Batch
from batchwork.domain.errors import BatchworkError
from batchwork.domain.item import Failure, Item, ItemError
from batchwork.domain.run import ENDED, EVENTS, SETTLED, RunPlace, RunStatus
from batchwork.use_cases.runs_shown import UNTOLD

AFTER = [False, True]
MINUTE = timedelta(minutes=1)
#: Beyond a lease.
LEASE = 3 * MINUTE
ENDINGS = set(EVENTS.values())
Run = Callable[[Fuse], tuple[RunWorld, Batch]]


def mixed(item: Item, tries: int) -> RunStatus | Failure:
    """0 fails, 1 needs two tries, 2 never succeeds, 3 wants a review, the others go through."""
    match item.index:
        case 0:
            return Failure(ItemError(422, "no text"))
        case 1:
            return retryable() if tries == 1 else RunStatus.PROCESSED
        case 2:
            return retryable()
        case 3:
            return RunStatus.NEEDS_REVIEW
    return RunStatus.PROCESSED


MIXED = {RunStatus.FAILED: 2, RunStatus.NEEDS_REVIEW: 1, RunStatus.PROCESSED: 2}


def crash_points(run: Run) -> int:
    """Return how many calls a run makes when nothing dies."""
    fuse = Fuse()
    run(fuse)
    return fuse.calls


def each_death(run: Run, after: bool, at_least: int) -> Any:
    """Yield what is left by a death at each call."""
    points = crash_points(run)
    assert points >= at_least
    for point in range(1, points + 1):
        yield run(Fuse(point, after=after))


def assert_each_ended_once(world: RunWorld, batch: Batch, counts: dict[RunStatus, int] | None = None) -> None:
    """counts: how many have ended how, where that is certain."""
    header = world.header(batch)
    assert header.ended, header
    assert header.succeeded + header.failed == batch.total
    runs = [world.get(batch, index) for index in range(batch.total)]
    found = Counter(run.status for run in runs)
    assert set(found) <= SETTLED
    assert world.summary(batch).counts == dict(found)
    assert sum(world.summary(batch).counts.values()) == batch.total
    if counts is not None:
        assert found == Counter(counts)
    told = ends_told(world)
    for run in runs:
        # The last end that was told is the run's, and what is an end is told once.
        assert told[run.place][-1] == EVENTS[run.status]
        assert len([event for event in told[run.place] if event != EVENTS[RunStatus.NEEDS_REVIEW]]) == (
            run.status in ENDED
        )
    revisions = Counter((run.place, run.revision) for run, _ in world.runs.told)
    assert set(revisions.values()) == {1}
    assert {run.place: run.status for run in world.all()} == {run.place: run.status for run in runs}
    assert not world.errors


def ends_told(world: RunWorld) -> dict[RunPlace, list[str]]:
    found: dict[RunPlace, list[str]] = defaultdict(list)
    for run, events in world.runs.told:
        found[run.place] += [event for event in events if event in ENDINGS]
        assert {event for event in events if event in ENDINGS} <= {EVENTS.get(run.status)}
    return found


# ── a worker dies ──


def a_worker_dies(fuse: Fuse) -> tuple[RunWorld, Batch]:
    world = RunWorld(rule=mixed)
    batch = world.submit(5)
    with suppress(Died):
        while messages := world.queue.take():
            for ref, chunk, delay in messages:
                world.clock.pass_(delay)
                world.work(ref, chunk, fuse=fuse)
    return world, batch


@pytest.mark.parametrize("after", AFTER)
def test_a_worker_may_die_at_any_call_and_the_sweeper_alone_is_enough(after: bool) -> None:
    # Break: Recorder.record, write over what is settled; or Recorder.keep, write nothing.
    for world, batch in each_death(a_worker_dies, after, 30):
        world.settle_everything(batch)
        assert_each_ended_once(world, batch, MIXED)


@pytest.mark.parametrize("after", AFTER)
def test_worker_after_worker_may_die_at_any_call(after: bool) -> None:
    # Break: RunsProcessor.process (and the family's), do not look at the row before.
    def run(*fuses: Fuse) -> tuple[RunWorld, Batch]:
        world = RunWorld(rule=mixed)
        batch = world.submit(5)
        for fuse in fuses:
            with suppress(Died):
                world.work(batch.ref, 0, fuse=fuse)
            world.clock.pass_(LEASE)
        return world, batch

    for point in range(1, crash_points(run) + 1, 2):
        for second in (4, 9, 14):
            world, batch = run(Fuse(point, after=after), Fuse(second, after=after))
            world.settle_everything(batch)
            # Two deaths and a failure are an item's three tries: what it might have become is open.
            assert_each_ended_once(world, batch)
            assert world.get(batch, 2).status is RunStatus.FAILED


@pytest.mark.parametrize("after", AFTER)
@pytest.mark.parametrize("cancel", ["batch", "run"])
def test_a_worker_may_die_at_any_call_before_everything_is_cancelled(cancel: str, after: bool) -> None:
    for world, batch in each_death(a_worker_dies, after, 30):
        if cancel == "batch":
            with suppress(BatchworkError):
                world.change().cancel_batch("acme", f"batch_{batch.id}", a_ticket())
        else:
            for index in range(5):
                with suppress(BatchworkError):
                    world.change().cancel("acme", RunPlace("acme", batch.id, index).id, a_ticket())
        world.settle_everything(batch)
        assert_each_ended_once(world, batch)


# ── a canceller dies, of a batch and of a run ──


@pytest.mark.parametrize("after", AFTER)
def test_who_cancels_a_batch_may_die_at_any_call(after: bool) -> None:
    # Break: DynamoBatches.settle_free (and its twin), tell the stream nothing.
    def run(fuse: Fuse) -> tuple[RunWorld, Batch]:
        world = RunWorld(rule=mixed)
        batch = world.submit(25)
        world.work(batch.ref, 0)
        world.queue.take()
        with suppress(Died):
            world.change(fuse).cancel_batch("acme", f"batch_{batch.id}", a_ticket())
        return world, batch

    for world, batch in each_death(run, after, 8):
        cancelled = world.header(batch).stop is not None
        world.settle_everything(batch)
        assert_each_ended_once(world, batch)
        # Two of the first ten were given back, and what nobody held was cancelled.
        assert world.summary(batch).counts.get(RunStatus.CANCELLED, 0) == (17 if cancelled else 0)


ACTS: dict[str, Callable[[RunWorld, Fuse | None, str, Any], Any]] = {
    "cancel": lambda world, fuse, run_id, ticket: world.change(fuse).cancel("acme", run_id, ticket),
    "update": lambda world, fuse, run_id, ticket: world.change(fuse).update(
        "acme", run_id, "renamed", {"changed": True}, ticket
    ),
}


@pytest.mark.parametrize("after", AFTER)
@pytest.mark.parametrize("act", list(ACTS))
def test_who_changes_a_run_may_die_at_any_call_before_it_is_worked(act: str, after: bool) -> None:
    def run(fuse: Fuse) -> tuple[RunWorld, Batch]:
        world = RunWorld()
        batch = world.submit(2)
        with suppress(Died):
            ACTS[act](world, fuse, RunPlace("acme", batch.id, 0).id, a_ticket())
        return world, batch

    for world, batch in each_death(run, after, 4):
        done = bool(world.runs.stored)
        again = a_ticket(again=True)
        ACTS[act](world, None, RunPlace("acme", batch.id, 0).id, again)
        assert len(world.runs.told) == 1
        world.settle_everything(batch)
        assert_each_ended_once(world, batch)
        run_ = world.get(batch, 0)
        if act == "update":
            assert (run_.status, run_.name, run_.metadata) == (
                RunStatus.PROCESSED,
                "renamed",
                {"n": 0, "changed": True},
            )
        else:
            assert run_.status is RunStatus.CANCELLED
        assert done in {False, True}


@pytest.mark.parametrize("after", AFTER)
@pytest.mark.parametrize("act", list(ACTS))
def test_who_changes_a_run_while_a_worker_is_at_it_may_die_at_any_call(act: str, after: bool) -> None:
    # Break: Recorder.record, write what the worker made though the row it knew was written again.
    def run(fuse: Fuse) -> tuple[RunWorld, Batch]:
        world = RunWorld()
        batch = world.submit(1)

        def change(*_: Any) -> None:
            with suppress(Died):
                ACTS[act](world, fuse, RunPlace("acme", batch.id, 0).id, a_ticket())

        world.amid = change
        world.drain()
        return world, batch

    for world, batch in each_death(run, after, 4):
        world.settle_everything(batch)
        assert_each_ended_once(world, batch)
        assert len(ends_told(world)[RunPlace("acme", batch.id, 0)]) == 1


@pytest.mark.parametrize("after", AFTER)
def test_a_worker_may_die_at_any_call_while_its_run_is_changed_and_another_is_cancelled(after: bool) -> None:
    def run(fuse: Fuse) -> tuple[RunWorld, Batch]:
        world = RunWorld()
        batch = world.submit(3)
        done: set[int] = set()

        def change(_batch: Batch, item: Item) -> None:
            if item.index < 2 and item.index not in done:
                done.add(item.index)
                act = ACTS["update" if item.index else "cancel"]
                act(world, None, RunPlace("acme", batch.id, item.index).id, a_ticket())

        world.amid = change
        with suppress(Died):
            world.work(batch.ref, 0, fuse=fuse)
        return world, batch

    for world, batch in each_death(run, after, 12):
        world.settle_everything(batch)
        assert_each_ended_once(world, batch, {RunStatus.CANCELLED: 1, RunStatus.PROCESSED: 2})
        assert world.get(batch, 1).name == "renamed"


# ── a reviewer and a remover die ──


@pytest.mark.parametrize("after", AFTER)
@pytest.mark.parametrize("approve", [False, True])
def test_who_reviews_may_die_at_any_call_and_asking_again_ends_it_once(approve: bool, after: bool) -> None:
    def review(world: RunWorld, batch: Batch, fuse: Fuse | None, *, again: bool) -> Any:
        run_id = RunPlace("acme", batch.id, 0).id
        return world.change(fuse).review("acme", run_id, approve, "a note", "jane", a_ticket(again=again))

    def run(fuse: Fuse) -> tuple[RunWorld, Batch]:
        world = RunWorld(rule=lambda *_: RunStatus.NEEDS_REVIEW)
        batch = world.submit()
        world.settle_everything(batch)
        with suppress(Died):
            review(world, batch, fuse, again=False)
        return world, batch

    for world, batch in each_death(run, after, 3):
        review(world, batch, None, again=True)
        assert_each_ended_once(world, batch, {RunStatus.PROCESSED if approve else RunStatus.REJECTED: 1})


@pytest.mark.parametrize("after", AFTER)
@pytest.mark.parametrize("worked", [False, True])
def test_who_removes_may_die_at_any_call_and_asking_again_leaves_nothing(worked: bool, after: bool) -> None:
    # Break: ChangeRuns.remove, find no deleted run in another try; its bytes stay.
    def run(fuse: Fuse) -> tuple[RunWorld, Batch]:
        world = RunWorld()
        batch = world.submit()
        if worked:
            world.settle_everything(batch)
        else:
            world.change().cancel_batch("acme", f"batch_{batch.id}", a_ticket())
        world.blobs.put(f"{RunPlace('acme', batch.id, 0).prefix}source", b"bytes")
        with suppress(Died):
            world.change(fuse).remove("acme", RunPlace("acme", batch.id, 0).id, a_ticket())
        return world, batch

    for world, batch in each_death(run, after, 4):
        place = RunPlace("acme", batch.id, 0)
        world.change().remove("acme", place.id, a_ticket(again=True))
        world.stream()
        assert world.runs.stored[place].deleted
        assert world.blobs.kept == {}
        assert ends_told(world)[place] == ["workflow_run.completed" if worked else "workflow_run.cancelled"]


# ── who ends runs without a worker dies ──


@pytest.mark.parametrize("after", AFTER)
@pytest.mark.parametrize("stop", ["cancel", "deadline"])
def test_who_ends_runs_may_die_at_any_call_and_the_streams_repetition_is_enough(stop: str, after: bool) -> None:
    # Break: Recorder.keep, leave alone what has a row, settled or not.
    def run(fuse: Fuse) -> tuple[RunWorld, Batch]:
        world = RunWorld()
        batch = world.submit(12)
        world.change().update("acme", RunPlace("acme", batch.id, 11).id, "renamed", None, a_ticket())
        if stop == "cancel":
            world.change().cancel_batch("acme", f"batch_{batch.id}", a_ticket())
        else:
            world.clock.pass_(timedelta(hours=24))
            world.sweep()
        world.queue.take()
        with suppress(Died):
            world.end_runs(list(world.batches.unworked), fuse=fuse)  # type: ignore[attr-defined] # the fake's own
        return world, batch

    for world, batch in each_death(run, after, 12):
        world.settle_everything(batch)
        assert_each_ended_once(
            world, batch, {RunStatus.CANCELLED if stop == "cancel" else RunStatus.FAILED: batch.total}
        )
        assert world.get(batch, 11).name == "renamed"


@pytest.mark.parametrize("stop", ["cancel", "deadline"])
def test_what_the_stream_loses_the_sweeper_alone_ends(stop: str) -> None:
    # Break: closing() (and its twin), let a stopped batch be due no more; or Sweep._follow_up, release it only.
    world, batch = stopped(stop)
    begun = world.clock.now()
    for _ in range(4):
        world.clock.pass_(MINUTE)
        world.sweep()
    assert_each_ended_once(world, batch, {RunStatus.CANCELLED if stop == "cancel" else RunStatus.FAILED: batch.total})
    assert world.get(batch, 11).name == "renamed"
    # Long before lists forget that there were runs without rows.
    assert max(run.updated_at for run in world.all()) - begun < UNTOLD / 3
    assert world.batches.due(world.clock.now() + timedelta(days=40), 9) == []


@pytest.mark.parametrize("after", AFTER)
def test_the_sweeper_may_die_at_any_call_while_it_ends_what_the_stream_lost(after: bool) -> None:
    # Break: Sweep._follow_up, release the batch first.
    def run(fuse: Fuse) -> tuple[RunWorld, Batch]:
        world, batch = stopped("cancel")
        world.clock.pass_(3 * MINUTE)
        with suppress(Died):
            world.sweep(fuse=fuse)
        return world, batch

    for world, batch in each_death(run, after, 12):
        world.errors.clear()
        for _ in range(6):
            world.clock.pass_(MINUTE)
            world.sweep()
        assert_each_ended_once(world, batch, {RunStatus.CANCELLED: batch.total})


def stopped(stop: str) -> tuple[RunWorld, Batch]:
    """Return a batch that was stopped before anybody worked on it, and that the stream's reader knows nothing of."""
    world = RunWorld()
    batch = world.submit(12)
    world.change().update("acme", RunPlace("acme", batch.id, 11).id, "renamed", None, a_ticket())
    if stop == "cancel":
        world.change().cancel_batch("acme", f"batch_{batch.id}", a_ticket())
    else:
        world.clock.pass_(timedelta(hours=24))
        world.sweep()
    world.queue.take()
    world.complete(batch.ref)
    return world, batch


def test_who_ends_runs_and_who_changes_them_at_once_tell_each_end_once() -> None:
    # Break: ChangeRuns._written, write without a condition (FakeRuns.add, whatever there is).
    world = RunWorld()
    batch = world.submit(12)
    world.change().cancel_batch("acme", f"batch_{batch.id}", a_ticket())
    add = world.runs.add

    def overtaken(*given: Any) -> bool:
        world.runs.add = add
        world.stream()
        return bool(add(*given))

    world.runs.add = overtaken
    run = world.change().update("acme", RunPlace("acme", batch.id, 3).id, "renamed", None, a_ticket())
    assert (run.status, run.name) == (RunStatus.CANCELLED, "renamed")
    world.clock.pass_(MILLISECOND)
    world.settle_everything(batch)
    assert_each_ended_once(world, batch, {RunStatus.CANCELLED: 12})


def test_messages_and_records_that_come_twice_change_nothing() -> None:
    world = RunWorld(rule=mixed)
    batch = world.submit(15)
    for _ in range(8):
        for ref, chunk, delay in world.queue.take() * 2:
            world.clock.pass_(delay)
            world.work(ref, chunk)
        world.stream()
        world.clock.pass_(MINUTE)
        world.sweep()
    world.complete(batch.ref)
    assert_each_ended_once(world, batch, {RunStatus.FAILED: 2, RunStatus.NEEDS_REVIEW: 1, RunStatus.PROCESSED: 12})
