from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchwork.domain.chunk import MAX_CHUNK, Cut


@pytest.mark.parametrize(
    ("total", "slice_size", "chunks", "chunk_size"),
    [(1, 10, 1, 10), (10, 10, 1, 10), (11, 10, 2, 10), (100, 10, 10, 10), (1000, 10, 10, 100), (1000, 100, 10, 100)],
)
def test_a_batch_is_queued_by_ten_messages_at_the_most(
    total: int, slice_size: int, chunks: int, chunk_size: int
) -> None:
    cut = Cut.of(total, slice_size)
    assert (cut.chunks, cut.chunk_size) == (chunks, chunk_size)


@given(total=st.integers(1, 1000), slice_size=st.integers(1, 100))
def test_every_item_is_in_exactly_one_slice_of_exactly_one_chunk(total: int, slice_size: int) -> None:
    cut = Cut.of(total, slice_size)
    units = [unit for chunk in range(cut.chunks) for unit in cut.slices_of(chunk)]
    assert [index for unit in units for index in unit.indexes] == list(range(total))
    assert [unit.number for unit in units] == list(range(cut.slices))
    assert all(cut.unit(unit.number) == unit for unit in units)


@given(total=st.integers(1, 1000), slice_size=st.integers(1, 100))
def test_unit_numbers_of_slices_and_single_items_never_meet(total: int, slice_size: int) -> None:
    cut = Cut.of(total, slice_size)
    singles = [cut.single(index) for index in range(total)]
    assert {unit.number for unit in singles}.isdisjoint(range(cut.slices))
    assert all(cut.unit(unit.number) == unit and unit.start in cut.items_of(unit.chunk) for unit in singles)


@given(st.integers(1, 1000))
def test_a_batch_may_be_cut_into_fewer_chunks(total: int) -> None:
    cut = Cut.of(total, 1, chunks=1)
    assert cut.chunk_size <= MAX_CHUNK
    assert cut.chunks == -(-total // MAX_CHUNK)
