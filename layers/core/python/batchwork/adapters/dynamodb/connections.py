"""Connections that were begun: a row each, by its state, until it runs out."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from batchwork.adapters import aws
from batchwork.adapters.dynamodb import keys
from batchwork.adapters.dynamodb.attributes import millis, row, time_of, unrow, wire
from batchwork.adapters.dynamodb.calls import condition_failed
from batchwork.domain.account import Connecting

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient


class DynamoConnections:
    """ports.operations.Connections on the one table."""

    def __init__(self, table: str, dynamodb: DynamoDBClient | None = None) -> None:
        self._table = table
        self._dynamodb: DynamoDBClient = dynamodb or aws.client("dynamodb")

    def open(self, workspace_id: str, state: str, connecting: Connecting) -> None:
        """Keep what is begun. Race closed: two tries of one piece of work, and a try after its state was used."""
        values = row(
            {
                "platform": connecting.platform,
                "redirect_url": connecting.redirect_url,
                "until": connecting.until,
                "expires_at": millis(connecting.until) // 1000 + 1,  # TTL, which may come days late
            }
        )
        try:
            self._dynamodb.put_item(
                TableName=self._table,
                Item=keys.connecting(workspace_id, state) | values,
                ConditionExpression="attribute_not_exists(pk)",
            )
        except ClientError as exc:
            if not condition_failed(exc):
                raise

    def get(self, workspace_id: str, state: str) -> Connecting | None:
        """Return what was begun under a state, strongly consistent."""
        answer = self._dynamodb.get_item(
            TableName=self._table, Key=keys.connecting(workspace_id, state), ConsistentRead=True
        )
        if "Item" not in answer:
            return None
        values = unrow(answer["Item"])
        return Connecting(
            platform=values["platform"],
            redirect_url=values["redirect_url"],
            until=time_of(values["until"]),
            used_by=values.get("used_by"),
        )

    def use(self, workspace_id: str, state: str, holder: str, now: datetime) -> bool:
        """Use a state up. Race closed: two callbacks with one state; own retry of a lost answer counts."""
        unused = "attribute_not_exists(used_by) AND #until > :now"
        try:
            self._dynamodb.update_item(
                TableName=self._table,
                Key=keys.connecting(workspace_id, state),
                UpdateExpression="SET used_by = :holder",
                ConditionExpression=f"attribute_exists(pk) AND (({unused}) OR used_by = :holder)",
                ExpressionAttributeNames={"#until": "until"},
                ExpressionAttributeValues={":holder": wire(holder), ":now": wire(now)},
            )
        except ClientError as exc:
            if condition_failed(exc):
                return False
            raise
        return True
