"""Resources: what operations operate on, each a small document with an id of its own."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from batchwork.domain.errors import MalformedId

_BARE = re.compile(r"c[a-z0-9]{2,40}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """A resource. revision: how often it was written; each write is made on condition that it follows the one before."""

    id: str
    workspace_id: str
    created_at: datetime
    updated_at: datetime
    revision: int = 1


def to_millis(at: datetime) -> datetime:
    """Return a time as resources keep it: what is answered at first and what is read later are the same."""
    return at.replace(microsecond=at.microsecond // 1000 * 1000)


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def millis_of(at: datetime) -> int:
    """Return a time as milliseconds since 1970, what is less cut off."""
    return (at - _EPOCH) // timedelta(milliseconds=1)


def from_millis(millis: int) -> datetime:
    """Return the time of milliseconds since 1970."""
    return _EPOCH + timedelta(milliseconds=millis)


def checked_id(text: str, prefix: str) -> str:
    """Return an id that can be one of a kind of resource: ``<prefix>...`` or a bare cuid (seed 000).

    Raises MalformedId for what cannot be one; nothing is looked up for that (spec operations 1.3).
    """
    if not (re.fullmatch(rf"{prefix}[A-Za-z0-9]{{1,40}}", text) or _BARE.fullmatch(text)):
        raise MalformedId(prefix=prefix)
    return text
