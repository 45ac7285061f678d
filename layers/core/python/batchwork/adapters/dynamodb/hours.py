"""The hours of a workspace's queue: one row, with the last one that was given."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from batchwork.adapters import aws
from batchwork.adapters.dynamodb import keys
from batchwork.adapters.dynamodb.attributes import wire
from batchwork.adapters.dynamodb.calls import condition_failed

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

_HOUR = 3600


class DynamoHours:
    """ports.operations.PublishingHours on the one table: hours since 1970, so that the next one is a sum."""

    def __init__(self, table: str, dynamodb: DynamoDBClient | None = None) -> None:
        self._table = table
        self._dynamodb: DynamoDBClient = dynamodb or aws.client("dynamodb")

    def take(self, workspace_id: str, now: datetime) -> datetime:
        """Return the next hour, by one write while the queue is ahead of the clock, by two where it begins anew.

        Races closed: two posts at one hour. A repeated request whose answer was lost leaves an hour out.
        """
        first = int(now.timestamp()) // _HOUR + 1
        while True:
            # The one after the last given, if that lies ahead; else the first full hour. Never both: two who begin anew
            # at once cannot both find nothing ahead.
            for update, condition in (
                ("SET #hour = #hour + :one", "#hour >= :first"),
                ("SET #hour = :first", "attribute_not_exists(#hour) OR #hour < :first"),
            ):
                hour = self._given(workspace_id, update, condition, first)
                if hour is not None:
                    return datetime.fromtimestamp(hour * _HOUR, UTC)

    def _given(self, workspace_id: str, update: str, condition: str, first: int) -> int | None:
        values = {":first": wire(first)} | ({":one": wire(1)} if ":one" in update else {})
        try:
            answer = self._dynamodb.update_item(
                TableName=self._table,
                Key=keys.publishing_hour(workspace_id),
                UpdateExpression=update,
                ConditionExpression=condition,
                ExpressionAttributeNames={"#hour": "hour"},
                ExpressionAttributeValues=values,
                ReturnValues="UPDATED_NEW",
            )
        except ClientError as exc:
            if condition_failed(exc):
                return None
            raise
        return int(answer["Attributes"]["hour"]["N"])
