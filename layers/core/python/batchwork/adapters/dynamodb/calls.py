"""DynamoDB calls to their end: bulk requests whose unprocessed part is sent again, transactions that met others, paged
queries, what a refusal means.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from botocore.exceptions import ClientError

from batchwork.adapters.dynamodb.attributes import unrow

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

#: AWS limits of one request.
WRITES, READS = 25, 100
_ROUNDS = 8
#: Reasons of a cancelled transaction that pass by themselves: another one on the same row, and load.
_PASSING = {"TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"}


class StillUnprocessedError(RuntimeError):
    """DynamoDB left part of a bulk request unprocessed after eight rounds (about ten seconds)."""


def put_all(dynamodb: DynamoDBClient, table: str, rows: Sequence[dict[str, Any]]) -> None:
    """Put rows (wire form); unconditional, so the same rows may be put again."""
    _write_all(dynamodb, table, [{"PutRequest": {"Item": row}} for row in rows])


def delete_all(dynamodb: DynamoDBClient, table: str, keys: Sequence[dict[str, Any]]) -> None:
    """Delete rows by their keys (wire form); unconditional, so the same rows may be deleted again."""
    _write_all(dynamodb, table, [{"DeleteRequest": {"Key": key}} for key in keys])


def _write_all(dynamodb: DynamoDBClient, table: str, writes: Sequence[dict[str, Any]]) -> None:
    for part in _parts(writes, WRITES):
        requests: dict[str, Any] = {table: part}
        for wait in _waits():
            requests = dynamodb.batch_write_item(RequestItems=requests).get("UnprocessedItems") or {}
            if not requests:
                break
            time.sleep(wait)
        else:
            raise StillUnprocessedError(table)


def get_all(
    dynamodb: DynamoDBClient,
    table: str,
    keys: Iterable[dict[str, Any]],
    *,
    consistent: bool = False,
    only: str | None = None,
) -> list[dict[str, Any]]:
    """Return the rows (wire form) there are of the keys, in no order. only: the one attribute that is wanted."""
    wanted: dict[str, Any] = {"ConsistentRead": consistent} | ({"ProjectionExpression": only} if only else {})
    found: list[dict[str, Any]] = []
    for part in _parts(list(keys), READS):
        requests: dict[str, Any] = {table: {"Keys": part, **wanted}}
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


def transact(dynamodb: DynamoDBClient, actions: Sequence[dict[str, Any]]) -> None:
    """Write up to 100 actions (wire form), all or none; one that met another transaction or load is tried again.

    All tries have one ClientRequestToken: one whose answer was lost is applied once (AWS keeps it for ten minutes).
    Raises ClientError: any other refusal at once, such a one after eight waits (about ten seconds).
    """
    request: dict[str, Any] = {"TransactItems": actions, "ClientRequestToken": str(uuid4())}
    for wait in _waits():
        try:
            dynamodb.transact_write_items(**request)
        except ClientError as exc:
            if not _passes(exc):
                raise
        else:
            return
        time.sleep(wait)
    dynamodb.transact_write_items(**request)


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


@dataclass(frozen=True, slots=True)
class Reason:
    """Why one action of a transaction was not written. before: the row's values (ReturnValuesOnConditionCheckFailure)."""

    code: str
    before: dict[str, Any]

    @property
    def refused(self) -> bool:
        """Whether the action's condition was false."""
        return self.code == "ConditionalCheckFailed"


def reasons(exc: ClientError) -> list[Reason]:
    """Return a cancelled transaction's reasons, one an action, in their order; nothing for any other error."""
    if exc.response["Error"]["Code"] != "TransactionCanceledException":
        return []
    found: list[dict[str, Any]] = exc.response.get("CancellationReasons", [])  # type: ignore[assignment] # untyped
    return [Reason(reason.get("Code") or "None", unrow(reason.get("Item") or {})) for reason in found]


def condition_failed(exc: ClientError) -> bool:
    """Whether a write's condition was false, alone or as the reason of a cancelled transaction."""
    if exc.response["Error"]["Code"] == "ConditionalCheckFailedException":
        return True
    return any(reason.refused for reason in reasons(exc))


def _passes(exc: ClientError) -> bool:
    """Whether a transaction was refused for what passes, or an earlier try of it is still under way."""
    codes = {reason.code for reason in reasons(exc)} - {"None"}
    return (bool(codes) and codes <= _PASSING) or exc.response["Error"]["Code"] == "TransactionInProgressException"


def in_transaction(exc: ClientError) -> bool:
    """Whether a single write met a transaction on its row (the SDK does not try that again)."""
    return exc.response["Error"]["Code"] == "TransactionConflictException"


def row_before(exc: ClientError) -> dict[str, Any]:
    """Return the row that made a condition false (ReturnValuesOnConditionCheckFailure), empty when there was none."""
    found: dict[str, Any] = exc.response.get("Item", {})  # type: ignore[assignment] # untyped
    return unrow(found)
