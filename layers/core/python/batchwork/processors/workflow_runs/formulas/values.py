"""What formulas calculate with: booleans, numbers, texts, dates, money, arrays of these, and NULL (None)."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

#: JSON values, dates, Money, lists of them.
Value = Any


class FormulaError(ValueError):
    """A formula cannot be evaluated; the text says why, and quotes no value."""


@dataclass(frozen=True, slots=True)
class Money:
    """An amount of a currency; code: None where none was found, which goes with every one."""

    amount: float
    code: str | None


def taken(value: Value) -> Value:
    """Return a value of a run's JSON as formulas see it: an object of an amount and a currency is money."""
    if isinstance(value, dict) and "amount" in value and "iso_4217_currency_code" in value:
        amount = value["amount"]
        is_number = isinstance(amount, (int, float)) and not isinstance(amount, bool)
        return Money(float(amount), value["iso_4217_currency_code"]) if is_number else None
    if isinstance(value, list):
        return [taken(entry) for entry in value]
    return value


def flat(values: Any) -> Iterator[Value]:
    """Yield the single values of arrays in arrays."""
    for value in values:
        if isinstance(value, list):
            yield from flat(value)
        else:
            yield value


def is_blank(value: Value) -> bool:
    """Whether there is nothing: NULL, an empty text, an array or object with nothing in it."""
    if isinstance(value, list):
        return all(is_blank(entry) for entry in value)
    if isinstance(value, dict):
        return all(is_blank(entry) for entry in value.values())
    return value is None or (isinstance(value, str) and not value.strip())


def number(value: Value, what: str) -> float:
    """Return a value as a number. Raises FormulaError."""
    match value:
        case bool():
            return float(value)
        case int() | float():
            return float(value)
        case Money():
            return value.amount
        case str():
            try:
                found = float(value.replace(",", "")) if value.strip() and not value.strip()[-1:].isalpha() else None
            except ValueError:
                found = None
            if found is not None and math.isfinite(found):
                return found
    raise FormulaError(f"{what} needs a number, not {kind_of(value)}")


def day(value: Value, what: str) -> date:
    """Return a value as a date; texts are read as ISO 8601. Raises FormulaError."""
    if isinstance(value, date):
        return value
    if isinstance(value, str):
        found = iso_date(value)
        if found is not None:
            return found
    raise FormulaError(f"{what} needs a date, not {kind_of(value)}")


def iso_date(text: str) -> date | None:
    """Return the date of an ISO 8601 text, None for any other text."""
    text = text.strip()
    if len(text) < 10 or text[4] != "-":
        return None
    try:
        return datetime.fromisoformat(text).date() if len(text) > 10 else date.fromisoformat(text)
    except ValueError:
        return None


def text(value: Value) -> str:  # noqa: PLR0911 -- a table of types reads best as one
    """Return a value as text."""
    match value:
        case None:
            return ""
        case bool():
            return "TRUE" if value else "FALSE"
        case float() if value.is_integer() and abs(value) < 1e15:
            return str(int(value))
        case date():
            return value.isoformat()
        case Money():
            return text(value.amount)
        case list():
            return ", ".join(text(entry) for entry in value)
        case dict():
            raise FormulaError("an object is no text")
    return str(value)


def truth(value: Value, what: str) -> bool | None:
    """Return a value as true, false or NULL. Raises FormulaError."""
    match value:
        case None | bool():
            return value
        case int() | float():
            return bool(value)
        case str() if value.strip().upper() in {"TRUE", "FALSE"}:
            return value.strip().upper() == "TRUE"
    raise FormulaError(f"{what} needs TRUE or FALSE, not {kind_of(value)}")


def equal(left: Value, right: Value) -> bool:
    """Whether two single values are the same: texts without regard to case, numbers to fifteen digits."""
    if left is None or right is None:
        return left is right
    if isinstance(left, Money) and isinstance(right, Money):
        _same_currency(left, right)
    pair = _numbers(left, right)
    if pair is not None:
        return math.isclose(*pair, rel_tol=1e-12, abs_tol=1e-9)
    if isinstance(left, date) or isinstance(right, date):
        days = [value if isinstance(value, date) else _maybe_day(value) for value in (left, right)]
        return days[0] is not None and days[0] == days[1]
    if isinstance(left, str) and isinstance(right, str):
        return left.strip().casefold() == right.strip().casefold()
    return type(left) is type(right) and bool(left == right)


def order(left: Value, right: Value, what: str) -> int | None:
    """Return -1, 0 or 1, None where one of them is NULL. Raises FormulaError for what has no order."""
    if left is None or right is None:
        return None
    if isinstance(left, Money) and isinstance(right, Money):
        _same_currency(left, right)
    if isinstance(left, date) or isinstance(right, date):
        first, second = day(left, what), day(right, what)
        return (first > second) - (first < second)
    if isinstance(left, str) and isinstance(right, str):
        one, two = left.casefold(), right.casefold()
        return (one > two) - (one < two)
    a, b = number(left, what), number(right, what)
    return 0 if math.isclose(a, b, rel_tol=1e-12, abs_tol=1e-9) else (a > b) - (a < b)


def calculated(sign: str, left: Value, right: Value) -> Value:
    """Return left + - * / ^ right; NULL where one of them is. Raises FormulaError."""
    if left is None or right is None:
        return None
    if sign in "+-":
        dated = _moved(sign, left, right)
        if dated is not None:
            return dated
    code = None
    if isinstance(left, Money) and isinstance(right, Money):
        code = _same_currency(left, right)
    elif isinstance(left, Money):
        code = left.code
    elif isinstance(right, Money):
        code = right.code
    found = _calculated(sign, number(left, sign), number(right, sign))
    ratio = sign == "/" and isinstance(right, Money)
    is_money = isinstance(left, Money) or isinstance(right, Money)
    return Money(found, code) if is_money and not ratio and sign != "^" else found


def _calculated(sign: str, a: float, b: float) -> float:
    try:
        match sign:
            case "+":
                found = a + b
            case "-":
                found = a - b
            case "*":
                found = a * b
            case "/":
                found = a / b
            case _:
                found = math.pow(a, b)
    except ZeroDivisionError:
        raise FormulaError("division by zero") from None
    except (OverflowError, ValueError):
        raise FormulaError("the number is too large") from None
    if not math.isfinite(found):
        raise FormulaError("the number is too large")
    return found


def _moved(sign: str, left: Value, right: Value) -> Value:
    """Return a date some days later or earlier, or the days between two dates; None where no dates are meant."""
    first = left if isinstance(left, date) else _maybe_day(left)
    if first is None:
        return None
    second = right if isinstance(right, date) else _maybe_day(right)
    if second is not None and sign == "-":
        return float((first - second).days)
    try:
        days = int(number(right, sign))
        return date.fromordinal(first.toordinal() + (days if sign == "+" else -days))
    except (ValueError, OverflowError) as exc:
        if isinstance(exc, FormulaError):
            raise
        raise FormulaError("the date is out of range") from exc


def _maybe_day(value: Value) -> date | None:
    return iso_date(value) if isinstance(value, str) else None


def _numbers(left: Value, right: Value) -> tuple[float, float] | None:
    """Return two values as numbers where one of them is a number and the other can be one."""
    if isinstance(left, bool) or isinstance(right, bool):
        return None
    if isinstance(left, (int, float, Money)) or isinstance(right, (int, float, Money)):
        try:
            return number(left, "="), number(right, "=")
        except FormulaError:
            return None
    return None


def _same_currency(left: Money, right: Money) -> str | None:
    if left.code and right.code and left.code != right.code:
        raise FormulaError("amounts of different currencies cannot be compared or calculated with")
    return left.code or right.code


def kind_of(value: Value) -> str:  # noqa: PLR0911 -- the same
    """Return what a value is, in a word that errors may show."""
    match value:
        case None:
            return "NULL"
        case bool():
            return "a boolean"
        case int() | float():
            return "a number"
        case str():
            return "a text"
        case Money():
            return "an amount of money"
        case list():
            return "an array"
        case date():
            return "a date"
    return "an object"
