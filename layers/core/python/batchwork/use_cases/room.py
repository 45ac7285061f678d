"""Room: no receiver keeps more than its share of the senders busy."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Lock

from batchwork.domain.webhook import HOLD, Delivery
from batchwork.ports import Clock
from batchwork.ports.webhooks import ReceiverSlots


@dataclass(frozen=True)
class Room:
    """One sender's way to its receivers: it takes one slot a receiver, however many deliveries it makes there at once.

    A receiver that hangs holds its share for as long as an attempt may take, and the other senders stay free for the others.
    A sender that dies leaves its slot until HOLD runs out. holder: unique to this process.
    """

    slots: ReceiverSlots
    clock: Clock
    holder: str
    _inside: Counter[tuple[str, str]] = field(default_factory=Counter)
    _lock: Lock = field(default_factory=Lock)

    @contextmanager
    def with_receiver(self, delivery: Delivery) -> Iterator[bool]:
        """Yield whether there is room with the delivery's receiver now."""
        place = (delivery.workspace_id, delivery.receiver)
        with self._lock:
            now = self.clock.now()
            room = self._inside[place] > 0 or self.slots.take(*place, self.holder, now + HOLD, now)
            self._inside[place] += room
        try:
            yield room
        finally:
            with self._lock:
                self._inside[place] -= room
                if room and not self._inside[place]:
                    self.slots.free(*place, self.holder)
