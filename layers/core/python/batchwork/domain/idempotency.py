"""Idempotency keys: one name for one piece of work, however often it is asked for (spec lookups 2.4).

A key is scoped to workspace, method and path, and bound to the request's body. It is held while a function works,
keeps the answer of work that succeeded for 24 hours, and is free again after a refusal or once the function that
held it can no longer be alive.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from batchwork.domain.item import Json

#: How long an answer is kept, from the first request on.
KEPT = timedelta(hours=24)
MAX_KEY = 255
#: Answers worth replaying; any other frees the key.
REPLAYED = frozenset({200, 201, 202, 204, 207})
_BARE = re.compile(rf"[\x21-\x7e]([\x20-\x7e]{{0,{MAX_KEY - 2}}}[\x21-\x7e])?")


@dataclass(frozen=True, slots=True)
class Ticket:
    """What one piece of work is done under: the same for each try of it under one Idempotency-Key.

    id: UUID. at: when it was first asked for. again: whether an earlier try may have done part or all of it.
    noted: what earlier tries noted (ports.identity.ClaimStore.note).
    """

    id: str
    at: datetime
    again: bool = False
    noted: Json = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A hold on an Idempotency-Key.

    name: of key, method and path within the workspace. body: digest of what was asked. token: the holder's own.
    until: when the holder can no longer be alive.
    """

    workspace_id: str
    name: str
    body: str
    token: str
    until: datetime
    ticket: Ticket


@dataclass(frozen=True, slots=True)
class Answered:
    """An answer as it is replayed, byte for byte."""

    status: int
    text: str
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Prior:
    """What an Idempotency-Key is taken by: work under way until `until`, or answered."""

    body: str
    until: datetime
    answered: Answered | None = None


def key_of(header: str) -> str | None:
    """Return the key that a header gives, None for what is no key.

    Bare, or quoted as a structured-field string (draft-ietf-httpapi-idempotency-key-header); both name the same key.
    """
    text = header.strip(" \t")
    if len(text) >= 2 and text[0] == text[-1] == '"':
        text = re.sub(r"\\([\"\\])", r"\1", text[1:-1])
    return text if len(text) <= MAX_KEY and _BARE.fullmatch(text) else None


def digest(*parts: bytes) -> str:
    """Return a digest of parts, each of any length."""
    whole = hashlib.sha256()
    for part in parts:
        whole.update(len(part).to_bytes(8, "big"))
        whole.update(part)
    return whole.hexdigest()
