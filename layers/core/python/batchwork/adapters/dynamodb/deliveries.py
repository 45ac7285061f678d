"""Deliveries in the table: one row each, its attempts in a list inside it (eleven at the most)."""

from __future__ import annotations

import heapq
import zlib
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from batchwork.adapters import aws
from batchwork.adapters.dynamodb import attributes, keys
from batchwork.adapters.dynamodb.calls import condition_failed, get_all
from batchwork.adapters.packing import pack, unpack
from batchwork.domain.webhook import Attempt, Delivery, DeliveryStatus, PayloadRef

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

    from batchwork.ports.webhooks import DeliveryBodies, Logged, Wanted

#: Bytes of a body from which on it is compressed: each attempt writes the row twice, and each KB is a write unit.
_ZIPPED = 1024
_PENDING = "#status = :pending"


def delivery_row(delivery: Delivery, expires_at: int | None) -> dict[str, Any]:
    """Return a delivery's row. expires_at: epoch seconds (TTL).

    Only a pending delivery stands in the due index, and only one to an endpoint in a group, that of its endpoint's. Its
    listing is sorted by subject, then time.
    """
    pending = delivery.status is DeliveryStatus.PENDING
    zipped = zlib.compress(delivery.body, 6) if len(delivery.body) >= _ZIPPED else None
    payload = delivery.payload
    return keys.delivery(delivery.workspace_id, delivery.id) | attributes.row(
        {
            "kind": "delivery",
            "id": delivery.id,
            "workspace_id": delivery.workspace_id,
            "event_id": delivery.event_id,
            "event_type": delivery.event_type,
            "subject": delivery.subject,
            "style": delivery.style,
            "url": delivery.url,
            "body": delivery.body if zipped is None else None,
            "zipped": zipped,
            "blob": delivery.blob,
            "payload": None if payload is None else pack([payload.id, payload.metadata]),
            "version": delivery.version,
            "replay_of": delivery.replay_of,
            "recovered": delivery.recovered or None,
            "trial": delivery.trial or None,
            "turn_at": delivery.turn_at,
            "next_at": delivery.next_at,
            "secret": delivery.secret,
            "endpoint_id": delivery.endpoint_id,
            "status": str(delivery.status),
            "attempts": [_attempt_map(attempt) for attempt in delivery.attempts],
            "created_at": delivery.created_at,
            "due_at": delivery.due_at,
            "due_pk": keys.due_pk("DELIVERY", delivery.id) if pending else None,
            "list_pk": _list_pk(delivery.workspace_id),
            "list_sk": f"{delivery.subject}#{attributes.millis(delivery.created_at):015d}#{delivery.id}",
            "group_pk": delivery.endpoint_id and keys.deliveries_of(delivery.workspace_id, delivery.endpoint_id),
            "group_sk": delivery.endpoint_id and _group_sk(delivery),
            "expires_at": expires_at,
        }
    )


def delivery_of(row: dict[str, Any]) -> Delivery:
    """Return the delivery of a row in wire form."""
    values = attributes.unrow(row)
    return Delivery(
        id=values["id"],
        workspace_id=values["workspace_id"],
        event_id=values["event_id"],
        event_type=values["event_type"],
        subject=values["subject"],
        style=values["style"],
        url=values["url"],
        body=zlib.decompress(values["zipped"]) if "zipped" in values else values["body"],
        created_at=attributes.time_of(values["created_at"]),
        due_at=attributes.time_of(values["due_at"]),
        secret=values.get("secret"),
        status=DeliveryStatus(values["status"]),
        attempts=tuple(_attempt_of(attempt) for attempt in values["attempts"]),
        endpoint_id=values.get("endpoint_id"),
        version=values.get("version"),
        payload=PayloadRef(*unpack(values["payload"])) if "payload" in values else None,
        blob=values.get("blob"),
        replay_of=values.get("replay_of"),
        recovered=values.get("recovered", False),
        trial=values.get("trial", False),
        turn_at=attributes.time_of(values["turn_at"]) if "turn_at" in values else None,
        next_at=attributes.time_of(values["next_at"]) if "next_at" in values else None,
    )


def _attempt_map(attempt: Attempt) -> dict[str, Any]:
    return {
        "number": attempt.number,
        "started_at": attempt.started_at,
        "latency_ms": attempt.latency // timedelta(milliseconds=1),
        "status": attempt.status,
        "error": attempt.error,
    }


def _attempt_of(values: dict[str, Any]) -> Attempt:
    return Attempt(
        number=values["number"],
        started_at=attributes.time_of(values["started_at"]),
        latency=timedelta(milliseconds=values["latency_ms"]),
        status=values["status"],
        error=values["error"],
    )


def _group_sk(delivery: Delivery) -> str:
    return f"{moment(delivery.created_at)}#{delivery.id}"


def moment(at: datetime) -> str:
    """Return a time as the index of endpoints' deliveries sorts it."""
    return f"{attributes.millis(at):013d}"


def _list_pk(workspace_id: str) -> str:
    return f"{workspace_id}#deliveries"


class DynamoDeliveries:
    """ports.DeliveryStore. retention: how long a row that `put` stores is kept, None for ever. bodies: where those are kept
    that are too large for a row; without it such a delivery cannot be stored.
    """

    def __init__(
        self,
        table: str,
        retention: timedelta | None = None,
        dynamodb: DynamoDBClient | None = None,
        bodies: DeliveryBodies | None = None,
    ) -> None:
        self._table = table
        self._retention = retention
        self._dynamodb: DynamoDBClient = dynamodb or aws.client("dynamodb")
        self._bodies = bodies

    def get(self, workspace_id: str, delivery_id: str) -> Delivery | None:
        """Return a delivery, strongly consistent: its attempts decide whether a message is old."""
        row = self._dynamodb.get_item(
            TableName=self._table, Key=keys.delivery(workspace_id, delivery_id), ConsistentRead=True
        ).get("Item")
        return delivery_of(row) if row else None

    def put(self, delivery: Delivery) -> bool:
        """Store a delivery once; False when it exists. Its body goes first: one without a row is removed by its age."""
        if delivery.apart:
            if self._bodies is None:
                raise TypeError("a body has to be kept apart, and there is nowhere to")
            delivery = replace(delivery, body=b"", blob=self._bodies.keep(delivery))
        expires_at = int((delivery.created_at + self._retention).timestamp()) if self._retention else None
        try:
            self._dynamodb.put_item(
                TableName=self._table,
                Item=delivery_row(delivery, expires_at),
                ConditionExpression="attribute_not_exists(pk)",
            )
        except ClientError as exc:
            if condition_failed(exc):
                return False
            raise
        return True

    def begin(self, delivery: Delivery, number: int, until: datetime, now: datetime) -> bool:
        """Take attempt `number` until `until`; False when it is recorded, held, or the delivery ended."""
        next_one = "size(attempts) = :before"  # closes an old or repeated message against the attempt it asked for
        free = "(attribute_not_exists(held_until) OR held_until <= :now)"  # closes two senders of one message
        values = {":before": number - 1, ":now": now, ":until": until}
        condition = f"{_PENDING} AND {next_one} AND {free}"
        return self._update(delivery, "SET held_until = :until", condition, values) is not None

    def postpone(
        self, delivery: Delivery, due_at: datetime, turn_at: datetime | None = None, next_at: datetime | None = None
    ) -> None:
        """Move a pending delivery's next attempt; does nothing when that attempt was made meanwhile."""
        sets, values = _sets(due_at=due_at, turn_at=turn_at, next_at=next_at)
        changes = f"SET {', '.join(sets)}" + (" REMOVE next_at" if next_at is None else "")
        values[":before"] = len(delivery.attempts)
        # Closes a message without room, or before its turn, against a sender that had it.
        self._update(delivery, changes, f"{_PENDING} AND size(attempts) = :before", values)

    def hurry(self, delivery: Delivery, due_at: datetime, now: datetime) -> Delivery | None:
        """Move a pending delivery's next attempt to now; None where it is held, was made or has its turn."""
        next_one = "size(attempts) = :before"  # closes who hurries it against a sender that recorded it
        free = "(attribute_not_exists(held_until) OR held_until <= :now)"  # and against one that makes it
        no_turn = "attribute_not_exists(turn_at)"  # and against one that was given a turn for it: that stays
        values = {":before": len(delivery.attempts), ":now": now, ":due_at": due_at}
        row = self._update(
            delivery,
            "SET due_at = :due_at, next_at = :now",
            f"{_PENDING} AND {next_one} AND {free} AND {no_turn}",
            values,
        )
        return None if row is None else delivery_of(row)

    def record(
        self,
        delivery: Delivery,
        attempt: Attempt,
        status: DeliveryStatus,
        due_at: datetime | None,
        next_at: datetime | None = None,
    ) -> Delivery:
        """Record an attempt once and end the hold; return the delivery as it now is.

        A second record of the same number (its sender outlived its hold) changes nothing.
        """
        if status is DeliveryStatus.DELIVERED and delivery.replay_of is not None:
            # First: who dies after it makes the attempt again, and what is not marked would be recovered again.
            self._mark_recovered(replace(delivery, id=delivery.replay_of))
        changes = ["attempts = list_append(attempts, :attempt)", "#status = :status"]
        sets, values = _sets(due_at=due_at, next_at=next_at)
        values |= {":attempt": [_attempt_map(attempt)], ":status": str(status), ":before": attempt.number - 1}
        removed = ["held_until", "turn_at"]
        if due_at is None:
            removed.append("due_pk")  # leaves the due index, which is sparse
        if next_at is None:
            removed.append("next_at")
        next_one = "size(attempts) = :before"  # closes two senders that both made this attempt
        written = f"SET {', '.join(changes + sets)} REMOVE {', '.join(removed)}"
        row = self._update(delivery, written, f"{_PENDING} AND {next_one}", values)
        return self.get(delivery.workspace_id, delivery.id) or delivery if row is None else delivery_of(row)

    def _mark_recovered(self, first: Delivery) -> None:
        # Closes a late replay against the expiry of the first delivery: it must not come back as a row of one attribute.
        there = "attribute_exists(pk) AND #status <> :pending"
        self._update(first, "SET recovered = :yes", there, {":yes": True})

    def _update(
        self, delivery: Delivery, changes: str, condition: str, values: dict[str, Any]
    ) -> dict[str, Any] | None:
        """Change a delivery's row on a condition and return it, None when it was refused."""
        try:
            return self._dynamodb.update_item(
                TableName=self._table,
                Key=keys.delivery(delivery.workspace_id, delivery.id),
                UpdateExpression=changes,
                ConditionExpression=condition,
                ExpressionAttributeNames={"#status": "status"},
                ExpressionAttributeValues=attributes.row(values | {":pending": str(DeliveryStatus.PENDING)}),
                ReturnValues="ALL_NEW",
            )["Attributes"]
        except ClientError as exc:
            if condition_failed(exc):
                return None
            raise

    def due(self, now: datetime, limit: int) -> list[tuple[str, str]]:
        """Return (workspace id, delivery id) of pending deliveries whose attempt is due, most overdue first."""
        rows = [row for due_pk in keys.due_pks("DELIVERY") for row in self._due_of(due_pk, now, limit)]
        rows.sort(key=lambda row: row["due_at"])
        return [_names_of(row["pk"]) for row in rows[:limit]]

    def _due_of(self, due_pk: str, now: datetime, limit: int) -> list[dict[str, Any]]:
        found = self._dynamodb.query(
            TableName=self._table,
            IndexName=keys.DUE,
            KeyConditionExpression="due_pk = :due_pk AND due_at <= :now",
            ExpressionAttributeValues=attributes.row({":due_pk": due_pk, ":now": now}),
            Limit=limit,
        )
        return [attributes.unrow(row) for row in found["Items"]]

    def find(self, workspace_id: str, subject: str | None, limit: int) -> list[Delivery]:
        """Return deliveries, newest first, of one subject if given.

        Without a subject every key of the workspace's deliveries is read (about 6,000 a request): for operators.
        """
        condition, values = "list_pk = :list_pk", {":list_pk": _list_pk(workspace_id)}
        if subject is not None:
            condition += " AND begins_with(list_sk, :subject)"
            values[":subject"] = f"{subject}#"
        pages = self._dynamodb.get_paginator("query").paginate(
            TableName=self._table,
            IndexName=keys.LISTING,
            KeyConditionExpression=condition,
            ExpressionAttributeValues=attributes.row(values),
            ProjectionExpression="pk, list_sk",
        )
        places = (attributes.unrow(row) for page in pages for row in page["Items"])
        newest = heapq.nlargest(limit, places, key=lambda place: place["list_sk"].rsplit("#", 2)[1:])
        wanted = [keys.delivery(*_names_of(place["pk"])) for place in newest]
        rows = {row["pk"]["S"]: row for row in get_all(self._dynamodb, self._table, wanted)}
        return [delivery_of(rows[place["pk"]]) for place in newest if place["pk"] in rows]

    def of_endpoint(self, workspace_id: str, endpoint_id: str, wanted: Wanted) -> Logged:
        """Return deliveries to an endpoint, newest first."""
        # Every function that makes batches imports this module, for their last delivery; few of them list any.
        from batchwork.adapters.dynamodb.endpoint_log import EndpointLog

        return EndpointLog(self._table, self._dynamodb).part(workspace_id, endpoint_id, wanted)


def _sets(**times: datetime | None) -> tuple[list[str], dict[str, Any]]:
    """Return what sets those of the times that are given, and their values."""
    given = {name: at for name, at in times.items() if at is not None}
    return [f"{name} = :{name}" for name in given], {f":{name}": at for name, at in given.items()}


def _names_of(pk: str) -> tuple[str, str]:
    _, workspace_id, delivery_id = pk.split("#", 2)
    return workspace_id, delivery_id
