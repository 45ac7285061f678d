"""Usage: a row a month with its units, and a ledger of what they come from, always written together."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from batchwork.adapters import aws
from batchwork.adapters.dynamodb import keys
from batchwork.adapters.dynamodb.attributes import row, unrow, wire
from batchwork.adapters.dynamodb.calls import condition_failed, in_transaction, query_all, reasons, transact
from batchwork.domain.errors import QuotaExceeded
from batchwork.domain.usage import Charge, month_ends

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

#: A year's usage can be reconciled, with a month to do it in; a month's row is kept as long after its end.
_KEPT = timedelta(days=400)


class DynamoUsage:
    """ports.identity.UsageStore: each charge is one transaction of a ledger entry and the month's units."""

    def __init__(self, table: str, dynamodb: DynamoDBClient | None = None) -> None:
        self._table = table
        self._dynamodb: DynamoDBClient = dynamodb or aws.client("dynamodb")

    def reserve(self, charge: Charge) -> None:
        """Charge once, within the ceiling. A charge that is in the ledger is no charge any more, however full the month."""
        try:
            transact(self._dynamodb, charging(self._table, charge))
        except ClientError as exc:
            entered = reasons(exc)[:1]
            if entered and entered[0].refused:
                return
            if (refusal := over_quota(exc, charge)) is not None:
                raise refusal from exc
            raise

    def release(self, charge: Charge) -> None:
        """Take a charge back. Race closed: two releases of one charge, of which the second finds no ledger entry."""
        entry = {
            "TableName": self._table,
            "Key": keys.charge(charge.workspace_id, charge.month, charge.id),
            "ConditionExpression": "attribute_exists(pk)",
        }
        month = {
            "TableName": self._table,
            "Key": keys.usage(charge.workspace_id, charge.month),
            "UpdateExpression": "ADD units :less",
            "ExpressionAttributeValues": row({":less": -charge.units}),
        }
        try:
            transact(self._dynamodb, [{"Delete": entry}, {"Update": month}])
        except ClientError as exc:
            if not condition_failed(exc):
                raise

    def used(self, workspace_id: str, month: str) -> int:
        """Return a month's units, strongly consistent."""
        key = keys.usage(workspace_id, month)
        found = self._dynamodb.get_item(TableName=self._table, Key=key, ConsistentRead=True).get("Item")
        return unrow(found).get("units", 0) if found else 0

    def charges(self, workspace_id: str, month: str) -> Iterator[Charge]:
        """Yield a month's ledger entries, strongly consistent."""
        entries = query_all(
            self._dynamodb,
            TableName=self._table,
            KeyConditionExpression="pk = :pk",
            ExpressionAttributeValues={":pk": keys.charge(workspace_id, month, "")["pk"]},
            ConsistentRead=True,
        )
        return map(_charge_of, map(unrow, entries))

    def adjust(self, workspace_id: str, month: str, seen: int, counted: int) -> bool:
        """Set a month's units. Race closed: a charge or a release since the units were seen."""
        unchanged = "(attribute_not_exists(units) OR units = :seen)" if seen == 0 else "units = :seen"
        try:
            self._dynamodb.update_item(
                TableName=self._table,
                Key=keys.usage(workspace_id, month),
                UpdateExpression="SET units = :counted, expires_at = :expires",
                ConditionExpression=unchanged,
                ExpressionAttributeValues=row(
                    {
                        ":seen": seen,
                        ":counted": counted,
                        ":expires": _month_expires_at(datetime.strptime(month, "%Y-%m").replace(tzinfo=UTC)),
                    }
                ),
            )
        except ClientError as exc:
            if condition_failed(exc) or in_transaction(exc):
                return False
            raise
        return True


def charging(table: str, charge: Charge) -> list[dict[str, Any]]:
    """Return the two actions of a transaction that charges: ledger entry, then month.

    Races closed: the entry's condition, the same charge counted twice; the month's, two charges taking the last room.
    """
    values: dict[str, Any] = {
        "workspace_id": charge.workspace_id,
        "month": charge.month,
        "id": charge.id,
        "key_id": charge.key_id,
        "family": charge.family,
        "units": charge.units,
        "at": charge.at.isoformat(),
        "expires_at": int((charge.at + _KEPT).timestamp()),
    }
    entry = {
        "TableName": table,
        "Item": {**keys.charge(charge.workspace_id, charge.month, charge.id), **row(values)},
        "ConditionExpression": "attribute_not_exists(pk)",
    }
    month: dict[str, Any] = {
        "TableName": table,
        "Key": keys.usage(charge.workspace_id, charge.month),
        "UpdateExpression": "SET expires_at = :expires ADD units :units",
        "ExpressionAttributeValues": row({":units": charge.units, ":expires": _month_expires_at(charge.at)}),
        "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
    }
    if charge.ceiling is not None:
        room = charge.ceiling - charge.units
        # A month without a row has room for all that the ceiling has room for, and for nothing more.
        month["ConditionExpression"] = (
            "attribute_not_exists(units) OR units <= :room" if room >= 0 else "units <= :room"
        )
        month["ExpressionAttributeValues"][":room"] = wire(room)
    return [{"Put": entry}, {"Update": month}]


def over_quota(exc: ClientError, charge: Charge) -> QuotaExceeded | None:
    """Return the refusal of a cancelled transaction that ended with `charging`, None when it was not the month's."""
    month = reasons(exc)[-1:]
    if not (month and month[0].refused):
        return None
    return QuotaExceeded(
        quota=charge.ceiling,
        used=month[0].before.get("units", 0),
        units=charge.units,
        retry_after=month_ends(charge.at) - charge.at,
    )


def _month_expires_at(at: datetime) -> int:
    return int((month_ends(at) + _KEPT).timestamp())


def _charge_of(values: dict[str, Any]) -> Charge:
    return Charge(
        id=values["id"],
        workspace_id=values["workspace_id"],
        key_id=values["key_id"],
        family=values["family"],
        units=values["units"],
        at=datetime.fromisoformat(values["at"]),
    )
