"""What a text says as a number, a date, money, yes or no."""

from __future__ import annotations

import pytest

from batchwork.processors.workflow_runs.extraction import coercion


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1234", 1234),
        ("$1,234.50", 1234.5),
        ("1.234,50 €", 1234.5),
        ("1 234 567,8", 1234567.8),
        ("1'234.50", 1234.5),
        ("1,234,567", 1234567),
        ("1.234.567", 1234567),
        ("0,5", 0.5),
        ("(5.00)", -5),
        ("-$7", -7),
        ("12%", 12),
        ("Net 30 days", 30),
        ("5 pieces of 7", 5),
        (".50", 0.5),
        ("5-", -5),
        ("5.00- EUR", -5),
        ("1,00,000.50", 100_000.5),
        ("5-  ", -5),
        ("10kg", 10),
        ("10m2", 10),
        ("EUR5", 5),
        ("100 -20", 100),
        ("CHF 5.-", 5),
        ("1.5E+05", 150_000),
        ("2e-3", 0.002),
        ("1e999", None),
        ("Page ...50", None),
        ("INV-7", None),
        ("none", None),
        ("", None),
        ("9" * 400, None),
    ],
)
def test_numbers_are_read_as_they_are_written_around_the_world(text: str, value: object) -> None:
    assert coercion.number_of(text) == value


@pytest.mark.parametrize(
    "text",
    [
        *("1.2.3", "192.168.0.1", "1,2,3", "1.00.000,5", "5'10", "1,234.56,78"),
        *("0x10", "0b11", "12AB34", "INV-5", "INV–5", "INV5", "INV/5"),
        *("10-20", "10–20", "5 - 10", "$5 - $10", "10-EUR 20"),
        *("2025-03-04", "03/04/2025", "3.4.2025", "10:30", "1/2"),
    ],
)
def test_what_is_no_number_is_none(text: str) -> None:
    assert coercion.amount_of(text) is None


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("$5", "USD"),
        ("5 EUR", "EUR"),
        ("CHF 5.–", "CHF"),
        ("C$ 5", "CAD"),
        ("£5", "GBP"),
        ("5€", "EUR"),
        ("5", None),
        ("5 PCS", None),
    ],
)
def test_money_tells_its_currency_where_it_is_written(text: str, code: str | None) -> None:
    found = coercion.amount_of(text)
    assert found == coercion.Amount(5.0, code)


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("2025-03-04", "2025-03-04"),
        ("2025/3/4 10:30", "2025-03-04"),
        ("03/04/2025", "2025-03-04"),
        ("25/04/2025", "2025-04-25"),
        ("3.4.2025", "2025-04-03"),
        ("04-03-25", "2025-04-03"),
        ("March 4, 2025", "2025-03-04"),
        ("4 Mar 2025", "2025-03-04"),
        ("the 4th of March 2025", "2025-03-04"),
        ("Sept. 4 2025", "2025-09-04"),
        ("Tuesday, March 4, 2025 (not 2025-05-05)", "2025-03-04"),
        ("4-Mar-25", "2025-03-04"),
        ("4/Mar/2025", "2025-03-04"),
        ("20250304", "2025-03-04"),
        ("2025-02-30 or 2025-03-04", "2025-03-04"),
        ("4 of them, 4 Mar 2025", "2025-03-04"),
        ("March 4 10:30", None),
        ("120250304", None),
        ("2025-02-30", None),
        ("13/13/2025", None),
        ("soon", None),
    ],
)
def test_dates_become_iso_8601(text: str, day: str | None) -> None:
    assert coercion.date_of(text) == day


@pytest.mark.parametrize(
    ("text", "value"),
    [("Yes", True), ("no.", False), ("[x]", True), ("[ ]", False), ("☑ paid", True), ("TRUE", True), ("perhaps", None)],
)
def test_yes_and_no_are_told_from_anything_else(text: str, value: bool | None) -> None:
    assert coercion.truth_of(text) is value


def test_integers_are_whole_numbers_only() -> None:
    assert coercion.integer_of("7.0") == 7
    assert coercion.integer_of("7.5") is None


def test_a_choice_is_the_text_or_the_longest_one_in_it() -> None:
    choices = ["open", "half_open", "closed", None]
    assert coercion.choice_of("Half Open", choices) == "half_open"
    assert coercion.choice_of("it is half open now", choices) == "half_open"
    assert coercion.choice_of("reopened", choices) is None
