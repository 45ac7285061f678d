"""The batches of runs in DynamoDB, by their creation: all of them, or those that are open or were lately."""

from __future__ import annotations

from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING, Any

from batchwork.adapters import aws
from batchwork.adapters.dynamodb import keys
from batchwork.adapters.dynamodb.attributes import millis, time_of, wire
from batchwork.adapters.dynamodb.batch_rows import batch_of, list_pk
from batchwork.adapters.dynamodb.calls import get_all, query_all
from batchwork.domain.batch import Batch
from batchwork.domain.workflow import FAMILY
from batchwork.ports.workflow_runs import Mark, OpenBatches

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

#: Ends that are looked at: about twenty read units.
ENDS = 1000
#: Sorts after everything that may follow a time in an index.
_LAST = "~"


class DynamoRunBatches:
    """ports.workflow_runs.RunBatches on the one table."""

    def __init__(self, table: str, dynamodb: DynamoDBClient | None = None) -> None:
        self._table = table
        self._dynamodb: DynamoDBClient = dynamodb or aws.client("dynamodb")

    def open(
        self,
        workspace_id: str,
        *,
        since: datetime,
        stopped_since: datetime,
        after: Mark | None,
        ascending: bool,
        limit: int,
    ) -> OpenBatches:
        """Return batches that are open, or ended lately. A header that ends moves from one partition of the index to
        another; they are looked at in this order, so that it is found in one of them.
        """
        cut: datetime | None = None
        partition = keys.open_batches(workspace_id, FAMILY)
        found = {_sk_in(each): each for each in self._part(keys.GROUPS, "group", partition, after, ascending, limit)}
        bound = None if after is None else _sk(after)
        for stopped, at in ((False, since), (True, stopped_since)):
            group = keys.ended_batches(workspace_id, FAMILY, stopped=stopped)
            low = f"{max(0, millis(at)):013d}"
            query = self._query(keys.GROUPS, "group", group, low, _LAST, ascending=not stopped, limit=ENDS + 1)
            ended = list(islice(query, ENDS + 1))
            if len(ended) > ENDS:
                next_end = _end_in(ended.pop())
                first = at if stopped else next_end
                cut = first if cut is None else min(cut, first)
            for each in ended:
                sk = _sk_in(each)
                if bound is None or (sk > bound if ascending else sk < bound):
                    found[sk] = each
        return OpenBatches(self._headers([found[sk] for sk in sorted(found, reverse=not ascending)[:limit]]), cut)

    def made(self, workspace_id: str, *, after: Mark | None, ascending: bool, limit: int) -> list[Batch]:
        """Return all batches by their creation; reads as much as it returns."""
        partition = list_pk(workspace_id, FAMILY)
        return self._headers(self._part(keys.LISTING, "list", partition, after, ascending, limit))

    def _part(
        self, index: str, name: str, partition: str, after: Mark | None, ascending: bool, limit: int
    ) -> list[dict[str, Any]]:
        bound = None if after is None else _sk(after)
        low, high = " ", _LAST
        if bound is not None:
            low, high = (bound, _LAST) if ascending else (" ", bound)
        found = islice(self._query(index, name, partition, low, high, ascending=ascending, limit=limit + 1), limit + 1)
        return [each for each in found if each[f"{name}_sk"]["S"] != bound][:limit]

    def _query(self, index: str, name: str, partition: str, low: str, high: str, *, ascending: bool, limit: int) -> Any:
        return query_all(
            self._dynamodb,
            TableName=self._table,
            IndexName=index,
            KeyConditionExpression=f"{name}_pk = :pk AND {name}_sk BETWEEN :low AND :high",
            ExpressionAttributeValues={":pk": wire(partition), ":low": wire(low), ":high": wire(high)},
            ScanIndexForward=ascending,
            Limit=limit,
        )

    def _headers(self, found: list[dict[str, Any]]) -> list[Batch]:
        wanted = [{"pk": each["pk"], "sk": each["sk"]} for each in found]
        headers = {
            wired["pk"]["S"]: batch_of(wired) for wired in get_all(self._dynamodb, self._table, wanted, consistent=True)
        }
        return [headers[key["pk"]["S"]] for key in wanted if key["pk"]["S"] in headers]


def _sk(mark: Mark) -> str:
    return f"{millis(mark.at):013d}#{mark.id}"


def _sk_in(wired: dict[str, Any]) -> str:
    """Return when a batch was made, and its id, from its place among the open or the ended ones."""
    return "#".join(wired["group_sk"]["S"].split("#")[-2:])


def _end_in(wired: dict[str, Any]) -> datetime:
    """Return when a batch ended, from its place among the ended ones."""
    return time_of(int(wired["group_sk"]["S"].partition("#")[0]))
