"""Who calls: workspaces and their API keys.

A key reads ``bw_<workspace>_<key id>.<secret>``: the part before the dot is public and names both rows, so that one
read fetches them; the part after it is random (256 bits) and only its SHA-256 is stored.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING

from batchwork.domain.plan import Plan, terms_of

if TYPE_CHECKING:
    from batchwork.domain.target import Target

_KEY = re.compile(r"bw_(?P<workspace>[a-z0-9]{1,32})_(?P<key>[a-z0-9]{1,32})\.(?P<secret>[A-Za-z0-9_-]{1,128})")


class WorkspaceStatus(StrEnum):
    """Whether a workspace may call."""

    #: It may.
    ACTIVE = "active"
    #: Its operator stopped it.
    SUSPENDED = "suspended"


@dataclass(frozen=True, slots=True, kw_only=True)
class Workspace:
    """A tenant: nothing is shared between two of them.

    plan: slug of what it bought. changes: what its operator set otherwise (domain.plan.CHANGEABLE). number: its integer
    id, for APIs that show one. targets: where operations go instead of Batchwork's own resources, by prefix of the path.
    """

    id: str
    name: str
    plan: str
    created_at: datetime
    status: WorkspaceStatus = WorkspaceStatus.ACTIVE
    changes: Mapping[str, int | bool | None] = field(default_factory=dict)
    number: int = 0
    targets: Mapping[str, Target] = field(default_factory=dict)

    @property
    def terms(self) -> Plan:
        """Return the limits that hold for it."""
        return terms_of(self.plan, self.changes)


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    """A key of a workspace. digest: SHA-256 of the secret, hex; the secret itself is shown once and never stored.

    replaced_by: id of the key that it was rotated to.
    """

    id: str
    workspace_id: str
    name: str
    digest: str
    scopes: frozenset[str]
    created_at: datetime
    expires_at: datetime | None = None
    revoked_at: datetime | None = None
    replaced_by: str | None = None

    @property
    def public(self) -> str:
        """Return the part that may be shown and logged."""
        return f"bw_{self.workspace_id}_{self.id}"

    @property
    def last_four(self) -> str:
        """Return the last four characters of the public part (spec lookups 2.5)."""
        return self.public[-4:]

    def accepts(self, secret: str, now: datetime) -> bool:
        """Whether the secret is this key's, and the key is neither revoked nor expired. Constant time."""
        return hmac.compare_digest(digest_of(secret), self.digest) and self.holds(now)

    def holds(self, now: datetime) -> bool:
        """Whether the key is neither revoked nor expired."""
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)


@dataclass(frozen=True, slots=True)
class Credential:
    """A presented key, taken apart."""

    workspace_id: str
    key_id: str
    secret: str

    @classmethod
    def parse(cls, text: str) -> Credential | None:
        """Take a presented key apart, or return None for what cannot be one."""
        found = _KEY.fullmatch(text)
        return cls(found["workspace"], found["key"], found["secret"]) if found else None


@dataclass(frozen=True, slots=True)
class Caller:
    """Who a request comes from, once proven."""

    workspace: Workspace
    key: ApiKey


def digest_of(secret: str) -> str:
    """Return the stored form of a key's secret: SHA-256 is enough for 256 random bits."""
    return hashlib.sha256(secret.encode()).hexdigest()
