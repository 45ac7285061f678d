"""Receivers' slots: a row a receiver, with a set of ``<until in ms>#<holder>``."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from batchwork.adapters import aws
from batchwork.adapters.dynamodb import keys
from batchwork.adapters.dynamodb.attributes import millis, row, unrow
from batchwork.adapters.dynamodb.calls import condition_failed, row_before

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

#: A receiver that nothing is sent to is forgotten.
_KEPT = timedelta(days=1)


class DynamoSlots:
    """ports.ReceiverSlots. share: senders that one receiver may keep busy."""

    def __init__(self, table: str, share: int, dynamodb: DynamoDBClient | None = None) -> None:
        self._table = table
        self._share = share
        self._dynamodb: DynamoDBClient = dynamodb or aws.client("dynamodb")

    def take(self, workspace_id: str, receiver: str, holder: str, until: datetime, now: datetime) -> bool:
        """Add a hold while there are fewer than the share; slots of dead senders are cleared when they are in the way."""
        key = keys.receiver(workspace_id, receiver)
        for _ in range(2):
            try:
                self._update(
                    key,
                    "SET expires_at = :expires ADD holds :hold",
                    {
                        ":hold": {f"{millis(until)}#{holder}"},
                        ":share": self._share,
                        ":expires": int((now + _KEPT).timestamp()),
                    },
                    # Closes two senders taking the last slot.
                    ConditionExpression="attribute_not_exists(holds) OR size(holds) < :share",
                )
            except ClientError as exc:
                if not condition_failed(exc):
                    raise
                holds: set[str] = row_before(exc).get("holds", set())
            else:
                return True
            if any(hold.endswith(f"#{holder}") for hold in holds):
                return True  # our own earlier request, whose answer was lost
            dead = {hold for hold in holds if int(hold.partition("#")[0]) <= millis(now)}
            if not dead:
                return False
            self._update(key, "DELETE holds :dead", {":dead": dead})
        return False

    def free(self, workspace_id: str, receiver: str, holder: str) -> None:
        """Remove the holder's holds."""
        key = keys.receiver(workspace_id, receiver)
        found = self._dynamodb.get_item(TableName=self._table, Key=key, ConsistentRead=True).get("Item")
        own = {hold for hold in unrow(found).get("holds", ()) if hold.endswith(f"#{holder}")} if found else set()
        if own:
            self._update(key, "DELETE holds :own", {":own": own})

    def _update(self, key: keys.Key, update: str, values: dict[str, Any], **condition: Any) -> None:
        self._dynamodb.update_item(
            TableName=self._table,
            Key=key,
            UpdateExpression=update,
            ExpressionAttributeValues=row(values),
            ReturnValuesOnConditionCheckFailure="ALL_OLD",
            **condition,
        )
