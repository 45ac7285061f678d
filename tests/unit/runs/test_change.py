"""What clients change of runs, and what becomes of it while a worker is at them."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from factories import AT
from run_world import MILLISECOND, RETENTION, RunWorld, a_ticket, an_input

from batchwork.domain.batch import Batch, BatchStatus
from batchwork.domain.errors import Conflict, InvalidRequest, NotFound, NotPermitted
from batchwork.domain.item import Failure, Item, ItemError
from batchwork.domain.run import Run, RunPlace, RunStatus
from batchwork.use_cases.change_runs import MAX_METADATA
from batchwork.use_cases.read_runs import BatchWord

SECOND = timedelta(seconds=1)


def failing(_item: Item, _tries: int) -> Failure:
    return Failure(ItemError(422, "no text"))


def reviewed(_item: Item, _tries: int) -> RunStatus:
    return RunStatus.NEEDS_REVIEW


def run_id(batch: Batch, index: int = 0) -> str:
    return RunPlace(batch.workspace_id, batch.id, index).id


def told(world: RunWorld) -> list[tuple[str, ...]]:
    """Return the events of every write, in order."""
    return [events for _, events in world.runs.told]


def ended(world: RunWorld) -> list[tuple[str, str]]:
    """Return (run, event) of every end that was told."""
    return [(run.id, event) for run, events in world.runs.told for event in events if ":" not in event]


# ── update ──


@pytest.mark.parametrize("done", [False, True])
def test_a_name_is_replaced_and_metadata_are_merged(done: bool) -> None:
    world = RunWorld()
    batch = world.submit(inputs=[an_input(name="before", metadata={"a": 1, "b": {"c": 2}})])
    if done:
        world.drain()
    world.clock.pass_(SECOND)
    before = world.get(batch)
    answered = world.change().update("acme", run_id(batch), "after", {"b": 3, "d": None}, a_ticket())
    assert (answered.name, answered.metadata) == ("after", {"a": 1, "b": 3, "d": None})
    assert (answered.status, answered.updated_at, answered.steps) == (before.status, AT + SECOND, before.steps)
    assert world.get(batch) == answered
    assert told(world)[-1] == ()


@pytest.mark.parametrize(("name", "metadata"), [("new", None), (None, {"n": 1})])
def test_what_is_not_given_stays(name: str | None, metadata: dict[str, Any] | None) -> None:
    world = RunWorld()
    batch = world.submit(inputs=[an_input(name="old", metadata={"n": 0, "m": 0})])
    run = world.change().update("acme", run_id(batch), name, metadata, a_ticket())
    assert (run.name, run.metadata) == (("new", {"n": 0, "m": 0}) if name else ("old", {"n": 1, "m": 0}))


def test_an_update_that_changes_nothing_writes_nothing() -> None:
    world = RunWorld()
    batch = world.submit()
    assert world.change().update("acme", run_id(batch), None, None, a_ticket()).revision == 0
    assert world.change().update("acme", run_id(batch), None, {"n": 0}, a_ticket()).revision == 0
    assert told(world) == []


def test_metadata_grow_to_a_limit() -> None:
    world = RunWorld()
    batch = world.submit()
    world.change().update("acme", run_id(batch), None, {"a": "x" * (MAX_METADATA - 100)}, a_ticket())
    with pytest.raises(InvalidRequest) as refused:
        world.change().update("acme", run_id(batch), None, {"b": "x" * 100}, a_ticket())
    assert [problem.place for problem in refused.value.problems] == ["metadata"]


def test_what_a_client_changes_while_a_worker_is_at_it_is_in_what_the_worker_writes() -> None:
    """Break: overlaid(), keep the worker's."""
    world = RunWorld()
    batch = world.submit(2)
    statuses: list[RunStatus] = []

    def change(_batch: Batch, item: Item) -> None:
        if item.index == 0:
            changed = world.change().update("acme", run_id(batch), "late", {"late": True}, a_ticket())
            statuses.append(changed.status)

    world.amid = change
    world.drain()
    run = world.get(batch)
    assert statuses == [RunStatus.PROCESSING]
    assert (run.status, run.name, run.metadata) == (RunStatus.PROCESSED, "late", {"n": 0, "late": True})
    assert (len(run.steps), run.revision) == (1, 2)
    assert sorted(told(world)) == [
        (),
        *[("workflow_run.completed", "workflow_run.step_run.processed:0")] * 2,
    ]


@pytest.mark.parametrize("name", ["early", None])
def test_what_a_client_changed_before_is_in_what_the_worker_writes(name: str | None) -> None:
    world = RunWorld(rule=failing)
    batch = world.submit()
    world.change().update("acme", run_id(batch), name, {"early": 1}, a_ticket())
    world.drain()
    run = world.get(batch)
    assert (run.status, run.name, run.metadata) == (RunStatus.FAILED, name, {"n": 0, "early": 1})
    assert (run.failure_message, told(world)[-1]) == ("no text", ("workflow_run.failed",))


def test_a_run_that_ended_without_a_worker_is_written_with_its_event_before_it_is_changed() -> None:
    """Break: ChangeRuns._changed, write the change at once; nobody is told of the end then."""
    world = RunWorld()
    batch = world.submit()
    world.clock.pass_(timedelta(hours=24))
    world.sweep()
    run = world.change().update("acme", run_id(batch), "late", None, a_ticket())
    assert (run.status, run.name, run.failure_reason, run.revision) == (RunStatus.FAILED, "late", "TIMED_OUT", 2)
    assert told(world) == [("workflow_run.failed",), ()]
    world.stream()
    assert told(world) == [("workflow_run.failed",), ()]


def test_of_many_who_change_one_run_at_once_each_has_changed_it() -> None:
    for done in (False, True):
        world = RunWorld()
        batch = world.submit()
        if done:
            world.drain()
        threads = [
            threading.Thread(
                target=world.change().update, args=("acme", run_id(batch), None, {f"k{number}": number}, a_ticket())
            )
            for number in range(12)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert {f"k{number}": number for number in range(12)}.items() <= world.get(batch).metadata.items()


def test_who_is_always_too_late_is_told_so() -> None:
    world = RunWorld()
    batch = world.submit()
    world.drain()
    world.runs.replace = lambda *_: False
    with pytest.raises(Conflict, match="The workflow run"):
        world.change().update("acme", run_id(batch), "new", None, a_ticket())


def test_a_row_is_kept_as_long_as_its_batch() -> None:
    world = RunWorld()
    batch = world.submit(2)
    world.change().cancel("acme", run_id(batch), a_ticket())
    world.drain()
    assert set(world.runs.expiries.values()) == {batch.deadline_at + RETENTION}


# ── cancel ──


def test_a_run_that_nobody_began_with_is_cancelled_at_once_and_never_worked() -> None:
    world = RunWorld()
    batch = world.submit(3)
    world.clock.pass_(SECOND)
    run = world.change().cancel("acme", run_id(batch, 1), a_ticket())
    assert (run.status, run.ended_at, run.updated_at) == (RunStatus.CANCELLED, AT + SECOND, AT + SECOND)
    assert world.get(batch, 1) == run
    world.settle_everything(batch)
    assert sorted(world.worked) == [0, 2]
    assert world.get(batch, 1) == run
    assert (world.header(batch).succeeded, world.header(batch).failed) == (2, 1)
    assert ends_told(world, batch) == {"workflow_run.completed": 2, "workflow_run.cancelled": 1}


def ends_told(world: RunWorld, batch: Batch) -> dict[str, int]:
    """Return how often each end was told."""
    found: dict[str, int] = {}
    for run, event in ended(world):
        assert batch.id in run
        found[event] = found.get(event, 0) + 1
    return found


def test_a_run_that_a_worker_is_at_is_cancelled_at_once_and_its_outputs_are_dropped() -> None:
    """Break: Recorder.record, write over what a client cancelled."""
    world = RunWorld()
    batch = world.submit()

    def cancel(*_: Any) -> None:
        world.change().cancel("acme", run_id(batch), a_ticket())

    world.amid = cancel
    world.drain()
    run = world.get(batch)
    assert (run.status, run.steps, run.metadata) == (RunStatus.CANCELLED, (), {"n": 0})
    assert told(world) == [("workflow_run.cancelled",)]
    assert world.header(batch).failed == 1


@pytest.mark.parametrize("rule", [None, failing, reviewed])
def test_what_has_ended_is_not_cancelled(rule: Any) -> None:
    world = RunWorld(rule=rule)
    batch = world.submit()
    world.drain()
    before = world.get(batch)
    with pytest.raises(NotPermitted, match=f"PENDING or PROCESSING.*{before.status}"):
        world.change().cancel("acme", run_id(batch), a_ticket())
    assert world.get(batch) == before


def test_a_cancel_of_what_is_cancelled_is_refused_unless_it_is_another_try() -> None:
    world = RunWorld()
    batch = world.submit()
    first = world.change().cancel("acme", run_id(batch), a_ticket())
    with pytest.raises(NotPermitted, match="CANCELLED"):
        world.change().cancel("acme", run_id(batch), a_ticket())
    assert world.change().cancel("acme", run_id(batch), a_ticket(again=True)) == first
    assert told(world) == [("workflow_run.cancelled",)]


# ── review ──


@pytest.mark.parametrize(
    ("approve", "status", "event"),
    [(True, RunStatus.PROCESSED, "workflow_run.completed"), (False, RunStatus.REJECTED, "workflow_run.rejected")],
)
def test_a_review_ends_what_waits_for_it(approve: bool, status: RunStatus, event: str) -> None:
    world = RunWorld(rule=reviewed)
    batch = world.submit()
    world.drain()
    waiting = world.get(batch)
    world.clock.pass_(SECOND)
    run = world.change().review("acme", run_id(batch), approve, "a note", "jane@example.com", a_ticket())
    assert run == replace(
        waiting,
        status=status,
        reviewed_by="jane@example.com",
        reviewed_at=AT + SECOND,
        updated_at=AT + SECOND,
        ended_at=AT + SECOND,
        rejection_note=None if approve else "a note",
        revision=2,
    )
    assert world.get(batch) == run
    assert told(world) == [
        ("workflow_run.needs_review", "workflow_run.step_run.processed:0"),
        (event,),
    ]


@pytest.mark.parametrize("rule", [None, failing])
@pytest.mark.parametrize("done", [False, True])
def test_what_waits_for_no_review_is_not_reviewed(rule: Any, done: bool) -> None:
    world = RunWorld(rule=rule)
    batch = world.submit()
    if done:
        world.drain()
    with pytest.raises(NotPermitted, match=f"NEEDS_REVIEW.*{world.get(batch).status}"):
        world.change().review("acme", run_id(batch), True, None, "jane", a_ticket())


def test_a_second_review_is_refused_unless_it_is_another_try_of_the_same() -> None:
    world = RunWorld(rule=reviewed)
    batch = world.submit()
    world.drain()
    first = world.change().review("acme", run_id(batch), False, "no", "jane", a_ticket())
    assert world.change().review("acme", run_id(batch), False, "no", "jane", a_ticket(again=True)) == first
    for approve, reviewer, again in ((True, "jane", True), (False, "john", True), (False, "jane", False)):
        with pytest.raises(NotPermitted):
            world.change().review("acme", run_id(batch), approve, "no", reviewer, a_ticket(again=again))


# ── removal ──


@pytest.mark.parametrize("rule", [None, failing, reviewed])
def test_a_run_that_no_worker_is_wanted_for_is_removed_with_its_bytes_and_nothing_of_it_stays(rule: Any) -> None:
    world = RunWorld(rule=rule)
    batch = world.submit(11)
    world.drain()
    run = world.get(batch, 1)
    for place in (run.place, RunPlace("acme", batch.id, 10)):
        world.blobs.put(f"{place.prefix}source", b"bytes")
    before = told(world)
    assert world.change().remove("acme", run.id, a_ticket()) == run.id
    with pytest.raises(NotFound):
        world.get(batch, 1)
    assert list(world.blobs.kept) == [f"{RunPlace('acme', batch.id, 10).prefix}source"]
    row = world.runs.stored[run.place]
    assert (row.deleted, row.files, row.metadata, row.steps, row.failure_message) == (True, (), {}, (), None)
    assert told(world) == [*before, ()]


@pytest.mark.parametrize("amid", [False, True])
def test_a_run_that_has_not_ended_is_not_removed(amid: bool) -> None:
    world = RunWorld()
    batch = world.submit()
    refused: list[str] = []

    def remove(*_: Any) -> None:
        with pytest.raises(NotPermitted, match="cancel it first") as caught:
            world.change().remove("acme", run_id(batch), a_ticket())
        refused.append(str(caught.value))

    if amid:
        world.amid = remove
        world.drain()
    else:
        remove()
    assert len(refused) == 1
    assert not world.get(batch).deleted


def test_a_run_that_is_cancelled_amid_its_work_may_be_removed_and_stays_so() -> None:
    world = RunWorld()
    batch = world.submit()

    def cancel_and_remove(*_: Any) -> None:
        world.change().cancel("acme", run_id(batch), a_ticket())
        world.change().remove("acme", run_id(batch), a_ticket())

    world.amid = cancel_and_remove
    world.settle_everything(batch)
    with pytest.raises(NotFound):
        world.get(batch)
    assert world.header(batch).status is BatchStatus.COMPLETED
    assert told(world) == [("workflow_run.cancelled",), ()]


def test_a_run_that_ended_without_a_worker_is_told_of_before_it_is_removed() -> None:
    world = RunWorld()
    batch = world.submit()
    world.change().cancel_batch("acme", f"batch_{batch.id}", a_ticket())
    world.change().remove("acme", run_id(batch), a_ticket())
    world.stream()
    assert told(world) == [("workflow_run.cancelled",), ()]


def test_a_removed_run_is_not_found_unless_it_is_another_try_that_removes_it() -> None:
    world = RunWorld()
    batch = world.submit()
    world.drain()
    world.change().remove("acme", run_id(batch), a_ticket())
    world.blobs.put(f"{RunPlace('acme', batch.id, 0).prefix}left", b"by a death")
    change = world.change()
    assert change.remove("acme", run_id(batch), a_ticket(again=True)) == run_id(batch)
    assert world.blobs.kept == {}
    for act in (
        lambda: change.remove("acme", run_id(batch), a_ticket()),
        lambda: change.update("acme", run_id(batch), "x", None, a_ticket(again=True)),
        lambda: change.cancel("acme", run_id(batch), a_ticket(again=True)),
        lambda: change.review("acme", run_id(batch), True, None, None, a_ticket(again=True)),
    ):
        with pytest.raises(NotFound):
            act()


# ── batches ──


def test_a_cancelled_batch_is_answered_as_it_stands() -> None:
    world = RunWorld()
    batch = world.submit(25)
    world.work(batch.ref, 0)
    summary = world.change().cancel_batch("acme", f"batch_{batch.id}", a_ticket())
    assert summary.status is BatchWord.CANCELLING
    assert summary.counts == {RunStatus.PROCESSED: 10, RunStatus.CANCELLED: 15}
    assert world.change().cancel_batch("acme", f"batch_{batch.id}", a_ticket(again=True)) == summary
    with pytest.raises(NotPermitted, match="CANCELLING"):
        world.change().cancel_batch("acme", f"batch_{batch.id}", a_ticket())


def test_a_batch_that_has_ended_is_not_cancelled() -> None:
    world = RunWorld()
    batch = world.submit()
    world.settle_everything(batch)
    with pytest.raises(NotPermitted, match=r"PENDING or PROCESSING.*PROCESSED"):
        world.change().cancel_batch("acme", f"batch_{batch.id}", a_ticket())


@pytest.mark.parametrize("batch_id", ["", "batch_x", "{id}", "batch_{alone}", "batch_{theirs}"])
def test_what_is_no_batch_of_this_workspace_is_not_cancelled(batch_id: str) -> None:
    world = RunWorld()
    batches = {"id": world.submit(), "alone": world.submit(listed=False), "theirs": world.submit(workspace_id="other")}
    for name, batch in batches.items():
        batch_id = batch_id.replace(f"{{{name}}}", batch.id)
    with pytest.raises(NotFound, match="Batch"):
        world.change().cancel_batch("acme", batch_id, a_ticket())
    assert all(world.header(batch).status is BatchStatus.IN_PROGRESS for batch in batches.values())


# ── whose runs ──


@pytest.mark.parametrize("done", [False, True])
@pytest.mark.parametrize("which", ["", "workflow_run_x_0", "{id}", "beyond", "theirs"])
def test_what_is_no_run_of_this_workspace_is_not_changed(which: str, done: bool) -> None:
    world = RunWorld()
    batch, theirs = world.submit(), world.submit(workspace_id="other")
    if done:
        world.drain()
    rows = dict(world.runs.stored)
    name = {"beyond": run_id(batch, 1), "theirs": run_id(theirs)}.get(which, which.replace("{id}", batch.id))
    change = world.change()
    for act in (
        lambda: change.update("acme", name, "x", None, a_ticket()),
        lambda: change.cancel("acme", name, a_ticket()),
        lambda: change.remove("acme", name, a_ticket()),
        lambda: change.review("acme", name, True, None, None, a_ticket()),
    ):
        with pytest.raises(NotFound, match="Workflow run"):
            act()
    assert world.runs.stored == rows


def test_a_worker_that_was_overtaken_by_another_tells_what_the_other_wrote() -> None:
    """Break: Recorder.record, write over what is settled."""
    world = RunWorld()
    batch = world.submit()
    seen: list[Run] = []

    def overtaken(*_: Any) -> None:
        world.amid = lambda *_: None
        world.clock.pass_(timedelta(minutes=3))
        world.work(batch.ref, 0)
        world.drain()
        seen.append(world.get(batch))
        world.rule = reviewed

    world.amid = overtaken
    world.work(batch.ref, 0)
    world.clock.pass_(MILLISECOND)
    assert [world.get(batch)] == seen
    assert len(told(world)) == 1
    assert world.header(batch).succeeded == 1
