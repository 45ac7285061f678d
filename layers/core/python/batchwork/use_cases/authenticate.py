"""Prove who calls, and what they may."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from batchwork.domain.errors import ScopeMissing, Unauthenticated, WorkspaceSuspended
from batchwork.domain.workspace import ApiKey, Caller, Credential, Workspace, WorkspaceStatus
from batchwork.ports import Clock
from batchwork.ports.identity import IdentityStore

#: How long a revocation or a suspension may go unseen by a warm function.
FRESH = timedelta(seconds=15)
#: How long a key just made may be refused by a function that was asked for it too early.
FRESH_ABSENCE = timedelta(seconds=2)
#: Rows remembered by one function at the most; the longest unused goes first.
REMEMBERED = 1000

EVERY_SCOPE = "*"

_EPOCH = datetime.fromisoformat("1970-01-01T00:00:00+00:00")
#: Stands in for a key that is not there, so that its refusal takes the same steps as that of a wrong secret.
_NOBODY = ApiKey(
    id="", workspace_id="", name="", digest="0" * 64, scopes=frozenset(), created_at=_EPOCH, revoked_at=_EPOCH
)

Identity = tuple[Workspace, ApiKey]


@dataclass(slots=True)
class _Memory:
    """Rows read lately, by key; guarded by a lock since a function may serve several threads."""

    rows: OrderedDict[tuple[str, str], tuple[datetime, Identity | None]] = field(default_factory=OrderedDict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def recall(self, name: tuple[str, str], now: datetime) -> tuple[bool, Identity | None]:
        """Return whether the row is remembered and still fresh, and the row."""
        with self.lock:
            until, identity = self.rows.get(name, (now, None))
            if until <= now:
                self.rows.pop(name, None)
                return False, None
            self.rows.move_to_end(name)
            return True, identity

    def remember(self, name: tuple[str, str], identity: Identity | None, now: datetime) -> None:
        """Keep a row, or its absence, for a while."""
        with self.lock:
            self.rows[name] = (now + (FRESH if identity else FRESH_ABSENCE), identity)
            self.rows.move_to_end(name)
            while len(self.rows) > REMEMBERED:
                self.rows.popitem(last=False)


@dataclass(frozen=True, slots=True)
class Authenticate:
    """Prove a presented key."""

    identities: IdentityStore
    clock: Clock
    _memory: _Memory = field(default_factory=_Memory, repr=False)

    def __call__(self, presented: str | None) -> Caller:
        """Return who presents the key, cached for at most 15 s.

        Raises Unauthenticated for a key that is malformed, unknown, wrong, revoked or expired, without telling which.
        """
        credential = Credential.parse(presented or "")
        if credential is None:
            raise Unauthenticated
        now = self.clock.now()
        identity = self._identity(credential, now)
        key = identity[1] if identity else _NOBODY
        if not key.accepts(credential.secret, now) or identity is None:
            raise Unauthenticated
        return Caller(identity[0], key)

    def _identity(self, credential: Credential, now: datetime) -> Identity | None:
        name = (credential.workspace_id, credential.key_id)
        known, identity = self._memory.recall(name, now)
        if not known:
            identity = self.identities.get(*name)
            self._memory.remember(name, identity, now)
        return identity


def require(caller: Caller, scope: str | None) -> None:
    """Raise WorkspaceSuspended, or ScopeMissing unless the caller's key has the scope, such as ``batches:write``.

    ``*`` has every scope; None asks for none.
    """
    if caller.workspace.status is not WorkspaceStatus.ACTIVE:
        raise WorkspaceSuspended
    if scope is not None and not {scope, EVERY_SCOPE} & caller.key.scopes:
        raise ScopeMissing(scope=scope)
