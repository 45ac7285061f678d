"""How the engine's ends get into rows: every run that ends has one, with one event."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from engine import Died
from factories import AT
from run_world import RETENTION, RunWorld, a_run, a_run_batch, a_step, a_ticket, inputs_of, retryable

from batchwork.domain.batch import Batch
from batchwork.domain.errors import Conflict, EngineFailed
from batchwork.domain.item import CANCELLED, CRASHED, Failure, Item, ItemError, Result, Success
from batchwork.domain.run import RunPlace, RunStatus
from batchwork.domain.run_input import run_of
from batchwork.domain.run_writes import ended_of, following, outcome_of
from batchwork.processors.workflow_runs.recording import Recorder

MINUTE = timedelta(minutes=1)


# ── what a write says ──


def test_the_write_that_settles_a_run_tells_its_steps_and_its_end() -> None:
    steps = (a_step(0), a_step(1, status="FAILED"), a_step(2))
    run, events = following(None, a_run(steps=steps, revision=0), AT + MINUTE)
    assert (run.revision, run.updated_at, run.settled_at) == (1, AT + MINUTE, AT + MINUTE)
    # The end comes first: it is what every receiver waits for, and it tells all of the steps.
    assert events == (
        "workflow_run.completed",
        "workflow_run.step_run.processed:0",
        "workflow_run.step_run.processed:2",
    )


def test_of_many_step_runs_the_first_hundred_are_told_each_by_itself() -> None:
    steps = (a_step(0, status="FAILED"), *(a_step(number) for number in range(1, 1000)))
    _, events = following(None, a_run(steps=steps, revision=0), AT)
    assert events == ("workflow_run.completed", *(f"workflow_run.step_run.processed:{n}" for n in range(1, 101)))


@pytest.mark.parametrize(
    ("status", "event"),
    [
        (RunStatus.PROCESSED, "workflow_run.completed"),
        (RunStatus.FAILED, "workflow_run.failed"),
        (RunStatus.NEEDS_REVIEW, "workflow_run.needs_review"),
        (RunStatus.REJECTED, "workflow_run.rejected"),
        (RunStatus.CANCELLED, "workflow_run.cancelled"),
    ],
)
def test_each_end_is_told_once(status: RunStatus, event: str) -> None:
    open_one = a_run(status=RunStatus.PENDING, settled_at=None)
    first, events = following(open_one, replace(open_one, status=status), AT + MINUTE)
    assert (events, first.revision) == ((event,), 2)
    second, events = following(first, replace(first, name="renamed"), AT + 2 * MINUTE)
    assert (events, second.revision, second.settled_at) == ((), 3, AT + MINUTE)


def test_a_run_that_is_still_the_engines_and_one_that_is_deleted_tell_nothing() -> None:
    run, events = following(None, a_run(status=RunStatus.PENDING, revision=0, settled_at=None), AT)
    assert (events, run.settled_at) == ((), None)
    assert following(a_run(), a_run(deleted=True), AT)[1] == ()


def test_a_review_tells_its_end_and_no_step_again() -> None:
    waiting = a_run(status=RunStatus.NEEDS_REVIEW, steps=(a_step(0),))
    assert following(waiting, replace(waiting, status=RunStatus.PROCESSED), AT)[1] == ("workflow_run.completed",)


@pytest.mark.parametrize(
    ("error", "status", "reason"),
    [
        (CANCELLED, RunStatus.CANCELLED, None),
        (CRASHED, RunStatus.FAILED, "INTERNAL_ERROR"),
        (ItemError(408, "late"), RunStatus.FAILED, "TIMED_OUT"),
        (ItemError(422, "no text"), RunStatus.FAILED, "FAILED_TO_PROCESS_FILE"),
    ],
)
def test_what_the_engine_ended_says_why(error: ItemError, status: RunStatus, reason: str | None) -> None:
    batch = a_run_batch()
    run = run_of(batch, inputs_of(batch)[0])
    ended = ended_of(run, Result(index=0, finished_at=AT + MINUTE, attempts=0, error=error))
    assert (ended.status, ended.failure_reason) == (status, reason)
    assert ended.failure_message == (None if status is RunStatus.CANCELLED else error.message)
    assert ended.ended_at == ended.updated_at == AT + MINUTE


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (RunStatus.PENDING, None),
        (RunStatus.PROCESSED, Success({"status": "PROCESSED"})),
        (RunStatus.NEEDS_REVIEW, Success({"status": "NEEDS_REVIEW"})),
        (RunStatus.REJECTED, Success({"status": "REJECTED"})),
        (RunStatus.FAILED, Failure(ItemError(500, "It broke."))),
        (RunStatus.CANCELLED, Failure(ItemError(499, "The run was cancelled"))),
    ],
)
def test_what_stands_in_a_row_is_what_its_item_ends_with(status: RunStatus, outcome: object) -> None:
    assert outcome_of(a_run(status=status, failure_message="It broke.")) == outcome


def test_a_deleted_run_is_worked_no_more() -> None:
    assert outcome_of(a_run(deleted=True)) == Failure(ItemError(499, "The run was cancelled"))


def test_who_can_never_write_gives_up() -> None:
    world = RunWorld()
    batch = world.submit()
    world.runs.add = lambda *_: False
    with pytest.raises(Conflict):
        Recorder(world.runs, world.clock, RETENTION).record(batch, a_run(0, batch, revision=0))


# ── what the engine gives up ──


def test_a_run_that_was_tried_for_the_last_time_has_failed() -> None:
    """Break: Work._process, keep what succeeded only."""
    world = RunWorld(rule=lambda *_: retryable(502))
    batch = world.submit(2)
    world.settle_everything(batch)
    assert sorted(world.worked) == [0, 0, 0, 1, 1, 1]
    run = world.get(batch)
    assert (run.status, run.failure_reason, run.failure_message) == (
        RunStatus.FAILED,
        "FAILED_TO_FETCH_FILE",
        "come back later",
    )
    assert [events for _, events in world.runs.told] == [("workflow_run.failed",)] * 2


def test_a_run_that_is_tried_again_has_no_row_between() -> None:
    world = RunWorld(rule=lambda _, tries: retryable() if tries == 1 else RunStatus.PROCESSED)
    batch = world.submit()
    world.work(batch.ref, 0)
    assert world.runs.stored == {}
    assert world.get(batch).status is RunStatus.PENDING
    world.settle_everything(batch)
    assert world.get(batch).status is RunStatus.PROCESSED


def test_a_run_that_kills_its_worker_has_failed_alone() -> None:
    """Break: Work._unit, settle what is not tried any more without keeping it."""
    world = RunWorld()
    batch = world.submit(4)

    def poison(_batch: Batch, item: Item) -> None:
        if item.index == 2:
            raise Died

    world.amid = poison
    for _ in range(12):
        for ref, chunk, _ in world.queue.take():
            with suppress(Died):
                world.work(ref, chunk)
        world.clock.pass_(3 * MINUTE)
        world.sweep()
        world.stream()
    assert {index: world.get(batch, index).status for index in range(4)} == {
        0: RunStatus.PROCESSED,
        1: RunStatus.PROCESSED,
        2: RunStatus.FAILED,
        3: RunStatus.PROCESSED,
    }
    assert world.get(batch, 2).failure_reason == "INTERNAL_ERROR"
    assert world.runs.stored[RunPlace("acme", batch.id, 2)].revision == 1


def test_a_batch_that_the_engine_cannot_work_has_failed_with_a_row_for_every_run() -> None:
    def gone(*_: Any) -> RunStatus:
        raise EngineFailed(reason="The version is gone")

    world = RunWorld(rule=gone)
    batch = world.submit(25)
    world.settle_everything(batch)
    assert len(world.runs.stored) == 25
    assert {run.failure_message for run in world.runs.stored.values()} == {
        "Batch processing failed: The version is gone"
    }


def test_a_batch_without_its_inputs_has_failed_with_a_row_for_every_run() -> None:
    world = RunWorld()
    batch = world.submit(12)
    world.batches.items[batch.ref] = []  # type: ignore[attr-defined] # the fake's own
    world.settle_everything(batch)
    assert {run.status for run in world.runs.stored.values()} == {RunStatus.FAILED}
    assert len(world.runs.stored) == 12


# ── what ended without a worker ──


def test_runs_that_ended_without_a_worker_get_their_rows_once() -> None:
    world = RunWorld()
    batch = world.submit(25)
    world.work(batch.ref, 0)
    world.change().update("acme", RunPlace("acme", batch.id, 20).id, "renamed", None, a_ticket())
    world.change().cancel_batch("acme", f"batch_{batch.id}", a_ticket())
    for _ in range(3):
        world.stream()
    ends = [(run.place.index, events) for run, events in world.runs.told if events and "cancelled" in events[-1]]
    assert sorted(ends) == [(index, ("workflow_run.cancelled",)) for index in range(10, 25)]
    assert world.get(batch, 20).name == "renamed"
    assert world.get(batch, 20).metadata == {"n": 20}


def test_units_of_other_families_and_of_batches_that_are_gone_are_left_alone() -> None:
    world = RunWorld()
    messages = world.submit(family="messages")
    world.end_runs([(messages.ref, 0), (a_run_batch().ref, 0)])
    assert world.runs.told == []


def test_a_run_whose_dead_worker_had_written_it_stays_as_it_ended_when_its_batch_is_cancelled() -> None:
    """Break: Recorder.record, write over what is settled."""
    world = RunWorld()
    batch = world.submit(2)

    def die(_batch: Batch, item: Item) -> None:
        if item.index == 1:
            while not world.runs.stored:
                pass
            raise Died

    world.amid = die
    with suppress(Died):
        world.work(batch.ref, 0)
    world.clock.pass_(3 * MINUTE)
    world.change().cancel_batch("acme", f"batch_{batch.id}", a_ticket())
    world.stream()
    assert [world.get(batch, index).status for index in (0, 1)] == [RunStatus.PROCESSED, RunStatus.CANCELLED]
    assert world.summary(batch).counts == {RunStatus.PROCESSED: 1, RunStatus.CANCELLED: 1}
