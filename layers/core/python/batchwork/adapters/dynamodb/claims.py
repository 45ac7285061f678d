"""Claims: a row an Idempotency-Key, first a hold of who works, then the answer to be replayed."""

from __future__ import annotations

import zlib
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from batchwork.adapters import aws
from batchwork.adapters.dynamodb import keys
from batchwork.adapters.dynamodb.attributes import millis, row, time_of, wire
from batchwork.adapters.dynamodb.calls import condition_failed, row_before
from batchwork.adapters.packing import Packer
from batchwork.domain.idempotency import KEPT, Answered, Claim, Prior, Ticket
from batchwork.domain.item import Json

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

#: Deletion by TTL may come days late, so the row's own end is compared.
_FREE = "attribute_not_exists(pk) OR expires_ms <= :now"
#: Still the hold that was looked at; its holder has not answered since.
_STILL_HELD = "holder = :before AND attribute_not_exists(answered)"
_STILL = "holder = :before"
_MINE = "holder = :holder"


class DynamoClaims:
    """ports.identity.ClaimStore: a fresh key costs one write, a taken one no read beyond its refused write.

    Answers that would crowd the row stand in the bucket, each under its holder's token. One whose blob is gone is no
    answer any more: who asks for the same goes on with the ticket and finds the work done; the key stays bound to what
    it was used for.
    """

    def __init__(self, table: str, packer: Packer, dynamodb: DynamoDBClient | None = None) -> None:
        self._table = table
        self._packer = packer
        self._dynamodb: DynamoDBClient = dynamodb or aws.client("dynamodb")

    def claim(self, claim: Claim, now: datetime) -> Claim | Prior:
        """Take a key. Races closed: two requests with one fresh key; two that take over from the same dead one."""
        taken, condition, values = claim, _FREE, {":now": wire(now)}
        while True:
            before = self._take(taken, condition, values)
            if before is None or before.get("holder") == claim.token:  # or the SDK repeated a lost answer
                return taken
            if not before:  # given back between two looks
                taken, condition, values = claim, _FREE, {":now": wire(now)}
                continue
            prior = self._prior(before)
            same = prior.body == claim.body
            if prior.answered is not None or prior.until > now or ("answered" in before and not same):
                return prior
            taken = replace(claim, ticket=_ticket_of(before)) if same else claim
            condition = _STILL if "answered" in before else _STILL_HELD
            values = {":before": wire(before["holder"])}

    def note(self, claim: Claim, noted: Json) -> bool:
        """Replace the notes. Race closed: a holder that was taken for dead."""
        return self._update(claim, "SET noted = :noted", {":noted": noted})

    def keep(self, claim: Claim, answered: Answered) -> None:
        """Store the answer. Race closed: a holder that was taken for dead."""
        blob = f"idempotency/{claim.workspace_id}/{claim.name}/{claim.token}"
        packed = self._packer.write([answered.status, answered.text, answered.headers], blob)
        ((name, value),) = packed.items()
        self._update(
            claim,
            f"SET answered = :yes, {name} = :packed, expires_ms = :end, expires_at = :expires",
            {":yes": True, ":packed": value, **_ends(":end", ":expires", claim.ticket.at + KEPT)},
        )

    def free(self, claim: Claim, *, unsure: bool = False) -> None:
        """Give the key back. Race closed: a holder that was taken for dead."""
        if unsure:
            self._update(claim, "SET hold_ends = :never", {":never": 0})
            return
        try:
            self._dynamodb.delete_item(
                TableName=self._table,
                Key=keys.claim(claim.workspace_id, claim.name),
                ConditionExpression=_MINE,
                ExpressionAttributeValues={":holder": wire(claim.token)},
            )
        except ClientError as exc:
            if not condition_failed(exc):
                raise

    def _take(self, claim: Claim, condition: str, values: dict[str, Any]) -> dict[str, Any] | None:
        """Write the claim's row, or return the row that is in the way, empty when it went away meanwhile."""
        try:
            self._dynamodb.put_item(
                TableName=self._table,
                Item={**keys.claim(claim.workspace_id, claim.name), **row(_claim_row(claim))},
                ConditionExpression=condition,
                ExpressionAttributeValues=values,
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except ClientError as exc:
            if condition_failed(exc):
                return row_before(exc)
            raise
        return None

    def _prior(self, before: dict[str, Any]) -> Prior:
        """Return what a row says; without its answer when the blob is gone."""
        answered = None
        if "answered" in before:
            try:
                answered = Answered(*self._packer.read(before))
            except (KeyError, ValueError, zlib.error):
                answered = None
        return Prior(body=before["body"], until=time_of(before["hold_ends"]), answered=answered)

    def _update(self, claim: Claim, update: str, values: dict[str, Any]) -> bool:
        """Update the claim's row while it holds; otherwise do nothing and return False."""
        try:
            self._dynamodb.update_item(
                TableName=self._table,
                Key=keys.claim(claim.workspace_id, claim.name),
                UpdateExpression=update,
                ConditionExpression=_MINE,
                ExpressionAttributeValues=row({":holder": claim.token, **values}),
            )
        except ClientError as exc:
            if condition_failed(exc):
                return False
            raise
        return True


def _claim_row(claim: Claim) -> dict[str, Any]:
    """Return a hold's row. It may not expire while it is held, though its ticket may be almost a day old.

    The ticket's time is kept to the microsecond: a rounded one could charge a second month.
    """
    return {
        "body": claim.body,
        "holder": claim.token,
        "hold_ends": claim.until,
        "ticket_id": claim.ticket.id,
        "ticket_at": claim.ticket.at.isoformat(),
        "noted": claim.ticket.noted or None,
        **_ends("expires_ms", "expires_at", max(claim.ticket.at + KEPT, claim.until)),
    }


def _ends(exact: str, ttl: str, at: datetime) -> dict[str, Any]:
    """Return a row's end twice: as it is compared, and for the table's TTL, never before the other."""
    return {exact: at, ttl: millis(at) // 1000 + 1}


def _ticket_of(before: dict[str, Any]) -> Ticket:
    """Return the ticket of a hold as who takes it over goes on with it."""
    return Ticket(
        before["ticket_id"], datetime.fromisoformat(before["ticket_at"]), again=True, noted=before.get("noted", {})
    )
