"""What the lookups of each workspace and endpoint do: a row an endpoint, beside its workspace."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from batchwork.adapters import aws
from batchwork.adapters.dynamodb import keys
from batchwork.adapters.dynamodb.attributes import row, unrow
from batchwork.adapters.dynamodb.calls import query_all
from batchwork.domain.lookup import Lookup, LookupKind

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient


class DynamoLookups:
    """ports.lookups.LookupStore on the one table."""

    def __init__(self, table: str, dynamodb: DynamoDBClient | None = None) -> None:
        self._table = table
        self._dynamodb: DynamoDBClient = dynamodb or aws.client("dynamodb")

    def get(self, workspace_id: str, endpoint: str) -> Lookup | None:
        """Return what an endpoint does, strongly consistent, None where nobody chose."""
        key = keys.lookup(workspace_id, endpoint)
        found = self._dynamodb.get_item(TableName=self._table, Key=key, ConsistentRead=True).get("Item")
        return lookup_of(unrow(found)) if found else None

    def put(self, workspace_id: str, endpoint: str, lookup: Lookup) -> None:
        """Choose what an endpoint does."""
        item = {**keys.lookup(workspace_id, endpoint), **lookup_row(endpoint, lookup)}
        self._dynamodb.put_item(TableName=self._table, Item=item)

    def find(self, workspace_id: str) -> dict[str, Lookup]:
        """Return what was chosen, by endpoint, strongly consistent."""
        prefix = keys.lookup(workspace_id, "")
        found = query_all(
            self._dynamodb,
            TableName=self._table,
            KeyConditionExpression="pk = :pk AND begins_with(sk, :sk)",
            ExpressionAttributeValues={":pk": prefix["pk"], ":sk": prefix["sk"]},
            ConsistentRead=True,
        )
        return {values["endpoint"]: lookup_of(values) for values in map(unrow, found)}


def lookup_row(endpoint: str, lookup: Lookup) -> dict[str, Any]:
    """Return the row of what an endpoint does."""
    return row({"endpoint": endpoint, "kind": str(lookup.kind), "settings": dict(lookup.settings)})


def lookup_of(values: dict[str, Any]) -> Lookup:
    """Return what the endpoint of a row does."""
    return Lookup(LookupKind(values["kind"]), values["settings"])
