"""What is an Idempotency-Key, and what two requests are the same (spec lookups 2.4; the IETF's draft)."""

from __future__ import annotations

import itertools

import pytest

from batchwork.domain.idempotency import digest, key_of

UUID = "3f2c1f6e-8a4b-4f0e-9d3e-0a1b2c3d4e5f"
LONGEST = "k" * 255


@pytest.mark.parametrize(
    ("header", "key"),
    [
        pytest.param(UUID, UUID, id="a UUID"),
        pytest.param("k", "k", id="one character"),
        pytest.param(LONGEST, LONGEST, id="255 characters"),
        pytest.param(f'"{LONGEST}"', LONGEST, id="255 characters in quotes"),
        pytest.param(f'"{UUID}"', UUID, id="quoted"),
        pytest.param(f"  \t{UUID}\t ", UUID, id="spaces around"),
        pytest.param(f' "{UUID}" ', UUID, id="spaces around quotes"),
        pytest.param("order 17 of today", "order 17 of today", id="spaces inside"),
        pytest.param("!#$%&'()*+,-./:;<=>?@[]^_`{|}~", "!#$%&'()*+,-./:;<=>?@[]^_`{|}~", id="punctuation"),
        pytest.param(r'"a\"b\\c"', r'a"b\c', id="escapes in quotes"),
        pytest.param(r"a\b", r"a\b", id="a backslash outside of quotes"),
        pytest.param('a"b', 'a"b', id="a quote inside"),
        pytest.param('"', '"', id="a lone quote"),
        pytest.param('"' + r"\"" * 255 + '"', '"' * 255, id="255 escaped characters"),
    ],
)
def test_a_key_is_1_to_255_printable_characters_bare_or_quoted(header: str, key: str) -> None:
    assert key_of(header) == key


@pytest.mark.parametrize(
    "header",
    [
        pytest.param("", id="nothing"),
        pytest.param("   \t", id="spaces only"),
        pytest.param('""', id="nothing in quotes"),
        pytest.param('"  "', id="spaces in quotes"),
        pytest.param('" k"', id="a space first in quotes"),
        pytest.param("k" * 256, id="256 characters"),
        pytest.param('"' + "k" * 256 + '"', id="256 characters in quotes"),
        pytest.param("k" * 100_000, id="100000 characters"),
        pytest.param("schlüssel", id="not ASCII"),
        pytest.param("鍵", id="not Latin"),
        pytest.param("k\u00a0", id="a space that is none"),
        pytest.param("\ud800", id="half of a pair"),
        pytest.param("a\0b", id="NUL"),
        pytest.param("a\nb", id="a line feed"),
        pytest.param("ab\n", id="a line feed at the end"),
        pytest.param("a\tb", id="a tab inside"),
        pytest.param("\x7f", id="DEL"),
    ],
)
def test_anything_else_is_no_key(header: str) -> None:
    assert key_of(header) is None


def test_quoted_and_bare_name_the_same_key_and_case_another() -> None:
    assert key_of(f'"{UUID}"') == key_of(UUID) != key_of(UUID.upper())


def test_digests_tell_parts_apart_that_read_the_same_when_joined() -> None:
    parts = [(b"ab", b"c"), (b"a", b"bc"), (b"abc",), (b"abc", b""), (b"", b"abc"), ()]
    assert all(digest(*one) != digest(*other) for one, other in itertools.combinations(parts, 2))
    assert digest(b"ab", b"c") == digest(b"ab", b"c")
