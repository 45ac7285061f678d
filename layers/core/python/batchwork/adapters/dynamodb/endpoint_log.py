"""Deliveries to one webhook endpoint, read from their index a part at a time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from batchwork.adapters.dynamodb import attributes, keys
from batchwork.adapters.dynamodb.calls import get_all
from batchwork.adapters.dynamodb.deliveries import delivery_of, moment
from batchwork.ports.webhooks import Logged

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

    from batchwork.domain.webhook import Delivery, DeliveryStatus
    from batchwork.ports.webhooks import Wanted

#: Keys of a part's queries after the first, and how many of them there may be.
_ROWS, _QUERIES = 500, 4


@dataclass(frozen=True, slots=True)
class EndpointLog:
    """The log of endpoints' deliveries on the one table."""

    table: str
    dynamodb: DynamoDBClient

    def part(self, workspace_id: str, endpoint_id: str, wanted: Wanted) -> Logged:
        """Return deliveries to an endpoint, newest first: their keys from the index, then the rows of the part."""
        names: list[str] = []
        place = wanted.after
        for answer in self._keys_of(keys.deliveries_of(workspace_id, endpoint_id), wanted):
            for wired in answer["Items"]:
                each = _place_of(wired)
                if each == wanted.after:
                    continue
                if len(names) == wanted.limit:
                    return Logged(self._rows_of(workspace_id, names, wanted.status), place)
                names.append(each)
                place = each
            if "LastEvaluatedKey" not in answer:
                return Logged(self._rows_of(workspace_id, names, wanted.status), None)
            place = _place_of(answer["LastEvaluatedKey"])
        return Logged(self._rows_of(workspace_id, names, wanted.status), place)

    def _keys_of(self, group_pk: str, wanted: Wanted) -> Iterator[Any]:
        """Yield pages of keys, two thousand at the most: a status is filtered only after it is read."""
        low = moment(wanted.since) if wanted.since else "0"
        high = min(
            wanted.after.replace("_", "#", 1) if wanted.after else "9",
            moment(wanted.until) if wanted.until else "9",  # all of that millisecond come after it
        )
        query: dict[str, Any] = {
            "TableName": self.table,
            "IndexName": keys.GROUPS,
            "KeyConditionExpression": "group_pk = :group AND group_sk BETWEEN :low AND :high",
            "ScanIndexForward": False,
        }
        values = {":group": group_pk, ":low": low, ":high": high}
        if wanted.status is not None:
            query |= {"FilterExpression": "#status = :status", "ExpressionAttributeNames": {"#status": "status"}}
            values[":status"] = str(wanted.status)
        query["ExpressionAttributeValues"] = attributes.row(values)
        if low > high:
            yield {"Items": []}  # DynamoDB refuses to look for what is between nothing
            return
        for rows in (wanted.limit + 2, *(_ROWS,) * _QUERIES):
            answer = self.dynamodb.query(**query, Limit=rows)
            yield answer
            if "LastEvaluatedKey" in answer:
                query["ExclusiveStartKey"] = answer["LastEvaluatedKey"]

    def _rows_of(self, workspace_id: str, places: list[str], status: DeliveryStatus | None) -> list[Delivery]:
        """Return the deliveries of places that are still there, and whose status still is the wanted one."""
        wanted = [keys.delivery(workspace_id, place.partition("_")[2]) for place in places]
        rows = {row["pk"]["S"]: row for row in get_all(self.dynamodb, self.table, wanted)}
        found = [delivery_of(rows[each["pk"]["S"]]) for each in wanted if each["pk"]["S"] in rows]
        return [each for each in found if status in {None, each.status}]


def _place_of(wired: dict[str, Any]) -> str:
    return str(wired["group_sk"]["S"]).replace("#", "_", 1)
