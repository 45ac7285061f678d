"""JSON as clients send it: what Python reads in it, and what of it cannot be stored or sent on."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from typing import Any, NoReturn

from batchwork.domain.errors import MalformedBody, Problem
from batchwork.domain.places import Walk

#: The place of a problem of the whole body.
BODY = "body"
_SURROGATE = re.compile("[\ud800-\udfff]")


def parsed_json(raw: bytes, complaint: str = "") -> Any:
    """Return what Python reads in a body; numbers that JSON has not (NaN, Infinity, 1e999) are refused.

    Raises MalformedBody, with the given complaint or Python's own.
    """
    try:
        return json.loads(raw, parse_constant=_no_number, parse_float=_finite)
    except RecursionError as exc:
        raise MalformedBody(detail=_told(complaint) or "it is nested too deeply") from exc
    except ValueError as exc:
        raise MalformedBody(detail=_told(complaint) or _position(exc)) from exc


def unstorable(value: Any) -> Iterator[Problem]:
    """Yield where text holds a NUL character or half of a surrogate pair: neither can be stored and sent on.

    A name is told at the place of its object, before what the object holds.
    """
    walk = Walk({"": value})
    for _, _, below in walk:
        texts = reversed(below) if isinstance(below, dict) else (below,) if isinstance(below, str) else ()
        for text in texts:
            for kind, message in _faults(text):
                yield Problem(walk.place or BODY, message, kind)


def _faults(text: str) -> Iterator[tuple[str, str]]:
    if "\0" in text:
        yield "string_nul", "NUL characters are not allowed"
    if _SURROGATE.search(text):
        yield "string_unicode", "Lone surrogates are not allowed"


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON number")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError("a number is too large")
    return number


def _told(complaint: str) -> str:
    return complaint.removeprefix("Invalid JSON: ")


def _position(exc: ValueError) -> str:
    """Return where and why a text is no JSON; never a piece of it."""
    if isinstance(exc, json.JSONDecodeError):
        # Some of Python's messages end in the word that goes before the place.
        return f"{exc.msg.removesuffix(' at')} at line {exc.lineno} column {exc.colno}"
    if isinstance(exc, UnicodeDecodeError):
        return "it is not UTF-8"
    return "a number is too large" if "digits" in str(exc) else str(exc)
