from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from factories import AT

from batchwork.domain.recent import Fresh

SECONDS = timedelta(seconds=1)


class Source:
    """Gives a value, and counts how often it was asked."""

    def __init__(self, value: int | None = 1) -> None:
        self.value = value
        self.reads = 0

    def read(self) -> int | None:
        self.reads += 1
        return self.value


def fresh(size: int = 4) -> Fresh[str, int | None]:
    """What is there lasts 15 seconds, what is not two."""
    return Fresh(size, lambda value: (2 if value is None else 15) * SECONDS)


@pytest.mark.parametrize(("value", "lasts"), [(1, 15), (None, 2)])
def test_a_value_is_read_again_once_it_is_no_longer_fresh(value: int | None, lasts: int) -> None:
    memory, source = fresh(), Source(value)
    for seconds in (0, lasts - 0.001):
        assert memory.get("key", AT + seconds * SECONDS, source.read) == value
    assert source.reads == 1
    source.value = 7
    assert memory.get("key", AT + lasts * SECONDS, source.read) == 7
    assert source.reads == 2


def test_a_failure_is_not_kept_and_neither_is_what_was_kept_before_it() -> None:
    memory, source = fresh(), Source()
    memory.get("key", AT, source.read)

    def fail() -> int:
        return 1 // 0

    with pytest.raises(ZeroDivisionError):
        memory.get("key", AT + 15 * SECONDS, fail)
    assert memory.get("key", AT, source.read) == 1
    assert source.reads == 2


def test_what_was_asked_for_longest_ago_is_forgotten_first() -> None:
    memory, source = fresh(2), Source()
    for key in ("a", "b", "a", "c", "a", "b"):
        memory.get(key, AT, source.read)
    assert source.reads == 4


def test_a_value_is_read_once_though_many_threads_ask_together() -> None:
    memory, source, together = fresh(), Source(), threading.Barrier(16)

    def ask(read: Callable[[], int | None]) -> int | None:
        together.wait(10)
        return memory.get("key", AT, read)

    with ThreadPoolExecutor(16) as pool:
        assert set(pool.map(ask, [source.read] * 16)) == {1}
    assert source.reads == 1
