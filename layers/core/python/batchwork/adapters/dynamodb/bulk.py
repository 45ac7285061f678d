"""BatchWriteItem and BatchGetItem to the end: what DynamoDB leaves unprocessed is sent again, with backoff."""

from __future__ import annotations

import random
import time
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

#: AWS limits of one request.
WRITES, READS = 25, 100
_ROUNDS = 8


class StillUnprocessedError(RuntimeError):
    """DynamoDB left part of a bulk request unprocessed after eight rounds (about ten seconds)."""


def put_all(dynamodb: DynamoDBClient, table: str, rows: Sequence[dict[str, Any]]) -> None:
    """Put rows (wire form); unconditional, so the same rows may be put again."""
    for part in _parts(rows, WRITES):
        requests: dict[str, Any] = {table: [{"PutRequest": {"Item": row}} for row in part]}
        for wait in _waits():
            requests = dynamodb.batch_write_item(RequestItems=requests).get("UnprocessedItems") or {}
            if not requests:
                break
            time.sleep(wait)
        else:
            raise StillUnprocessedError(table)


def get_all(
    dynamodb: DynamoDBClient, table: str, keys: Iterable[dict[str, Any]], *, consistent: bool = False
) -> list[dict[str, Any]]:
    """Return the rows (wire form) there are of the keys, in no order."""
    found: list[dict[str, Any]] = []
    for part in _parts(list(keys), READS):
        requests: dict[str, Any] = {table: {"Keys": part, "ConsistentRead": consistent}}
        for wait in _waits():
            answer = dynamodb.batch_get_item(RequestItems=requests)
            found += answer["Responses"].get(table, [])
            requests = answer.get("UnprocessedKeys") or {}
            if not requests:
                break
            time.sleep(wait)
        else:
            raise StillUnprocessedError(table)
    return found


def query_all(dynamodb: DynamoDBClient, **query: Any) -> Iterator[dict[str, Any]]:
    """Yield the rows (wire form) of a query, page by page (1 MB each, AWS limit)."""
    while True:
        answer = dynamodb.query(**query)
        yield from answer["Items"]
        if "LastEvaluatedKey" not in answer:
            return
        query["ExclusiveStartKey"] = answer["LastEvaluatedKey"]


def _parts(entries: Sequence[dict[str, Any]], size: int) -> Iterator[Sequence[dict[str, Any]]]:
    return (entries[start : start + size] for start in range(0, len(entries), size))


def _waits() -> Iterator[float]:
    return (0.05 * 2**n * (0.5 + random.random() / 2) for n in range(_ROUNDS))  # noqa: S311 -- jitter
