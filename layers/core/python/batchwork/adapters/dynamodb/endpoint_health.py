"""How the attempts at webhook endpoints went: a row an endpoint, a workspace's in one partition.

Beside the endpoints' rows, which are written whole: a sender's note would be lost in a change of its endpoint, or undo it.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from batchwork.adapters import aws
from batchwork.adapters.dynamodb import keys
from batchwork.adapters.dynamodb.attributes import row, time_of, unrow
from batchwork.adapters.dynamodb.calls import condition_failed, query_all
from batchwork.domain.webhook_endpoint import Health

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

#: A row goes by itself this long after the last attempt: that of an endpoint which was removed too.
KEPT = timedelta(days=400)


class DynamoEndpointHealth:
    """ports.webhooks.EndpointHealth. A note has no condition: it is right whatever was noted before."""

    def __init__(self, table: str, dynamodb: DynamoDBClient | None = None) -> None:
        self._table = table
        self._dynamodb: DynamoDBClient = dynamodb or aws.client("dynamodb")

    def get(self, workspace_id: str, endpoint_id: str) -> Health:
        """Return how it went, strongly consistent."""
        answer = self._dynamodb.get_item(
            TableName=self._table, Key=keys.endpoint_health(workspace_id, endpoint_id), ConsistentRead=True
        )
        return _health_of(answer.get("Item", {}))

    def of_workspace(self, workspace_id: str) -> dict[str, Health]:
        """Return how it went, by endpoint id, for those that have notes; strongly consistent."""
        found = query_all(
            self._dynamodb,
            TableName=self._table,
            KeyConditionExpression="pk = :pk",
            ExpressionAttributeValues={":pk": keys.endpoint_health(workspace_id, "")["pk"]},
            ConsistentRead=True,
        )
        return {wired["sk"]["S"]: _health_of(wired) for wired in found}

    def note(self, workspace_id: str, endpoint_id: str, at: datetime, *, succeeded: bool) -> Health:
        """Note an attempt. Race closed: sender against sender, by one write that reads nothing first."""
        noted = "SET kind = :kind, workspace_id = :workspace, last_delivery_at = :at, expires_at = :expires"
        values = {
            ":kind": "HOOKSTATS",
            ":workspace": workspace_id,
            ":at": at,
            ":expires": int((at + KEPT).timestamp()),
        }
        if succeeded:
            update = f"{noted} REMOVE failures, failing_since"
        else:
            update = f"{noted}, failing_since = if_not_exists(failing_since, :at) ADD failures :one"
            values[":one"] = 1
        return self._update(workspace_id, endpoint_id, update, ExpressionAttributeValues=row(values))

    def clear(self, workspace_id: str, endpoint_id: str) -> None:
        """Forget the failures, where there are notes. Race closed: with the first note, which is then not cleared."""
        try:
            self._update(
                workspace_id,
                endpoint_id,
                "REMOVE failures, failing_since",
                ConditionExpression="attribute_exists(pk)",  # or a row would be made that nothing removes
            )
        except ClientError as exc:
            if not condition_failed(exc):
                raise

    def _update(self, workspace_id: str, endpoint_id: str, update: str, **given: Any) -> Health:
        answer = self._dynamodb.update_item(
            TableName=self._table,
            Key=keys.endpoint_health(workspace_id, endpoint_id),
            UpdateExpression=update,
            ReturnValues="ALL_NEW",
            **given,
        )
        return _health_of(answer["Attributes"])


def _health_of(wired: dict[str, Any]) -> Health:
    values = unrow(wired)
    last, since = values.get("last_delivery_at"), values.get("failing_since")
    return Health(
        last_delivery_at=None if last is None else time_of(last),
        failures=values.get("failures", 0),
        failing_since=None if since is None else time_of(since),
    )
