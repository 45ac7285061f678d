"""Counts of requests: a row a key and day, with the day's count and one for each of the last minutes."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from batchwork.adapters import aws
from batchwork.adapters.dynamodb import keys
from batchwork.adapters.dynamodb.attributes import row, unrow
from batchwork.adapters.dynamodb.calls import condition_failed, row_before
from batchwork.domain.limit import Taken
from batchwork.domain.plan import Plan
from batchwork.domain.workspace import ApiKey

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

_KEPT = timedelta(days=2)
#: Minutes ago whose counts a request removes. Not the last two: a function whose clock is late would count them anew.
#: Of 43 minutes three can stay at the worst, 102 of a day: with them the row is below 1 KB, one write unit.
_PAST = range(3, 41)


class DynamoRates:
    """ports.identity.RateStore, one write a request: windows begin by another attribute, never by a write of their own.

    A request that the SDK repeats because its answer was lost counts twice in its windows: the client is told of fewer
    requests left than there are until the minute ends. Units are another matter (usage.py).
    """

    def __init__(self, table: str, dynamodb: DynamoDBClient | None = None) -> None:
        self._table = table
        self._dynamodb: DynamoDBClient = dynamodb or aws.client("dynamodb")

    def take(self, key: ApiKey, terms: Plan, now: datetime) -> Taken:
        """Count a request. Race closed: two requests taking the last place of a window."""
        minute = now.hour * 60 + now.minute
        this = _name(minute)
        past = ", ".join(_name(minute - ago) for ago in _PAST if ago <= minute)
        try:
            answer = self._dynamodb.update_item(
                TableName=self._table,
                Key=keys.requests_of(key.workspace_id, key.id, f"{now:%Y-%m-%d}"),
                UpdateExpression=f"SET expires_at = :expires ADD passed :one, {this} :one"
                + (f" REMOVE {past}" if past else ""),
                ConditionExpression=f"{_below('passed', ':day', terms.per_day)}"
                f" AND {_below(this, ':minute', terms.per_minute)}",
                ExpressionAttributeValues=row(
                    {
                        ":one": 1,
                        ":day": terms.per_day,
                        ":minute": terms.per_minute,
                        ":expires": int((now + _KEPT).timestamp()),
                    }
                ),
                ReturnValues="UPDATED_NEW",
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except ClientError as exc:
            if not condition_failed(exc):
                raise
            counts, passed = row_before(exc), False
        else:
            counts, passed = unrow(dict(answer["Attributes"])), True
        return Taken(passed, minute=counts.get(this, 0), day=counts.get("passed", 0))


def _name(minute: int) -> str:
    """Return the attribute of a minute of the day: four bytes, and no word that DynamoDB reserves has a digit in it."""
    return f"m{minute:03x}"


def _below(name: str, value: str, limit: int) -> str:
    """Return the condition that a count leaves room; what was never counted leaves some, unless the limit is zero."""
    return f"(attribute_not_exists({name}) OR {name} < {value})" if limit > 0 else f"{name} < {value}"
