"""List runs: by their making, or by their last change.

By their last change a list merges two: runs whose rows are settled, from the index, and runs that nobody had settled when
the walk began, from their batches, in the order of their making. What a walk shows of which follows from when it began,
which its cursor tells: a run that is settled meanwhile is shown once, at its old place and as it is now. Runs that clients
change meanwhile come at the end, those that were shown before once more: none is left out.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from batchwork.domain.batch import Batch, BatchRef
from batchwork.domain.item import Json
from batchwork.domain.resource import from_millis, millis_of, to_millis
from batchwork.domain.run import OPEN, Run, RunStatus, core_of
from batchwork.domain.run_input import flow_of
from batchwork.domain.run_standing import ended_at, made_at, stopped, unsettled
from batchwork.domain.workflow import FAMILY
from batchwork.ports import BatchStore, Clock
from batchwork.ports.workflow_runs import Mark, RunBatches, RunStore
from batchwork.use_cases.run_positions import Positions, batch_of_mark

#: Runs, and headers, that a page looks at beyond those it shows; one that found too little in them is short.
SEARCHED, SEARCHED_HEADERS = 400, 1000
#: Chunks that a page looks at beyond the runs it shows.
SEARCHED_CHUNKS = 50
#: Sorts after every batch's id.
_LAST = "~"
#: How long the index may lack what was written.
INDEXED = timedelta(seconds=5)
#: How long after a batch's end runs may still lack their rows (use_cases.end_runs), until which their batch tells of them.
UNTOLD = timedelta(minutes=15)


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
        begun = _Begun.of(cursor, to_millis(self.clock.now()))
        batch: Batch | None = None
        if wanted.batch_id is not None:
            batch = self._batch(workspace_id, core_of(wanted.batch_id))
            if batch is None or not batch.attributes["listed"]:
                return RunPage()
        return _Walk(self, workspace_id, wanted, batch, begun).page(limit)

    def _batch(self, workspace_id: str, core: str | None) -> Batch | None:
        batch = None if core is None else self.batches.get(BatchRef(workspace_id, core))
        return batch if batch is not None and batch.family == FAMILY else None

    def positions(self, workspace_id: str, wanted: Wanted, only: Batch | None, begun: _Begun) -> Positions:
        """Return the walk through the positions of batches."""
        after = begun.position
        first = None
        if after is not None:
            first = only or self._batch(workspace_id, batch_of_mark(after))

        def given(last: Mark | None, limit: int) -> list[Batch]:
            if only is not None:
                return [only] if first is None else []
            if wanted.sort is RunSort.CREATED:
                return self.made.made(workspace_id, after=last, ascending=wanted.ascending, limit=limit)
            if last is None and not wanted.ascending:
                last = Mark(begun.at, _LAST)
            return self.made.open(
                workspace_id,
                since=begun.at,
                stopped_since=begun.at - UNTOLD,
                after=last,
                ascending=wanted.ascending,
                limit=limit,
            )

        def indexes(batch: Batch) -> Sequence[int]:
            if not wanted.may_hold(batch) or (wanted.sort is RunSort.UPDATED and not begun.lacks(batch)):
                return ()
            return unsettled(batch) if wanted.status in OPEN else range(batch.total)

        return Positions(
            *(self.batches, self.runs, self.clock, given, indexes),
            first=first,
            after=after,
            ascending=wanted.ascending,
            recorded=begun.at - INDEXED if wanted.sort is RunSort.UPDATED else None,
        )


@dataclass(frozen=True, slots=True)
class _Begun:
    """When a walk began, and how far it has come in either list. first: this is its first page. end: when both lists were
    at their end; from then on the walk goes through what was changed until then.
    """

    at: datetime
    first: bool = True
    row: Mark | None = None
    position: Mark | None = None
    end: datetime | None = None

    @classmethod
    def of(cls, cursor: Json | None, now: datetime) -> _Begun:
        if cursor is None:
            return cls(now)
        try:
            marks = [None if each is None else Mark(from_millis(int(each[0])), str(each[1])) for each in cursor["last"]]
            row, position = marks
            end = from_millis(int(cursor["end"])) if "end" in cursor else None
            return cls(from_millis(int(cursor["at"])), False, row, position, end)
        except (KeyError, TypeError, ValueError, IndexError, OverflowError) as exc:
            raise ValueError("no cursor of runs") from exc

    def cursor(self, row: Mark | None, position: Mark | None, end: datetime | None) -> Json:
        last = [None if mark is None else [millis_of(mark.at), mark.id] for mark in (row, position)]
        return {"at": millis_of(self.at), "last": last} | ({} if end is None else {"end": millis_of(end)})

    def lacks(self, batch: Batch) -> bool:
        """Whether a batch may have runs that the index lacked when the walk began."""
        end = ended_at(batch)
        if made_at(batch) > self.at:
            return False
        return end is None or end >= self.at or (stopped(batch, end) and end >= self.at - UNTOLD)


class _Walk:
    """One page of a list."""

    def __init__(self, runs: ListRuns, workspace_id: str, wanted: Wanted, batch: Batch | None, begun: _Begun) -> None:
        self._list, self._workspace_id, self._wanted, self._batch, self._begun = (
            runs,
            workspace_id,
            wanted,
            batch,
            begun,
        )
        self._positions = runs.positions(workspace_id, wanted, batch, begun)
        self._rows: deque[Run] = deque()
        self._seen: set[str] = set()
        # The index holds settled runs only.
        self._more = wanted.sort is RunSort.UPDATED and wanted.status not in OPEN
        self._size = 1
        self._row, self._read, self._position = begun.row, begun.row, begun.position
        # The end, and whether the page came so far that the next one is to go on from it.
        self._end, self._reached = begun.end, begun.end

    def page(self, limit: int) -> RunPage:
        found: list[Run] = []
        looked = 0
        while True:
            row = self._next_row(limit - len(found))
            position = None if self._end else self._positions.head()
            if row is None and position is None:
                if self._goes_on():
                    continue
                return RunPage(found)
            if len(found) == limit or looked == limit + SEARCHED or self._tired(limit):
                return RunPage(found, self._begun.cursor(self._row, self._position, self._reached))
            looked += 1
            run: Run | None
            if position is None or (row is not None and (row < position) is self._wanted.ascending):
                self._row, self._reached, run = row, self._end, self._settled(self._rows.popleft())
            else:
                self._position, run = position, self._unsettled(limit - len(found))
            if run is not None and self._wanted.holds(run):
                found.append(run)

    def _goes_on(self) -> bool:
        """Whether there is more at the end of both lists: runs that were settled and that clients changed meanwhile. Whether
        the walk was past their old places is not known: they are shown, perhaps again.
        """
        if self._end or self._begun.first or self._wanted.sort is RunSort.CREATED or self._wanted.status in OPEN:
            return False
        self._end = to_millis(self._list.clock.now())
        self._read = Mark(self._begun.at + timedelta(milliseconds=1), "")
        self._more = True
        return True

    def _settled(self, run: Run) -> Run | None:
        """Return a run of the index, None for one that its position shows."""
        late = run.settled_at is None or run.settled_at > self._begun.at
        return None if self._end and late else run

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
            self._seen.update(run.id for run in part.runs)
            if part.runs:
                self._read = Mark.of_run(part.runs[-1].updated_at, part.runs[-1].place)
        return Mark.of_run(self._rows[0].updated_at, self._rows[0].place) if self._rows else None

    def _unsettled(self, at_once: int) -> Run | None:
        """Return the run of the next position, None for one that the index shows."""
        position = self._positions.take(at_once)
        run = position.run
        if run is None or self._wanted.sort is RunSort.CREATED:
            return run
        if position.settled_at is None or position.settled_at > self._begun.at:
            return run
        # It was settled so lately that the index lacked it: by now the walk is past its place.
        late = self._begun.first and not self._wanted.ascending and run.id not in self._seen
        return run if late and run.updated_at <= self._begun.at else None
