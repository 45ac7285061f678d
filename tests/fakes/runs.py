"""ports.workflow_runs.RunStore and RunBatches in memory."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from threading import Lock

from batchwork.domain.batch import Batch
from batchwork.domain.resource import to_millis
from batchwork.domain.run import SETTLED, Run, RunPlace, in_brief
from batchwork.domain.workflow import FAMILY
from batchwork.ports.workflow_runs import Briefs, Mark, OpenBatches
from fakes.batches import FakeBatches


class FakeRuns:
    """told: (run, events) of every write, in order. read: rows and entries of indexes that were asked for."""

    def __init__(self) -> None:
        self.stored: dict[RunPlace, Run] = {}
        self.told: list[tuple[Run, tuple[str, ...]]] = []
        self.expiries: dict[RunPlace, datetime] = {}
        self.read = 0
        self._lock = Lock()

    def get(self, place: RunPlace) -> Run | None:
        self.read += 1
        run = self.stored.get(place)
        return in_brief(run) if run is not None and run.deleted else run

    def briefs(self, places: Iterable[RunPlace]) -> dict[RunPlace, Run]:
        wanted = set(places)
        self.read += len(wanted)
        return {place: in_brief(self.stored[place]) for place in wanted if place in self.stored}

    def add(self, run: Run, expires_at: datetime, *events: str) -> bool:
        with self._lock:
            return run.place not in self.stored and self._write(run, expires_at, events)

    def replace(self, run: Run, expires_at: datetime, *events: str) -> bool:
        with self._lock:
            stored = self.stored.get(run.place)
            return stored is not None and stored.revision == run.revision - 1 and self._write(run, expires_at, events)

    def updated(
        self,
        workspace_id: str,
        batch_id: str | None,
        *,
        after: Mark | None,
        until: datetime | None,
        ascending: bool,
        limit: int,
    ) -> Briefs:
        shown = (
            (Mark.of_run(run.updated_at, place), run)
            for place, run in list(self.stored.items())
            if place.workspace_id == workspace_id and run.status in SETTLED and not run.deleted
            if batch_id is None or (run.listed and place.batch_id == batch_id)
            if until is None or run.updated_at <= to_millis(until)
        )
        found = sorted(shown, key=lambda each: each[0], reverse=not ascending)
        if after is not None:
            found = [each for each in found if (each[0] > after if ascending else each[0] < after)]
        self.read += min(len(found), limit + 1)
        return Briefs([in_brief(run) for _, run in found[:limit]], len(found) > limit)

    def _write(self, run: Run, expires_at: datetime, events: tuple[str, ...]) -> bool:
        self.stored[run.place] = run
        self.expiries[run.place] = expires_at
        self.told.append((run, events))
        return True


class FakeRunBatches:
    """read: headers that were asked for. ends: how many of a kind are looked at."""

    def __init__(self, batches: FakeBatches, ends: int = 1000) -> None:
        self.batches = batches
        self.read = 0
        self.ends = ends

    def open(
        self,
        workspace_id: str,
        *,
        since: datetime,
        stopped_since: datetime,
        after: Mark | None,
        ascending: bool,
        limit: int,
    ) -> OpenBatches:
        found, cut = [], None
        ended: dict[bool, list[tuple[datetime, Batch]]] = {False: [], True: []}
        for batch in self._sorted(workspace_id, None, ascending=True):
            at = batch.completed_at or batch.cancelled_at
            if at is None:
                found.append(batch)
            elif to_millis(at) >= to_millis(stopped_since if batch.stopped_by(at) else since):
                ended[batch.stopped_by(at)].append((to_millis(at), batch))
        for stopped, ends in ended.items():
            ends.sort(key=lambda end: (end[0], _mark(end[1])), reverse=stopped)
            found += [batch for _, batch in ends[: self.ends]]
            if len(ends) > self.ends:
                first = stopped_since if stopped else ends[self.ends][0]
                cut = first if cut is None else min(cut, first)
        found = _after(sorted(found, key=_mark, reverse=not ascending), after, ascending)[:limit]
        self.read += len(found)
        return OpenBatches(found, cut)

    def made(self, workspace_id: str, *, after: Mark | None, ascending: bool, limit: int) -> list[Batch]:
        found = self._sorted(workspace_id, after, ascending)[:limit]
        self.read += len(found)
        return found

    def _sorted(self, workspace_id: str, after: Mark | None, ascending: bool) -> list[Batch]:
        found = sorted(
            (
                batch
                for batch in list(self.batches.headers.values())
                if (batch.workspace_id, batch.family) == (workspace_id, FAMILY)
            ),
            key=_mark,
            reverse=not ascending,
        )
        return _after(found, after, ascending)


def _after(found: list[Batch], after: Mark | None, ascending: bool) -> list[Batch]:
    if after is None:
        return found
    return [batch for batch in found if (_mark(batch) > after if ascending else _mark(batch) < after)]


def _mark(batch: Batch) -> Mark:
    return Mark(to_millis(batch.created_at), batch.id)
