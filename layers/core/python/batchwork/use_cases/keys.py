"""What an operator does with workspaces and API keys."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from batchwork.domain import operation, workflow
from batchwork.domain.errors import Conflict, InvalidRequest, NotFound, Problem
from batchwork.domain.lookup import ENDPOINTS
from batchwork.domain.plan import CHANGEABLE, PLANS
from batchwork.domain.workspace import ApiKey, Workspace, WorkspaceStatus, digest_of
from batchwork.ports import Clock
from batchwork.ports.identity import IdentityStore, Sequences
from batchwork.use_cases import authenticate

#: What a key may be allowed to do, beside ``*`` for everything.
SCOPES = (
    *("batches:read", "batches:write", "agents:read", "agents:write", "chats:read", "chats:write"),
    *(f"{endpoint}.read" for endpoint in ENDPOINTS),
    *operation.SCOPES,
    *workflow.SCOPES,
)
EVERY_SCOPE = authenticate.EVERY_SCOPE
#: Names of workspaces and keys, in characters.
MAX_NAME = 128
#: How long a rotated key may be valid beside the new one.
MAX_OVERLAP = timedelta(days=365)
#: The sequence that numbers the workspaces: that of no workspace.
_NUMBERS = ""


def random_id() -> str:
    """Return a new id: 16 characters of [a-z0-9]."""
    alphabet = "abcdefghijklmnopqrstuvwxyz0123456789"
    return "".join(secrets.choice(alphabet) for _ in range(16))


def random_secret() -> str:
    """Return a new secret: 256 random bits, URL-safe."""
    return secrets.token_urlsafe(32)


@dataclass(frozen=True, slots=True)
class Workspaces:
    """Create, list, suspend and activate workspaces, and set what they bought. Warm functions see it within 15 s."""

    identities: IdentityStore
    clock: Clock
    sequences: Sequences
    new_id: Callable[[], str] = random_id

    def create(self, name: str, plan: str) -> Workspace:
        """Create an active workspace. Raises InvalidRequest for a bad name or a plan that there is not."""
        problems = _name_problems(name) + _plan_problems(plan)
        if problems:
            raise InvalidRequest(problems)
        number = self.sequences.reserve(_NUMBERS, 1)
        workspace = Workspace(id=self.new_id(), name=name, plan=plan, created_at=self.clock.now(), number=number)
        self.identities.put_workspace(workspace)
        return workspace

    def get(self, workspace_id: str) -> Workspace:
        """Return a workspace. Raises NotFound."""
        return _existing(self.identities, workspace_id)

    def list(self) -> list[Workspace]:
        """Return every workspace."""
        return self.identities.workspaces()

    def suspend(self, workspace_id: str) -> Workspace:
        """Keep a workspace from calling. Raises NotFound."""
        return self._change(self.get(workspace_id), status=WorkspaceStatus.SUSPENDED)

    def activate(self, workspace_id: str) -> Workspace:
        """Let a workspace call again. Raises NotFound."""
        return self._change(self.get(workspace_id), status=WorkspaceStatus.ACTIVE)

    def move(self, workspace_id: str, plan: str) -> Workspace:
        """Move a workspace to another plan; what its operator changed stays. Raises NotFound, InvalidRequest."""
        workspace = self.get(workspace_id)
        if problems := _plan_problems(plan):
            raise InvalidRequest(problems)
        return self._change(workspace, plan=plan)

    def change(self, workspace_id: str, changes: Mapping[str, int | bool | None], *, reset: bool = False) -> Workspace:
        """Set terms of a workspace otherwise than its plan, beside what was changed before or, by `reset`, instead of it.

        changes: by name (domain.plan.CHANGEABLE); None only for an unmetered quota. Raises NotFound, and InvalidRequest
        with all that is wrong.
        """
        workspace = self.get(workspace_id)
        if problems := [problem for name, value in changes.items() for problem in _term_problems(name, value)]:
            raise InvalidRequest(problems)
        return self._change(workspace, changes={**({} if reset else workspace.changes), **changes})

    def _change(self, workspace: Workspace, **fields: Any) -> Workspace:
        changed = replace(workspace, **fields)
        self.identities.put_workspace(changed, before=workspace)
        return changed


@dataclass(frozen=True, slots=True)
class Keys:
    """Create, list and revoke API keys."""

    identities: IdentityStore
    clock: Clock
    new_id: Callable[[], str] = random_id
    new_secret: Callable[[], str] = random_secret

    def create(
        self, workspace_id: str, name: str, scopes: Iterable[str], expires_at: datetime | None = None
    ) -> tuple[ApiKey, str]:
        """Create a key and return it with its whole text, which is shown now and never again.

        Raises NotFound for the workspace, InvalidRequest for an unknown scope, a bad name or a time that has passed.
        """
        now = self.clock.now()
        _existing(self.identities, workspace_id)
        granted = frozenset(scopes)
        problems = _name_problems(name)
        problems += [
            Problem("scopes", f"There is no scope {scope}; there are {', '.join((*SCOPES, EVERY_SCOPE))}", "enum")
            for scope in sorted(granted.difference(SCOPES, {EVERY_SCOPE}))
        ]
        if expires_at is not None and expires_at <= now:
            problems.append(Problem("expires_at", "The time has passed already", "in_the_past", structural=False))
        if problems:
            raise InvalidRequest(problems)
        return self._make(workspace_id, name, granted, expires_at)

    def _make(
        self, workspace_id: str, name: str, scopes: frozenset[str], expires_at: datetime | None
    ) -> tuple[ApiKey, str]:
        secret = self.new_secret()
        key = ApiKey(
            id=self.new_id(),
            workspace_id=workspace_id,
            name=name,
            digest=digest_of(secret),
            scopes=scopes,
            created_at=self.clock.now(),
            expires_at=expires_at,
        )
        self.identities.put_key(key)
        return key, f"{key.public}.{secret}"

    def rotate(self, workspace_id: str, key_id: str, overlap: timedelta) -> tuple[ApiKey, str, ApiKey]:
        """Create a key like another, which expires after the overlap; return the new one, its whole text and the other.

        The new key is stored first: a rotation that dies between leaves one key too many, not one too few. The other
        never lives longer than it would have. Raises NotFound, InvalidRequest for a key that is refused already, and
        Conflict when it was revoked or rotated meanwhile: the new key is revoked again then.
        """
        old, now = self._key(workspace_id, key_id), self.clock.now()
        problems = []
        if old.revoked_at is not None:
            problems.append(Problem("key", "It is revoked; create another", "revoked", structural=False))
        elif old.expires_at is not None and old.expires_at <= now:
            problems.append(Problem("key", "It has expired; create another", "expired", structural=False))
        elif old.replaced_by is not None:
            told = f"It was rotated already, to {old.replaced_by}; rotate that one"
            problems.append(Problem("key", told, "rotated", structural=False))
        if not timedelta() <= overlap <= MAX_OVERLAP:
            problems.append(Problem("overlap", f"It must be 0 to {MAX_OVERLAP.days} days", "range"))
        if problems:
            raise InvalidRequest(problems)
        new, text = self._make(workspace_id, old.name, old.scopes, old.expires_at)
        ends_at = now + overlap
        ends_at = ends_at if old.expires_at is None else min(ends_at, old.expires_at)
        ending = replace(old, expires_at=ends_at, replaced_by=new.id)
        try:
            self.identities.put_key(ending, before=old)
        except Conflict:
            self.identities.put_key(replace(new, revoked_at=now))
            raise
        return new, text, ending

    def list(self, workspace_id: str) -> list[ApiKey]:
        """Return the keys of a workspace, revoked ones included. Raises NotFound for the workspace."""
        _existing(self.identities, workspace_id)
        return self.identities.keys(workspace_id)

    def revoke(self, workspace_id: str, key_id: str) -> ApiKey:
        """Refuse a key from now on; seen by warm functions within 15 s. Raises NotFound; again, it changes nothing."""
        key = self._key(workspace_id, key_id)
        if key.revoked_at is None:
            # Without a condition: nothing else may keep a key from being revoked.
            key = replace(key, revoked_at=self.clock.now())
            self.identities.put_key(key)
        return key

    def _key(self, workspace_id: str, key_id: str) -> ApiKey:
        found = self.identities.get(workspace_id, key_id)
        if found is None:
            raise NotFound(what="Key")
        return found[1]


def _existing(identities: IdentityStore, workspace_id: str) -> Workspace:
    workspace = identities.workspace(workspace_id)
    if workspace is None:
        raise NotFound(what="Workspace")
    return workspace


def _name_problems(name: str) -> list[Problem]:
    if 1 <= len(name) <= MAX_NAME and name.isprintable():
        return []
    return [Problem("name", f"A name has 1 to {MAX_NAME} printable characters", "name")]


def _plan_problems(plan: str) -> list[Problem]:
    return [] if plan in PLANS else [Problem("plan", f"There is no plan {plan}; there are {', '.join(PLANS)}", "enum")]


def _term_problems(name: str, value: int | bool | None) -> list[Problem]:
    """Return what is wrong with a term: whether there is overage is a bool, everything else a whole number."""
    if name not in CHANGEABLE:
        return [Problem(name, f"There is no such term; there are {', '.join(CHANGEABLE)}", "enum")]
    if name == "overage":
        return [] if isinstance(value, bool) else [Problem(name, "It must be true or false", "bool")]
    most = CHANGEABLE[name]
    least = 0 if name == "monthly_quota" else 1
    if value is None and name == "monthly_quota":
        return []
    if isinstance(value, int) and not isinstance(value, bool) and least <= value <= most:
        return []
    return [Problem(name, f"It must be a whole number from {least} to {most}", "range")]
