"""List runs: by their making, or by their last change.

By their last change a list merges two: runs whose rows are settled, from the index, and runs that nobody had settled when
the walk began, from their batches, in the order of their making. What a walk shows of which follows from when it began,
which its cursor tells: a run that is settled meanwhile is shown once, at its old place and as it is now. Runs that clients
change meanwhile come at the end, those that were shown before once more: none is left out.

The index follows writes, and writes follow the clock that they tell. So of runs that were settled in the last seconds
before the walk, it is not known whether the index has them: the first page asks it, and the cursor tells which ones it had.
They are shown where they changed, the others at their positions.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from enum import StrEnum

from batchwork.domain.batch import Batch, BatchRef
from batchwork.domain.item import Json
from batchwork.domain.resource import to_millis
from batchwork.domain.run import OPEN, Run, RunStatus, core_of
from batchwork.domain.run_input import flow_of
from batchwork.domain.run_standing import ended_at, made_at, unsettled
from batchwork.domain.workflow import FAMILY
from batchwork.ports import BatchStore, Clock
from batchwork.ports.workflow_runs import Mark, RunBatches, RunStore
from batchwork.use_cases.run_positions import Positions, batch_of_mark
from batchwork.use_cases.runs_shown import Begun, Shown

#: Runs, and headers, that a page looks at beyond those it shows; one that found too little in them is short.
SEARCHED, SEARCHED_HEADERS = 400, 1000
#: Chunks that a page looks at beyond the runs it shows.
SEARCHED_CHUNKS = 50
#: Sorts after every batch's id.
_LAST = "~"


class RunSort(StrEnum):
    """What a list is ordered by."""

    UPDATED = "updatedAt"
    CREATED = "createdAt"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which runs, in which order. batch_id: as clients see it; file_name_contains: upper and lower case are the same."""

    status: RunStatus | None = None
    workflow_id: str | None = None
    batch_id: str | None = None
    file_name_contains: str | None = None
    sort: RunSort = RunSort.UPDATED
    ascending: bool = False

    def holds(self, run: Run) -> bool:
        """Whether a run is one of those."""
        part = (self.file_name_contains or "").casefold()
        return (
            self.status in {None, run.status}
            and self.workflow_id in {None, run.flow.workflow_id}
            and (not part or any(part in file.name.casefold() for file in run.files))
        )

    def may_hold(self, batch: Batch) -> bool:
        """Whether a batch may have such runs."""
        return self.workflow_id in {None, flow_of(batch).workflow_id}


@dataclass(frozen=True, slots=True)
class RunPage:
    """Part of a list: briefs. cursor: where the list goes on, None at its end."""

    runs: list[Run] = field(default_factory=list)
    cursor: Json | None = None


@dataclass(frozen=True, slots=True)
class ListRuns:
    """Look through the runs of one workspace. What a page reads is in proportion to what it shows, or bounded."""

    batches: BatchStore
    runs: RunStore
    made: RunBatches
    clock: Clock

    def __call__(self, workspace_id: str, wanted: Wanted, limit: int, cursor: Json | None = None) -> RunPage:
        """Return a page of up to `limit` runs; it may be shorter, or empty, and the list go on all the same.

        cursor: that of the page before, with the same `wanted`. Raises ValueError for what is no cursor.
        """
        begun = Begun.of(cursor, to_millis(self.clock.now()))
        batch: Batch | None = None
        if wanted.batch_id is not None:
            batch = self.header(workspace_id, core_of(wanted.batch_id))
            if batch is None or not batch.attributes["listed"]:
                return RunPage()
        return _Walk(self, workspace_id, wanted, batch, begun).page(limit)

    def header(self, workspace_id: str, core: str | None) -> Batch | None:
        """Return a batch of runs. core: the engine's id."""
        batch = None if core is None else self.batches.get(BatchRef(workspace_id, core))
        return batch if batch is not None and batch.family == FAMILY else None

    def positions(self, workspace_id: str, wanted: Wanted, only: Batch | None, begun: Begun) -> Positions:
        """Return the walk through the positions of batches."""
        after = begun.position
        first = None
        if after is not None:
            first = only or self.header(workspace_id, batch_of_mark(after))

        def given(last: Mark | None, limit: int) -> list[Batch]:
            if only is not None:
                return [only] if first is None else []
            if wanted.sort is RunSort.CREATED:
                return self.made.made(workspace_id, after=last, ascending=wanted.ascending, limit=limit)
            if last is None and not wanted.ascending:
                last = Mark(begun.at, _LAST)
            found = self.made.open(
                workspace_id,
                since=begun.indexed,
                stopped_since=begun.told,
                after=last,
                ascending=wanted.ascending,
                limit=limit,
            )
            begun.cut_at(found.cut)
            return found.batches

        def indexes(batch: Batch) -> Sequence[int]:
            if not wanted.may_hold(batch) or (wanted.sort is RunSort.UPDATED and not begun.lacks(batch)):
                return ()
            return unsettled(batch) if wanted.status in OPEN else range(batch.total)

        return Positions(
            *(self.batches, self.runs, self.clock, given, indexes),
            first=first,
            after=after,
            ascending=wanted.ascending,
            passed=begun.shown.__contains__,
            recorded=begun.indexed if wanted.sort is RunSort.UPDATED else None,
        )


class _Walk:
    """One page of a list."""

    def __init__(self, runs: ListRuns, workspace_id: str, wanted: Wanted, batch: Batch | None, begun: Begun) -> None:
        self._list, self._workspace_id, self._wanted, self._batch, self._begun = (
            runs,
            workspace_id,
            wanted,
            batch,
            begun,
        )
        self._positions = runs.positions(workspace_id, wanted, batch, begun)
        self._rows: deque[Run] = deque()
        self._shown: Shown = begun.shown
        self._headers: dict[str, Batch | None] = {}
        # The index holds settled runs only.
        self._more = wanted.sort is RunSort.UPDATED and wanted.status not in OPEN
        self._size = 1
        self._row, self._read, self._position = begun.row, begun.row, begun.position
        # The end, and whether the page came so far that the next one is to go on from it.
        self._end, self._reached = begun.end, begun.end
        if begun.first and self._more:
            self._look_for_the_latest()

    def _look_for_the_latest(self) -> None:
        """Note which runs of the last seconds before the walk the index has: these are shown there, the others at their
        positions. Which is which is not asked again, since the answer would change while the walk goes on.
        """
        part = self._list.runs.updated(
            self._workspace_id,
            None if self._batch is None else self._batch.id,
            after=Mark(self._begun.indexed + timedelta(milliseconds=1), ""),
            until=self._begun.at,
            ascending=True,
            limit=SEARCHED,
        )
        for run in part.runs:
            self._shown.add(run.place)

    def page(self, limit: int) -> RunPage:
        found: list[Run] = []
        looked = 0
        # At the end of the list, it goes on from what was shown, and from what was skipped only where that is much: it ends
        # with what was changed until it was read.
        skipped: Mark | None = None
        while True:
            row = self._next_row(limit - len(found))
            position = None if self._end else self._positions.head()
            if row is None and position is None:
                if self._goes_on():
                    continue
                return RunPage(found)
            tired = looked == limit + SEARCHED or self._tired(limit)
            if not tired and self._end and self._settled(self._rows[0]) is None:
                looked += 1
                self._rows.popleft()
                skipped = row
                continue
            if tired and skipped is not None:
                self._row, self._reached = skipped, self._end
            if tired or len(found) == limit:
                return RunPage(
                    found, replace(self._begun, row=self._row, position=self._position, end=self._reached).cursor
                )
            looked += 1
            run: Run | None
            if position is None or (row is not None and (row < position) is self._wanted.ascending):
                self._row, self._reached, run = row, self._end, self._settled(self._rows.popleft())
                skipped = None
            else:
                self._position, run = position, self._unsettled(limit - len(found))
            if run is not None and self._wanted.holds(run):
                found.append(run)

    def _goes_on(self) -> bool:
        """Whether there is more at the end of both lists: runs that were settled and that clients changed meanwhile. Whether
        the walk was past their old places is not known: they are shown, perhaps again.
        """
        begun = self._begun
        if self._end or (begun.first and begun.cut is None):
            return False
        if self._wanted.sort is RunSort.CREATED or self._wanted.status in OPEN:
            return False
        self._end = to_millis(self._list.clock.now())
        self._read = Mark(begun.indexed + timedelta(milliseconds=1), "")
        self._more = True
        return True

    def _settled(self, run: Run) -> Run | None:
        """Return a run of the index, None for one that its position shows, or showed."""
        begun = self._begun
        late = run.settled_at is None or run.settled_at > begun.indexed
        if self._end:
            return self._late(run) if late else None if self._was_shown(run) else run
        if run.updated_at <= begun.indexed:
            return run
        if late:
            return run if run.place in self._shown else None
        self._shown.add(run.place)
        return run

    def _was_shown(self, run: Run) -> bool:
        """Whether a run that changed in the last seconds before the walk is shown where the index had it."""
        return run.updated_at <= self._begun.at and run.place in self._shown

    def _late(self, run: Run) -> Run | None:
        """Return a run of the end of the list that was settled when the walk had begun, or just before: if a client changed
        it since, or if its batch ended among so many that its position may have been passed over.
        """
        begun = self._begun
        if run.settled_at is not None and run.settled_at <= begun.at < run.updated_at:
            return run
        if begun.cut is None or self._was_shown(run):
            return None
        if run.place.batch_id not in self._headers:
            found = self._batch or self._list.header(self._workspace_id, run.place.batch_id)
            self._headers[run.place.batch_id] = found
        batch = self._headers[run.place.batch_id]
        end = None if batch is None else ended_at(batch)
        return run if batch and end is not None and made_at(batch) <= begun.at and end >= begun.cut else None

    def _tired(self, limit: int) -> bool:
        walked = self._positions
        return walked.headers > limit + SEARCHED_HEADERS or walked.chunks > limit + SEARCHED_CHUNKS

    def _next_row(self, at_once: int) -> Mark | None:
        if not self._rows and self._more:
            part = self._list.runs.updated(
                self._workspace_id,
                None if self._batch is None else self._batch.id,
                after=self._read,
                until=self._end or self._begun.at,
                ascending=self._wanted.ascending or self._end is not None,
                limit=max(self._size, at_once),
            )
            self._size = min(SEARCHED, 2 * self._size)
            self._rows.extend(part.runs)
            self._more = part.more
            if part.runs:
                self._read = Mark.of_run(part.runs[-1].updated_at, part.runs[-1].place)
        return Mark.of_run(self._rows[0].updated_at, self._rows[0].place) if self._rows else None

    def _unsettled(self, at_once: int) -> Run | None:
        """Return the run of the next position, None for one that the index shows."""
        position = self._positions.take(at_once)
        run = position.run
        if run is None or self._wanted.sort is RunSort.CREATED:
            return run
        begun, settled_at = self._begun, position.settled_at
        if settled_at is None or settled_at > begun.at:
            return run
        if settled_at <= begun.indexed or run.place in self._shown:
            return None
        return run
