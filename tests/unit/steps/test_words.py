"""Classes told by words: keywords and patterns of their owner, else the words of their types and descriptions."""

from __future__ import annotations

from typing import Any

import pytest
from unit.steps.tasks import told

from batchwork.domain.item import Json
from batchwork.processors.workflow_runs.words import (
    LOOKED_AT,
    MAX_CLASSES,
    MAX_KEYWORD,
    MAX_KEYWORDS,
    Words,
    kinds_of,
    matches,
    problems_of,
    words_of,
)

INVOICE = {"id": "inv", "type": "purchase_invoice", "description": "An invoice of a supplier, with the amount due"}
RECEIPT = {"id": "rec", "type": "receipt", "description": "A receipt of a shop"}


def a_class(**fields: Any) -> Json:
    return {"id": "one", "type": "thing", "description": "", **fields}


def ranked(text: str, *classes: Json) -> list[tuple[str, float]]:
    """Return (id, score) of each class, the best first."""
    return [(match.kind.id, match.score) for match in matches(kinds_of(classes), text, lambda: None)]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Amount due: 5", ["amount", "due", "5"]),
        ("purchase_invoice", ["purchase", "invoice"]),
        ("purchaseInvoice", ["purchase", "invoice"]),
        ("STRASSE Straße", ["strasse", "strasse"]),
        ("… - !", []),
    ],
)
def test_words_are_what_stands_between_signs_without_case(text: str, words: list[str]) -> None:
    assert words_of(text) == words


def test_a_phrase_is_its_words_in_a_row() -> None:
    words = Words("The AMOUNT-due is 5.\nAmount\ndue later")
    assert words.has(["amount", "due"])
    assert not words.has(["due", "amount"])
    assert not words.has(["mount"])


def test_only_the_beginning_of_a_long_text_is_looked_at() -> None:
    assert not Words("x " * LOOKED_AT + "invoice").has(["invoice"])


def test_the_name_of_a_type_says_most() -> None:
    (first, score), (second, less) = ranked("Receipt of the shop", INVOICE, RECEIPT)
    assert (first, second) == ("rec", "inv")
    assert score > 2 > less == 0


def test_words_that_every_description_has_say_nothing() -> None:
    assert ranked("this is a document with pages of the type", INVOICE, RECEIPT) == [("inv", 0), ("rec", 0)]


def test_own_keywords_replace_the_words_of_the_type() -> None:
    own = {**RECEIPT, "keywords": ["thank you for your visit"]}
    assert ranked("receipt of a shop", own) == [("rec", 0)]
    assert ranked("Thank you, for your visit!", own) == [("rec", 1)]


def test_a_pattern_counts_more_than_a_keyword() -> None:
    by_pattern = a_class(id="pattern", patterns=[r"INV-\d+"])
    by_keyword = a_class(id="keyword", keywords=["invoice"])
    assert ranked("Invoice INV-77", by_keyword, by_pattern) == [("pattern", 2), ("keyword", 1)]
    (match, _) = matches(kinds_of([by_pattern, by_keyword]), "Invoice INV-77", lambda: None)
    assert match.found == ("pattern 1",)


def test_of_two_that_fit_as_well_the_first_is_the_best() -> None:
    one, two = a_class(id="one", keywords=["a"]), a_class(id="two", keywords=["b"])
    assert [each for each, _ in ranked("b a", two, one)] == ["two", "one"]
    assert [each for each, _ in ranked("b a", one, two)] == ["one", "two"]


@pytest.mark.parametrize(
    ("fields", "fallback"),
    [
        ({"type": "other"}, True),
        ({"id": "other"}, True),
        ({"type": "Other"}, True),
        ({"id": "cls_other", "type": "anything_other"}, True),
        ({"type": "mother"}, False),
        ({"type": "other_invoice"}, False),
    ],
)
def test_the_class_of_what_fits_no_other_is_told_by_its_name(fields: Json, fallback: bool) -> None:
    (kind,) = kinds_of([a_class(**fields)])
    assert kind.is_fallback is fallback


@pytest.mark.parametrize(
    ("classes", "says"),
    [
        (None, "here: must be an array of 1 to"),
        ([], "here: must be an array of 1 to"),
        (
            [a_class(id=str(number)) for number in range(MAX_CLASSES + 1)],
            f"here: must be an array of 1 to {MAX_CLASSES}",
        ),
        (["invoice"], "here[0]: must be an object"),
        ([a_class(id=7)], "here[0].id: must be a text"),
        ([a_class(type=" ")], "here[0].type: must be a text"),
        ([a_class(description=7)], "here[0].description: must be a text"),
        ([a_class(), a_class()], "here[1].id: must be unique"),
        ([a_class(keywords="invoice")], "here[0].keywords: must be an array"),
        (
            [a_class(keywords=["a"] * (MAX_KEYWORDS + 1))],
            f"here[0].keywords: must be an array of at most {MAX_KEYWORDS}",
        ),
        ([a_class(keywords=["fine", "!"])], "here[0].keywords[1]: must have a word"),
        ([a_class(keywords=["x" * (MAX_KEYWORD + 1)])], "here[0].keywords[0]: must have a word, and at most"),
        ([a_class(patterns=["("])], "here[0].patterns[0]: cannot be used"),
        ([a_class(patterns=[r"(a)\1"])], "here[0].patterns[0]: cannot be used"),
        ([a_class(patterns=[""])], "here[0].patterns[0]: must be a text"),
        ([a_class(patterns=["x" * 1_001])], "here[0].patterns[0]: cannot be used: a pattern has at most 1000"),
    ],
)
def test_what_is_wrong_with_classes_is_told_at_its_place(classes: Any, says: str) -> None:
    (problem,) = told(problems_of(classes, "here"))
    assert problem.startswith(says)


def test_sound_classes_are_fine() -> None:
    classes = [INVOICE, {"id": "x", "type": "y", "keywords": ["amount due"], "patterns": [r"(?i)no\.? (\d+)"]}]
    assert told(problems_of(classes, "here")) == []


def test_the_time_that_is_left_is_looked_at_before_each_class_and_each_pattern() -> None:
    looks: list[None] = []
    kinds = kinds_of([a_class(id="one", patterns=["a", "b", "c"]), a_class(id="two", keywords=["a"])])
    matches(kinds, "text", lambda: looks.append(None))
    assert len(looks) == 5

    def over() -> None:
        raise TimeoutError

    with pytest.raises(TimeoutError):
        matches(kinds, "text", over)
