"""What a text says as a value of a type: numbers, dates, money, yes and no. None where it says none."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

_NUMBER = re.compile(
    r"""
    (?<![\w.,])(?<!\w[-−])
    (?P<open>\()?\s?(?P<sign>[-+−])?\s?
    (?P<before>[A-Z]{1,3}\$|[$€£¥₹]|[A-Z]{3}(?=[\s\d]))?\s?(?P<inner>[-−])?
    (?P<digits>\d{1,3}(?:[ \u00a0\u202f]\d{3})+(?:[.,]\d{1,6})?|\d[\d.,']{0,40})(?!\d)
    \s?(?P<after>[€£¥₹$%]|[A-Z]{3}\b)?
    (?P<close>\))?
    """,
    re.VERBOSE,
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
_NUMERIC = re.compile(r"(?<!\d)(\d{1,2})([-/.])(\d{1,2})\2(\d{4}|\d{2})(?!\d)")
_DAY_FIRST = re.compile(r"(?<!\d)(\d{1,2})(?:st|nd|rd|th|\.)?[ -]+(?:of )?([A-Za-z]{3,9})\.?,?[ -]+(\d{4})\b")
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
    """Return the first number of a text, with its currency: ``$1,234.50``, ``1.234,50 EUR``, ``(5)``, ``12%``."""
    found = _NUMBER.search(text[:_LOOKED_AT])
    if found is None:
        return None
    value = _plain(found["digits"].rstrip(".,'"))
    if value is None or not math.isfinite(value):
        return None
    if found["sign"] in {"-", "−"} or found["inner"] or (found["open"] and found["close"]):
        value = -value
    codes = (found["before"], found["after"])
    code = next((_SYMBOLS.get(each) or (each if each in _CODES else None) for each in codes if each), None)
    return Amount(value, code)


def _plain(digits: str) -> float | None:
    """Return the number that digits with separators are; the last of two different separators is the decimal one."""
    digits = re.sub(r"[ '\u00a0\u202f]", "", digits)
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
        return float(digits)
    except ValueError:
        return None


def number_of(text: str) -> float | int | None:
    """Return a text's number; whole ones as integers."""
    found = amount_of(text)
    if found is None:
        return None
    return int(found.value) if found.value.is_integer() and abs(found.value) < 2**53 else found.value


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
    """Return a text's first date as ISO 8601. ``3/4/2025`` is the fourth of March, ``3.4.2025`` the third of April."""
    text = text[:_LOOKED_AT]
    if (found := _ISO.search(text)) is not None:
        return _day(int(found[1]), int(found[2]), int(found[3]))
    if (found := _NUMERIC.search(text)) is not None:
        first, second, year = int(found[1]), int(found[3]), int(found[4])
        year += (2000 if year < 70 else 1900) if len(found[4]) == 2 else 0
        day_first = found[2] == "." or first > 12
        return _day(year, second, first) if day_first else _day(year, first, second)
    if (found := _DAY_FIRST.search(text)) is not None and found[2].casefold() in _MONTHS:
        return _day(int(found[3]), _MONTHS[found[2].casefold()], int(found[1]))
    for found in _MONTH_FIRST.finditer(text):
        if found[1].casefold() in _MONTHS:
            return _day(int(found[3]), _MONTHS[found[1].casefold()], int(found[2]))
    return None


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
