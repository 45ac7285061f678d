from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from batchwork import operations
from batchwork.adapters import packing, s3
from batchwork.adapters.clock import SystemClock
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


@pytest.mark.parametrize("kind", ["S3Media", "S3Blobs"])
def test_a_bucket_is_opened_once_though_many_operations_need_it_first_together(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Break: made_once, functools.cache instead: each of the threads makes a client of its own.
    class Opened:
        def __init__(self, name: str) -> None:
            made.append(name)
            time.sleep(0.01)  # as long as a client takes

    made: list[str] = []
    monkeypatch.setattr(s3, kind, Opened)
    dynamodb: Any = object()
    media = operations.media_files("table", dynamodb, SystemClock(), "bucket")
    opened = {"S3Media": media.blobs, "S3Blobs": packing.bucket("bucket")}[kind]
    together = threading.Barrier(16)

    def ask(_: int) -> int:
        together.wait(10)
        return id(opened())

    with ThreadPoolExecutor(16) as pool:
        assert len(set(pool.map(ask, range(16)))) == 1
    assert made == ["bucket"]
