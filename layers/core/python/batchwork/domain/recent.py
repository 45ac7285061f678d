"""What was made or read lately, kept: small memories of one process, safe to use from many threads."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from datetime import datetime, timedelta
from threading import Lock
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class _Slot(Generic[V]):
    __slots__ = ("lock", "made", "until")

    def __init__(self) -> None:
        self.lock = Lock()
        self.made: list[V] = []
        self.until: datetime | None = None


class _Slots(Generic[K, V]):
    """The `size` slots asked for last, by key."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._lock = Lock()
        self._slots: OrderedDict[K, _Slot[V]] = OrderedDict()

    def of(self, key: K) -> _Slot[V]:
        """Return a key's slot, a new one if there is none."""
        with self._lock:
            slot = self._slots.setdefault(key, _Slot())
            self._slots.move_to_end(key)
            while len(self._slots) > self._size:
                self._slots.popitem(last=False)
            return slot


class Recent(Generic[K, V]):
    """The `size` values asked for last, by key, for things that never change once made."""

    def __init__(self, size: int) -> None:
        self._slots: _Slots[K, V] = _Slots(size)

    def get(self, key: K, make: Callable[[], V]) -> V:
        """Return the value kept for a key, made first if there is none.

        Threads that ask for the same key wait for one of them to make it. A `make` that raises keeps nothing.
        """
        slot = self._slots.of(key)
        with slot.lock:
            if not slot.made:
                slot.made.append(make())
            return slot.made[0]


def made_once(make: Callable[[], V]) -> Callable[[], V]:
    """Return what makes a value at its first call and returns that one from then on: threads wait for the one that makes it.

    functools.cache lets each of them make its own.
    """
    made: Recent[None, V] = Recent(1)
    return lambda: made.get(None, make)


class Fresh(Generic[K, V]):
    """The `size` values asked for last, by key, for things that change: each is kept for as long as `lasts` says."""

    def __init__(self, size: int, lasts: Callable[[V], timedelta]) -> None:
        self._lasts = lasts
        self._slots: _Slots[K, V] = _Slots(size)

    def get(self, key: K, now: datetime, read: Callable[[], V]) -> V:
        """Return the value kept for a key, read first if there is none or it is no longer fresh.

        Threads that ask for the same key wait for one of them to read it. A `read` that raises keeps nothing, and
        what was kept before is not used any more.
        """
        slot = self._slots.of(key)
        with slot.lock:
            if slot.until is None or slot.until <= now:
                slot.until = None
                slot.made[:] = [read()]
                slot.until = now + self._lasts(slot.made[0])
            return slot.made[0]
