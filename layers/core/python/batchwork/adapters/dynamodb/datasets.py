"""Datasets: a row that says which version is read, and the versions' rows, spread over sixteen partitions each.

A version's row is one text attribute that holds its key and value as JSON: BatchGetItem answers in no order, and each
further attribute of 250 rows costs half a millisecond of CPU. Numbers are JSON's own, fractions included.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from batchwork.adapters import aws
from batchwork.adapters.dynamodb import keys
from batchwork.adapters.dynamodb.attributes import time_of, unrow, wire
from batchwork.adapters.dynamodb.calls import WRITES, condition_failed, delete_all, get_all, put_all, query_all
from batchwork.domain.item import Json
from batchwork.domain.lookup import Dataset

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

#: The attribute of a version's row. (Not `row`, a reserved word.)
_PAIR = "pair"
# What the conditional writes say.
_NOTHING_BEGAN_LATER = "begun = :version"  # closes load against load, delete against load, and what woke up too late


class DynamoDatasets:
    """ports.lookups.DatasetStore on the one table.

    A dataset that was deleted leaves its row without a version, so that its numbers are never given twice: functions
    remember for seconds which version they read.
    """

    def __init__(self, table: str, dynamodb: DynamoDBClient | None = None) -> None:
        self._table = table
        self._dynamodb: DynamoDBClient = dynamodb or aws.client("dynamodb")

    def get(self, workspace_id: str, name: str) -> Dataset | None:
        """Return a dataset, strongly consistent."""
        key = keys.dataset(workspace_id, name)
        found = self._dynamodb.get_item(TableName=self._table, Key=key, ConsistentRead=True).get("Item")
        return dataset_of(workspace_id, unrow(found)) if found else None

    def find(self, workspace_id: str) -> list[Dataset]:
        """Return a workspace's datasets, by name, strongly consistent."""
        prefix = keys.dataset(workspace_id, "")
        found = query_all(
            self._dynamodb,
            TableName=self._table,
            KeyConditionExpression="pk = :pk AND begins_with(sk, :sk)",
            ExpressionAttributeValues={":pk": prefix["pk"], ":sk": prefix["sk"]},
            ConsistentRead=True,
        )
        known = [dataset_of(workspace_id, values) for values in map(unrow, found)]
        return [dataset for dataset in known if dataset]

    def begin(self, workspace_id: str, name: str) -> tuple[int, int]:
        """Take the next number; an atomic ADD, so that no two loads have the same. One lost on the way is skipped."""
        answer = self._dynamodb.update_item(
            TableName=self._table,
            Key=keys.dataset(workspace_id, name),
            UpdateExpression="SET oldest = if_not_exists(oldest, :one), #name = :name ADD begun :one",
            ExpressionAttributeNames={"#name": "name"},
            ExpressionAttributeValues={":one": wire(1), ":name": wire(name)},
            ReturnValues="ALL_NEW",
        )
        values = unrow(answer["Attributes"])
        return values["begun"], values["oldest"]

    def write(self, dataset: Dataset, rows: Iterable[tuple[str, Json]]) -> None:
        """Write rows 25 at a time, in order, holding no more of them than that."""
        held: dict[str, Json] = {}  # by key: one request must not write a row twice (AWS limit)
        for row_key, value in rows:
            held[row_key] = value
            if len(held) == WRITES:
                self._put(dataset, held)
                held = {}
        if held:
            self._put(dataset, held)

    def publish(self, dataset: Dataset, oldest: int) -> bool:
        """Point readers to the version. Races closed: a load or a delete that began later."""
        return self._turn(
            dataset.workspace_id,
            dataset.name,
            dataset.version,
            "SET version = :version, #key = :key, #rows = :rows, loaded_at = :loaded_at, oldest = :oldest",
            {
                ":key": wire(dataset.key),
                ":rows": wire(dataset.rows),
                ":loaded_at": wire(dataset.loaded_at),
                ":oldest": wire(oldest),
            },
            {"#key": "key", "#rows": "rows"},
        )

    def drop(self, dataset: Dataset) -> int:
        """Delete a version's rows, partition by partition."""
        dropped = 0
        for shard in range(keys.DATASET_SHARDS):
            pk = keys.dataset_shard(dataset.workspace_id, dataset.name, dataset.version, shard)
            found = query_all(
                self._dynamodb,
                TableName=self._table,
                KeyConditionExpression="pk = :pk",
                ExpressionAttributeValues={":pk": wire(pk)},
                ProjectionExpression="pk, sk",
                ConsistentRead=True,
            )
            held: list[dict[str, Any]] = []
            for key in found:
                held.append(key)
                if len(held) == WRITES:
                    delete_all(self._dynamodb, self._table, held)
                    dropped, held = dropped + len(held), []
            delete_all(self._dynamodb, self._table, held)
            dropped += len(held)
        return dropped

    def forget(self, workspace_id: str, name: str, version: int) -> bool:
        """Take the version out of the dataset's row. Race closed: a load that began since the rows were dropped."""
        return self._turn(
            workspace_id,
            name,
            version,
            "SET oldest = :version REMOVE version, #key, #rows, loaded_at",
            {},
            {"#key": "key", "#rows": "rows"},
        )

    def rows(self, dataset: Dataset, keys_: Sequence[str]) -> Mapping[str, Json]:
        """Return the rows there are of up to 100 different keys.

        Strongly consistent, for twice the price of a read: a small dataset may be asked for within milliseconds of its
        load, and a row that is there must not be told missing.
        """
        wanted = [keys.dataset_row(dataset.workspace_id, dataset.name, dataset.version, key) for key in keys_]
        found = get_all(self._dynamodb, self._table, wanted, consistent=True, only=_PAIR)
        # All in one text: to parse a hundred texts takes twice as long.
        return dict(json.loads(f"[{','.join(entry[_PAIR]['S'] for entry in found)}]"))

    def _put(self, dataset: Dataset, held: Mapping[str, Json]) -> None:
        put_all(
            self._dynamodb,
            self._table,
            [
                {
                    **keys.dataset_row(dataset.workspace_id, dataset.name, dataset.version, row_key),
                    _PAIR: wire(json.dumps([row_key, value], ensure_ascii=False, separators=(",", ":"))),
                }
                for row_key, value in held.items()
            ],
        )

    def _turn(
        self, workspace_id: str, name: str, version: int, change: str, values: dict[str, Any], names: dict[str, str]
    ) -> bool:
        try:
            self._dynamodb.update_item(
                TableName=self._table,
                Key=keys.dataset(workspace_id, name),
                UpdateExpression=change,
                ConditionExpression=_NOTHING_BEGAN_LATER,
                ExpressionAttributeNames=names,
                ExpressionAttributeValues={":version": wire(version), **values},
            )
        except ClientError as exc:
            if condition_failed(exc):
                return False
            raise
        return True


def dataset_of(workspace_id: str, values: dict[str, Any]) -> Dataset | None:
    """Return the dataset of a row, None for one that is not loaded yet, or deleted."""
    if "version" not in values:
        return None
    return Dataset(
        workspace_id=workspace_id,
        name=values["name"],
        version=values["version"],
        key=values["key"],
        rows=values["rows"],
        loaded_at=time_of(values["loaded_at"]),
    )
