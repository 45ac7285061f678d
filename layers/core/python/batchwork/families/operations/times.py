"""Times as the operations family writes and reads them (spec operations 1.5)."""

from __future__ import annotations

from datetime import UTC, datetime

from batchwork.domain.errors import Problem


def timestamp(at: datetime) -> str:
    """Return a time as ``2026-04-09T12:00:00.000Z``: milliseconds, cut off."""
    return f"{at.replace(tzinfo=None).isoformat(timespec='milliseconds')}Z"


def maybe(at: datetime | None) -> str | None:
    """Return a time, or null for none."""
    return None if at is None else timestamp(at)


def moment(text: str, place: str) -> datetime | Problem:
    """Return the time that a client wrote, in UTC, or what is wrong with it: one without an offset is none."""
    try:
        at = datetime.fromisoformat(text)
        return at.astimezone(UTC) if at.tzinfo is not None else _problem(place)
    except (ValueError, OverflowError):
        return _problem(place)


def _problem(place: str) -> Problem:
    return Problem(
        place, "Must be an ISO 8601 date and time with its offset, such as 2026-04-09T12:00:00Z", "invalid_date"
    )
