"""Integers for batches: handed out of blocks, so that most batches of a burst cost no call."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from batchwork.ports import Clock
from batchwork.ports.identity import Sequences

#: What is reserved, in requests as large as the one that asks; what is not handed out stays unused.
BLOCK = 4
#: How long a block is handed out of. Chats are listed by their ids: those that two functions start within this time
#: may be listed in another order than they were accepted in, and no older ones.
LIFE = timedelta(seconds=5)
#: Workspaces whose block one function remembers at the most; the oldest goes first.
REMEMBERED = 1000


@dataclass(slots=True)
class _Blocks:
    """What is left of each workspace's block, as (next, end, until); guarded by a lock for functions of many threads."""

    left: OrderedDict[str, tuple[int, int, datetime]] = field(default_factory=OrderedDict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self, workspace_id: str, count: int, now: datetime) -> int | None:
        """Take integers off the block and return the first; None when it has too few left, or is too old."""
        with self.lock:
            first, end, until = self.left.get(workspace_id, (0, 0, now))
            if until <= now or end - first < count:
                return None
            self.left[workspace_id] = (first + count, end, until)
            return first

    def keep(self, workspace_id: str, first: int, end: int, until: datetime) -> None:
        """Remember a new block instead of the one before it."""
        with self.lock:
            self.left[workspace_id] = (first, end, until)
            self.left.move_to_end(workspace_id)
            while len(self.left) > REMEMBERED:
                self.left.popitem(last=False)


@dataclass(frozen=True, slots=True)
class Integers:
    """Sequences that reserves ahead.

    Not for turns of one chat that are asked for one after the other: integers of two functions are in no order.
    """

    sequences: Sequences
    clock: Clock
    _blocks: _Blocks = field(default_factory=_Blocks, repr=False)

    def reserve(self, workspace_id: str, count: int) -> int:
        """Reserve `count` consecutive integers and return the first; unused ones stay unused."""
        now = self.clock.now()
        first = self._blocks.take(workspace_id, count, now)
        if first is None:
            first = self.sequences.reserve(workspace_id, BLOCK * count)
            self._blocks.keep(workspace_id, first + count, first + BLOCK * count, now + LIFE)
        return first
