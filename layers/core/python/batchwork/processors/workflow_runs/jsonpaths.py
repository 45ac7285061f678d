"""JSONPath (RFC 9535) of customers, as far as its work grows no faster than the document.

What could hold a worker is refused: more than one ``..``, filters that begin at the root again, and the functions that take
regular expressions.
"""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import islice
from typing import Any

MAX_PATH = 500
_QUOTED = re.compile(r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"")


class PathFault(ValueError):
    """A path cannot be used; the text says why."""


class Path:
    """A path that can be followed."""

    def __init__(self, compiled: Any) -> None:
        self._compiled = compiled

    def find(self, value: Any, limit: int) -> list[Any]:
        """Return what a path leads to, at most `limit` values."""
        import jsonpath

        try:
            return [found.value for found in islice(self._compiled.finditer(value), limit)]
        except (jsonpath.JSONPathError, RecursionError):
            return []  # what cannot be compared is not there


@lru_cache(maxsize=256)
def compiled(path: str) -> Path:
    """Return a path compiled; one without ``$`` begins at the root as well. Raises PathFault."""
    # Some two hundred modules, and only some workflows have paths.
    import jsonpath

    if len(path) > MAX_PATH:
        raise PathFault(f"a path has at most {MAX_PATH} characters")
    path = path.strip()
    bare = _QUOTED.sub("", path)
    if bare.count("..") > 1 or "$" in bare[1:] or "^" in bare or "#" in bare or "~" in bare:
        raise PathFault("only one `..` is allowed, and `$` only at its beginning")
    if re.search(r"\b(?:match|search)\s*\(|=~|\||&(?!&)", bare.replace("||", "")):
        raise PathFault("match, search and =~ are not allowed, and paths cannot be combined")
    if bare.count("?") > 2:
        raise PathFault("at most two filters are allowed")
    try:
        return Path(jsonpath.compile(path if path.startswith("$") else f"$.{path}"))
    except (jsonpath.JSONPathError, RecursionError, ValueError) as exc:
        raise PathFault(f"it is no JSONPath: {' '.join(str(exc).split())}"[:200]) from exc
