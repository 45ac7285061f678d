"""The environment, read in one place: what template.yaml sets for the functions."""

from __future__ import annotations

import os
from datetime import timedelta


def text(name: str, default: str | None = None) -> str:
    """Return a variable; raises KeyError for a missing one without default, so that a bad deployment fails at INIT."""
    value = os.environ.get(name) or default
    if value is None:
        raise KeyError(name)
    return value


def number(name: str, default: int) -> int:
    """Return a whole number."""
    return int(text(name, str(default)))


def flag(name: str) -> bool:
    """Return whether a variable reads ``true``."""
    return text(name, "false") == "true"


def hours(name: str, default: int) -> timedelta:
    """Return a duration given in hours."""
    return timedelta(hours=number(name, default))


def days(name: str, default: int) -> timedelta:
    """Return a duration given in days."""
    return timedelta(days=number(name, default))


def seconds(name: str, default: int) -> timedelta:
    """Return a duration given in seconds."""
    return timedelta(seconds=number(name, default))
