"""Whose turn it is at webhook endpoints: a row an endpoint, with the last turn that was given."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from batchwork.adapters import aws
from batchwork.adapters.dynamodb import keys
from batchwork.adapters.dynamodb.attributes import row, unrow
from batchwork.adapters.dynamodb.calls import condition_failed, row_before
from batchwork.domain.pace import Turn, last_minute, minute_of, turn_after

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

#: An endpoint that nothing is sent to is forgotten.
_KEPT = timedelta(days=1)
#: Senders may want the first turn of a minute at the same time: one gets it, the others find the minute begun.
_TRIES = 8


class TurnsContendedError(RuntimeError):
    """Others were faster again and again; the message comes again."""


class DynamoEndpointPace:
    """ports.webhooks.EndpointPace. A turn is one write, the first of a minute two."""

    def __init__(self, table: str, dynamodb: DynamoDBClient | None = None) -> None:
        self._table = table
        self._dynamodb: DynamoDBClient = dynamodb or aws.client("dynamodb")

    def take(self, workspace_id: str, endpoint_id: str, rate: int, now: datetime) -> timedelta | None:
        """Take a turn, or tell when to ask again. Race closed: sender against sender, no turn is given twice."""
        key = keys.endpoint_pace(workspace_id, endpoint_id)
        for _ in range(_TRIES):
            given, last = self._one_more(key, rate, now)
            if given is not None:
                return given.wait(now)
            turn = turn_after(last, rate, now)
            if not turn.near(now) or self._begin(key, last, turn, now):
                return turn.wait(now)
        raise TurnsContendedError(endpoint_id)

    def _one_more(self, key: keys.Key, rate: int, now: datetime) -> tuple[Turn | None, Turn | None]:
        """Return (the next turn of the minute that is begun, None), or (None, the last turn) where it has none left."""
        begun = "#minute BETWEEN :this AND :last"
        left = "#number < :rate"  # closes two senders at the last turn of a minute
        try:
            answer = self._update(
                key,
                "SET #number = #number + :one",
                {":one": 1, ":this": minute_of(now), ":last": last_minute(now), ":rate": rate},
                f"{begun} AND {left}",
            )
        except ClientError as exc:
            if not condition_failed(exc):
                raise
            return None, _turn_of(row_before(exc))
        return _turn_of(unrow(answer["Attributes"])), None

    def _begin(self, key: keys.Key, last: Turn | None, turn: Turn, now: datetime) -> bool:
        """Take the first turn of a minute; False when somebody else did."""
        # Closes two senders that begin a minute.
        condition = "attribute_not_exists(pk)" if last is None else "#minute = :before"
        values = {":minute": turn.minute, ":number": turn.number, ":expires": int((now + _KEPT).timestamp())}
        try:
            self._update(
                key,
                "SET #minute = :minute, #number = :number, expires_at = :expires",
                values if last is None else values | {":before": last.minute},
                condition,
            )
        except ClientError as exc:
            if condition_failed(exc):
                return False
            raise
        return True

    def _update(self, key: keys.Key, update: str, values: dict[str, Any], condition: str) -> Any:
        return self._dynamodb.update_item(
            TableName=self._table,
            Key=key,
            UpdateExpression=update,
            ConditionExpression=condition,
            # Words of DynamoDB's own.
            ExpressionAttributeNames={"#minute": "minute", "#number": "number"},
            ExpressionAttributeValues=row(values),
            ReturnValues="ALL_NEW",
            ReturnValuesOnConditionCheckFailure="ALL_OLD",
        )


def _turn_of(values: dict[str, Any]) -> Turn | None:
    return Turn(values["minute"], values["number"]) if values else None
