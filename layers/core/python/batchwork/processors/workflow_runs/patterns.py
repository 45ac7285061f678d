"""Regular expressions of customers: run by RE2, whose time grows with the text and with nothing else, so that none of them
can hold a worker (no backreferences and lookarounds, which is the price).
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Protocol

#: Characters of a pattern, and bytes that RE2 may take for one.
MAX_PATTERN, MAX_MEMORY = 1_000, 2 * 1024 * 1024
#: Instructions that a pattern becomes. The worst one of this size takes some 15 seconds for a million characters; ordinary
#: ones have some hundreds, and take milliseconds.
MAX_PROGRAM = 5_000


class PatternFault(ValueError):
    """A pattern cannot be used; the text says why."""


class Found(Protocol):
    """A place in a text that a pattern matches."""

    def group(self, group: int = 0) -> str | None:
        """Return what a group matched."""

    def start(self, group: int = 0) -> int:
        """Return where a group begins."""

    def end(self, group: int = 0) -> int:
        """Return where a group ends."""


class Pattern:
    """A pattern that can be searched for."""

    def __init__(self, compiled: Any) -> None:
        self._compiled = compiled
        self._group = 1 if compiled.groups else 0

    def search(self, text: str) -> Found | None:
        """Return the first place that matches."""
        found: Found | None = self._compiled.search(text)
        return found

    def all(self, text: str, limit: int) -> list[Found]:
        """Return the places that match, at most `limit`."""
        taken: list[Found] = []
        for found in self._compiled.finditer(text):
            taken.append(found)
            if len(taken) == limit:
                break
        return taken

    @property
    def has_group(self) -> bool:
        """Whether a part of what it matches is what it is for."""
        return self._group == 1

    def wanted(self, found: Found) -> str:
        """Return what a pattern is for: its first group where it has one, else all that it matched."""
        text = found.group(self._group)
        return (text if text is not None else found.group() or "").strip()


@lru_cache(maxsize=512)
def compiled(pattern: str) -> Pattern:
    """Return a pattern compiled. Raises PatternFault."""
    # Built in C++, and only some workflows have patterns.
    import re2

    if len(pattern) > MAX_PATTERN:
        raise PatternFault(f"a pattern has at most {MAX_PATTERN} characters")
    options = re2.Options()
    options.max_mem = MAX_MEMORY
    options.log_errors = False
    options.never_nl = False
    try:
        found = re2.compile(pattern, options)
    except (re2.error, UnicodeError) as exc:
        detail = exc.args[0] if exc.args else ""
        said = detail.decode("utf-8", "replace") if isinstance(detail, bytes) else str(detail)
        raise PatternFault(f"it is no pattern of RE2: {said}"[:200]) from exc
    if found.programsize > MAX_PROGRAM:
        raise PatternFault("it repeats too much")
    return Pattern(found)
