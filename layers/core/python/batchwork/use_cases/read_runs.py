"""Read a run, or how far a batch of runs has come."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import partial

from batchwork.domain.batch import Batch, BatchRef, BatchStatus
from batchwork.domain.errors import NotFound
from batchwork.domain.run import Run, RunPlace, RunStatus, core_of, place_of
from batchwork.domain.run_input import flow_of
from batchwork.domain.run_standing import Standing, ended_at, made_at, settled
from batchwork.domain.workflow import FAMILY, Flow
from batchwork.ports import BatchStore, Clock
from batchwork.ports.workflow_runs import Mark, RunStore


class BatchWord(StrEnum):
    """Where a batch of runs stands (types of the published client, and CANCELLING)."""

    #: Nobody has begun with it.
    PENDING = "PENDING"
    #: Some of its runs have begun.
    PROCESSING = "PROCESSING"
    #: A cancel was accepted; what is being worked completes.
    CANCELLING = "CANCELLING"
    #: Every run has ended, or waits for a review.
    PROCESSED = "PROCESSED"
    #: The engine, not a run, failed.
    FAILED = "FAILED"
    #: Every run has ended after a cancel.
    CANCELLED = "CANCELLED"


#: What the engine says of a batch that is no longer just being worked.
WORDS = {
    BatchStatus.CANCELLING: BatchWord.CANCELLING,
    BatchStatus.COMPLETED: BatchWord.PROCESSED,
    BatchStatus.FAILED: BatchWord.FAILED,
    BatchStatus.CANCELLED: BatchWord.CANCELLED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchSummary:
    """A batch of runs. batch_id: as clients see it. counts: runs by status, adding up to total; no status without runs.

    updated_at: when a run of it, or itself, last changed as far as is known; ended_at: None while it is open.
    """

    batch_id: str
    flow: Flow
    status: BatchWord
    total: int
    counts: dict[RunStatus, int]
    created_at: datetime
    updated_at: datetime
    ended_at: datetime | None = None


#: Entries of the index that a batch's counts are read from at once.
_PART = 250
#: Chunks read at once.
_AT_ONCE = 5


@dataclass(frozen=True, slots=True)
class ReadRuns:
    """Look at runs of one workspace; another one's are not found."""

    batches: BatchStore
    runs: RunStore
    clock: Clock

    def get(self, workspace_id: str, run_id: str) -> Run:
        """Return a run whole. Raises NotFound."""
        place = place_of(workspace_id, run_id)
        if place is None:
            raise NotFound(what="Workflow run")
        row = self.runs.get(place)
        if row is None or not settled(row):
            batch = self.batches.get(BatchRef(workspace_id, place.batch_id))
            if batch is None or batch.family != FAMILY or place.index >= batch.total:
                raise NotFound(what="Workflow run")
            return self.standing(batch, place)
        if row.deleted:
            raise NotFound(what="Workflow run")
        return row

    def standing(self, batch: Batch, place: RunPlace) -> Run:
        """Return a run of a batch, whole, as it stands. Raises NotFound for a deleted one.

        The chunk is read before the row: a row that a worker writes is there before its item has a result.
        """
        state = self.batches.chunk(batch, place.index // batch.cut.chunk_size)
        row = self.runs.get(place)
        if row is not None and row.deleted:
            raise NotFound(what="Workflow run")
        return Standing(batch, state, self.clock.now()).run(place.index, row)

    def listed(self, workspace_id: str, batch_id: str) -> Batch:
        """Return a batch that is told of. batch_id: as clients see it. Raises NotFound."""
        core = core_of(batch_id)
        batch = None if core is None else self.batches.get(BatchRef(workspace_id, core))
        if batch is None or batch.family != FAMILY or not batch.attributes["listed"]:
            raise NotFound(what="Batch")
        return batch

    def batch(self, workspace_id: str, batch_id: str) -> BatchSummary:
        """Return how far a batch has come. batch_id: as clients see it. Raises NotFound, also for unlisted batches.

        What is settled is read from the index, which is cheap; where it has nothing, the chunks tell, and where they say
        that something has ended, its row. So a run is counted once whatever the index lacks.
        """
        batch = self.listed(workspace_id, batch_id)
        rows = self._indexed(batch)
        lacking = [index for index in range(batch.total) if index not in rows]
        rows |= self._standing(batch, lacking)
        counts = Counter(run.status for run in rows.values())
        status = WORDS.get(batch.status)
        if status is None:
            begun = counts[RunStatus.PENDING] < batch.total
            status = BatchWord.PROCESSING if begun else BatchWord.PENDING
        created_at, end = made_at(batch), ended_at(batch)
        return BatchSummary(
            batch_id=batch_id,
            flow=flow_of(batch),
            status=status,
            total=batch.total,
            counts={each: counts[each] for each in RunStatus if counts[each]},
            created_at=created_at,
            updated_at=max(created_at, end or created_at, *(run.updated_at for run in rows.values())),
            ended_at=end,
        )

    def _indexed(self, batch: Batch) -> dict[int, Run]:
        found: dict[int, Run] = {}
        after: Mark | None = None
        while True:
            part = self.runs.updated(batch.workspace_id, batch.id, after=after, until=None, ascending=True, limit=_PART)
            found |= {run.place.index: run for run in part.runs}
            if not part.more:
                return found
            after = Mark.of_run(part.runs[-1].updated_at, part.runs[-1].place)

    def _standing(self, batch: Batch, indexes: list[int]) -> dict[int, Run]:
        chunks = sorted({index // batch.cut.chunk_size for index in indexes})
        if not chunks:
            return {}
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            states = dict(zip(chunks, pool.map(partial(self.batches.chunk, batch), chunks), strict=True))
        now = self.clock.now()
        by_chunk = {chunk: Standing(batch, state, now) for chunk, state in states.items()}
        at = {index: by_chunk[index // batch.cut.chunk_size] for index in indexes}
        ended = {RunPlace(batch.workspace_id, batch.id, index) for index in indexes if at[index].ended(index)}
        rows = {place.index: row for place, row in self.runs.briefs(ended).items()} if ended else {}
        return {index: at[index].run(index, rows.get(index)) for index in indexes}
