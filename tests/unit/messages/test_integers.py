"""Integers of a workspace, handed out of blocks."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Lock

import pytest
from fakes.clock import FakeClock
from fakes.sequences import FakeSequences

from batchwork.use_cases.integers import LIFE, Integers


class Counted(FakeSequences):
    def __init__(self) -> None:
        super().__init__()
        self.calls = 0

    def reserve(self, workspace_id: str, count: int) -> int:
        self.calls += 1
        return super().reserve(workspace_id, count)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def sequences() -> Counted:
    return Counted()


def test_a_burst_of_batches_is_one_call_for_four(clock: FakeClock, sequences: Counted) -> None:
    integers = Integers(sequences, clock)
    firsts = [integers.reserve("acme", 2000) for _ in range(8)]
    assert firsts == [1 + 2000 * number for number in range(8)]
    assert sequences.calls == 2


def test_no_integer_is_handed_out_twice_by_functions_beside_each_other(clock: FakeClock, sequences: Counted) -> None:
    functions = [Integers(sequences, clock) for _ in range(3)]
    seen: list[int] = []
    for count in (5, 1, 3, 40, 2, 2, 7, 1):
        for function in functions:
            first = function.reserve("acme", count)
            seen += range(first, first + count)
    assert len(set(seen)) == len(seen)


def test_no_integer_is_handed_out_twice_to_threads() -> None:
    integers = Integers(LockedSequences(), FakeClock())
    with ThreadPoolExecutor(8) as pool:
        firsts = list(pool.map(lambda _: integers.reserve("acme", 3), range(400)))
    seen = {number for first in firsts for number in range(first, first + 3)}
    assert len(seen) == 1200


class LockedSequences:
    """Sequences that threads may share."""

    def __init__(self) -> None:
        self._lock, self._inner = Lock(), FakeSequences()

    def reserve(self, workspace_id: str, count: int) -> int:
        with self._lock:
            return self._inner.reserve(workspace_id, count)


def test_workspaces_share_no_block(clock: FakeClock, sequences: Counted) -> None:
    integers = Integers(sequences, clock)
    assert [integers.reserve(workspace, 5) for workspace in ("acme", "other", "acme")] == [1, 1, 6]


def test_a_request_larger_than_what_is_left_gets_a_block_of_its_own(clock: FakeClock, sequences: Counted) -> None:
    integers = Integers(sequences, clock)
    assert [integers.reserve("acme", count) for count in (1, 100, 1)] == [1, 5, 105]
    assert sequences.calls == 2


def test_what_is_left_of_an_old_block_is_not_handed_out(clock: FakeClock, sequences: Counted) -> None:
    """Chats are listed by their ids: one that starts now must not be listed below one of a minute ago."""
    integers = Integers(sequences, clock)
    integers.reserve("acme", 10)
    later = sequences.reserve("acme", 1)
    clock.pass_(LIFE)
    assert integers.reserve("acme", 10) > later
    assert timedelta() < LIFE <= timedelta(seconds=5)
