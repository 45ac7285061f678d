"""What names a row: the rule that loads and lookups share."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchwork.domain.lookup import MAX_ROW_KEY, row_key


@pytest.mark.parametrize("number", [0, 7, -7, 10**18, 10**511], ids=["zero", "seven", "minus", "long", "longest"])
def test_a_whole_number_and_its_decimal_text_are_the_same_key(number: int) -> None:
    assert row_key(number) == row_key(str(number)) == str(number)


@pytest.mark.parametrize("text", ["a", " ", "007", "7.0", "Straße 7", "😀", "a\nb"], ids=ascii)
def test_a_text_is_a_key_as_it_is(text: str) -> None:
    assert row_key(text) == text


@pytest.mark.parametrize(
    "value",
    [None, True, False, 7.0, 0.5, float("nan"), [], ["a"], {}, {"id": 1}, "", "\ud83d", "a\0", b"a"],
    ids=[
        "null",
        "true",
        "false",
        "seven",
        "half",
        "nan",
        "empty",
        "list",
        "object",
        "full",
        "text",
        "surrogate",
        "nul",
        "bytes",
    ],
)
def test_nothing_else_is_a_key(value: Any) -> None:
    assert row_key(value) is None


@pytest.mark.parametrize(
    ("longest", "more"),
    [("x" * MAX_ROW_KEY, "x"), ("ü" * (MAX_ROW_KEY // 2), "x"), ("9" * MAX_ROW_KEY, "9")],
    ids=["letters", "umlauts", "digits"],
)
def test_a_key_has_at_most_512_bytes(longest: str, more: str) -> None:
    assert row_key(longest) == longest
    assert row_key(longest + more) is None


@pytest.mark.parametrize("number", [10**MAX_ROW_KEY, -(10**511), 10**5000], ids=["513", "512-and-minus", "5001"])
def test_a_number_of_more_digits_is_none(number: int) -> None:
    assert row_key(number) is None


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(), st.lists, max_leaves=3))
def test_a_key_can_always_be_stored(value: Any) -> None:
    key = row_key(value)
    assert key is None or 1 <= len(key.encode()) <= 512
