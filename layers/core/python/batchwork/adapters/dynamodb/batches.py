"""Batches in DynamoDB: every conditional write names the race that its condition closes."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from botocore.exceptions import ClientError

from batchwork.adapters import aws
from batchwork.adapters.dynamodb import keys
from batchwork.adapters.dynamodb.attributes import millis, row, unrow, wire
from batchwork.adapters.dynamodb.batch_rows import (
    OPEN,
    Retention,
    batch_of,
    chunk_of,
    closing,
    expires_at,
    header_row,
    input_rows,
    list_pk,
    packed_unit,
    stopping,
    unit_content,
)
from batchwork.adapters.dynamodb.calls import (
    condition_failed,
    get_all,
    in_transaction,
    put_all,
    query_all,
    reasons,
    row_before,
    transact,
)
from batchwork.adapters.dynamodb.deliveries import delivery_row
from batchwork.adapters.dynamodb.usage import charging, over_quota
from batchwork.adapters.packing import Packer
from batchwork.domain.batch import Batch, BatchRef, BatchStatus, StopCause, Tally
from batchwork.domain.chunk import Unit
from batchwork.domain.errors import AlreadyCounted
from batchwork.domain.item import Deferral, Item, Result
from batchwork.domain.lease import ChunkState, Lease
from batchwork.domain.usage import Charge
from batchwork.domain.webhook import Delivery
from batchwork.ports import Page

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

#: Nobody holds the unit: never leased, given back, or its holder's lease ran out.
_FREE = "(attribute_not_exists(#token) OR #until <= :now)"
_IS_OPEN = "#status IN (:in_progress, :cancelling)"
_OPEN_STATES = {":in_progress": str(OPEN[0]), ":cancelling": str(OPEN[1])}


class DynamoBatches:
    """ports.BatchStore on the one table; retention counts from a batch's deadline."""

    def __init__(
        self, table: str, packer: Packer, retention: Retention, dynamodb: DynamoDBClient | None = None
    ) -> None:
        self._table = table
        self._packer = packer
        self._retention = retention
        self._dynamodb: DynamoDBClient = dynamodb or aws.client("dynamodb")

    def create(self, batch: Batch, items: Sequence[Item], check_at: datetime, charge: Charge) -> bool:
        """Store the inputs, then the header with its charge. Race closed: two tries of one piece of work."""
        expires = expires_at(batch, self._retention)
        put_all(self._dynamodb, self._table, input_rows(batch, items, self._packer, expires))
        header = {
            "TableName": self._table,
            "Item": header_row(batch, millis(check_at), expires),
            "ConditionExpression": "attribute_not_exists(pk)",
        }
        try:
            transact(self._dynamodb, [{"Put": header}, *charging(self._table, charge)])
        except ClientError as exc:
            stored = reasons(exc)[:1]
            if stored and stored[0].refused:
                return False
            if (refusal := over_quota(exc, charge)) is not None:
                raise refusal from exc
            raise
        return True

    def get(self, ref: BatchRef) -> Batch | None:
        """Return the header, strongly consistent."""
        answer = self._dynamodb.get_item(
            TableName=self._table, Key=keys.header(ref.workspace_id, ref.batch_id), ConsistentRead=True
        )
        return batch_of(answer["Item"]) if "Item" in answer else None

    def find(self, workspace_id: str, family: str, status: BatchStatus | None, offset: int, limit: int) -> Page[Batch]:
        """Return headers, newest first; reads the whole index partition for the total (100 bytes a batch)."""
        query: dict[str, Any] = {
            "TableName": self._table,
            "IndexName": keys.LISTING,
            "KeyConditionExpression": "list_pk = :pk",
            "ExpressionAttributeValues": {":pk": wire(list_pk(workspace_id, family))},
            "ScanIndexForward": False,
            "ProjectionExpression": "pk, sk",
        }
        if status is not None:
            query["FilterExpression"] = "#status = :status"
            query["ExpressionAttributeNames"] = {"#status": "status"}
            query["ExpressionAttributeValues"][":status"] = wire(str(status))
        found = list(query_all(self._dynamodb, **query))
        wanted = [{"pk": key["pk"], "sk": key["sk"]} for key in found[offset : offset + limit]]
        headers = {
            wired["pk"]["S"]: batch_of(wired) for wired in get_all(self._dynamodb, self._table, wanted, consistent=True)
        }
        return Page([headers[key["pk"]["S"]] for key in wanted if key["pk"]["S"] in headers], len(found))

    def chunk(self, batch: Batch, chunk: int) -> ChunkState:
        """Return all that is stored of a chunk; without items when its inputs cannot be read."""
        rows = query_all(
            self._dynamodb,
            TableName=self._table,
            KeyConditionExpression="pk = :pk",
            ExpressionAttributeValues={":pk": wire(keys.chunk(batch.workspace_id, batch.id, chunk))},
            ConsistentRead=True,
        )
        return chunk_of(batch, chunk, map(unrow, rows), self._packer)

    def lease(self, batch: Batch, unit: Unit, lease: Lease, now: datetime) -> bool:
        """Take a free unit. Races closed: two workers, worker and canceller; own retry of a lost answer counts.

        The attempt closes a third one: a worker whose picture of the chunk is old would repeat, before its time, an
        attempt that somebody made and gave back meanwhile.
        """
        return self._write_unit(
            batch,
            unit,
            "SET #token = :token, #until = :until, attempt = :attempt, #unit = :unit, expires_at = :expires",
            f"attribute_not_exists(settled) AND {_FREE} AND (attribute_not_exists(attempt) OR attempt < :attempt)",
            {
                ":token": lease.token,
                ":until": lease.until,
                ":attempt": lease.attempt,
                ":now": now,
                ":unit": unit.number,
                ":expires": expires_at(batch, self._retention),
            },
            mine=lambda before: before.get("token") == lease.token,
        )

    def settle(
        self, batch: Batch, unit: Unit, token: str, results: Sequence[Result], deferred: Sequence[Deferral]
    ) -> bool:
        """Write final results under the lease. Race closed: a worker that outlived its lease."""
        value, packed = unit_content(batch, unit, token, packed_unit(results, deferred), self._packer)
        return self._write_unit(
            batch,
            unit,
            f"SET {packed}, settled = :true, settled_by = :token REMOVE #token, #until",
            "#token = :token",
            {":token": token, ":true": True, **value},
            mine=lambda before: before.get("settled_by") == token,
        )

    def give_back(self, batch: Batch, unit: Unit, token: str, deferral: Deferral) -> bool:
        """End the lease for a later attempt. Race closed: a worker that outlived its lease."""
        value, packed = unit_content(batch, unit, token, packed_unit((), (deferral,)), self._packer)
        return self._write_unit(
            batch,
            unit,
            f"SET {packed}, given_by = :token REMOVE #token, #until",
            "#token = :token",
            {":token": token, **value},
            mine=lambda before: before.get("given_by") == token,
        )

    def settle_free(self, batch: Batch, unit: Unit, results: Sequence[Result], now: datetime) -> bool:
        """Write final results of a free unit, for the stream as `unworked`. Races closed: canceller, sweeper, worker."""
        value, packed = unit_content(batch, unit, "free", packed_unit(results, ()), self._packer)
        return self._write_unit(
            batch,
            unit,
            f"SET {packed}, settled = :true, #unit = :unit, expires_at = :expires, unworked = :family"
            " REMOVE #token, #until",
            f"attribute_not_exists(settled) AND {_FREE}",
            {
                ":true": True,
                ":now": now,
                ":unit": unit.number,
                ":family": batch.family,
                ":expires": expires_at(batch, self._retention),
                **value,
            },
        )

    def count(self, batch: Batch, tallies: Sequence[Tally]) -> Batch:
        """Add units to the counts and to the set of counted units. Race closed: the same unit counted twice."""
        succeeded, failed = sum(t.succeeded for t in tallies), sum(t.failed for t in tallies)
        skipped = sum(t.skipped for t in tallies)
        values = {f":u{n}": tally.unit for n, tally in enumerate(tallies)}
        # One NOT around ORs: a chunk's hundred units stay within an expression's 300 operators (AWS limit).
        counted = " OR ".join(f"contains(counted, {name})" for name in values)
        try:
            answer = self._dynamodb.update_item(
                TableName=self._table,
                Key=keys.header(batch.workspace_id, batch.id),
                UpdateExpression="SET remaining = remaining - :n ADD succeeded :s, failed :f, counted :units"
                + (", skipped :k" if skipped else ""),
                ConditionExpression=f"attribute_exists(pk) AND NOT ({counted})",
                ExpressionAttributeValues=row(
                    {
                        **values,
                        ":n": succeeded + failed,
                        ":s": succeeded,
                        ":f": failed,
                        ":units": {t.unit for t in tallies},
                        ":k": skipped or None,
                    }
                ),
                ReturnValues="ALL_NEW",
            )
        except ClientError as exc:
            if condition_failed(exc):
                raise AlreadyCounted(unit=tallies[0].unit) from exc
            raise
        return batch_of(answer["Attributes"])

    def start(self, batch: Batch, now: datetime) -> None:
        """Note when it was first taken up. Race closed: two workers, of whom the first one's time stays."""
        condition, names = f"attribute_not_exists(started_at) AND {_IS_OPEN}", {"#status": "status"}
        noted = {":now": now, **_OPEN_STATES}
        self._if(condition, batch, "SET started_at = :now", noted, ExpressionAttributeNames=names)

    def stop(self, ref: BatchRef, cause: StopCause, reason: str | None, check_at: datetime) -> Batch | None:
        """Stop a batch in progress. Races closed: cancel against cancel, against completion, against failure."""
        token = str(uuid4())  # own retry of a lost answer counts
        update, values = stopping(cause, reason, check_at, token)
        try:
            answer = self._dynamodb.update_item(
                TableName=self._table,
                Key=keys.header(ref.workspace_id, ref.batch_id),
                UpdateExpression=update,
                ConditionExpression="#status = :in_progress AND remaining > :zero"
                " AND (attribute_not_exists(#stop) OR #stop = :expired)",
                ExpressionAttributeNames={"#status": "status", "#stop": "stop"},
                ExpressionAttributeValues=values,
                ReturnValues="ALL_NEW",
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except ClientError as exc:
            if row_before(exc).get("stopped_by") == token:
                return batch_of(exc.response["Item"])  # type: ignore[typeddict-item] # untyped
            # The only transaction on a header that is there closes it: that batch has nothing left to stop.
            if condition_failed(exc) or in_transaction(exc):
                return None
            raise
        return batch_of(answer["Attributes"])

    def close(self, batch: Batch, status: BatchStatus, now: datetime, delivery: Delivery | None) -> bool:
        """Close an open batch that has nothing left, together with its delivery. Race closed: two completions."""
        update, values = closing(batch, status, now)
        close: dict[str, Any] = {
            "TableName": self._table,
            "Key": keys.header(batch.workspace_id, batch.id),
            "UpdateExpression": update,
            "ConditionExpression": f"{_IS_OPEN} AND remaining = :zero",
            "ExpressionAttributeNames": {"#status": "status"},
            "ExpressionAttributeValues": {**values, **row(_OPEN_STATES)},
        }
        try:
            if delivery is None:
                self._dynamodb.update_item(**close)
            else:
                put: dict[str, Any] = {
                    "TableName": self._table,
                    "Item": delivery_row(delivery, expires_at(batch, self._retention)),
                    "ConditionExpression": "attribute_not_exists(pk)",
                }
                transact(self._dynamodb, [{"Update": close}, {"Put": put}])
        except ClientError as exc:
            if condition_failed(exc):
                return False
            raise
        return True

    def due(self, now: datetime, limit: int) -> list[BatchRef]:
        """Return batches whose check is due, most overdue first."""
        found: list[tuple[int, BatchRef]] = []
        for pk in keys.due_pks("BATCH"):
            answer = self._dynamodb.query(
                TableName=self._table,
                IndexName=keys.DUE,
                KeyConditionExpression="due_pk = :pk AND due_at <= :now",
                ExpressionAttributeValues={":pk": wire(pk), ":now": wire(now)},
                Limit=limit,
            )
            for wired in answer["Items"]:
                _, workspace_id, batch_id = wired["pk"]["S"].split("#")
                found.append((int(wired["due_at"]["N"]), BatchRef(workspace_id, batch_id)))
        return [ref for _, ref in sorted(found, key=lambda entry: entry[0])[:limit]]

    def checked(self, batch: Batch, check_at: datetime, checks: int) -> None:
        """Note that the sweeper looked. Race closed: a batch that left the due index meanwhile stays out of it."""
        noted = {":check": check_at, ":checks": checks, ":counted": len(batch.counted)}
        self._if("attribute_exists(due_pk)", batch, "SET due_at = :check, checks = :checks, checked = :counted", noted)

    def release(self, batch: Batch) -> None:
        """Take an ended batch out of the due index. Races closed: two sweepers, and the expiry of its rows."""
        condition, names = f"attribute_exists(due_pk) AND NOT {_IS_OPEN}", {"#status": "status"}
        self._if(condition, batch, "REMOVE due_pk, due_at", _OPEN_STATES, ExpressionAttributeNames=names)

    def _if(self, condition: str, batch: Batch, update: str, values: dict[str, Any], **names: Any) -> None:
        """Update a header; nothing when the condition fails, or while the batch is being closed."""
        try:
            self._dynamodb.update_item(
                TableName=self._table,
                Key=keys.header(batch.workspace_id, batch.id),
                UpdateExpression=update,
                ConditionExpression=condition,
                ExpressionAttributeValues=row(values),
                **names,
            )
        except ClientError as exc:
            if not (condition_failed(exc) or in_transaction(exc)):
                raise

    def _write_unit(
        self,
        batch: Batch,
        unit: Unit,
        update: str,
        condition: str,
        values: dict[str, Any],
        mine: Any = None,
    ) -> bool:
        """Update a unit's row on a condition; a refusal that the writer's own earlier request caused is a success.

        The SDK repeats a request whose answer was lost, and the repetition meets what the first one wrote.
        """
        names = {name: name[1:] for name in ("#token", "#until", "#unit") if name in update + condition}
        try:
            self._dynamodb.update_item(
                TableName=self._table,
                Key=keys.key(keys.chunk(batch.workspace_id, batch.id, unit.chunk), keys.unit(unit.number)),
                UpdateExpression=update,
                ConditionExpression=condition,
                ExpressionAttributeNames=names,
                ExpressionAttributeValues=row(values),
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except ClientError as exc:
            if condition_failed(exc):
                return bool(mine and mine(row_before(exc)))
            raise
        return True
