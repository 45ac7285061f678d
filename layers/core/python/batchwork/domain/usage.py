"""Metering: one unit for each accepted item, counted by calendar month, UTC (spec lookups 2.3)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Charge:
    """The units of one accepted request: an entry of the ledger, counted once under its id.

    ceiling: the month's units that may not be passed, None for no such number. key_id: whose request it was.
    """

    id: str
    workspace_id: str
    key_id: str
    family: str
    units: int
    at: datetime
    ceiling: int | None = None

    @property
    def month(self) -> str:
        """Return the month that the charge counts in, such as ``2026-11``."""
        return month_of(self.at)


def month_of(at: datetime) -> str:
    """Return a time's calendar month, UTC."""
    return f"{at:%Y-%m}"


def month_ends(at: datetime) -> datetime:
    """Return when a time's calendar month ends."""
    first = at.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    year, month = divmod(first.month, 12)
    return first.replace(year=first.year + year, month=month + 1)
