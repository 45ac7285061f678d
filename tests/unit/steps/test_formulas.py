"""Formulas of rules: what they say, what is as in spreadsheets, and what bounds them."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from batchwork.processors.workflow_runs.formulas import evaluation
from batchwork.processors.workflow_runs.formulas.evaluation import Evaluation, check
from batchwork.processors.workflow_runs.formulas.functions import FUNCTIONS
from batchwork.processors.workflow_runs.formulas.syntax import MAX_LENGTH, SyntaxFault
from batchwork.processors.workflow_runs.formulas.values import FormulaError, Money
from batchwork.processors.workflow_runs.scope import Scope

TODAY = date(2026, 1, 15)
VALUE = {
    "subtotal": 100,
    "tax": 10,
    "total": 110,
    "address": "1 Main St",
    "missing": None,
    "vendor_name": "Albertson's",
    "date": "2026-01-05",
    "due_date": "2026-02-04",
    "paid": {"amount": 110, "iso_4217_currency_code": "USD"},
    "fee": {"amount": 5, "iso_4217_currency_code": "AUD"},
    "categories": ["urgent", "tax"],
    "line_items": [{"price": 0.1, "quantity": 3, "total": 0.3}, {"price": 2, "quantity": 2, "total": 5}],
}


def value_of(formula: str) -> Any:
    scope = Scope({"limit": 200, "tags": ["a"]})
    scope.note("classification1", {"output": {"type": "invoice"}}, "invoice")
    scope.note("extraction1", {"output": {"value": VALUE}}, VALUE)
    scope.note("Validate Total", None, {"allPassed": True})
    return Evaluation(scope, TODAY).of(check(formula))


@pytest.mark.parametrize(
    "formula",
    [
        "ISPRESENT(extraction1.address)",
        "extraction1.total = extraction1.subtotal + extraction1.tax",
        "extraction1.total > 0 AND extraction1.total < 10000",
        'IF(classification1 = "invoice", ISPRESENT(extraction1.total), TRUE)',
        'CONTAINS(extraction1.categories, "urgent")',
        'FUZZYMATCH(extraction1.vendor_name, "Albertsons", 0.8)',
    ],
)
def test_the_examples_of_the_public_documentation_hold(formula: str) -> None:
    assert value_of(formula) is True


@pytest.mark.parametrize(
    ("formula", "value"),
    [
        ("1 + 2 * 3 - 4 / 2", 5),
        ("(1 + 2) * 3", 9),
        ("2 ^ 3 ^ 2", 64),
        ("-2 ^ 2", 4),
        ("10% * 50", 5),
        ("0.1 + 0.2 = 0.3", True),
        ('"Invoice" = "INVOICE"', True),
        ('EXACT("Invoice", "INVOICE")', False),
        ('"a" & "b" & 1', "ab1"),
        ('"say ""hi"""', 'say "hi"'),
        ("1 <> 2 AND 1 != 2", True),
        ("TRUE OR FALSE AND FALSE", True),
        ("NOT extraction1.total > 5", False),
        ("NOT(FALSE) = TRUE", True),
        ("=1 = 1", True),
        ("true", True),
    ],
)
def test_operators_bind_as_in_spreadsheets(formula: str, value: object) -> None:
    assert value_of(formula) == value


@pytest.mark.parametrize(
    ("formula", "value"),
    [
        ("extraction1.missing + 1", None),
        ("extraction1.nowhere > 1", None),
        ("extraction1.missing = NULL", True),
        ("extraction1.total = NULL", False),
        ("extraction1.missing > 1 AND FALSE", False),
        ("extraction1.missing > 1 OR TRUE", True),
        ("ISBLANK(extraction1.missing)", True),
        ("IFBLANK(extraction1.missing, 7)", 7),
        ("SUM(extraction1.missing, 2)", 2),
        ("another.field", None),
    ],
)
def test_what_is_not_there_is_null_and_spreads_where_it_matters(formula: str, value: object) -> None:
    assert value_of(formula) == value


@pytest.mark.parametrize(
    ("formula", "value"),
    [
        (
            "extraction1.line_items.total = extraction1.line_items.price * extraction1.line_items.quantity",
            [True, False],
        ),
        ("SUM(extraction1.line_items.total)", 5.3),
        ("COUNT(extraction1.line_items)", 2),
        ("extraction1.line_items[1].price", 2),
        ("MAX(extraction1.line_items.quantity, 7)", 7),
        ("AND(extraction1.line_items.price > 0)", True),
        ("extraction1.line_items.quantity > 2", [True, False]),
        ("IF(extraction1.line_items.quantity > 2, 1, 0)", [1, 0]),
        ("UPPER(extraction1.categories)", ["URGENT", "TAX"]),
    ],
)
def test_arrays_are_taken_value_by_value_or_together(formula: str, value: object) -> None:
    assert value_of(formula) == pytest.approx(value) if isinstance(value, float) else value_of(formula) == value


def test_arrays_of_different_lengths_do_not_go_together() -> None:
    with pytest.raises(FormulaError, match="different lengths"):
        value_of("extraction1.line_items.total = UNIQUE(1, 2, 3)")


def test_money_is_calculated_with_as_numbers_are() -> None:
    assert value_of("extraction1.paid = extraction1.total") is True
    assert value_of("extraction1.paid * 2") == Money(220, "USD")
    assert value_of("extraction1.paid / extraction1.paid") == 1
    assert value_of("SUM(extraction1.paid, 10)") == Money(120, "USD")


@pytest.mark.parametrize("sign", ["+", "=", "<"])
def test_different_currencies_do_not_go_together(sign: str) -> None:
    with pytest.raises(FormulaError, match="different currencies"):
        value_of(f"extraction1.paid {sign} extraction1.fee")


@pytest.mark.parametrize(
    ("formula", "value"),
    [
        ("extraction1.due_date - extraction1.date", 30),
        ("extraction1.date + 30 = extraction1.due_date", True),
        ("DAYS(extraction1.due_date, extraction1.date) <= 30", True),
        ("extraction1.date < TODAY()", True),
        ('DATEDIF(extraction1.date, "2027-03-04", "M")', 13),
        ("EDATE(DATE(2025, 1, 31), 1)", date(2025, 2, 28)),
        ("YEAR(extraction1.date) * 100 + MONTH(extraction1.date)", 202601),
        ("WEEKDAY(DATE(2026, 1, 4))", 1),
    ],
)
def test_dates_are_calculated_with_in_days(formula: str, value: object) -> None:
    assert value_of(formula) == value


@pytest.mark.parametrize(
    ("formula", "value"),
    [
        ("ROUND(2.345, 2)", 2.35),
        ("ROUND(-2.5)", -3),
        ("ROUND(1234, -2)", 1200),
        ("MOD(-1, 3)", 2),
        ("AVERAGE(1, 2, 6)", 3),
        ('LEN(TRIM("  a   b "))', 3),
        ('MID("abcdef", 2, 3)', "bcd"),
        ('RIGHT("abc", 2) & LEFT("abc")', "bca"),
        ('SUBSTITUTE("a-b-c", "-", "")', "abc"),
        ('REGEXMATCH("INV-0042", "^INV-[0-9]{4}$")', True),
        ('REGEXEXTRACT("INV-0042", "INV-0*([0-9]+)")', "42"),
        ('STARTSWITH("Invoice", "inv")', True),
        ('JOIN(", ", "a", NULL, "b")', "a, b"),
        ("COUNT(UNIQUE(1, 2, 2))", 2),
        ('VALUE("1,200.50")', 1200.5),
        ('IFERROR(1 / 0, "none")', "none"),
    ],
)
def test_functions_do_what_their_names_say_in_spreadsheets(formula: str, value: object) -> None:
    assert value_of(formula) == pytest.approx(value) if isinstance(value, float) else value_of(formula) == value


def test_names_can_be_quoted_or_braced() -> None:
    assert value_of("'Validate Total'.allPassed") is True
    assert value_of("{{extraction1.line_items[0].quantity}} = 3") is True
    assert value_of("metadata.limit = 200") is True


def test_what_decides_alone_leaves_the_other_side_unevaluated() -> None:
    assert value_of("ISPRESENT(extraction1.missing) AND 1 / 0 > 1") is False
    assert value_of("TRUE OR 1 / 0 > 1") is True
    assert value_of("IF(TRUE, 1, 1 / 0)") == 1


@pytest.mark.parametrize(
    ("formula", "says"),
    [
        ("", "empty"),
        ("1 +", "value is missing"),
        ("(1", r"'\)' is missing at its end"),
        ("1 2", "position 3"),
        ("a..b", "field's name is missing"),
        ("a[x]", "position is missing"),
        ("NOPE(1)", "no function NOPE"),
        ("ISPRESENT()", "takes 1 arguments, not 0"),
        ("ROUND(1, 2, 3)", "takes 1 to 2"),
        ("a ; b", "unexpected character at position 3"),
        ('"open', "unexpected character"),
        ("{{ }}", "no variable"),
        ("(" * 200 + "1" + ")" * 200, "levels deep"),
        ("1+" * MAX_LENGTH + "1", "at most"),
    ],
)
def test_a_formula_that_cannot_be_read_says_where(formula: str, says: str) -> None:
    with pytest.raises(SyntaxFault, match=says):
        check(formula)


@pytest.mark.parametrize(
    ("formula", "says"),
    [
        ("1 / 0", "division by zero"),
        ("10 ^ 400", "too large"),
        ('"a" + 1', "needs a number, not a text"),
        ("SQRT(-1)", "no result"),
        ("DATE(2026, 2, 30)", "no such day"),
        ('DATEDIF("2026-01-01", "2026-01-02", "H")', "DATEDIF needs"),
        ('REGEXMATCH("a", "(")', "REGEXMATCH"),
        ("extraction1.address AND TRUE", "needs TRUE or FALSE"),
        ("YEAR(5)", "needs a date, not a number"),
        ("extraction1.date + 9999999999", "out of range"),
    ],
)
def test_what_has_no_value_says_why_and_quotes_nothing(formula: str, says: str) -> None:
    with pytest.raises(FormulaError, match=says) as caught:
        value_of(formula)
    assert "Main" not in str(caught.value)


def test_the_work_of_a_formula_is_bounded() -> None:
    scope = Scope({"many": [1.0] * 60_000})
    with pytest.raises(FormulaError, match="too much work"):
        Evaluation(scope, TODAY).of(check("metadata.many * 2 + metadata.many * 3"))
    assert len(Evaluation(scope, TODAY).of(check("metadata.many * 2"))) == 60_000
    assert evaluation.MAX_WORK == 200_000


def test_texts_cannot_grow_without_end() -> None:
    scope = Scope({"text": "x" * 150_000})
    for formula in (
        "metadata.text & metadata.text",
        'SUBSTITUTE(metadata.text, "x", "yyyy")',
        "CONCAT(metadata.text, metadata.text)",
    ):
        with pytest.raises(FormulaError, match="more than"):
            Evaluation(scope, TODAY).of(check(formula))


def test_texts_that_are_compared_by_likeness_are_short() -> None:
    scope = Scope({"text": "x" * 5_000})
    with pytest.raises(FormulaError, match="FUZZYMATCH"):
        Evaluation(scope, TODAY).of(check('FUZZYMATCH(metadata.text, "y")'))


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_no_function_falls_over_what_it_is_given(name: str) -> None:
    function = FUNCTIONS[name]
    odd: list[Any] = [None, True, -1.5, 1e308, 10**400, "", "x", "2026-01-05", [], [None, "x"], {"a": 1}]
    odd.append({"amount": 1, "iso_4217_currency_code": None})
    for value in odd:
        for count in range(function.least, min(function.most, function.least + 1) + 1):
            node = check(f"{name}({', '.join(['metadata.v'] * count)})")
            try:
                Evaluation(Scope({"v": value}), TODAY).of(node)
            except FormulaError:
                continue


@pytest.mark.parametrize("sign", ["+", "-", "*", "/", "^", "=", "<", "&", "AND"])
def test_no_operator_falls_over_what_it_is_given(sign: str) -> None:
    for value in (10**400, 1e308, {"a": 1}, [10**400, "x"], "9" * 400, True):
        try:
            Evaluation(Scope({"v": value}), TODAY).of(check(f"metadata.v {sign} metadata.v"))
        except FormulaError:
            continue
