from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from batchwork.domain.recent import Recent


def test_a_value_is_made_once_though_many_threads_ask_together() -> None:
    made: list[int] = []
    recent: Recent[str, int] = Recent(4)
    together = threading.Barrier(16)

    def ask(_: int) -> int:
        together.wait(10)
        return recent.get("key", lambda: made.append(1) or len(made))

    with ThreadPoolExecutor(16) as pool:
        assert set(pool.map(ask, range(16))) == {1}
    assert made == [1]


def test_what_was_asked_for_longest_ago_is_forgotten_first() -> None:
    made: list[str] = []
    recent: Recent[str, str] = Recent(2)
    for key in ("a", "b", "a", "c", "a", "b"):
        recent.get(key, lambda key=key: made.append(key) or key)
    assert made == ["a", "b", "c", "b"]


def test_a_failure_is_not_kept() -> None:
    recent: Recent[str, int] = Recent(2)
    with pytest.raises(ZeroDivisionError):
        recent.get("key", lambda: 1 // 0)
    assert recent.get("key", lambda: 7) == 7
