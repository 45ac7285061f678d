"""Whether anybody still waits for what a thread does.

Lambda freezes a thread that outlives its invocation and goes on with it in a later one, hours afterwards: its work was
answered as unfinished long ago, and what it would write may undo what its client did since.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_WAITED_FOR: ContextVar[Callable[[], bool]] = ContextVar("waited_for", default=lambda: True)


class NobodyWaitsError(Exception):
    """Raised instead of a write that comes after its work was given up. No BatchworkError: part of it may be done."""


@contextmanager
def while_waited_for(holds: Callable[[], bool]) -> Iterator[None]:
    """Let this thread write only while somebody waits, by this and by what was entered before."""
    before = _WAITED_FOR.get()
    entered = _WAITED_FOR.set(lambda: holds() and before())
    try:
        yield
    finally:
        _WAITED_FOR.reset(entered)


def check_waited_for() -> None:
    """Return if somebody waits for what this thread does. Raises NobodyWaitsError."""
    if not _WAITED_FOR.get()():
        raise NobodyWaitsError
