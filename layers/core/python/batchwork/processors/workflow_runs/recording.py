"""How a run's end gets into its row: by the worker, or for what ended without one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from batchwork.domain.batch import Batch
from batchwork.domain.errors import Conflict
from batchwork.domain.item import Item, Result
from batchwork.domain.run import Run, RunPlace
from batchwork.domain.run_input import run_of
from batchwork.domain.run_standing import settled
from batchwork.domain.run_writes import ended_of, following, overlaid
from batchwork.ports import Clock
from batchwork.ports.workflow_runs import RunStore

#: Tries before a worker gives a run up that clients change without an end: its item is then tried again.
_TRIES = 24


@dataclass(frozen=True, slots=True)
class Recorder:
    """Writes the end of runs, each once: what is settled first stays. Safe to be called again and by many threads.

    retention: from the batch's deadline on.
    """

    runs: RunStore
    clock: Clock
    retention: timedelta

    def before(self, batch: Batch, item: Item) -> Run | None:
        """Return the row that stands before the work: an earlier try's, or a client's; None when there is none.

        Where `outcome_of` of it is something, that is the item's outcome and nothing is to be worked.
        """
        return self.runs.get(RunPlace(batch.workspace_id, batch.id, item.index))

    def record(self, batch: Batch, run: Run) -> Run:
        """Write how a run ended and return its row: the one that somebody else settled first, if so.

        run: settled, from `run_of` or from the row before. A client's changes of name and metadata are kept. Raises
        Conflict.
        """
        row = self.runs.get(run.place) if run.revision else None
        for _ in range(_TRIES):
            if row is not None and settled(row):
                return row
            wanted, events = following(row, run if row is None else overlaid(run, row), self.clock.now())
            write = self.runs.add if row is None else self.runs.replace
            if write(wanted, batch.deadline_at + self.retention, *events):
                return wanted
            row = self.runs.get(run.place)
        raise Conflict(what="The workflow run")

    def keep(self, batch: Batch, done: Sequence[tuple[Item, Result]]) -> None:
        """Write the rows of items that ended with an error and have none that is settled."""
        failed = {
            RunPlace(batch.workspace_id, batch.id, item.index): (item, result)
            for item, result in done
            if not result.succeeded
        }
        rows = self.runs.briefs(failed) if failed else {}
        for place, (item, result) in failed.items():
            if not settled(rows.get(place)):
                self.record(batch, ended_of(run_of(batch, item), result))
