"""What an operator does with workspaces and API keys."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from batchwork.domain.errors import InvalidRequest, NotFound, Problem
from batchwork.domain.workspace import ApiKey, Workspace, WorkspaceStatus, digest_of
from batchwork.ports import Clock, IdentityStore
from batchwork.use_cases import authenticate

#: What a key may be allowed to do, beside ``*`` for everything.
SCOPES = ("batches:read", "batches:write", "agents:read", "agents:write", "chats:read", "chats:write")
EVERY_SCOPE = authenticate.EVERY_SCOPE
#: Names of workspaces and keys, in characters.
MAX_NAME = 128


def random_id() -> str:
    """Return a new id: 16 characters of [a-z0-9]."""
    alphabet = "abcdefghijklmnopqrstuvwxyz0123456789"
    return "".join(secrets.choice(alphabet) for _ in range(16))


def random_secret() -> str:
    """Return a new secret: 256 random bits, URL-safe."""
    return secrets.token_urlsafe(32)


@dataclass(frozen=True, slots=True)
class Workspaces:
    """Create, list, suspend and activate workspaces."""

    identities: IdentityStore
    clock: Clock
    new_id: Callable[[], str] = random_id

    def create(self, name: str, plan: str) -> Workspace:
        """Create an active workspace."""
        _check_name(name)
        workspace = Workspace(id=self.new_id(), name=name, plan=plan, created_at=self.clock.now())
        self.identities.put_workspace(workspace)
        return workspace

    def list(self) -> list[Workspace]:
        """Return every workspace."""
        return self.identities.workspaces()

    def suspend(self, workspace_id: str) -> Workspace:
        """Keep a workspace from calling; seen by warm functions within 15 s. Raises NotFound."""
        return self._turn(workspace_id, WorkspaceStatus.SUSPENDED)

    def activate(self, workspace_id: str) -> Workspace:
        """Let a workspace call again. Raises NotFound."""
        return self._turn(workspace_id, WorkspaceStatus.ACTIVE)

    def _turn(self, workspace_id: str, status: WorkspaceStatus) -> Workspace:
        workspace = replace(_existing(self.identities, workspace_id), status=status)
        self.identities.put_workspace(workspace)
        return workspace


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
        _check_name(name)
        granted = frozenset(scopes)
        problems = [
            Problem("scopes", f"There is no scope {scope}; there are {', '.join((*SCOPES, EVERY_SCOPE))}", "enum")
            for scope in sorted(granted.difference(SCOPES, {EVERY_SCOPE}))
        ]
        if expires_at is not None and expires_at <= now:
            problems.append(Problem("expires_at", "The time has passed already", "in_the_past", structural=False))
        if problems:
            raise InvalidRequest(problems)
        secret = self.new_secret()
        key = ApiKey(
            id=self.new_id(),
            workspace_id=workspace_id,
            name=name,
            digest=digest_of(secret),
            scopes=granted,
            created_at=now,
            expires_at=expires_at,
        )
        self.identities.put_key(key)
        return key, f"{key.public}.{secret}"

    def list(self, workspace_id: str) -> list[ApiKey]:
        """Return the keys of a workspace, revoked ones included. Raises NotFound for the workspace."""
        _existing(self.identities, workspace_id)
        return self.identities.keys(workspace_id)

    def revoke(self, workspace_id: str, key_id: str) -> ApiKey:
        """Refuse a key from now on; seen by warm functions within 15 s. Raises NotFound; again, it changes nothing."""
        found = self.identities.get(workspace_id, key_id)
        if found is None:
            raise NotFound(what="Key")
        key = found[1]
        if key.revoked_at is None:
            key = replace(key, revoked_at=self.clock.now())
            self.identities.put_key(key)
        return key


def _existing(identities: IdentityStore, workspace_id: str) -> Workspace:
    workspace = identities.workspace(workspace_id)
    if workspace is None:
        raise NotFound(what="Workspace")
    return workspace


def _check_name(name: str) -> None:
    if not 1 <= len(name) <= MAX_NAME or not name.isprintable():
        raise InvalidRequest([Problem("name", f"A name has 1 to {MAX_NAME} printable characters", "name")])
