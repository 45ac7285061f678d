from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from batchwork.domain.recent import Recent


class Made:
    """Remembers what was made, in order."""

    def __init__(self) -> None:
        self.keys: list[str] = []

    def maker(self, key: str) -> Callable[[], str]:
        def make() -> str:
            self.keys.append(key)
            return key.upper()

        return make


def test_a_value_is_made_once_though_many_threads_ask_together() -> None:
    made = Made()
    recent: Recent[str, str] = Recent(4)
    together = threading.Barrier(16)

    def ask(_: int) -> str:
        together.wait(10)
        return recent.get("key", made.maker("key"))

    with ThreadPoolExecutor(16) as pool:
        assert set(pool.map(ask, range(16))) == {"KEY"}
    assert made.keys == ["key"]


def test_what_was_asked_for_longest_ago_is_forgotten_first() -> None:
    made = Made()
    recent: Recent[str, str] = Recent(2)
    for key in ("a", "b", "a", "c", "a", "b"):
        recent.get(key, made.maker(key))
    assert made.keys == ["a", "b", "c", "b"]


def test_a_failure_is_not_kept() -> None:
    recent: Recent[str, int] = Recent(2)
    with pytest.raises(ZeroDivisionError):
        recent.get("key", lambda: 1 // 0)
    assert recent.get("key", lambda: 7) == 7
