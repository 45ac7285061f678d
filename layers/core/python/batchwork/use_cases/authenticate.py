"""Prove who calls, and what they may."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from batchwork.domain.errors import ScopeMissing, Unauthenticated, WorkspaceSuspended
from batchwork.domain.recent import Fresh
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


def _memory() -> Fresh[tuple[str, str], Identity | None]:
    return Fresh(REMEMBERED, lambda identity: FRESH if identity else FRESH_ABSENCE)


@dataclass(frozen=True, slots=True)
class Authenticate:
    """Prove a presented key."""

    identities: IdentityStore
    clock: Clock
    _memory: Fresh[tuple[str, str], Identity | None] = field(default_factory=_memory, repr=False)

    def __call__(self, presented: str | None) -> Caller:
        """Return who presents the key, cached for at most 15 s.

        Raises Unauthenticated for a key that is malformed, unknown, wrong, revoked or expired, without telling which.
        """
        credential = Credential.parse(presented or "")
        if credential is None:
            raise Unauthenticated
        now = self.clock.now()
        identity = self._identity(credential.workspace_id, credential.key_id, now)
        key = identity[1] if identity else _NOBODY
        if not key.accepts(credential.secret, now) or identity is None:
            raise Unauthenticated
        return Caller(identity[0], key)

    def known(self, workspace_id: str, key_id: str) -> Caller:
        """Return who has a key that was proven when the work was asked for which is done now, cached for at most 15 s.

        Raises Unauthenticated for a key that is gone, or was revoked or expired since.
        """
        now = self.clock.now()
        identity = self._identity(workspace_id, key_id, now)
        if identity is None or not identity[1].holds(now):
            raise Unauthenticated
        return Caller(*identity)

    def _identity(self, workspace_id: str, key_id: str, now: datetime) -> Identity | None:
        name = (workspace_id, key_id)
        return self._memory.get(name, now, lambda: self.identities.get(*name))


def require(caller: Caller, scope: str | None) -> None:
    """Raise WorkspaceSuspended, or ScopeMissing unless the caller's key has the scope, such as ``batches:write``.

    ``*`` has every scope; None asks for none.
    """
    if caller.workspace.status is not WorkspaceStatus.ACTIVE:
        raise WorkspaceSuspended
    if scope is not None and not {scope, EVERY_SCOPE} & caller.key.scopes:
        raise ScopeMissing(scope=scope)
