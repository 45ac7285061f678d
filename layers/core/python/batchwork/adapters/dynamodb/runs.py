"""The rows of runs in DynamoDB: every conditional write names the race that its condition closes."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from botocore.exceptions import ClientError

from batchwork.adapters import aws
from batchwork.adapters.dynamodb import keys
from batchwork.adapters.dynamodb.attributes import millis, unrow, wire
from batchwork.adapters.dynamodb.calls import condition_failed, get_all, query_all, row_before
from batchwork.adapters.dynamodb.run_rows import (
    INLINE_LIMIT,
    brief_of,
    document_of,
    parted,
    place_of_row,
    run_row,
    size_of,
    whole,
)
from batchwork.adapters.packing import RowBlobs, pack, unpack
from batchwork.domain.run import RUN_PREFIX, Run, RunPlace
from batchwork.ports.workflow_runs import Briefs, Mark

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

_NEW = "attribute_not_exists(pk)"
_FOLLOWS = "revision = :before"
#: Sorts after everything that may follow a time in an index.
_LAST = "~"


@dataclass(frozen=True, slots=True)
class Written:
    """What a stream's record tells of a run's row. run: its brief; whole: reads the rest, None when the run was deleted."""

    run: Run
    events: tuple[str, ...]
    whole: Callable[[], Run | None]


class DynamoRuns:
    """ports.workflow_runs.RunStore on the one table; what would crowd a row stands in the bucket, opened on first use."""

    def __init__(self, table: str, blobs: Callable[[], RowBlobs], dynamodb: DynamoDBClient | None = None) -> None:
        self._table = table
        self._blobs = blobs
        self._dynamodb: DynamoDBClient = dynamodb or aws.client("dynamodb")

    def get(self, place: RunPlace) -> Run | None:
        """Return a run's row whole, strongly consistent. Raises KeyError when its document is gone."""
        for tries_left in (True, False):
            answer = self._dynamodb.get_item(TableName=self._table, Key=_key(place), ConsistentRead=True)
            if "Item" not in answer:
                return None
            try:
                return self._whole(unrow(answer["Item"]))
            except KeyError:  # changed or deleted between the two reads
                if not tries_left:
                    raise
        return None

    def briefs(self, places: Iterable[RunPlace]) -> dict[RunPlace, Run]:
        """Return the rows there are, without metadata and steps, strongly consistent, in calls of a hundred (AWS limit)."""
        wanted = [_key(place) for place in dict.fromkeys(places)]
        found = [brief_of(unrow(each)) for each in get_all(self._dynamodb, self._table, wanted, consistent=True)]
        return {run.place: run for run in found}

    def add(self, run: Run, expires_at: datetime, *events: str) -> bool:
        """Store the first row of a run. Races closed: worker against canceller, change and another worker."""
        return self._put(run, expires_at, events, _NEW, {})

    def replace(self, run: Run, expires_at: datetime, *events: str) -> bool:
        """Store what follows the revision before it. Races closed: change against change, and against the worker."""
        return self._put(run, expires_at, events, _FOLLOWS, {":before": wire(run.revision - 1)})

    def updated(
        self,
        workspace_id: str,
        batch_id: str | None,
        *,
        after: Mark | None,
        until: datetime | None,
        ascending: bool,
        limit: int,
    ) -> Briefs:
        """Return briefs by the time of their last write, from an index alone: a hundred are about seven read units."""
        index, pk, sk = (
            (keys.LISTING, "list_pk", "list_sk") if batch_id is None else (keys.GROUPS, "group_pk", "group_sk")
        )
        first = _sk(after) if after is not None and ascending else ""
        last = _sk(after) if after is not None and not ascending else ""
        if not last:
            last = _LAST if until is None else f"{millis(until):013d}{_LAST}"
        # Every place in the index is as long: what begins with one comes right after it.
        low, high = (f"{first}#" if first else " ", last)
        if low > high:  # DynamoDB refuses such a query
            return Briefs([], more=False)
        found = islice(
            query_all(
                self._dynamodb,
                TableName=self._table,
                IndexName=index,
                KeyConditionExpression=f"{pk} = :pk AND {sk} BETWEEN :low AND :high",
                ExpressionAttributeValues={
                    ":pk": wire(keys.runs_of(workspace_id, batch_id)),
                    ":low": wire(low),
                    ":high": wire(high),
                },
                ScanIndexForward=ascending,
                Limit=limit + 2,
            ),
            limit + 2,
        )
        runs = [brief_of(r) for r in map(unrow, found) if after is None or r[sk] != _sk(after)]
        return Briefs(runs[:limit], len(runs) > limit)

    def of_image(self, image: dict[str, Any]) -> Written:
        """Return what a stream's NewImage tells, as Lambda hands it over."""
        # An event is JSON: bytes stand in it as base64.
        wired = {name: {"B": base64.b64decode(each["B"])} if "B" in each else each for name, each in image.items()}
        r = unrow(wired)
        return Written(brief_of(r), parted(r.get("events", "")), lambda: self._told(r))

    def _told(self, r: dict[str, Any]) -> Run | None:
        try:
            return self._whole(r)
        except KeyError:
            stored = self.get(place_of_row(r))
            if stored is None or stored.deleted:
                return None
            raise

    def _whole(self, r: dict[str, Any]) -> Run:
        run = brief_of(r)
        if run.deleted:
            return run
        return whole(run, unpack(self._blobs().get(r["spilled"]) if "spilled" in r else r["packed"]))

    def _put(
        self, run: Run, expires_at: datetime, events: tuple[str, ...], condition: str, values: dict[str, Any]
    ) -> bool:
        """Write a row whole on a condition; a refusal that the SDK's own earlier request caused is a success.

        The SDK repeats a request whose answer was lost, and the repetition meets what the first one wrote.
        """
        token = uuid4().hex[:16]
        given: Any = {"ExpressionAttributeValues": values} if values else {}
        item = run_row(run, events, token, expires_at)
        if not run.deleted:
            item |= self._document(run, token, INLINE_LIMIT - size_of(item))
        try:
            self._dynamodb.put_item(
                TableName=self._table,
                Item=item,
                ConditionExpression=condition,
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
                **given,
            )
        except ClientError as exc:
            if not condition_failed(exc):
                raise
            if row_before(exc).get("token") == token:
                return True
            if "spilled" in item:  # no row names it; and the run may be deleted, with all that is its own
                self._blobs().drop(item["spilled"]["S"])
            return False
        return True

    def _document(self, run: Run, token: str, room: int) -> dict[str, Any]:
        """Return the attribute that holds a run's document. One in the bucket is its writer's own, by its token: writers of
        one revision write none over another's.
        """
        packed = pack(document_of(run))
        if len(packed) + len("packed") <= room:
            return {"packed": wire(packed)}
        key = f"{run.place.prefix}doc-{run.revision}-{token}"
        self._blobs().put(key, packed)
        return {"spilled": wire(key)}


def _key(place: RunPlace) -> keys.Key:
    return keys.run(place.workspace_id, place.batch_id, place.index)


def _sk(mark: Mark) -> str:
    batch_id, _, index = mark.id.removeprefix(RUN_PREFIX).rpartition("_")
    return f"{millis(mark.at):013d}#{batch_id}#{index}"
