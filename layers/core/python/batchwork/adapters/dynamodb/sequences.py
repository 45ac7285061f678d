"""Integers that a workspace never sees twice: one counter row a workspace."""

from __future__ import annotations

from typing import TYPE_CHECKING

from batchwork.adapters import aws
from batchwork.adapters.dynamodb import keys

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient


class DynamoSequences:
    """A counter a workspace, advanced by an atomic ADD: closes two reservations at the same time."""

    def __init__(self, table: str, dynamodb: DynamoDBClient | None = None) -> None:
        self._table = table
        self._dynamodb: DynamoDBClient = dynamodb or aws.client("dynamodb")

    def reserve(self, workspace_id: str, count: int) -> int:
        """Reserve `count` (1 or more) consecutive integers, from 1, and return the first."""
        if count < 1:
            raise ValueError(count)
        answer = self._dynamodb.update_item(
            TableName=self._table,
            Key=keys.sequence(workspace_id),
            UpdateExpression="ADD reserved :count",
            ExpressionAttributeValues={":count": {"N": str(count)}},
            ReturnValues="UPDATED_NEW",
        )
        return int(answer["Attributes"]["reserved"]["N"]) - count + 1
