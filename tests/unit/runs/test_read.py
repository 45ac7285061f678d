"""What is told of a run, and of a batch of them, while nobody wrote it down and after."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest
from engine import Died, Fuse
from factories import AT
from run_world import MILLISECOND, RunWorld, a_flow, a_ticket, an_input, retryable

from batchwork.domain.batch import Batch, StopCause
from batchwork.domain.errors import NotFound
from batchwork.domain.item import Failure, Item, ItemError
from batchwork.domain.run import RUN_PREFIX, FileType, RunPlace, RunStatus
from batchwork.use_cases.read_runs import BatchWord

MINUTE = timedelta(minutes=1)


def cancel(world: RunWorld, batch: Batch) -> None:
    world.change().cancel_batch("acme", f"batch_{batch.id}", a_ticket())


# ── a run ──


def test_a_run_is_pending_until_a_worker_begins_with_it() -> None:
    world = RunWorld()
    batch = world.submit(inputs=[an_input(file_name="a.txt", name="first", metadata={"k": [1]})])
    run = world.get(batch)
    assert (run.status, run.name, run.metadata) == (RunStatus.PENDING, "first", {"k": [1]})
    assert (run.id, run.batch_id) == (f"{RUN_PREFIX}{batch.id}_0", f"batch_{batch.id}")
    assert [(file.name, file.type) for file in run.files] == [("a.txt", FileType.TXT)]
    assert run.created_at == run.updated_at == AT
    assert run.ended_at is None


def test_a_run_is_processing_while_a_worker_is_at_it_and_processed_before_its_slice_settles() -> None:
    world = RunWorld()
    batch = world.submit(2)
    seen: list[tuple[int, RunStatus]] = []

    def look(_batch: Batch, item: Item) -> None:
        seen.append((item.index, world.get(batch, item.index).status))

    world.amid = look
    world.drain()
    assert sorted(seen) == [(0, RunStatus.PROCESSING), (1, RunStatus.PROCESSING)]
    run = world.get(batch)
    assert (run.status, run.revision, run.metadata) == (RunStatus.PROCESSED, 1, {"n": 0})
    assert [step.name for step in run.steps] == ["step-0"]


def test_a_run_whose_worker_died_is_pending_again_when_the_lease_is_over() -> None:
    world = RunWorld()
    batch = world.submit()

    def die(_batch: Batch, _item: Item) -> None:
        raise Died

    world.amid = die
    with suppress(Died):
        world.drain()
    assert world.get(batch).status is RunStatus.PROCESSING
    world.clock.pass_(3 * MINUTE)
    assert world.get(batch).status is RunStatus.PENDING


def test_a_run_that_a_worker_is_at_while_its_batch_is_cancelled_is_cancelling() -> None:
    world = RunWorld()
    batch = world.submit(12)
    seen: list[RunStatus] = []

    def cancel_meanwhile(_batch: Batch, item: Item) -> None:
        if item.index == 0:
            cancel(world, batch)
            seen.append(world.get(batch, 0).status)

    world.amid = cancel_meanwhile
    world.work(batch.ref, 0)
    assert seen == [RunStatus.CANCELLING]
    assert world.get(batch, 0).status is RunStatus.PROCESSED


@pytest.mark.parametrize("told", [False, True])
def test_a_run_that_ended_without_a_worker_is_told_of_before_and_after_its_row_is_written(told: bool) -> None:
    world = RunWorld()
    batch = world.submit(12)
    world.clock.pass_(MINUTE)
    cancel(world, batch)
    ended = world.clock.now()
    world.clock.pass_(MINUTE)
    if told:
        world.stream()
    run = world.get(batch, 11)
    assert (run.status, run.ended_at, run.metadata) == (RunStatus.CANCELLED, ended, {"n": 11})
    assert (run.revision > 0) is told


def test_a_run_that_the_deadline_ended_has_failed_with_the_reason() -> None:
    world = RunWorld()
    batch = world.submit()
    world.clock.pass_(timedelta(hours=24))
    world.sweep()
    run = world.get(batch)
    assert (run.status, run.failure_reason) == (RunStatus.FAILED, "TIMED_OUT")
    assert "timed out" in str(run.failure_message)


def test_a_run_that_is_settled_between_the_two_reads_is_told_of_as_it_was_settled() -> None:
    """Break: ReadRuns.standing, read the row before the chunk."""
    world = RunWorld()
    batch = world.submit()
    fetch = world.batches.chunk

    def overtaken(header: Batch, chunk: int) -> Any:
        world.batches.chunk = fetch  # type: ignore[method-assign]
        world.drain()
        return fetch(header, chunk)

    world.batches.chunk = overtaken  # type: ignore[method-assign, assignment]
    run = world.get(batch)
    assert (run.status, len(run.steps)) == (RunStatus.PROCESSED, 1)


@pytest.mark.parametrize(
    "run_id",
    ["", "workflow_run_", "workflow_run_x_0", "workflow_run_{id}_1", "workflow_run_{id}_00", "{id}", "batch_{id}"],
)
def test_what_is_no_run_is_not_found(run_id: str) -> None:
    world = RunWorld()
    batch = world.submit()
    with pytest.raises(NotFound, match="Workflow run"):
        world.read().get("acme", run_id.replace("{id}", batch.id))


def test_another_workspaces_runs_are_not_found() -> None:
    world = RunWorld()
    batch = world.submit()
    for _ in range(2):
        with pytest.raises(NotFound):
            world.read().get("other", RunPlace("acme", batch.id, 0).id)
        with pytest.raises(NotFound):
            world.read().batch("other", f"batch_{batch.id}")
        world.drain()


def test_a_batch_of_another_family_has_no_runs() -> None:
    world = RunWorld()
    batch = world.submit(family="messages")
    with pytest.raises(NotFound):
        world.get(batch)
    with pytest.raises(NotFound):
        world.summary(batch)


def test_a_run_whose_row_is_there_needs_one_read() -> None:
    world = RunWorld()
    batch = world.submit()
    world.drain()
    world.runs.read = 0
    world.batches = None  # type: ignore[assignment] # nothing of it is asked
    world.get(batch)
    assert world.runs.read == 1


# ── a batch ──


def test_the_counts_of_a_batch_add_up_all_the_way() -> None:
    def rule(item: Item, tries: int) -> RunStatus | Failure:
        if item.index == 3:
            return Failure(ItemError(422, "no text"))
        if item.index == 4:
            return RunStatus.NEEDS_REVIEW
        return retryable() if item.index == 5 and tries < 3 else RunStatus.PROCESSED

    world = RunWorld(rule=rule)
    batch = world.submit(25)
    summary = world.summary(batch)
    assert (summary.status, summary.counts, summary.total) == (BatchWord.PENDING, {RunStatus.PENDING: 25}, 25)
    assert (summary.batch_id, summary.flow, summary.created_at) == (f"batch_{batch.id}", a_flow(), AT)
    world.queue.take()

    def look(_batch: Batch, _item: Item) -> None:
        summary = world.summary(batch)
        assert summary.status is BatchWord.PROCESSING
        assert sum(summary.counts.values()) == 25

    world.amid = look
    world.clock.pass_(MINUTE)
    world.work(batch.ref, 0)
    summary = world.summary(batch)
    assert summary.counts == {
        RunStatus.PENDING: 16,
        RunStatus.PROCESSED: 7,
        RunStatus.FAILED: 1,
        RunStatus.NEEDS_REVIEW: 1,
    }
    assert summary.updated_at == AT + MINUTE
    world.amid = lambda *_: None
    world.work(batch.ref, 1)
    world.work(batch.ref, 2)
    world.settle_everything(batch)
    summary = world.summary(batch)
    assert summary.counts == {RunStatus.PROCESSED: 23, RunStatus.FAILED: 1, RunStatus.NEEDS_REVIEW: 1}
    assert summary.status is BatchWord.PROCESSED
    assert summary.ended_at is not None
    assert summary.updated_at >= summary.ended_at
    world.change().review("acme", RunPlace("acme", batch.id, 4).id, False, "no", "jane", a_ticket())
    assert world.summary(batch).counts == {RunStatus.PROCESSED: 23, RunStatus.FAILED: 1, RunStatus.REJECTED: 1}


def test_a_batch_that_is_cancelled_counts_its_runs_as_cancelled_at_once() -> None:
    world = RunWorld()
    batch = world.submit(25)
    world.work(batch.ref, 0)
    cancel(world, batch)
    summary = world.summary(batch)
    assert summary.counts == {RunStatus.PROCESSED: 10, RunStatus.CANCELLED: 15}
    assert summary.status is BatchWord.CANCELLING
    world.complete(batch.ref)
    world.stream()
    assert world.summary(batch).status is BatchWord.CANCELLED
    assert world.summary(batch).counts == summary.counts


def test_runs_that_the_index_does_not_know_yet_are_counted_by_their_rows() -> None:
    """Break: ReadRuns._standing, ask for no rows. A run that a review ended is not what its unit says."""
    world = RunWorld(rule=lambda *_: RunStatus.NEEDS_REVIEW)
    batch = world.submit(3)
    world.drain()
    world.change().review("acme", RunPlace("acme", batch.id, 1).id, True, None, "jane", a_ticket())
    indexed = world.runs.updated

    def late(*names: Any, **given: Any) -> Any:
        found = indexed(*names, **given)
        return type(found)([run for run in found.runs if run.place.index == 0], found.more)

    world.runs.updated = late
    assert world.summary(batch).counts == {RunStatus.NEEDS_REVIEW: 2, RunStatus.PROCESSED: 1}


def test_a_deleted_run_counts_as_what_it_was() -> None:
    world = RunWorld(rule=lambda *_: RunStatus.NEEDS_REVIEW)
    batch = world.submit(2)
    world.drain()
    run_id = RunPlace("acme", batch.id, 1).id
    world.change().review("acme", run_id, False, None, "jane", a_ticket())
    world.change().remove("acme", run_id, a_ticket())
    assert world.summary(batch).counts == {RunStatus.NEEDS_REVIEW: 1, RunStatus.REJECTED: 1}


def test_a_batch_that_the_engine_failed_says_so() -> None:
    world = RunWorld()
    batch = world.submit(3)
    world.batches.stop(batch.ref, StopCause.FAILED, "The inputs are gone", world.clock.now())
    world.settle_everything(batch)
    assert world.summary(batch).status is BatchWord.FAILED
    assert world.summary(batch).counts == {RunStatus.FAILED: 3}
    assert world.get(batch, 2).failure_message == "Batch processing failed: The inputs are gone"


@pytest.mark.parametrize("batch_id", ["", "batch_", "batch_x", "{id}", "workflow_run_{id}_0", "batch_{other}"])
def test_what_is_no_batch_is_not_found(batch_id: str) -> None:
    world = RunWorld()
    batch, other = world.submit(), world.submit(listed=False)
    with pytest.raises(NotFound, match="Batch"):
        world.read().batch("acme", batch_id.replace("{id}", batch.id).replace("{other}", other.id))


def test_runs_of_a_request_that_is_no_batch_tell_none() -> None:
    world = RunWorld()
    batch = world.submit(2, listed=False)
    assert world.get(batch, 1).batch_id is None
    world.drain()
    assert world.get(batch, 1).batch_id is None


def test_a_batch_that_is_done_is_counted_from_the_index_alone() -> None:
    world = RunWorld()
    batch = world.submit(300)
    world.drain()
    asked: list[int] = []
    fetch = world.batches.chunk
    world.batches.chunk = lambda batch, chunk: asked.append(chunk) or fetch(batch, chunk)  # type: ignore[method-assign, func-returns-value]
    world.runs.read = 0
    assert world.summary(batch).counts == {RunStatus.PROCESSED: 300}
    assert asked == []
    assert world.runs.read <= 302


def test_a_worker_that_dies_when_a_run_is_written_and_its_slice_is_not_leaves_the_run_as_it_ended() -> None:
    world = RunWorld()
    batch = world.submit()
    fuse = Fuse()

    def die_next(_batch: Batch, _item: Item) -> None:
        fuse.at, fuse.after = fuse.calls + 1, True

    world.amid = die_next
    with suppress(Died):
        world.work(batch.ref, 0, fuse=fuse)
    assert world.get(batch).status is RunStatus.PROCESSED
    assert world.header(batch).remaining == 1
    world.clock.pass_(3 * MINUTE + MILLISECOND)
    assert world.summary(batch).counts == {RunStatus.PROCESSED: 1}
