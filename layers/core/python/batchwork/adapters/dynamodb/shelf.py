"""Resources: a row each, a workspace's of one kind in one partition, newest last.

A row keeps the resource as one packed document, so that it is one write unit for each KB; beside it stands only what the
table itself looks at: its key, its revision, the events that its last write was, and when it is due.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypedDict, TypeVar
from uuid import uuid4

from botocore.exceptions import ClientError

from batchwork.adapters import aws
from batchwork.adapters.dynamodb import keys
from batchwork.adapters.dynamodb.attributes import row, time_of, unrow, wire
from batchwork.adapters.dynamodb.calls import condition_failed, get_all, row_before
from batchwork.adapters.packing import pack, unpack
from batchwork.domain.item import Json
from batchwork.domain.patience import check_waited_for
from batchwork.domain.resource import Resource
from batchwork.ports.operations import Slice

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

R = TypeVar("R", bound=Resource)

#: Rows of a page's queries after the first, and how many of them there may be.
ROWS, QUERIES = 250, 4

_NEW = "attribute_not_exists(pk)"  # closes two tries of one piece of work
_FOLLOWS = "revision = :before"  # closes change against change, and against removal


class Head(TypedDict):
    """What a row keeps of every resource beside its document."""

    id: str
    workspace_id: str
    created_at: datetime
    updated_at: datetime
    revision: int


class Codec(Protocol[R]):
    """Turns resources of one kind into documents and back. kind: first part of their keys."""

    kind: str

    def document(self, resource: R) -> Json:
        """Return all of a resource that its row does not keep beside the document."""

    def resource(self, document: Json, head: Head) -> R:
        """Return the resource of a document and what its row keeps beside it."""

    def due_at(self, resource: R) -> datetime | None:
        """Return when the sweeper is to look at a resource, None for never."""


class DynamoShelf(Generic[R]):
    """ports.operations.Shelf on the one table."""

    def __init__(self, table: str, codec: Codec[R], dynamodb: DynamoDBClient | None = None) -> None:
        self._table = table
        self._codec = codec
        self._dynamodb: DynamoDBClient = dynamodb or aws.client("dynamodb")

    def get(self, workspace_id: str, resource_id: str) -> R | None:
        """Return a resource, strongly consistent."""
        answer = self._dynamodb.get_item(
            TableName=self._table, Key=self._key(workspace_id, resource_id), ConsistentRead=True
        )
        return self._resource(answer["Item"]) if "Item" in answer else None

    def get_many(self, workspace_id: str, resource_ids: Iterable[str]) -> dict[str, R]:
        """Return the resources there are, strongly consistent, in as few calls as there are hundreds (AWS limit)."""
        wanted = list(dict.fromkeys(resource_ids))
        if len(wanted) == 1:  # most posts have one account: a single read costs less CPU
            one = self.get(workspace_id, wanted[0])
            return {} if one is None else {one.id: one}
        at = [self._key(workspace_id, each) for each in wanted]
        found = [self._resource(each) for each in get_all(self._dynamodb, self._table, at, consistent=True)]
        return {each.id: each for each in found}

    def add(self, resource: R, *events: str) -> bool:
        """Store a new resource. Race closed: two tries of one piece of work."""
        return self._put(resource, events, _NEW, {})

    def replace(self, resource: R, *events: str) -> bool:
        """Store what follows the revision before it. Races closed: change against change, and against removal."""
        return self._put(resource, events, _FOLLOWS, {":before": wire(resource.revision - 1)})

    def remove(self, workspace_id: str, resource_id: str, revision: int | None = None) -> bool:
        """Remove a resource. Race closed: removal against change, when a revision is given.

        False also when the SDK repeated a removal whose answer was lost.
        """
        condition: dict[str, Any] = {"ConditionExpression": "attribute_exists(pk)"}
        if revision is not None:
            condition = {
                "ConditionExpression": "revision = :revision",
                "ExpressionAttributeValues": {":revision": wire(revision)},
            }
        check_waited_for()
        try:
            self._dynamodb.delete_item(TableName=self._table, Key=self._key(workspace_id, resource_id), **condition)
        except ClientError as exc:
            if condition_failed(exc):
                return False
            raise
        return True

    def page(
        self,
        workspace_id: str,
        after: str | None,
        limit: int,
        wanted: Callable[[R], bool],
        since: str = "",
        *,
        ascending: bool = False,
    ) -> Slice[R]:
        """Return up to `limit` wanted resources in order of their ids, strongly consistent; a thousand rows are searched."""
        partition, _ = self._key(workspace_id, "").values()
        condition, values = "pk = :pk", {":pk": partition}
        if since:
            condition, values = "pk = :pk AND sk >= :since", {":pk": partition, ":since": wire(since)}
        found: list[R] = []
        # Oldest first a list begins where it is asked to.
        last = None if ascending and after is not None and after < since else after
        for rows in (limit + 1, *(ROWS,) * QUERIES):
            if last is not None and last < since:
                return Slice(found, None)  # DynamoDB refuses to begin outside of what is asked for
            begin: Any = {} if last is None else {"ExclusiveStartKey": self._key(workspace_id, last)}
            answer = self._dynamodb.query(
                TableName=self._table,
                KeyConditionExpression=condition,
                ExpressionAttributeValues=values,
                ScanIndexForward=ascending,
                ConsistentRead=True,
                Limit=rows,
                **begin,
            )
            for wired in answer["Items"]:
                resource = self._resource(wired)
                if wanted(resource):
                    if len(found) == limit:
                        return Slice(found, found[-1].id)
                    found.append(resource)
                last = resource.id
            if "LastEvaluatedKey" not in answer:
                return Slice(found, None)
        return Slice(found, last)

    def due(self, now: datetime, limit: int) -> list[tuple[str, str]]:
        """Return (workspace id, resource id) of what is due, most overdue first."""
        found: list[tuple[int, str, str]] = []
        for pk in keys.due_pks(self._codec.kind):
            answer = self._dynamodb.query(
                TableName=self._table,
                IndexName=keys.DUE,
                KeyConditionExpression="due_pk = :pk AND due_at <= :now",
                ExpressionAttributeValues={":pk": wire(pk), ":now": wire(now)},
                Limit=limit,
            )
            found += [
                (int(wired["due_at"]["N"]), wired["pk"]["S"].partition("#")[2], wired["sk"]["S"])
                for wired in answer["Items"]
            ]
        return [(workspace_id, resource_id) for _, workspace_id, resource_id in sorted(found)[:limit]]

    def of_image(self, image: dict[str, Any]) -> tuple[R, tuple[str, ...]]:
        """Return the resource of a stream's NewImage, as Lambda hands it over, and the events that its write was."""
        # An event is JSON: bytes stand in it as base64.
        wired = {**image, "packed": {"B": base64.b64decode(image["packed"]["B"])}}
        return self._resource(wired), tuple(image.get("events", {"S": ""})["S"].split())

    def _key(self, workspace_id: str, resource_id: str) -> keys.Key:
        return keys.resource(self._codec.kind, workspace_id, resource_id)

    def _put(self, resource: R, events: tuple[str, ...], condition: str, values: dict[str, Any]) -> bool:
        """Write a row whole on a condition; a refusal that the SDK's own earlier request caused is a success.

        The SDK repeats a request whose answer was lost, and the repetition meets what the first one wrote.
        """
        token = uuid4().hex[:16]
        given: Any = {"ExpressionAttributeValues": values} if values else {}
        check_waited_for()
        try:
            self._dynamodb.put_item(
                TableName=self._table,
                Item=self._row(resource, events, token),
                ConditionExpression=condition,
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
                **given,
            )
        except ClientError as exc:
            if condition_failed(exc):
                return row_before(exc).get("token") == token
            raise
        return True

    def _row(self, resource: R, events: tuple[str, ...], token: str) -> dict[str, Any]:
        due_at = self._codec.due_at(resource)
        values = row(
            {
                "kind": self._codec.kind,
                "id": resource.id,
                "workspace_id": resource.workspace_id,
                "revision": resource.revision,
                "created_at": resource.created_at,
                "updated_at": resource.updated_at,
                "events": " ".join(events) or None,
                "token": token,
                "packed": pack(self._codec.document(resource)),
                "due_at": due_at,
                "due_pk": None if due_at is None else keys.due_pk(self._codec.kind, resource.id),
            }
        )
        return self._key(resource.workspace_id, resource.id) | values

    def _resource(self, wired: dict[str, Any]) -> R:
        values = unrow(wired)
        head = Head(
            id=values["id"],
            workspace_id=values["workspace_id"],
            created_at=time_of(values["created_at"]),
            updated_at=time_of(values["updated_at"]),
            revision=values["revision"],
        )
        return self._codec.resource(unpack(values["packed"]), head)
