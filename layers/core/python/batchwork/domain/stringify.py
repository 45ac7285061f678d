"""JSON as JSON.stringify prints it: receivers verify what they parsed and printed again (spec workflow runs 4.9)."""

from __future__ import annotations

import math
import re
from json.encoder import encode_basestring
from typing import Any

_LONE = re.compile("[\ud800-\udfff]")
#: Powers of ten from which on, and below which, JavaScript prints a number with an exponent (ECMA-262, Number::toString).
_LARGE, _SMALL = 21, -6
#: Names that JavaScript takes for indexes of an array, of which there are 2**32 - 1 (ECMA-262, 6.1.7).
_INDEX, _INDEXES = re.compile(r"0|[1-9][0-9]{0,9}"), 2**32 - 1


def stringify(value: Any) -> str:
    """Return a JSON value as compact text, characters as they are; what is no number in JSON (NaN) is null.

    Names that are indexes (``0``, ``17``) come first and in their order, since JavaScript keeps them so. Integers stay as
    exact as they are, also where JavaScript would round them. A value may be nested deeper than Python calls can be.
    """
    pieces: list[str] = []
    todo: list[tuple[bool, Any]] = [
        (False, value)
    ]  # what is left to be printed, the next one last; whether it is text of JSON
    while todo:
        printed, each = todo.pop()
        if printed:
            pieces.append(each)
        elif isinstance(each, dict):
            entries = [(f"{_text(name)}:", below) for name, below in sorted(each.items(), key=_index)]
            pieces.append(_begin(todo, entries, "{}"))
        elif isinstance(each, list | tuple):
            pieces.append(_begin(todo, [("", below) for below in each], "[]"))
        else:
            pieces.append(_scalar(each))
    return "".join(pieces)


def _begin(todo: list[tuple[bool, Any]], entries: list[tuple[str, Any]], around: str) -> str:
    """Return what an object or a list begins with, and put off the rest of it."""
    todo.append((True, around[1]))
    for place in range(len(entries) - 1, -1, -1):
        name, below = entries[place]
        todo.append((False, below))
        todo.append((True, f",{name}" if place else name))
    return around[0]


def _index(entry: tuple[str, Any]) -> int:
    """Return what JavaScript orders a name by: indexes by their number, all others after them as they come."""
    number = int(entry[0]) if _INDEX.fullmatch(entry[0]) else _INDEXES
    return min(number, _INDEXES)


def _scalar(value: Any) -> str:
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
