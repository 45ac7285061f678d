"""Times as this family writes them: RFC 3339 in UTC, with milliseconds (spec workflow runs 4.5)."""

from __future__ import annotations

from datetime import datetime


def timestamp(at: datetime) -> str:
    """Return a time as ``2024-03-21T15:30:00.000Z``; what is less than a millisecond is cut off."""
    return f"{at.replace(tzinfo=None).isoformat(timespec='milliseconds')}Z"


def maybe(at: datetime | None) -> str | None:
    """Return a time, or null for none."""
    return None if at is None else timestamp(at)
