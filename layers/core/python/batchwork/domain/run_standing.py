"""Where the runs of a chunk stand: by their rows, and as long as they have none, by what the engine knows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from batchwork.domain.batch import Batch, BatchStatus
from batchwork.domain.item import Item, ItemStatus
from batchwork.domain.lease import ChunkState
from batchwork.domain.resource import from_millis, millis_of, to_millis
from batchwork.domain.run import SETTLED, Run, RunStatus
from batchwork.domain.run_input import run_of
from batchwork.domain.run_writes import ended_of


def settled(row: Run | None) -> bool:
    """Whether a row says all there is to say of its run: no worker is wanted any more."""
    return row is not None and (row.deleted or row.status in SETTLED)


class Standing:
    """The runs of one chunk at one time."""

    def __init__(self, batch: Batch, state: ChunkState, now: datetime) -> None:
        self._batch, self._state, self._now = batch, state, now
        self._results = state.results()  # once: stores unpack them each time

    def ended(self, index: int) -> bool:
        """Whether an item has a result: a row that its worker wrote was there before."""
        return index in self._results

    def recorded(self, index: int, at: datetime) -> bool:
        """Whether a row was there at a time for sure: its worker writes it before the item succeeds."""
        result = self._results.get(index)
        return result is not None and result.succeeded and result.finished_at <= at

    def run(self, index: int, row: Run | None) -> Run:
        """Return a run as it stands. row: what is stored of it, as whole or as brief as it was read."""
        if row is not None and settled(row):
            return row
        item = self._state.item(index) if self._state.items else Item(index, {})
        run = row or run_of(self._batch, item)
        result = self._results.get(index)
        return replace(run, status=self._open(index)) if result is None else ended_of(run, result)

    def _open(self, index: int) -> RunStatus:
        if self._state.status_of(index, self._now) is ItemStatus.PENDING:
            return RunStatus.PENDING
        cancelling = self._batch.status is BatchStatus.CANCELLING
        return RunStatus.CANCELLING if cancelling else RunStatus.PROCESSING


def unsettled(batch: Batch) -> Sequence[int]:
    """Return the indexes that may have no result yet, by what the header has counted."""
    cut = batch.cut
    left = [index for index in range(batch.total) if index // cut.slice_size not in batch.counted]
    # Items that left a counted slice for a later attempt are known to the chunks only.
    return left if len(left) == batch.remaining else range(batch.total if batch.remaining else 0)


def made_at(batch: Batch) -> datetime:
    """Return when a batch's runs were made, as precise as it is told."""
    return from_millis(millis_of(batch.created_at))


def ended_at(batch: Batch) -> datetime | None:
    """Return when a batch ended, as precise as it is told."""
    at = batch.completed_at or batch.cancelled_at
    return None if at is None else to_millis(at)
