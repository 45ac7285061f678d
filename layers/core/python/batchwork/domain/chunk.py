"""How a batch is cut: chunks are stored and queued together, slices are leased and settled together.

A *unit* is what one lease covers: a slice of consecutive items on its first attempt, or one item on a later one.
Units are numbered so that the header's set of counted units stays a small number set:
slice k is unit k; the later attempts of item i are unit `slices + i`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

#: Items of one chunk at the most: one input row, one SQS message.
MAX_CHUNK = 100
#: One SendMessageBatch carries 10 messages (AWS limit), so a batch of up to 1000 items is queued by one request.
CHUNKS_WANTED = 10


@dataclass(frozen=True, slots=True)
class Unit:
    """Items `start` to `stop` (exclusive) under one lease."""

    number: int
    chunk: int
    start: int
    stop: int
    single: bool

    @property
    def indexes(self) -> range:
        """Return the indexes of the unit's items."""
        return range(self.start, self.stop)


@dataclass(frozen=True, slots=True)
class Cut:
    """The cut of a batch of `total` items; `chunk_size` is a multiple of `slice_size`."""

    total: int
    chunk_size: int
    slice_size: int

    @classmethod
    def of(cls, total: int, slice_size: int, chunks: int = CHUNKS_WANTED) -> Cut:
        """Cut `total` items so that at most `chunks` arise, as long as none has to be larger than 100 items for it."""
        slices_a_chunk = -(-total // (chunks * slice_size))
        chunk = min(MAX_CHUNK // slice_size or 1, max(1, slices_a_chunk)) * slice_size
        return cls(total, chunk, slice_size)

    @property
    def chunks(self) -> int:
        """Return the number of chunks."""
        return -(-self.total // self.chunk_size)

    @property
    def slices(self) -> int:
        """Return the number of slices."""
        return -(-self.total // self.slice_size)

    def items_of(self, chunk: int) -> range:
        """Return the indexes of the items of a chunk."""
        return range(chunk * self.chunk_size, min(self.total, (chunk + 1) * self.chunk_size))

    def slices_of(self, chunk: int) -> Iterator[Unit]:
        """Yield the slices of a chunk, in order."""
        items = self.items_of(chunk)
        for start in range(items.start, items.stop, self.slice_size):
            yield Unit(start // self.slice_size, chunk, start, min(items.stop, start + self.slice_size), single=False)

    def single(self, index: int) -> Unit:
        """Return the unit of an item's later attempts."""
        return Unit(self.slices + index, index // self.chunk_size, index, index + 1, single=True)

    def unit(self, number: int) -> Unit:
        """Return the unit of a number."""
        if number >= self.slices:
            return self.single(number - self.slices)
        start = number * self.slice_size
        return Unit(number, start // self.chunk_size, start, min(self.total, start + self.slice_size), single=False)
