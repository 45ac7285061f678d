"""What formulas can call. Each function takes values that are already evaluated.

IF, IFERROR and the like, which leave arguments unevaluated, are in evaluation.py.
"""

from __future__ import annotations

import calendar
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date

from batchwork.processors.workflow_runs.formulas.values import (
    FormulaError,
    Money,
    Value,
    calculated,
    day,
    equal,
    flat,
    is_blank,
    number,
    order,
    text,
    truth,
)
from batchwork.processors.workflow_runs.patterns import PatternFault, compiled

#: Characters of a text that comes of a formula, and of one that is compared by likeness.
MAX_TEXT, MAX_LIKENESS = 200_000, 300


@dataclass(frozen=True, slots=True)
class Function:
    """A function: how many arguments it takes, and whether it takes arrays whole (else it works on them value by value)."""

    call: Callable[..., Value]
    least: int
    most: int
    whole: bool = False


def _numbers(arguments: Sequence[Value], what: str) -> tuple[list[float], str | None, bool]:
    """Return (numbers, their currency, whether they are money) of all arguments, what is NULL left out."""
    total: Value = None
    found: list[float] = []
    for value in flat(arguments):
        if value is None or value == "":
            continue
        total = value if total is None else calculated("+", total, value) if isinstance(value, Money) else total
        found.append(number(value, what))
    money = next((value for value in flat(arguments) if isinstance(value, Money)), None)
    return found, money.code if money else None, money is not None


def _summed(how: Callable[[list[float]], float], what: str, empty: Value) -> Callable[..., Value]:
    def call(*arguments: Value) -> Value:
        found, code, is_money = _numbers(arguments, what)
        if not found:
            return empty
        result = how(found)
        return Money(result, code) if is_money else result

    return call


def _extreme(what: str, wanted: int) -> Callable[..., Value]:
    def call(*arguments: Value) -> Value:
        best: Value = None
        for value in flat(arguments):
            if value is not None and (best is None or order(value, best, what) == wanted):
                best = value
        return best

    return call


def _all(*arguments: Value) -> bool | None:
    values = [truth(value, "AND") for value in flat(arguments)]
    return False if False in values else None if None in values else True


def _any(*arguments: Value) -> bool | None:
    values = [truth(value, "OR") for value in flat(arguments)]
    return True if True in values else None if None in values else False


def _not(value: Value) -> bool | None:
    found = truth(value, "NOT")
    return None if found is None else not found


def _contains(where: Value, what: Value) -> bool | None:
    if isinstance(where, list):
        return any(equal(entry, what) for entry in flat(where))
    if where is None or what is None:
        return None
    return text(what).casefold() in text(where).casefold()


def _round(direction: Callable[[float], float] | None, what: str) -> Callable[..., Value]:
    def call(value: Value, digits: Value = 0.0) -> Value:
        if value is None:
            return None
        places = int(number(digits, what))
        if abs(places) > 15:
            raise FormulaError(f"{what} takes at most 15 digits")
        scale = 10.0**places
        scaled = number(value, what) * scale
        # Half goes away from zero, as in spreadsheets; what is a hair below half by its binary form counts as half.
        near = math.copysign(math.floor(abs(scaled) * (1 + 1e-15) + 0.5), scaled)
        rounded = (near if direction is None else direction(scaled)) / scale
        return Money(rounded, value.code) if isinstance(value, Money) else rounded

    return call


def _of_number(how: Callable[[float], float], what: str) -> Callable[..., Value]:
    def call(value: Value) -> Value:
        if value is None:
            return None
        try:
            found = how(number(value, what))
        except (ValueError, OverflowError) as exc:
            if isinstance(exc, FormulaError):
                raise
            raise FormulaError(f"{what} has no result for this number") from exc
        return Money(found, value.code) if isinstance(value, Money) else found

    return call


def _mod(value: Value, divisor: Value) -> Value:
    if value is None or divisor is None:
        return None
    by = number(divisor, "MOD")
    if by == 0:
        raise FormulaError("division by zero")
    return math.fmod(math.fmod(number(value, "MOD"), by) + by, by)


def _of_text(how: Callable[[str], Value]) -> Callable[..., Value]:
    return lambda value: None if value is None else how(text(value))


def _concat(*arguments: Value) -> str:
    joined = "".join(text(value) for value in flat(arguments))
    return short(joined)


def _join(separator: Value, *arguments: Value) -> str:
    return short(text(separator).join(text(value) for value in flat(arguments) if not is_blank(value)))


def short(value: str) -> str:
    """Return a text that is not too long. Raises FormulaError."""
    if len(value) > MAX_TEXT:
        raise FormulaError(f"the text has more than {MAX_TEXT} characters")
    return value


def _left(value: Value, length: Value = 1.0) -> Value:
    return None if value is None else text(value)[: _count(length, "LEFT")]


def _right(value: Value, length: Value = 1.0) -> Value:
    return None if value is None else text(value)[max(0, len(text(value)) - _count(length, "RIGHT")) :]


def _mid(value: Value, start: Value, length: Value) -> Value:
    first = max(0, _count(start, "MID") - 1)
    return None if value is None else text(value)[first : first + _count(length, "MID")]


def _count(value: Value, what: str) -> int:
    found = number(value, what)
    if not 0 <= found <= 1e9:
        raise FormulaError(f"{what} needs a length that is not negative")
    return int(found)


def _substitute(value: Value, old: Value, new: Value) -> Value:
    if value is None:
        return None
    if not text(old):
        return text(value)
    source, wanted = text(value), text(new)
    if len(source) + source.count(text(old)) * len(wanted) > MAX_TEXT:
        raise FormulaError(f"the text has more than {MAX_TEXT} characters")
    return source.replace(text(old), wanted)


def _matches(value: Value, pattern: Value) -> bool | None:
    if value is None:
        return None
    try:
        return compiled(text(pattern)).search(text(value)) is not None
    except PatternFault as exc:
        raise FormulaError(f"REGEXMATCH: {exc}") from exc


def _extracted(value: Value, pattern: Value) -> str | None:
    if value is None:
        return None
    try:
        expression = compiled(text(pattern))
    except PatternFault as exc:
        raise FormulaError(f"REGEXEXTRACT: {exc}") from exc
    found = expression.search(text(value))
    return None if found is None else expression.wanted(found)


def likeness(left: str, right: str) -> float:
    """Return how alike two texts are, 0 to 1: the share of characters that need no change (Levenshtein)."""
    one, two = " ".join(left.casefold().split()), " ".join(right.casefold().split())
    if max(len(one), len(two)) > MAX_LIKENESS:
        raise FormulaError(f"FUZZYMATCH takes texts of at most {MAX_LIKENESS} characters")
    if one == two:
        return 1.0
    row = list(range(len(two) + 1))
    for place, char in enumerate(one, 1):
        before, row[0] = row[0], place
        for other, wanted in enumerate(two, 1):
            before, row[other] = row[other], min(row[other] + 1, row[other - 1] + 1, before + (char != wanted))
    return 1 - row[-1] / max(len(one), len(two))


def _alike(value: Value, other: Value, threshold: Value = 0.8) -> bool | None:
    least = number(threshold, "FUZZYMATCH")
    candidates = [entry for entry in (other if isinstance(other, list) else [other]) if entry is not None]
    if value is None or not candidates:
        return None
    values = list(flat(value)) if isinstance(value, list) else [value]
    return any(likeness(text(one), text(entry)) >= least for one in values for entry in flat(candidates))


def _unique(*arguments: Value) -> list[Value]:
    kept: dict[str, Value] = {}
    for value in flat(arguments):
        kept.setdefault(f"{type(value).__name__}:{text(value).casefold()}", value)
    return list(kept.values())


def _date(year: Value, month: Value, of_month: Value) -> date:
    try:
        return date(*(int(number(part, "DATE")) for part in (year, month, of_month)))
    except (ValueError, OverflowError) as exc:
        if isinstance(exc, FormulaError):
            raise
        raise FormulaError("DATE: there is no such day") from exc


def _of_day(how: Callable[[date], Value], what: str) -> Callable[..., Value]:
    return lambda value: None if value is None else how(day(value, what))


def _months_later(value: Value, months: Value) -> date | None:
    if value is None or months is None:
        return None
    start = day(value, "EDATE")
    month = start.year * 12 + start.month - 1 + int(number(months, "EDATE"))
    if not 12 <= month < 9999 * 12:
        raise FormulaError("the date is out of range")
    year, index = divmod(month, 12)
    return date(year, index + 1, min(start.day, calendar.monthrange(year, index + 1)[1]))


def _between(first: Value, second: Value, unit: Value = "D") -> float | None:
    if first is None or second is None:
        return None
    start, end = day(first, "DATEDIF"), day(second, "DATEDIF")
    sign = 1
    if end < start:
        start, end, sign = end, start, -1
    months = (end.year - start.year) * 12 + end.month - start.month - (end.day < start.day)
    match text(unit).upper():
        case "D":
            return float(sign * (end - start).days)
        case "M":
            return float(sign * months)
        case "Y":
            return float(sign * (months // 12))
    raise FormulaError('DATEDIF needs "D", "M" or "Y"')


_MANY = 50
FUNCTIONS: dict[str, Function] = {
    "ABS": Function(_of_number(abs, "ABS"), 1, 1),
    "AND": Function(_all, 1, _MANY, whole=True),
    "AVERAGE": Function(_summed(lambda each: math.fsum(each) / len(each), "AVERAGE", None), 1, _MANY, whole=True),
    "CEILING": Function(_round(math.ceil, "CEILING"), 1, 2),
    "CONCAT": Function(_concat, 1, _MANY, whole=True),
    "CONTAINS": Function(_contains, 2, 2, whole=True),
    "COUNT": Function(lambda *each: float(sum(not is_blank(value) for value in flat(each))), 1, _MANY, whole=True),
    "DATE": Function(_date, 3, 3),
    "DATEDIF": Function(_between, 2, 3),
    "DATEVALUE": Function(_of_day(lambda found: found, "DATEVALUE"), 1, 1),
    "DAY": Function(_of_day(lambda found: float(found.day), "DAY"), 1, 1),
    "DAYS": Function(lambda end, start: _between(start, end), 2, 2),
    "EDATE": Function(_months_later, 2, 2),
    "ENDSWITH": Function(
        lambda value, end: None if value is None else text(value).casefold().endswith(text(end).casefold()), 2, 2
    ),
    "EXACT": Function(lambda left, right: None if left is None or right is None else text(left) == text(right), 2, 2),
    "FLOOR": Function(_round(math.floor, "FLOOR"), 1, 2),
    "FUZZYMATCH": Function(_alike, 2, 3, whole=True),
    "ISBLANK": Function(is_blank, 1, 1, whole=True),
    "ISPRESENT": Function(lambda value: not is_blank(value), 1, 1, whole=True),
    "JOIN": Function(_join, 2, _MANY, whole=True),
    "LEFT": Function(_left, 1, 2),
    "LEN": Function(_of_text(lambda value: float(len(value))), 1, 1),
    "LOWER": Function(_of_text(str.lower), 1, 1),
    "MAX": Function(_extreme("MAX", 1), 1, _MANY, whole=True),
    "MID": Function(_mid, 3, 3),
    "MIN": Function(_extreme("MIN", -1), 1, _MANY, whole=True),
    "MOD": Function(_mod, 2, 2),
    "MONTH": Function(_of_day(lambda found: float(found.month), "MONTH"), 1, 1),
    "NOT": Function(_not, 1, 1),
    "OR": Function(_any, 1, _MANY, whole=True),
    "POWER": Function(lambda value, by: calculated("^", value, by), 2, 2),
    "REGEXEXTRACT": Function(_extracted, 2, 2),
    "REGEXMATCH": Function(_matches, 2, 2),
    "RIGHT": Function(_right, 1, 2),
    "ROUND": Function(_round(None, "ROUND"), 1, 2),
    "SQRT": Function(_of_number(math.sqrt, "SQRT"), 1, 1),
    "STARTSWITH": Function(
        lambda value, start: None if value is None else text(value).casefold().startswith(text(start).casefold()), 2, 2
    ),
    "SUBSTITUTE": Function(_substitute, 3, 3),
    "SUM": Function(_summed(math.fsum, "SUM", 0.0), 1, _MANY, whole=True),
    "TRIM": Function(_of_text(lambda value: " ".join(value.split())), 1, 1),
    "UNIQUE": Function(_unique, 1, _MANY, whole=True),
    "UPPER": Function(_of_text(str.upper), 1, 1),
    "VALUE": Function(lambda value: None if value is None else number(value, "VALUE"), 1, 1),
    "WEEKDAY": Function(_of_day(lambda found: float(found.isoweekday() % 7 + 1), "WEEKDAY"), 1, 1),
    "YEAR": Function(_of_day(lambda found: float(found.year), "YEAR"), 1, 1),
}
#: Other spellings of the same.
ALIASES = {"AVG": "AVERAGE", "CONCATENATE": "CONCAT", "COUNTA": "COUNT", "REGEX": "REGEXMATCH", "TEXTJOIN": "JOIN"}
