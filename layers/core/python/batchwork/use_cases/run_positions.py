"""The runs of batches in the order of their making, each at its position: read in blocks, a hundred rows a call."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

from batchwork.domain.batch import Batch
from batchwork.domain.run import Run, RunPlace
from batchwork.domain.run_standing import Standing, made_at, settled
from batchwork.ports import BatchStore, Clock
from batchwork.ports.workflow_runs import Mark, RunStore

#: Chunks read at once.
_AT_ONCE = 8
#: Headers, and positions, read at once: few at first, then twice as many each time, and these at the most.
FEW, MANY = 8, 100
#: What gives batches after a mark, that of a batch: (mark, how many).
Batches = Callable[[Mark | None, int], list[Batch]]


@dataclass(frozen=True, slots=True)
class Position:
    """A run's position. run: as it stands, None for one that is deleted or left out; settled_at: when its row first said
    that it is settled.
    """

    mark: Mark
    run: Run | None
    settled_at: datetime | None = None


class Positions:
    """Walks positions on from a mark; what is looked at is `taken` one by one and read ahead in blocks."""

    def __init__(
        self,
        batches: BatchStore,
        runs: RunStore,
        clock: Clock,
        given: Batches,
        wanted: Callable[[Batch], Sequence[int]],
        *,
        first: Batch | None,
        after: Mark | None,
        ascending: bool,
        passed: Callable[[RunPlace], bool],
        recorded: datetime | None = None,
    ) -> None:
        """given: batches in order. wanted: which indexes of a batch are looked at, in rising order. first: the batch that
        `after`, the mark of a run, is in. passed: what is passed over, unread where it is known early enough. recorded: runs that succeeded by then are left out, by what their chunk says,
        which costs a fraction of their rows.
        """
        self._batches, self._runs, self._clock = batches, runs, clock
        self._given, self._wanted, self._ascending = given, wanted, ascending
        self._first, self._after, self._passed, self._recorded = first, after, passed, recorded
        self._walk = self._places()
        self._ahead: deque[tuple[Mark, Batch, RunPlace]] = deque()
        self._read: deque[Position] = deque()
        self._known: dict[tuple[str, int], Standing] = {}
        self._size = 1
        self.headers = self.chunks = 0

    def head(self) -> Mark | None:
        """Return the mark of the next position, None at the end."""
        while self._read:
            run = self._read[0].run
            if run is None or not self._passed(run.place):
                return self._read[0].mark
            self._read.popleft()
        while True:
            self._look_ahead(1)
            if not self._ahead:
                return None
            mark, _, place = self._ahead[0]
            if not self._passed(place):
                return mark
            self._ahead.popleft()

    def take(self, at_once: int) -> Position:
        """Return the next position, read with up to `at_once` that follow it."""
        if not self._read:
            size = min(MANY, max(self._size, at_once))
            self._size *= 2
            self._look_ahead(size)
            block = [self._ahead.popleft() for _ in range(min(len(self._ahead), size))]
            self._read.extend(self._positions(block))
        return self._read.popleft()

    def _look_ahead(self, count: int) -> None:
        if len(self._ahead) < count:
            self._ahead.extend(islice(self._walk, count - len(self._ahead)))

    def _places(self) -> Iterator[tuple[Mark, Batch, RunPlace]]:
        if self._first is not None:
            yield from self._of(self._first)
        last = None if self._after is None else _mark_of_batch(self._after)
        size = FEW
        while True:
            part = self._given(last, size)
            self.headers += len(part)
            for batch in part:
                yield from self._of(batch)
            if len(part) < size:
                return
            last = Mark(made_at(part[-1]), part[-1].id)
            size = min(MANY, 2 * size)

    def _of(self, batch: Batch) -> Iterator[tuple[Mark, Batch, RunPlace]]:
        indexes = self._wanted(batch)
        for index in indexes if self._ascending else reversed(indexes):
            place = RunPlace(batch.workspace_id, batch.id, index)
            mark = Mark.of_run(made_at(batch), place)
            ahead = self._after is None or (mark > self._after if self._ascending else mark < self._after)
            if ahead and not self._passed(place):
                yield mark, batch, place

    def _positions(self, block: list[tuple[Mark, Batch, RunPlace]]) -> Iterator[Position]:
        left_out = self._left_out(block)
        rows = self._runs.briefs([place for _, _, place in block if place not in left_out])
        open_ones = [
            (batch, place) for _, batch, place in block if place not in left_out and not settled(rows.get(place))
        ]
        standing, late = self._standing(open_ones), dict[RunPlace, Run]()
        # A row that was written between the two reads: its worker writes it before its item has a result.
        written = [place for batch, place in open_ones if standing[_chunk(batch, place)].ended(place.index)]
        if written:
            late = self._runs.briefs(written)
        for mark, batch, place in block:
            if place in left_out:
                yield Position(mark, None)
                continue
            row = late.get(place) or rows.get(place)
            run = row if row is not None and settled(row) else standing[_chunk(batch, place)].run(place.index, row)
            yield Position(mark, None if run.deleted else run, None if row is None else row.settled_at)

    def _left_out(self, block: list[tuple[Mark, Batch, RunPlace]]) -> set[RunPlace]:
        if self._recorded is None:
            return set()
        standing = self._standing([(batch, place) for _, batch, place in block])
        return {
            place for _, batch, place in block if standing[_chunk(batch, place)].recorded(place.index, self._recorded)
        }

    def _standing(self, runs: list[tuple[Batch, RunPlace]]) -> dict[tuple[str, int], Standing]:
        chunks = {_chunk(batch, place): batch for batch, place in runs}
        for name in self._known:
            chunks.pop(name, None)
        now = self._clock.now()
        self.chunks += len(chunks)

        def read(name: tuple[str, int]) -> Standing:
            return Standing(chunks[name], self._batches.chunk(chunks[name], name[1]), now)

        if len(chunks) <= 1:
            self._known.update((name, read(name)) for name in chunks)
        else:
            with ThreadPoolExecutor(_AT_ONCE) as pool:
                self._known.update(zip(chunks, pool.map(read, chunks), strict=True))
        return self._known


def _chunk(batch: Batch, place: RunPlace) -> tuple[str, int]:
    return batch.id, place.index // batch.cut.chunk_size


def _mark_of_batch(mark: Mark) -> Mark:
    return Mark(mark.at, batch_of_mark(mark))


def batch_of_mark(mark: Mark) -> str:
    """Return the engine's id of the batch that a run's mark is in."""
    return mark.id.rpartition("_")[0].rpartition("_")[2]
