"""JSON that came from elsewhere, made fit to be stored and sent."""

from __future__ import annotations

import math
from typing import Any


def sound(value: Any) -> Any:
    """Return JSON without what has no form in it: halves of surrogate pairs, NaN and infinities (which become null).

    The caller has bounded how deep it is nested.
    """
    match value:
        case str():
            return value if value.isascii() else value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        case float():
            return value if math.isfinite(value) else None
        case dict():
            return {sound(name): sound(entry) for name, entry in value.items()}
        case list():
            return [sound(entry) for entry in value]
    return value


def deeper_than(value: Any, limit: int) -> bool:
    """Whether JSON is nested deeper than a limit."""
    level = [value]
    for _ in range(limit):
        level = [
            inner
            for entry in level
            if isinstance(entry, (dict, list))
            for inner in (entry.values() if isinstance(entry, dict) else entry)
        ]
        if not level:
            return False
    return any(isinstance(entry, (dict, list)) for entry in level)
