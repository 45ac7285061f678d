"""Read: batches and the state of their items."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

from batchwork.domain.batch import Batch, BatchRef, BatchStatus
from batchwork.domain.errors import NotFound
from batchwork.domain.item import Item, ItemStatus, Result
from batchwork.ports import BatchStore, Clock, Page

_AT_ONCE = 5


@dataclass(frozen=True, slots=True)
class ItemView:
    """An item as its customer sees it. result: present when it is settled."""

    item: Item
    status: ItemStatus
    result: Result | None


@dataclass(frozen=True, slots=True)
class ReadBatches:
    """Look at batches of one family in one workspace; any other's are not found. what: a batch's name in its family."""

    batches: BatchStore
    clock: Clock
    family: str
    what: str = "Batch"

    def get(self, ref: BatchRef) -> Batch:
        """Return a batch. Raises NotFound."""
        batch = self.batches.get(ref)
        if batch is None or batch.family != self.family:
            raise NotFound(what=self.what)
        return batch

    def find(self, workspace_id: str, status: BatchStatus | None, offset: int, limit: int) -> Page[Batch]:
        """Return batches, newest first."""
        return self.batches.find(workspace_id, self.family, status, offset, limit)

    def results(self, ref: BatchRef, status: ItemStatus | None, offset: int, limit: int) -> Page[ItemView]:
        """Return items in input order, with their results. Raises NotFound.

        Without a filter only the chunks of the page are read; with one, all (at most ten up to 1000 items).
        """
        batch = self.get(ref)
        if status is None:
            span = range(min(offset, batch.total), min(offset + limit, batch.total))
            chunks = sorted({index // batch.cut.chunk_size for index in span})
            views = [view for view in self._views(batch, chunks) if view.item.index in span]
            return Page(views, batch.total)
        views = [view for view in self._views(batch, list(range(batch.cut.chunks))) if view.status is status]
        return Page(views[offset : offset + limit], len(views))

    def _views(self, batch: Batch, chunks: list[int]) -> list[ItemView]:
        if len(chunks) <= 1:
            return [view for chunk in chunks for view in self._chunk_views(batch, chunk)]
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            parts = pool.map(partial(self._chunk_views, batch), chunks)
            return [view for part in parts for view in part]

    def _chunk_views(self, batch: Batch, chunk: int) -> list[ItemView]:
        state = self.batches.chunk(batch, chunk)
        results = state.results()
        now = self.clock.now()
        views = []
        for position, index in enumerate(batch.cut.items_of(chunk)):
            item = state.items[position] if state.items else Item(index, {})
            result = results.get(index)
            if result is None:
                views.append(ItemView(item, state.status_of(index, now), None))
            else:
                views.append(ItemView(item, ItemStatus.SUCCEEDED if result.succeeded else ItemStatus.FAILED, result))
        return views
