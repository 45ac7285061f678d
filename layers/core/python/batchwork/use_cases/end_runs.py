"""End runs: those that the engine ended without a worker get their rows."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

from batchwork.domain.batch import Batch, BatchRef
from batchwork.domain.item import Item, Result
from batchwork.domain.workflow import FAMILY
from batchwork.ports import BatchStore

#: Done side by side: chunks that are read, then rows that are written, a few by each thread. A unit's ten take as long as two:
#: other batches of the same shard of the stream wait for them.
_AT_ONCE, _FEW = 8, 2


@dataclass(frozen=True, slots=True)
class EndRuns:
    """Write the rows, with their events, of runs whose units were settled without a worker; idempotent.

    Dying on the way is healed by the stream, which tells of the units again, and by the sweeper, which sees to every stopped
    batch a while after its end (`all`).
    keep: writes rows of items that ended with an error and have none (processors.workflow_runs.recording.Recorder.keep).
    """

    batches: BatchStore
    keep: Callable[[Batch, Sequence[tuple[Item, Result]]], None]

    def __call__(self, workspace_id: str, batch_id: str, unit_numbers: Collection[int]) -> int:
        """Return how many runs the units have. batch_id: the engine's."""
        batch = self.batches.get(BatchRef(workspace_id, batch_id))
        if batch is None or batch.family != FAMILY:
            return 0
        return self._end(batch, sorted({batch.cut.unit(number).chunk for number in unit_numbers}), unit_numbers)

    def all(self, batch: Batch) -> int:
        """See to every run of an ended batch, chunk after chunk, and return how many there are."""
        return sum(self._end(batch, [chunk], None) for chunk in range(batch.cut.chunks))

    def _end(self, batch: Batch, chunks: Sequence[int], unit_numbers: Collection[int] | None) -> int:
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            parts = pool.map(partial(self._ended, batch, unit_numbers), chunks)
            ended = [pair for part in parts for pair in part]
            few = [ended[start : start + _FEW] for start in range(0, len(ended), _FEW)]
            for _ in pool.map(partial(self.keep, batch), few):
                pass
        return len(ended)

    def _ended(self, batch: Batch, unit_numbers: Collection[int] | None, chunk: int) -> list[tuple[Item, Result]]:
        state = self.batches.chunk(batch, chunk)
        units = [unit for unit in state.settled_units() if unit_numbers is None or unit.number in unit_numbers]
        results = [result for unit in units for result in unit.results]
        # Without inputs, a run is known by its place alone.
        items = [state.item(result.index) if state.items else Item(result.index, {}) for result in results]
        return list(zip(items, results, strict=True))
