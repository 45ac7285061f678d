"""JSON as clients send it: the bad-input list of the issue."""

from __future__ import annotations

import json
import tracemalloc
from typing import Any

import pytest

from batchwork.domain.errors import MalformedBody
from batchwork.edge.json_text import parsed_json, unstorable


def detail(raw: bytes) -> str:
    with pytest.raises(MalformedBody) as refused:
        parsed_json(raw)
    return str(refused.value.facts["detail"])


def places(value: Any) -> list[tuple[str, str]]:
    return [(problem.place, problem.kind) for problem in unstorable(value)]


def test_what_is_json_is_read() -> None:
    value = {"a": [1, -2.5e3, True, None, "Grüße \N{GRINNING FACE}"], "b": {}}
    assert parsed_json(json.dumps(value, ensure_ascii=False).encode()) == value
    assert parsed_json(json.dumps(value).encode()) == value


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity"])
def test_constants_that_json_has_not_are_refused_and_named(number: str) -> None:
    assert detail(f'{{"a": [{number}]}}'.encode()) == f"{number} is no JSON number"


@pytest.mark.parametrize("number", ["1e999", "-1e999", "1.0e400"])
def test_a_number_beyond_every_double_is_refused(number: str) -> None:
    assert detail(f"[{number}]".encode()) == "a number is too large"


def test_a_small_number_is_zero_as_everywhere() -> None:
    assert parsed_json(b"[1e-999, 1e308]") == [0.0, 1e308]


def test_an_integer_of_thousands_of_digits_is_refused() -> None:
    assert detail(b"[" + b"9" * 5000 + b"]") == "a number is too large"
    assert parsed_json(b"[" + b"9" * 400 + b"]") == [int("9" * 400)]


@pytest.mark.parametrize("raw", [b"[" * 100_000, b'{"a":' * 100_000], ids=["lists", "objects"])
def test_what_is_nested_too_deeply_is_refused(raw: bytes) -> None:
    assert detail(raw) == "it is nested too deeply"


@pytest.mark.parametrize("raw", [b"\xff", b'"\xc3"'])
def test_what_is_not_utf_8_is_refused(raw: bytes) -> None:
    assert detail(raw) == "it is not UTF-8"


@pytest.mark.parametrize("raw", [b"", b"   ", b"{", b"{'a': 1}", b'{"a": 1,}', b"01", b"nonsense", b'"a\nb"', b"[] []"])
def test_what_is_no_json_is_told_by_its_place(raw: bytes) -> None:
    assert " at line " in detail(raw)


def test_a_bare_control_character_is_told_by_its_place() -> None:
    assert detail(b'["a\nb"]') == "Invalid control character at line 1 column 4"


def test_nothing_of_a_body_is_told() -> None:
    assert "TOPSECRET" not in detail(b'{"TOPSECRET": TOPSECRET}')


def test_a_readers_own_complaint_goes_first() -> None:
    with pytest.raises(MalformedBody) as refused:
        parsed_json(b"{", "Invalid JSON: EOF while parsing an object at line 1 column 1")
    assert refused.value.facts["detail"] == "EOF while parsing an object at line 1 column 1"


def test_halves_of_pairs_and_nul_are_told_where_they_stand() -> None:
    value = parsed_json(b'{"a": ["ok", "\\ud800"], "b": {"c\\u0000": 1}, "d": "\\udc00\\u0000", "e": "\\ud83d\\ude00"}')
    assert sorted(places(value)) == [
        ("a.1", "string_unicode"),
        ("b", "string_nul"),
        ("d", "string_nul"),
        ("d", "string_unicode"),
    ]
    assert places(parsed_json(b'["\xed\xa0\x80"]')) == [("0", "string_unicode")]
    assert places("\ud800") == [("body", "string_unicode")]
    assert places({"fine": ["\N{GRINNING FACE}", 1, None]}) == []


def test_a_name_that_cannot_be_shown_is_not_repeated() -> None:
    ((place, _),) = places({"x" * 65: {"\u202e": "\0"}})
    assert place == "….…"


def test_what_is_nested_deeper_than_python_calls_go_is_walked() -> None:
    deep: Any = "\0"
    for _ in range(100_000):
        deep = [deep]
    ((place, _),) = places(deep)
    assert place.count("0") == 100_000


def test_a_walk_holds_no_place_for_what_is_only_passed_by() -> None:
    # Break: unstorable, keep the written place of each entry that waits.
    deep: Any = [1] * 5_000
    for _ in range(800):
        deep = {"k" * 64: deep}
    tracemalloc.start()
    assert places(deep) == []
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2_000_000, "the places of all entries have 260 MB"


def test_names_are_told_before_what_stands_under_them_and_the_rest_in_its_order() -> None:
    assert places({"a": "\0", "b\0": {"\ud800": ["\0"], "": "\0"}, "c": "\0"}) == [
        ("body", "string_nul"),
        ("a", "string_nul"),
        ("…", "string_unicode"),
        ("….….0", "string_nul"),
        ("….", "string_nul"),
        ("c", "string_nul"),
    ]
