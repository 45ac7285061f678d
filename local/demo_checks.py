"""What every part of the demo holds the stack to."""

from __future__ import annotations


class DemoFailed(Exception):
    """Something was not as documented."""


def must(holds: bool, otherwise: str) -> None:
    """Raise DemoFailed unless something holds."""
    if not holds:
        raise DemoFailed(otherwise)
