"""Sequences: what the fake and the table must both do."""

from __future__ import annotations

import pytest
from fakes.sequences import FakeSequences

from batchwork.adapters.dynamodb.sequences import DynamoSequences
from batchwork.ports.identity import Sequences


@pytest.fixture(params=["fake", "table"])
def sequences(request: pytest.FixtureRequest) -> Sequences:
    if request.param == "fake":
        return FakeSequences()
    return DynamoSequences(request.getfixturevalue("table"))


def test_reservations_start_at_one_and_never_overlap(sequences: Sequences) -> None:
    assert [sequences.reserve("acme", count) for count in (1, 10, 2000, 1)] == [1, 2, 12, 2012]


def test_workspaces_count_for_themselves(sequences: Sequences) -> None:
    sequences.reserve("acme", 500)
    assert sequences.reserve("other", 3) == 1


def test_nothing_cannot_be_reserved(sequences: Sequences) -> None:
    with pytest.raises(ValueError, match="0"):
        sequences.reserve("acme", 0)


def test_workspaces_themselves_are_numbered_by_the_sequence_of_none(sequences: Sequences) -> None:
    sequences.reserve("acme", 500)
    assert [sequences.reserve("", 1) for _ in range(3)] == [1, 2, 3]
