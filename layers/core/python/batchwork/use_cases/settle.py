"""Settle: give items their terminal state where no processor is needed, and count what is settled."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

from batchwork.domain.batch import Batch, StopCause, Tally
from batchwork.domain.errors import AlreadyCounted
from batchwork.domain.item import CRASHED, ItemError, Result
from batchwork.domain.lease import ChunkState, Job, UnitState
from batchwork.ports import BatchStore, Clock

#: Chunks settled at once; each takes about a dozen calls.
_AT_ONCE = 8


def tally_of(unit: UnitState) -> Tally:
    """Return what a settled unit adds to the counts."""
    results = [(result.succeeded, result.skipped) for result in unit.results]  # once: stores read them each time
    succeeded = sum(good for good, _ in results)
    return Tally(unit.number, succeeded, len(results) - succeeded, sum(skipped for _, skipped in results))


@dataclass(frozen=True, slots=True)
class Count:
    """Bring settled units into the header's counts, each once, whoever settled them."""

    batches: BatchStore

    def __call__(self, batch: Batch, units: Iterable[UnitState]) -> Batch:
        """Count the settled units that the header lacks; returns the header as far as it is known."""
        tallies = [tally_of(unit) for unit in units if unit.settled and unit.number not in batch.counted]
        tallies = [tally for tally in tallies if tally.succeeded or tally.failed]
        return self.add(batch, tallies) if tallies else batch

    def add(self, batch: Batch, tallies: Sequence[Tally]) -> Batch:
        """Count units; those that somebody else counted meanwhile are left out.

        Others may count while we look, so it is tried until none is left: each refusal means that one was counted.
        """
        while tallies:
            try:
                return self.batches.count(batch, tallies)
            except AlreadyCounted:
                header = self.batches.get(batch.ref)
                if header is None:
                    return batch
                batch, tallies = header, [tally for tally in tallies if tally.unit not in header.counted]
        return batch


@dataclass(frozen=True, slots=True)
class SettleStopped:
    """Settle what nobody holds in a stopped batch; what is being worked completes by itself."""

    batches: BatchStore
    clock: Clock

    def all(self, batch: Batch, cause: StopCause) -> Batch:
        """Settle every free unit of the batch, several chunks at once; returns the header as last read."""
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            headers = list(pool.map(partial(self._read_and_settle, batch, cause), range(batch.cut.chunks)))
        return min(headers, key=lambda header: header.remaining)

    def _read_and_settle(self, batch: Batch, cause: StopCause, chunk: int) -> Batch:
        return self.chunk(batch, cause, self.batches.chunk(batch, chunk))

    def chunk(self, batch: Batch, cause: StopCause, state: ChunkState) -> Batch:
        """Settle the free units of one chunk and count all that is settled in it."""
        now = self.clock.now()
        units = dict(state.units)
        lost = False
        for job in state.free(now):
            results = tuple(
                Result(index=i, finished_at=now, attempts=job.attempt - 1, error=_error(batch, cause, job))
                for i in job.unit.indexes
            )
            if self.batches.settle_free(batch, job.unit, results, now):
                units[job.unit.number] = UnitState(number=job.unit.number, settled=True, results=results)
            else:
                lost = True
        if lost:
            # Somebody was faster, or our own earlier request was: read who settled what before counting.
            units = self.batches.chunk(batch, state.chunk).units
        return Count(self.batches)(batch, units.values())


def _error(batch: Batch, cause: StopCause, job: Job) -> ItemError:
    """Return why an item ends: at the deadline an item that was tried keeps the error of its last try (seed: 408 is
    for a request that was not processed).
    """
    if cause is StopCause.EXPIRED and job.attempt > 1:
        return job.last.error if job.last else CRASHED
    return batch.error_of(cause)
