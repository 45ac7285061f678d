"""Turns at endpoints that take so many deliveries a minute: windows are the minutes of UTC, each has as many turns."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from batchwork.domain.resource import from_millis, millis_of
from batchwork.domain.webhook import LONGEST_DELAY

_MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Turn:
    """A turn. minute: whole minutes since 1970; number: from 1, in that minute."""

    minute: int
    number: int

    def wait(self, now: datetime) -> timedelta | None:
        """Return how long it is until the turn, None when it is now."""
        if self.minute <= minute_of(now):
            return None
        return from_millis(0) + self.minute * _MINUTE - now

    def near(self, now: datetime) -> bool:
        """Whether a message can be delayed until the turn: no later one is given, since rates change meanwhile."""
        return self.minute <= last_minute(now)


def minute_of(at: datetime) -> int:
    """Return a time as whole minutes since 1970."""
    return millis_of(at) // 60_000


def last_minute(now: datetime) -> int:
    """Return the last minute that a message can be delayed until."""
    return minute_of(now + LONGEST_DELAY)


def turn_after(last: Turn | None, rate: int, now: datetime) -> Turn:
    """Return the turn after the last one that was given: in the present minute, or in the first later one that is not
    full. rate: turns of a minute.
    """
    this = minute_of(now)
    if last is None or last.minute < this:
        return Turn(this, 1)
    return Turn(last.minute, last.number + 1) if last.number < rate else Turn(last.minute + 1, 1)
