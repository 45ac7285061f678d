"""JSON as JSON.stringify prints it: receivers verify what they parsed and printed again (spec workflow runs 4.9)."""

from __future__ import annotations

import math
import re
from json.encoder import encode_basestring
from typing import Any

_LONE = re.compile("[\ud800-\udfff]")
#: Powers of ten from which on, and below which, JavaScript prints a number with an exponent (ECMA-262, Number::toString).
_LARGE, _SMALL = 21, -6


def stringify(value: Any) -> str:
    """Return a JSON value as compact text, characters as they are; what is no number in JSON (NaN) is null.

    Integers stay as exact as they are, also where JavaScript would round them.
    """
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case float():
            return _number(value)
        case str():
            return _text(value)
        case dict():
            return f"{{{','.join(f'{_text(name)}:{stringify(each)}' for name, each in value.items())}}}"
        case list() | tuple():
            return f"[{','.join(map(stringify, value))}]"
    raise TypeError(f"{type(value).__name__} is no JSON")


def _text(value: str) -> str:
    return _LONE.sub(lambda lone: f"\\u{ord(lone[0]):04x}", encode_basestring(value))


def _number(value: float) -> str:
    if not math.isfinite(value):
        return "null"
    digits, _, exponent = repr(value).removeprefix("-").removesuffix(".0").partition("e")
    sign = "-" if value < 0 else ""
    if not exponent:
        return f"{sign}{digits}"
    power = int(exponent)
    # Python takes an exponent from 1e16 and below 1e-4, JavaScript from 1e21 and below 1e-6; their digits are the same.
    if 0 < power < _LARGE:
        return f"{sign}{digits.replace('.', '').ljust(power + 1, '0')}"
    if _SMALL <= power < 0:
        return f"{sign}0.{'0' * (-power - 1)}{digits.replace('.', '')}"
    return f"{sign}{digits}e{power:+d}"
