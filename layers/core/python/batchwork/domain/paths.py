"""Paths that operations may call: nothing in one may be read in two ways, by us or by an API that it is sent on to."""

from __future__ import annotations

import re

from batchwork.domain.operation import MAX_PATH, ROOTS, root_of

_FOREIGN = re.compile(r"[^\x21-\x7e]|[\\?#{}]")
_PERCENT = re.compile(r"%([0-9A-Fa-f]{2})?")
#: What some servers take for no part of a segment.
_PARAMETERS = re.compile(r"(;|%3[Bb]).*")
#: What a percent triplet may not stand for: it would be a separator, a dot segment or another triplet for who decodes it.
_HIDDEN = frozenset("/\\.%")


def path_fault(path: str, *, length: bool = True) -> str | None:
    """Return what is wrong with a path, as a message that quotes nothing of it; None for one that may be called.

    length: whether it is judged too.
    """
    if length and len(path) > MAX_PATH:
        return f"Must have at most {MAX_PATH} characters"
    if _FOREIGN.search(path):
        return (
            "Must be printable ASCII without spaces, backslashes, ? and #, and without braces other than those of a"
            " reference, such as {{create.body.id}} or {{create.status}}"
        )
    if not all(_plain(triplet[1]) for triplet in _PERCENT.finditer(path)):
        return "Must not hold escaped slashes, backslashes, dots, percent signs or control characters"
    if root_of(path) is None:
        return f"Must be one of {', '.join(ROOTS)}, or lie below it"
    *above, last = (_PARAMETERS.sub("", segment) for segment in path.split("/")[1:])
    if {".", "..", ""}.intersection(above) or last in {".", ".."}:
        return "Must not hold empty, . or .. segments"
    return None


def _plain(digits: str | None) -> bool:
    """Whether a triplet is one, and stands for what it may."""
    if digits is None:
        return False
    character = chr(int(digits, 16))
    return character not in _HIDDEN and character >= " " and character != "\x7f"
