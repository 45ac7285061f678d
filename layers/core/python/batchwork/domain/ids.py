"""Ids that clients see: opaque to them, ordered by time for us, the same for each try of one piece of work."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from uuid import NAMESPACE_URL, uuid5

from batchwork.domain.idempotency import Ticket

_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
#: Ten base36 digits hold the microseconds until the year 2085; thirteen hold 67 random bits.
_TIME, _REST = 10, 13


def ordered_id(prefix: str, ticket: Ticket) -> str:
    """Return prefix and 23 lower-case base36 characters that follow from a ticket: first its time, so that ids sort by it."""
    rest = int.from_bytes(hashlib.sha256(f"{prefix}{ticket.id}".encode()).digest()[:12], "big")
    return f"{first_id(prefix, ticket.at)}{_base36(rest, _REST)}"


def first_id(prefix: str, at: datetime) -> str:
    """Return what sorts before every id of a time or later, and after every earlier one."""
    micros = (at - _EPOCH) // timedelta(microseconds=1)
    return f"{prefix}{_base36(min(max(0, micros), 36**_TIME - 1), _TIME)}"


def part_of(ticket: Ticket, index: int, *, again: bool | None = None) -> Ticket:
    """Return the ticket of one part of a piece of work, after those of the parts before it.

    again: whether an earlier try may have done this part; that of the whole unless it is given.
    """
    return Ticket(
        id=str(uuid5(NAMESPACE_URL, f"batchwork:{ticket.id}:{index}")),
        at=ticket.at + timedelta(microseconds=index),
        again=ticket.again if again is None else again,
    )


def _base36(number: int, length: int) -> str:
    digits = ""
    for _ in range(length):
        number, digit = divmod(number, 36)
        digits = _DIGITS[digit] + digits
    return digits
