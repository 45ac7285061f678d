"""Where something stands in a JSON value, such as ``tags.0.name``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

#: Characters of a name that is shown.
MAX_SHOWN = 64


class Walk:
    """A walk to every entry below an object or a list, in the order of the document. place: where it is.

    It keeps one iterator a level and writes a place only when it is asked for one: values may be nested deeper than Python
    calls can be, and a place is as long as its value is deep.
    """

    def __init__(self, whole: Any) -> None:
        self._whole = whole
        self._names: list[str | int] = []

    def __iter__(self) -> Iterator[tuple[Any, Any, Any]]:
        """Yield (what holds it, name or index, value); who walks may put another value in its place, which is not walked."""
        levels = [(self._whole, _entries(self._whole))]
        while levels:
            inner, entries = levels[-1]
            for name, below in entries:
                self._names.append(name)
                yield inner, name, below
                if isinstance(below, dict | list):
                    levels.append((below, _entries(below)))
                    break
                self._names.pop()
            else:
                levels.pop()
                if levels:
                    self._names.pop()

    @property
    def place(self) -> str:
        """Return the place of what was yielded last; a name that cannot be shown is an ellipsis."""
        return ".".join(map(_shown, self._names)).lstrip(".")


def _entries(inner: Any) -> Iterator[tuple[Any, Any]]:
    return iter(inner.items()) if isinstance(inner, dict) else iter(enumerate(inner))


def _shown(name: str | int) -> str:
    if isinstance(name, int):
        return str(name)
    return name if name.isprintable() and len(name) <= MAX_SHOWN else "…"
