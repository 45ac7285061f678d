from __future__ import annotations

from batchwork.domain.errors import Conflict
from batchwork.domain.workspace import ApiKey, Workspace


class FakeIdentities:
    """Workspaces and keys in memory; counts its reads."""

    def __init__(self) -> None:
        self._workspaces: dict[str, Workspace] = {}
        self._keys: dict[tuple[str, str], ApiKey] = {}
        self.reads = 0

    def put_workspace(self, workspace: Workspace, before: Workspace | None = None) -> None:
        if before is not None and self._workspaces.get(workspace.id) != before:
            raise Conflict(what="The workspace")
        self._workspaces[workspace.id] = workspace

    def put_key(self, key: ApiKey, before: ApiKey | None = None) -> None:
        if before is not None and self._keys.get((key.workspace_id, key.id)) != before:
            raise Conflict(what="The key")
        self._keys[key.workspace_id, key.id] = key

    def get(self, workspace_id: str, key_id: str) -> tuple[Workspace, ApiKey] | None:
        self.reads += 1
        workspace, key = self._workspaces.get(workspace_id), self._keys.get((workspace_id, key_id))
        return (workspace, key) if workspace and key else None

    def workspace(self, workspace_id: str) -> Workspace | None:
        return self._workspaces.get(workspace_id)

    def workspaces(self) -> list[Workspace]:
        return sorted(self._workspaces.values(), key=lambda workspace: (workspace.created_at, workspace.id))

    def keys(self, workspace_id: str) -> list[ApiKey]:
        found = [key for key in self._keys.values() if key.workspace_id == workspace_id]
        return sorted(found, key=lambda key: (key.created_at, key.id))
