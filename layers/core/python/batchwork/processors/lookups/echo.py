"""Echo: each item is answered with itself, as the API documents its stub (seed 004)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import ClassVar

from batchwork.domain.lookup import Found, LookupItem


@dataclass(frozen=True, slots=True)
class EchoLookup:
    """Answers items with themselves."""

    separable: ClassVar[bool] = False

    def groups(self, items: Sequence[LookupItem]) -> list[Sequence[LookupItem]]:
        """Return all items as one group."""
        return [items]

    def resolve(self, group: Sequence[LookupItem], timeout: timedelta, token: str) -> Mapping[int, Found]:
        """Return each item's echo."""
        del timeout, token
        return {item.index: Found(200, {"echo": item.body, "note": "stub"}) for item in group}
