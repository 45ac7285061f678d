"""What a text says as a value of a type: numbers, dates, money, yes and no. None where it says none."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import islice

_NUMBER = re.compile(
    r"""
    (?<![\w.,])(?<!\w[-‐-–−/])
    (?P<open>\()?\s?(?P<sign>[-+−])?\s?
    (?P<before>[A-Z]{1,3}\$|[$€£¥₹]|[A-Z]{3}(?=[\s\d]))?\s?(?P<inner>[-−])?
    (?P<digits>\d{1,3}(?:[ \u00a0\u202f]\d{3})+(?:[.,]\d{1,6})?|\d[\d.,']{0,40}|\.\d{1,6})(?!\d)
    (?P<power>[eE][-+]?\d{1,3}(?!\w))?
    (?P<trailing>(?<=\d)[-−](?=\s*(?:[€£¥₹$%]|[A-Z]{3})?\s*$))?
    \s?(?P<after>[€£¥₹$%]|[A-Z]{3}\b)?
    (?P<close>\))?
    """,
    re.VERBOSE,
)
#: What follows the first digits of ranges, dates, times, fractions and of codes like ``0x10``; not that of ``10m2``.
_NO_NUMBER = re.compile(
    r"(?:[-‐-–−]|\s[-‐-―−]\s)(?:[A-Z]{0,3}[$€£¥₹]|[A-Z]{3})?\s?\d|[/:]\d|(?!m[23]\b)[^\W\d_]{1,40}\d"
)
#: Digits with separators: groups of three, in India of two before the last one, and then perhaps decimals.
_GROUPED = re.compile(
    r"(?:\d*|\d{1,3}(?:,\d{3})+|\d{1,3}(?:,\d{2})+,\d{3}|\d{1,3}(?:'\d{3})+)(?:\.\d*)?"
    r"|(?:\d*|\d{1,3}(?:\.\d{3})+|\d{1,3}(?:'\d{3})+)(?:,\d*)?|\d{1,3}(?:\.\d{3}){2,}"
)
_CURRENCIES = """
    AED ARS AUD BGN BRL CAD CHF CLP CNY COP CZK DKK EGP EUR GBP HKD HUF IDR ILS INR JPY KES KRW MXN MYR NGN NOK NZD PEN PHP PKR
    PLN RON SAR SEK SGD THB TRY TWD UAH USD VND ZAR
"""
_CODES = frozenset(_CURRENCIES.split())
_SYMBOLS = {
    "$": "USD",
    "US$": "USD",
    "C$": "CAD",
    "CA$": "CAD",
    "A$": "AUD",
    "AU$": "AUD",
    "NZ$": "NZD",
    "HK$": "HKD",
    "S$": "SGD",
    "R$": "BRL",
    "€": "EUR",
    "£": "GBP",
    "¥": "JPY",
    "₹": "INR",
}
_MONTH_NAMES = """
    jan january|feb february|mar march|apr april|may|jun june|jul july|aug august|sep sept september|oct october|nov november
    |dec december
"""
_MONTHS = {name: number for number, names in enumerate(_MONTH_NAMES.split("|"), 1) for name in names.split()}
_ISO = re.compile(r"\b(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})(?!\d)")
_BASIC = re.compile(r"(?<![\w.,])((?:19|20)\d{2})(\d{2})(\d{2})(?![\w.,-])")
_NUMERIC = re.compile(r"(?<!\d)(\d{1,2})([-/.])(\d{1,2})\2(\d{4}|\d{2})(?!\d)")
_DAY_FIRST = re.compile(r"(?<!\d)(\d{1,2})(?:st|nd|rd|th|\.)?[ -]+(?:of )?([A-Za-z]{3,9})\.?,?[ -]+(\d{4})\b")
_DASHED = re.compile(r"(?<!\d)(\d{1,2})[-/]([A-Za-z]{3,9})[-/](\d{4}|\d{2})(?!\d)")
_MONTH_FIRST = re.compile(r"\b([A-Za-z]{3,9})\.? +(\d{1,2})(?:st|nd|rd|th)?,? +(\d{4})\b")
_YES_WORDS, _NO_WORDS = "yes y true t x checked on 1 ja oui si sí ☑ ☒ ✓ ✔", "no n false f unchecked off 0 nein non ☐"
_YES, _NO = frozenset(_YES_WORDS.split()), frozenset(_NO_WORDS.split())
#: Characters of a value that are looked at.
_LOOKED_AT = 500


@dataclass(frozen=True, slots=True)
class Amount:
    """A number as it was written. code: ISO 4217 of its currency, if it has one."""

    value: float
    code: str | None


def amount_of(text: str) -> Amount | None:
    """Return the first number of a text, with its currency: ``$1,234.50``, ``1.234,50 EUR``, ``(5)``, ``5-``,
    ``12%``, ``1.5E+05``. None where the first digits are part of something else: ``1.2.3``, ``0x10``, ``10-20``, ``5 - 10``,
    ``10:30``, ``1/2``, ``INV5``.
    """
    found = _NUMBER.search(text[:_LOOKED_AT])
    if found is None or _of_no_number(found):
        return None
    value = _plain(found["digits"].rstrip(".,'"), found["power"] or "")
    if value is None or not math.isfinite(value):
        return None
    negative = found["sign"] in {"-", "−"} or found["inner"] or found["trailing"]
    if negative or (found["open"] and found["close"]):
        value = -value
    codes = (found["before"], found["after"])
    code = next((_SYMBOLS.get(each) or (each if each in _CODES else None) for each in codes if each), None)
    return Amount(value, code)


def _of_no_number(found: re.Match[str]) -> bool:
    """Whether what was found is the beginning, or the end, of something else."""
    end = found.end("power" if found["power"] else "digits")
    before = found["before"] or ""
    code = before.isalpha() and before not in _CODES and found.end("before") == found.start("digits")
    return code or _NO_NUMBER.match(found.string, end) is not None


def _plain(digits: str, power: str) -> float | None:
    """Return the number that digits with separators are; the last of two different separators is the decimal one. None where
    the separators stand as in no number.
    """
    digits = re.sub(r"[ \u00a0\u202f]", "", digits)
    if _GROUPED.fullmatch(digits) is None:
        return None
    digits = digits.replace("'", "")
    comma, point = digits.rfind(","), digits.rfind(".")
    if comma >= 0 and point >= 0:
        decimal = "," if comma > point else "."
        digits = digits.replace("." if decimal == "," else ",", "").replace(decimal, ".")
    elif comma >= 0:
        thousands = re.fullmatch(r"\d{1,3}(,\d{3})+", digits) is not None
        digits = digits.replace(",", "") if thousands or digits.count(",") > 1 else digits.replace(",", ".")
    elif digits.count(".") > 1:
        digits = digits.replace(".", "")
    try:
        return float(digits + power)
    except ValueError:
        return None


def number_of(text: str) -> float | int | None:
    """Return a text's number; whole ones as integers."""
    found = amount_of(text)
    return None if found is None else whole(found.value)


def whole(value: float) -> float | int:
    """Return a number as an integer if it is one that every reader of JSON has exactly."""
    return int(value) if isinstance(value, float) and value.is_integer() and abs(value) < 2**53 else value


def integer_of(text: str) -> int | None:
    """Return a text's number if it is whole."""
    found = number_of(text)
    return found if isinstance(found, int) else None


def truth_of(text: str) -> bool | None:
    """Return what a text says: ``yes``, ``[x]``, ``no``."""
    word = text.strip().strip("[]().").strip().casefold()
    if not word and text.strip() in {"[ ]", "[]", "( )"}:
        return False
    first = word.split()[0].strip(",.;") if word else ""
    return True if first in _YES else False if first in _NO else None


def date_of(text: str) -> str | None:
    """Return a text's first date as ISO 8601. ``3/4/2025`` is the fourth of March, ``3.4.2025`` the third of April; where the
    first number is more than twelve it is the day.
    """
    text = text[:_LOOKED_AT]
    days: list[tuple[int, str]] = []
    for form, read in _FORMS:
        days += islice(((found.start(), day) for found in form.finditer(text) if (day := read(found))), 1)
    return min(days)[1] if days else None


def _year_first(found: re.Match[str]) -> str | None:
    return _day(int(found[1]), int(found[2]), int(found[3]))


def _numbers(found: re.Match[str]) -> str | None:
    first, second, year = int(found[1]), int(found[3]), _year(found[4])
    day_first = found[2] == "." or first > 12
    return _day(year, second, first) if day_first else _day(year, first, second)


def _day_first(found: re.Match[str]) -> str | None:
    return _day(_year(found[3]), _MONTHS.get(found[2].casefold(), 0), int(found[1]))


def _month_first(found: re.Match[str]) -> str | None:
    return _day(int(found[3]), _MONTHS.get(found[1].casefold(), 0), int(found[2]))


_FORMS: tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], str | None]], ...] = (
    (_ISO, _year_first),
    (_BASIC, _year_first),
    (_NUMERIC, _numbers),
    (_DAY_FIRST, _day_first),
    (_DASHED, _day_first),
    (_MONTH_FIRST, _month_first),
)


def _year(digits: str) -> int:
    """Return a year; two digits are of 1970 to 2069."""
    year = int(digits)
    return year if len(digits) > 2 else year + (2000 if year < 70 else 1900)


def _day(year: int, month: int, of_month: int) -> str | None:
    try:
        return date(year, month, of_month).isoformat()
    except ValueError:
        return None


def choice_of(text: str, choices: Sequence[object]) -> object | None:
    """Return the choice that a text is, or else the longest one that it has in it."""
    said = " ".join(text.casefold().replace("_", " ").split())
    named = {" ".join(str(each).casefold().replace("_", " ").split()): each for each in choices if each is not None}
    if said in named:
        return named[said]
    for name in sorted(named, key=len, reverse=True):
        if name and re.search(rf"(?<!\w){re.escape(name)}(?!\w)", said[:_LOOKED_AT]):
            return named[name]
    return None
