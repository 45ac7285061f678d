"""DynamoDB calls to their end: bulk requests whose unprocessed part is sent again, paged queries, what a refusal means."""

from __future__ import annotations

import random
import time
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from batchwork.adapters.dynamodb.attributes import unrow

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


def condition_failed(exc: ClientError) -> bool:
    """Whether a write's condition was false, alone or as the reason of a cancelled transaction."""
    code = exc.response["Error"]["Code"]
    if code == "ConditionalCheckFailedException":
        return True
    reasons: list[dict[str, Any]] = exc.response.get("CancellationReasons", [])  # type: ignore[assignment] # untyped
    return code == "TransactionCanceledException" and any(r.get("Code") == "ConditionalCheckFailed" for r in reasons)


def in_transaction(exc: ClientError) -> bool:
    """Whether a single write met a transaction on its row (the SDK does not try that again)."""
    return exc.response["Error"]["Code"] == "TransactionConflictException"


def row_before(exc: ClientError) -> dict[str, Any]:
    """Return the row that made a condition false (ReturnValuesOnConditionCheckFailure), empty when there was none."""
    found: dict[str, Any] = exc.response.get("Item", {})  # type: ignore[assignment] # untyped
    return unrow(found)
