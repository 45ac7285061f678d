"""Lists of runs: what they hold, in which order, and that a walk shows each run once whatever happens meanwhile."""

from __future__ import annotations

import itertools
import json
import random
import threading
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from factories import AT
from fakes.runs import FakeRunBatches, FakeRuns
from run_world import MILLISECOND, WORKFLOW, RunWorld, a_flow, a_ticket, an_input

from batchwork.domain.batch import Batch
from batchwork.domain.item import Failure, Item, ItemError
from batchwork.domain.resource import millis_of
from batchwork.domain.run import Run, RunPlace, RunStatus
from batchwork.domain.run_writes import following
from batchwork.use_cases import runs_shown
from batchwork.use_cases.list_runs import SEARCHED, RunSort, Wanted
from batchwork.use_cases.runs_shown import ROOM, Shown

SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)
NOW = millis_of(AT)
BOTH = [RunSort.UPDATED, RunSort.CREATED]


def mixed(item: Item, _tries: int) -> RunStatus | Failure:
    """Every fifth fails, every seventh wants a review."""
    if item.index % 5 == 3:
        return Failure(ItemError(422, "no text"))
    return RunStatus.NEEDS_REVIEW if item.index % 7 == 4 else RunStatus.PROCESSED


def ids(runs: list[Run]) -> list[tuple[str, int]]:
    return [(run.place.batch_id, run.place.index) for run in runs]


def every(*batches: Batch) -> Counter[tuple[str, int]]:
    return Counter((batch.id, index) for batch in batches for index in range(batch.total))


def three_batches(world: RunWorld) -> list[Batch]:
    """One done, one half done, one that nobody has begun with, a second apart."""
    batches = []
    for total in (12, 25, 3):
        batches.append(world.submit(total))
        world.clock.pass_(SECOND)
    world.queue.take()
    for batch, chunk in ((batches[0], 0), (batches[0], 1), (batches[1], 1)):
        world.clock.pass_(SECOND)
        world.work(batch.ref, chunk)
    world.complete(batches[0].ref)
    world.clock.pass_(SECOND)
    return batches


# ── order and filters ──


@pytest.mark.parametrize("ascending", [False, True])
@pytest.mark.parametrize("sort", BOTH)
@pytest.mark.parametrize("limit", [1, 3, 7, 100])
def test_a_list_holds_every_run_once_in_its_order_whatever_the_size_of_its_pages(
    sort: RunSort, ascending: bool, limit: int
) -> None:
    world = RunWorld(rule=mixed)
    batches = three_batches(world)
    pages = world.pages(limit, sort=sort, ascending=ascending)
    runs = [run for page in pages for run in page]
    assert Counter(ids(runs)) == every(*batches)
    times = [run.updated_at if sort is RunSort.UPDATED else run.created_at for run in runs]
    keys = [(at, *place) for at, place in zip(times, ids(runs), strict=True)]
    assert keys == sorted(keys, reverse=not ascending)
    assert all(len(page) == limit for page in pages[:-1])


@pytest.mark.parametrize("sort", BOTH)
def test_a_list_tells_runs_as_they_stand(sort: RunSort) -> None:
    world = RunWorld(rule=mixed)
    batches = three_batches(world)
    world.change().cancel("acme", RunPlace("acme", batches[2].id, 1).id, a_ticket())
    for run in world.all(sort=sort):
        known = world.read().get("acme", run.id)
        assert (run.status, run.files, run.flow) == (known.status, known.files, known.flow)
        assert run.updated_at == known.updated_at


@pytest.mark.parametrize("sort", BOTH)
@pytest.mark.parametrize("limit", [2, 100])
@pytest.mark.parametrize("status", list(RunStatus))
def test_a_list_of_one_status_holds_the_runs_that_have_it(status: RunStatus, limit: int, sort: RunSort) -> None:
    world = RunWorld(rule=mixed)
    three_batches(world)
    wanted = [place for place in ids(world.all()) if world.read().get("acme", _id(place)).status is status]
    assert Counter(ids(world.all(limit, status=status, sort=sort))) == Counter(wanted)
    assert bool(wanted) is (status in {"PENDING", "PROCESSED", "FAILED", "NEEDS_REVIEW"})


def _id(place: tuple[str, int]) -> str:
    return RunPlace("acme", *place).id


@pytest.mark.parametrize("sort", BOTH)
def test_runs_that_a_worker_is_at_are_found_as_such(sort: RunSort) -> None:
    world = RunWorld()
    batch = world.submit(12)
    seen: list[list[tuple[str, int]]] = []

    both, done = threading.Barrier(2, timeout=10), threading.Event()

    def look(_batch: Batch, item: Item) -> None:
        both.wait()
        if item.index == 10:
            seen.append(ids(world.all(status=RunStatus.PROCESSING, sort=sort)))
            done.set()
        assert done.wait(10)

    world.amid = look
    world.work(batch.ref, 1)
    assert [sorted(each) for each in seen] == [[(batch.id, 10), (batch.id, 11)]]


@pytest.mark.parametrize("sort", BOTH)
def test_runs_that_were_given_back_are_pending_though_their_slice_is_counted(sort: RunSort) -> None:
    """Break: unsettled(), take what a counted slice left for settled."""
    tried: set[int] = set()

    def rule(item: Item, tries: int) -> RunStatus | Failure:
        if item.index in {2, 13} and not tried & {item.index}:
            tried.add(item.index)
            return Failure(ItemError(503, "later"), retryable=True)
        return RunStatus.PROCESSED

    world = RunWorld(rule=rule)
    batch = world.submit(20)
    for _, chunk, _ in world.queue.take():
        world.work(batch.ref, chunk)
    assert len(world.header(batch).counted) == 2
    found = world.all(status=RunStatus.PENDING, sort=sort)
    assert sorted(ids(found)) == [(batch.id, 2), (batch.id, 13)]


@pytest.mark.parametrize("sort", BOTH)
@pytest.mark.parametrize("done", [False, True])
def test_a_list_can_be_of_a_workflow_a_batch_or_a_part_of_a_files_name(sort: RunSort, done: bool) -> None:
    world = RunWorld()
    other = a_flow(f"{WORKFLOW[:-1]}0")
    one = world.submit(inputs=[an_input(file_name="Invoice 1.pdf"), an_input(file_name="receipt.PDF")])
    two = world.submit(inputs=[an_input(file_name="invoice-2.pdf")], flow=other)
    alone = world.submit(inputs=[an_input(file_name="alone.txt")], listed=False)
    if done:
        world.drain()

    def found(**wanted: Any) -> list[tuple[str, int]]:
        return sorted(ids(world.all(sort=sort, **wanted)))

    assert found(batch_id=f"batch_{one.id}") == [(one.id, 0), (one.id, 1)]
    assert found(workflow_id=other.workflow_id) == [(two.id, 0)]
    assert found(file_name_contains="INVOICE") == sorted([(one.id, 0), (two.id, 0)])
    assert found(file_name_contains="invoice", batch_id=f"batch_{two.id}") == [(two.id, 0)]
    assert found(file_name_contains="alone") == [(alone.id, 0)]
    assert found(workflow_id=other.workflow_id, batch_id=f"batch_{one.id}") == []


@pytest.mark.parametrize("sort", BOTH)
def test_what_is_unknown_or_another_workspaces_is_an_empty_list(sort: RunSort) -> None:
    world = RunWorld()
    listed, alone = world.submit(), world.submit(listed=False)
    theirs = world.submit(workspace_id="other")
    for _ in range(2):
        for batch_id in ("", "batch_", f"batch_{'z' * 23}", f"batch_{alone.id}", f"batch_{theirs.id}", listed.id):
            assert world.pages(batch_id=batch_id, sort=sort) == [[]]
        assert world.pages(workflow_id="workflow_none", sort=sort) == [[]]
        assert ids(world.all(workspace_id="other", sort=sort)) == [(theirs.id, 0)]
        assert Counter(ids(world.all(sort=sort))) == every(listed, alone)
        world.drain()


@pytest.mark.parametrize("sort", BOTH)
def test_deleted_runs_are_in_no_list(sort: RunSort) -> None:
    world = RunWorld()
    batch = world.submit(3)
    world.work(batch.ref, 0)
    world.change().remove("acme", RunPlace("acme", batch.id, 1).id, a_ticket())
    assert sorted(ids(world.all(sort=sort))) == [(batch.id, 0), (batch.id, 2)]


@pytest.mark.parametrize("sort", BOTH)
def test_a_renamed_run_that_nobody_began_with_is_listed_once_with_its_name(sort: RunSort) -> None:
    world = RunWorld()
    batch = world.submit(3)
    world.clock.pass_(SECOND)
    world.change().update("acme", RunPlace("acme", batch.id, 1).id, "renamed", None, a_ticket())
    runs = world.all(sort=sort, ascending=True)
    assert [run.name for run in runs] == [None, "renamed", None]
    assert {run.status for run in runs} == {RunStatus.PENDING}


@pytest.mark.parametrize("sort", BOTH)
@pytest.mark.parametrize("told", [False, True])
def test_runs_of_a_batch_that_was_cancelled_just_now_are_listed_before_their_rows_are_written(
    sort: RunSort, told: bool
) -> None:
    """Break: Begun.lacks, look at open batches only."""
    world = RunWorld()
    batch = world.submit(25)
    world.clock.pass_(SECOND)
    world.change().cancel_batch("acme", f"batch_{batch.id}", a_ticket())
    world.complete(batch.ref)
    assert world.header(batch).ended
    world.clock.pass_(MINUTE)
    if told:
        world.stream()
    runs = world.all(7, sort=sort)
    assert Counter(ids(runs)) == every(batch)
    assert {run.status for run in runs} == {RunStatus.CANCELLED}


@pytest.mark.parametrize(
    "cursor",
    [
        {},
        {"at": NOW},
        {"at": "x", "last": [None, None]},
        {"at": NOW, "last": [1, 2]},
        {"at": NOW, "last": [None] * 3},
        [],
        # Times that no walk began at; those of the calendar's ends are too much for what is reckoned with them.
        *({"at": at, "last": [None, None]} for at in (-62_135_596_800_000, 253_402_300_799_999, 10**20, NOW + 60_001)),
        {"at": NOW, "last": [[1, "x"], None]},
        {"at": NOW, "last": [None, None], "end": 253_402_300_799_999},
        {"at": NOW, "last": [None, None], "cut": 1},
        {"at": NOW, "last": [None, None], "shown": {"b": "-1"}},
        {"at": NOW, "last": [None, None], "shown": {"b": f"{1 << 1000:x}"}},
        {"at": NOW, "last": [None, None], "shown": ["b"]},
    ],
)
def test_what_is_no_cursor_is_refused(cursor: Any) -> None:
    world = RunWorld()
    world.submit()
    with pytest.raises(ValueError, match="cursor"):
        world.lister()("acme", Wanted(), 1, cursor)


# ── a walk begins while the index lags, or a write is under way ──


class LaggingRuns(FakeRuns):
    """hidden: runs that the index lacks."""

    hidden: frozenset[RunPlace] = frozenset()

    def updated(self, *names: Any, **given: Any) -> Any:
        stored = self.stored
        self.stored = {place: run for place, run in stored.items() if place not in self.hidden}
        try:
            return super().updated(*names, **given)
        finally:
            self.stored = stored


def ended(world: RunWorld, batch: Batch, index: int) -> Run:
    """Return the row that a worker makes of a run now."""
    return following(None, replace(world.get(batch, index), status=RunStatus.PROCESSED), world.clock.now())[0]


def an_open_batch(runs: FakeRuns) -> tuple[RunWorld, Batch]:
    """Return a batch of 120 that is worked; three of its runs have been settled for a minute."""
    world = RunWorld(runs=runs)
    batch = world.submit(120)
    world.queue.take()
    world.clock.pass_(MINUTE)
    for index in (100, 101, 102):
        assert runs.add(ended(world, batch, index), AT)
    world.clock.pass_(MINUTE)
    return world, batch


@pytest.mark.parametrize("ascending", [False, True])
@pytest.mark.parametrize("renamed", [False, True])
def test_a_run_that_the_index_lacks_on_the_first_page_is_shown_once(ascending: bool, renamed: bool) -> None:
    """Break: Begun.indexed, take the index for complete when the walk begins; renamed: _goes_on, from then on."""
    runs = LaggingRuns()
    world, batch = an_open_batch(runs)
    place = RunPlace("acme", batch.id, 101 if renamed else 5)
    if renamed:
        world.change().update("acme", place.id, "renamed", None, a_ticket())
    else:
        assert runs.add(ended(world, batch, 5), AT)
    runs.hidden = frozenset({place})
    world.clock.pass_(100 * MILLISECOND)

    def caught_up() -> None:
        runs.hidden = frozenset()
        world.clock.pass_(SECOND)

    pages = world.pages(10, between=caught_up, ascending=ascending)
    assert Counter(ids([run for page in pages for run in page])) == every(batch)


@pytest.mark.parametrize("ascending", [False, True])
def test_a_run_whose_row_lands_after_the_first_page_but_tells_a_time_before_is_shown_once(ascending: bool) -> None:
    """Break: _Walk._unsettled, take for shown what says that it was settled when the walk began."""
    runs = FakeRuns()
    world, batch = an_open_batch(runs)
    rows = [ended(world, batch, 5)]
    world.clock.pass_(30 * MILLISECOND)

    def land() -> None:
        if rows:
            assert runs.add(rows.pop(), AT)
        world.clock.pass_(SECOND)

    found = [run for page in world.pages(10, between=land, ascending=ascending) for run in page]
    assert Counter(ids(found)) == every(batch)


@pytest.mark.parametrize("ascending", [False, True])
def test_a_run_of_a_batch_that_ended_just_before_the_walk_is_shown_though_the_index_lacks_it(ascending: bool) -> None:
    """Break: Begun.lacks, look at batches only that ended after the walk began."""
    runs = LaggingRuns()
    world = RunWorld(runs=runs)
    batch = world.submit(10)
    world.drain()
    world.clock.pass_(50 * MILLISECOND)
    world.complete(batch.ref)
    runs.hidden = frozenset({RunPlace("acme", batch.id, 3)})
    world.clock.pass_(50 * MILLISECOND)
    assert Counter(ids(world.all(ascending=ascending))) == every(batch)


@pytest.mark.parametrize("ascending", [False, True])
@pytest.mark.parametrize("limit", [3, 20, 100])
def test_runs_that_the_index_has_are_in_order_however_lately_they_were_settled(limit: int, ascending: bool) -> None:
    """Break: _Walk._settled, leave runs of the last seconds to their positions."""
    world = RunWorld()
    batches = [world.submit(30) for _ in range(3)]
    for ref, chunk, _ in world.queue.take():
        world.clock.pass_(20 * MILLISECOND)
        world.work(ref, chunk)
    for batch in batches:
        world.complete(batch.ref)
    world.clock.pass_(10 * MILLISECOND)
    for index in (4, 7):
        world.change().update("acme", RunPlace("acme", batches[0].id, index).id, "renamed", None, a_ticket())
    added: list[Batch] = []

    def add() -> None:
        world.clock.pass_(MILLISECOND)
        if not added:
            added.append(world.submit(15))
            world.drain()

    runs = [run for page in world.pages(limit, between=add, ascending=ascending) for run in page]
    assert Counter(ids(runs)) == every(*batches)
    times = [run.updated_at for run in runs]
    assert times == sorted(times, reverse=not ascending)


@pytest.mark.parametrize("ascending", [False, True])
def test_runs_that_the_cursor_has_no_room_for_are_shown_once(ascending: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Break: _Walk._settled, show what there is no room for."""
    monkeypatch.setattr(runs_shown, "ROOM", 80)
    world = RunWorld()
    batches = []
    for _ in range(9):
        batches.append(world.submit(2, listed=False))
        world.clock.pass_(MILLISECOND)
    world.drain()
    for batch in batches:
        world.complete(batch.ref)
    found = [run for page in world.pages(3, ascending=ascending) for run in page]
    assert Counter(ids(found)) == every(*batches)


def test_a_cursor_stays_short_whatever_was_settled_just_before() -> None:
    shown = Shown()
    places = [RunPlace("acme", f"{batch:023d}", index) for batch in range(50) for index in range(0, 1000, 7)]
    kept = [place for place in places if shown.add(place)]
    assert 1000 < len(kept) < len(places)
    assert [place for place in places if place in shown] == kept
    assert len(json.dumps(shown.kept)) < ROOM + 500
    again = Shown(json.loads(json.dumps(shown.kept)))
    assert [place for place in places if place in again] == kept


@pytest.mark.parametrize("ascending", [False, True])
def test_of_very_many_batches_that_end_during_a_walk_no_run_is_lost(ascending: bool) -> None:
    """Break: _Walk._late, look at no batch; FakeRunBatches.open, tell no cut."""
    world = RunWorld()
    world.made = FakeRunBatches(world.batches, ends=3)  # type: ignore[arg-type] # the fake
    batches = []
    for _ in range(12):
        batches.append(world.submit(1, listed=False))
        world.clock.pass_(SECOND)
    begun: list[Batch] = []

    def end_all() -> None:
        world.clock.pass_(SECOND)
        if not begun:
            begun.append(world.submit(1))
            for batch in batches:
                world.work(batch.ref, 0)
                world.complete(batch.ref)
                world.clock.pass_(SECOND)

    found = Counter(ids([run for page in world.pages(2, between=end_all, ascending=ascending) for run in page]))
    assert set(found) == set(every(*batches))
    assert set(found.values()) <= {1, 2}


# ── a walk while runs change ──


@pytest.mark.parametrize("ascending", [False, True])
@pytest.mark.parametrize("limit", [1, 2, 5, 11])
def test_a_run_that_settles_during_a_walk_is_shown_once(limit: int, ascending: bool) -> None:
    """Break: Positions, skip what has a row; or DynamoRuns.updated, show what was written after the walk began."""
    for seed in range(6):
        world, chance = RunWorld(rule=mixed), random.Random(seed)
        batches = three_batches(world)
        messages = [(batch, chunk) for batch in batches for chunk in range(batch.cut.chunks)]
        chance.shuffle(messages)

        def go_on(world: RunWorld = world, messages: list[Any] = messages, chance: random.Random = chance) -> None:
            world.clock.pass_(MILLISECOND)
            if messages and chance.random() < 0.5:
                batch, chunk = messages.pop()
                world.work(batch.ref, chunk)
                world.complete(batch.ref)

        runs = [run for page in world.pages(limit, between=go_on, ascending=ascending) for run in page]
        assert Counter(ids(runs)) == every(*batches)


@pytest.mark.parametrize("ascending", [False, True])
@pytest.mark.parametrize("stop", ["cancel", "deadline"])
def test_runs_that_end_without_a_worker_during_a_walk_are_shown_once(stop: str, ascending: bool) -> None:
    """Break: Begun.lacks, leave out batches that ended after the walk began."""
    for turn in range(8):
        world = RunWorld(rule=mixed)
        batches = three_batches(world)
        turns = itertools.count()

        def go_on(world: RunWorld = world, batches: list[Batch] = batches, turns: Any = turns, at: int = turn) -> None:
            world.clock.pass_(MILLISECOND)
            now = next(turns)
            if now == at and stop == "cancel":
                world.change().cancel_batch("acme", f"batch_{batches[1].id}", a_ticket())
            if now == at and stop == "deadline":
                world.clock.pass_(timedelta(hours=24))
                world.sweep()
            if now == at + 1:
                world.complete(batches[1].ref)
            if now == at + 2:
                world.stream()

        runs = [run for page in world.pages(4, between=go_on, ascending=ascending) for run in page]
        assert Counter(ids(runs)) == every(*batches)


@pytest.mark.parametrize("ascending", [False, True])
def test_a_renamed_run_that_settles_during_a_walk_is_shown_once(ascending: bool) -> None:
    """Break: run_row, put what is still the engine's into the index."""
    world = RunWorld()
    batch = world.submit(9)
    world.clock.pass_(SECOND)
    for index in (1, 4, 8):
        world.change().update("acme", RunPlace("acme", batch.id, index).id, "renamed", None, a_ticket())
    world.clock.pass_(SECOND)

    def work() -> None:
        world.clock.pass_(SECOND)
        world.work(batch.ref, 0)

    runs = [run for page in world.pages(2, between=work, ascending=ascending) for run in page]
    assert Counter(ids(runs)) == every(batch)


@pytest.mark.parametrize(
    ("sort", "ascending"), [(RunSort.UPDATED, False), (RunSort.UPDATED, True), (RunSort.CREATED, False)]
)
def test_batches_that_are_made_during_a_walk_do_not_disturb_it(sort: RunSort, ascending: bool) -> None:
    world = RunWorld()
    batches = three_batches(world)

    def submit() -> None:
        world.clock.pass_(MILLISECOND)
        world.submit(2)

    runs = [run for page in world.pages(5, between=submit, sort=sort, ascending=ascending) for run in page]
    assert Counter(ids(runs)) == every(*batches)


@pytest.mark.parametrize("ascending", [False, True])
@pytest.mark.parametrize("limit", [1, 4, 15])
def test_runs_that_are_changed_during_a_walk_are_shown_twice_rather_than_never(limit: int, ascending: bool) -> None:
    """Break: _Walk._goes_on, end with both lists."""
    for index in (0, 6, 11):
        world = RunWorld(rule=lambda *_: RunStatus.NEEDS_REVIEW)
        done, left = world.submit(12), world.submit(8)
        world.work(done.ref, 0)
        world.work(done.ref, 1)
        changed = RunPlace("acme", done.id, index)

        def change(world: RunWorld = world, left: Batch = left, changed: RunPlace = changed) -> None:
            world.clock.pass_(SECOND)
            if world.get(left).status is RunStatus.PENDING:
                world.change().review("acme", changed.id, True, None, "jane", a_ticket())
                world.work(left.ref, 0)
            world.change().update("acme", changed.id, None, {"seen": len(world.runs.told)}, a_ticket())

        pages = world.pages(limit, between=change, ascending=ascending)
        runs = [run for page in pages for run in page]
        shown = Counter(ids(runs))
        again = {place: times for place, times in shown.items() if times > 1}
        assert set(shown) == set(every(done, left))
        assert again in ({}, {(done.id, index): 2})
        if len(pages) > 1:
            assert [run.status for run in runs if run.place == changed][-1] is RunStatus.PROCESSED


def test_runs_that_are_settled_between_two_reads_of_a_page_are_told_of_as_they_ended() -> None:
    """Break: Positions._positions, read rows once only; a run that was reviewed since is not what its unit says."""
    world = RunWorld(rule=lambda *_: RunStatus.NEEDS_REVIEW)
    batch = world.submit(2)
    fetch = world.batches.chunk

    def overtaken(header: Batch, chunk: int) -> Any:
        world.batches.chunk = fetch  # type: ignore[method-assign]
        world.drain()
        world.change().review("acme", RunPlace("acme", batch.id, 1).id, False, "no", "jane", a_ticket())
        return fetch(header, chunk)

    for sort in BOTH:
        world.batches.chunk = overtaken  # type: ignore[method-assign, assignment]
        assert {run.place.index: run.status for run in world.all(sort=sort)} == {
            0: RunStatus.NEEDS_REVIEW,
            1: RunStatus.REJECTED,
        }
        world = RunWorld(rule=lambda *_: RunStatus.NEEDS_REVIEW)
        batch = world.submit(2)
        fetch = world.batches.chunk


def test_what_was_done_of_an_open_batch_long_ago_is_shown_once_and_not_read_again() -> None:
    """Break: Positions, leave nothing out."""
    world = RunWorld()
    batch = world.submit(100)
    for chunk in range(9):
        world.work(batch.ref, chunk)
    world.clock.pass_(MINUTE)
    world.runs.read = 0
    assert Counter(ids(world.all())) == every(batch)
    assert world.runs.read <= 90 + 10 + 8


def test_a_run_that_the_index_lacks_by_a_moment_is_shown_all_the_same() -> None:
    """Break: _Walk._unsettled, take for shown what was settled when the walk began."""
    world = RunWorld()
    batch = world.submit(3)
    world.submit(2)
    world.clock.pass_(SECOND)
    indexed = world.runs.updated

    def late(*names: Any, **given: Any) -> Any:
        found = indexed(*names, **given)
        return type(found)([run for run in found.runs if run.place.index != 1], found.more)

    world.runs.updated = late
    world.work(batch.ref, 0)
    assert (batch.id, 1) in ids(world.all())
    assert len(world.all()) == 5


# ── what a page costs ──


@pytest.mark.parametrize("ascending", [False, True])
@pytest.mark.parametrize("sort", BOTH)
@pytest.mark.parametrize("limit", [1, 20])
def test_the_reads_of_a_page_are_in_proportion_to_it(sort: RunSort, ascending: bool, limit: int) -> None:
    """Break: Positions.take, read a hundred at once; or Positions._places, ask for a hundred headers at once."""
    world = RunWorld()
    batches = []
    for _ in range(40):
        batches.append(world.submit(10))
        world.clock.pass_(SECOND)
    world.drain()
    for batch in batches:
        world.complete(batch.ref)
    for _ in range(40):
        world.submit(10)
        world.clock.pass_(SECOND)
    made = world.made
    assert isinstance(made, FakeRunBatches)
    chunks: list[int] = []
    fetch = world.batches.chunk
    world.batches.chunk = lambda batch, chunk: chunks.append(chunk) or fetch(batch, chunk)  # type: ignore[method-assign, func-returns-value]
    cursor = None
    for _ in range(12):
        world.runs.read, made.read = 0, 0
        chunks.clear()
        page = world.lister()("acme", Wanted(sort=sort, ascending=ascending), limit, cursor)
        cursor = page.cursor
        assert len(page.runs) == limit
        assert world.runs.read <= 4 * limit + 8
        assert made.read <= limit + 16
        assert len(chunks) <= limit


def test_a_page_that_finds_too_little_is_short_and_the_list_goes_on() -> None:
    world = RunWorld()
    world.submit(inputs=[an_input(file_name="needle.txt")])
    world.clock.pass_(SECOND)
    batch = world.submit(1000)
    world.drain()
    world.complete(batch.ref)
    world.clock.pass_(MINUTE)
    for sort in BOTH:
        pages = []
        cursor = None
        while True:
            world.runs.read = 0
            page = world.lister()("acme", Wanted(sort=sort, file_name_contains="needle"), 5, cursor)
            assert world.runs.read <= 4 * SEARCHED
            pages.append(len(page.runs))
            cursor = page.cursor
            if cursor is None:
                break
        assert pages == [0, 0, 1]


@pytest.mark.parametrize("sort", BOTH)
def test_what_is_left_of_a_large_batch_is_found_without_reading_what_is_done(sort: RunSort) -> None:
    """Break: ListRuns.positions, look at every position for runs that have not ended."""
    world = RunWorld()
    batch = world.submit(1000)
    for _, chunk, _ in world.queue.take()[:-1]:
        world.work(batch.ref, chunk)
    world.runs.read = 0
    page = world.lister()("acme", Wanted(sort=sort, status=RunStatus.PENDING), 100)
    assert len(page.runs) == 100
    assert world.runs.read <= 110


def test_runs_were_made_when_their_batch_was() -> None:
    world = RunWorld()
    world.submit(2)
    assert {run.created_at for run in world.all()} == {AT}
