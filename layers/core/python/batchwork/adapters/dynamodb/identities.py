"""Workspaces and API keys: two rows of one partition, read together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from batchwork.adapters import aws
from batchwork.adapters.dynamodb import keys
from batchwork.adapters.dynamodb.attributes import row, time_of, unrow, wire
from batchwork.adapters.dynamodb.calls import condition_failed, get_all, query_all
from batchwork.adapters.dynamodb.keys import Key
from batchwork.domain.errors import Conflict
from batchwork.domain.workspace import ApiKey, Workspace, WorkspaceStatus

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

    from batchwork.domain.target import Target


class DynamoIdentities:
    """Workspaces and API keys in the one table."""

    def __init__(self, table: str, dynamodb: DynamoDBClient | None = None) -> None:
        self._table = table
        self._dynamodb: DynamoDBClient = dynamodb or aws.client("dynamodb")

    def put_workspace(self, workspace: Workspace, before: Workspace | None = None) -> None:
        """Create or replace a workspace; its rows are listed under one list_pk."""
        self._put(
            keys.workspace(workspace.id),
            workspace_row(workspace),
            workspace_row(before) if before else None,
            "The workspace",
        )

    def put_key(self, key: ApiKey, before: ApiKey | None = None) -> None:
        """Create or replace a key."""
        self._put(keys.api_key(key.workspace_id, key.id), key_row(key), key_row(before) if before else None, "The key")

    def get(self, workspace_id: str, key_id: str) -> tuple[Workspace, ApiKey] | None:
        """Return both in one strongly consistent read, or None when either is missing."""
        wanted = [keys.workspace(workspace_id), keys.api_key(workspace_id, key_id)]
        found = {values["sk"]: values for values in self._read(wanted)}
        workspace, key = (found.get(name["sk"]["S"]) for name in wanted)
        return (workspace_of(workspace), key_of(key)) if workspace and key else None

    def workspace(self, workspace_id: str) -> Workspace | None:
        """Return a workspace, strongly consistent."""
        return next((workspace_of(values) for values in self._read([keys.workspace(workspace_id)])), None)

    def workspaces(self) -> list[Workspace]:
        """Return every workspace, oldest first; one made within the last second may be missing (index)."""
        listed = query_all(
            self._dynamodb,
            TableName=self._table,
            IndexName=keys.LISTING,
            KeyConditionExpression="list_pk = :all",
            ExpressionAttributeValues={":all": {"S": keys.WORKSPACES}},
        )
        found = self._read([{"pk": entry["pk"], "sk": entry["sk"]} for entry in listed])
        return sorted(map(workspace_of, found), key=lambda workspace: (workspace.created_at, workspace.id))

    def keys(self, workspace_id: str) -> list[ApiKey]:
        """Return the keys of a workspace, oldest first."""
        found = query_all(
            self._dynamodb,
            TableName=self._table,
            KeyConditionExpression="pk = :pk AND begins_with(sk, :key)",
            ExpressionAttributeValues={":pk": keys.workspace(workspace_id)["pk"], ":key": {"S": "KEY#"}},
            ConsistentRead=True,
        )
        return sorted(map(key_of, map(unrow, found)), key=lambda key: (key.created_at, key.id))

    def _put(self, key: Key, values: dict[str, Any], before: dict[str, Any] | None, what: str) -> None:
        """Put a row. Race closed, where it is given what the row was: two operators changing it at the same time."""
        unchanged: dict[str, Any] = {}
        if before is not None:
            # What the index is sorted by is finer than the time that comes back.
            before = {name: value for name, value in before.items() if not name.startswith("list_")}
            unchanged = {
                "ConditionExpression": " AND ".join(
                    f"#{name} = :{name}" if value else f"(attribute_not_exists(#{name}) OR #{name} = :{name})"
                    for name, value in before.items()
                ),
                "ExpressionAttributeNames": {f"#{name}": name for name in before},
                "ExpressionAttributeValues": {f":{name}": wire(value) for name, value in before.items()},
            }
        try:
            self._dynamodb.put_item(TableName=self._table, Item={**key, **row(values)}, **unchanged)
        except ClientError as exc:
            if condition_failed(exc):
                raise Conflict(what=what) from exc
            raise

    def _read(self, wanted: list[Key]) -> list[dict[str, Any]]:
        return [unrow(found) for found in get_all(self._dynamodb, self._table, wanted, consistent=True)]


def workspace_row(workspace: Workspace) -> dict[str, Any]:
    """Return a workspace's row."""
    return {
        "list_pk": keys.WORKSPACES,
        "list_sk": f"{workspace.created_at.isoformat()}#{workspace.id}",
        "workspace_id": workspace.id,
        "name": workspace.name,
        "plan": workspace.plan,
        "status": str(workspace.status),
        "created_at": workspace.created_at,
        "changes": dict(workspace.changes),
        "number": workspace.number,
        "targets": {prefix: _target_values(target) for prefix, target in workspace.targets.items()},
    }


def workspace_of(values: dict[str, Any]) -> Workspace:
    """Return the workspace of a row; one of version 0.1 has neither changes, number nor targets."""
    return Workspace(
        id=values["workspace_id"],
        name=values["name"],
        plan=values["plan"],
        status=WorkspaceStatus(values["status"]),
        created_at=time_of(values["created_at"]),
        changes=values.get("changes", {}),
        number=values.get("number", 0),
        targets={prefix: _target_of(target) for prefix, target in values.get("targets", {}).items()},
    )


def _target_of(values: dict[str, Any]) -> Target:
    from batchwork.domain.target import Target  # few workspaces have one, and every function reads workspaces

    return Target(values["url"], values.get("secret_ref"))


def _target_values(target: Target) -> dict[str, str]:
    return {"url": target.url} | ({} if target.secret_ref is None else {"secret_ref": target.secret_ref})


def key_row(key: ApiKey) -> dict[str, Any]:
    """Return a key's row."""
    return {
        "key_id": key.id,
        "workspace_id": key.workspace_id,
        "name": key.name,
        "digest": key.digest,
        "scopes": sorted(key.scopes),
        "created_at": key.created_at,
        "expires_at_ms": key.expires_at,
        "revoked_at": key.revoked_at,
        "replaced_by": key.replaced_by,
    }


def key_of(values: dict[str, Any]) -> ApiKey:
    """Return the key of a row. The row's own `expires_at` would be the table's TTL, so expiry has another name."""
    return ApiKey(
        id=values["key_id"],
        workspace_id=values["workspace_id"],
        name=values["name"],
        digest=values["digest"],
        scopes=frozenset(values["scopes"]),
        created_at=time_of(values["created_at"]),
        expires_at=time_of(values["expires_at_ms"]) if "expires_at_ms" in values else None,
        revoked_at=time_of(values["revoked_at"]) if "revoked_at" in values else None,
        replaced_by=values.get("replaced_by"),
    )
