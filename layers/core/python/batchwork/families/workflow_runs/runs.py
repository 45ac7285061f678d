"""The routes that look at runs: GET /workflow_runs, and below (spec workflow runs 4.4, 4.5)."""

from __future__ import annotations

from dataclasses import dataclass

from batchwork.domain.errors import InvalidRequest, Problem
from batchwork.domain.item import Json
from batchwork.domain.run import RunStatus
from batchwork.domain.workspace import Caller
from batchwork.edge.endpoint import ANSWER_LIMIT, Route, Routes, serialized
from batchwork.edge.http import Request, Response
from batchwork.families.workflow_runs import READ
from batchwork.families.workflow_runs.answers import batch_answer, run_answer
from batchwork.families.workflow_runs.dialect import dialect_of, under_both
from batchwork.families.workflow_runs.lists import NEXT, ListQuery
from batchwork.families.workflow_runs.presenters import summary_object
from batchwork.use_cases.list_runs import ListRuns, RunSort, Wanted
from batchwork.use_cases.read_runs import ReadRuns

#: What a list can be asked by, beside order, size and token.
FILTERS = ("status", "workflowId", "batchId", "fileNameContains", "sortBy")


@dataclass(frozen=True, slots=True)
class RunReader:
    """The routes that look at runs and at batches of them."""

    read: ReadRuns
    find: ListRuns

    def routes(self) -> Routes:
        """Return the routes by (method, resource)."""
        return under_both(
            {
                ("GET", "/workflow_runs"): Route(self.listed, READ),
                ("GET", "/workflow_runs/{id}"): Route(self.one, READ),
                ("GET", "/workflow_runs/batch/{batch_id}"): Route(self.batch, READ),
            }
        )

    def listed(self, request: Request, caller: Caller) -> Response:
        """List runs; the last page has no token. A page that an answer has no room for is shorter, and goes on."""
        query = ListQuery(request, caller.workspace.id, "runs", *FILTERS)
        wanted, last = _wanted(query), query.last(dict)
        query.end()
        cursor: Json | None = None if last is None else last[0]
        limit = query.limit
        while True:
            try:
                page = self.find(caller.workspace.id, wanted, limit, cursor)
            except ValueError as exc:
                raise InvalidRequest([Problem(NEXT, "Is no token of this list", "query")]) from exc
            shown = [summary_object(run, query.dialect) for run in page.runs]
            following = None if page.cursor is None else [page.cursor]
            # Written once, to be measured and to be sent.
            response = Response(200, raw=query.page("workflowRuns", shown, following).text)
            if limit == 1 or serialized(response.text) <= ANSWER_LIMIT:
                return response
            limit //= 2

    def one(self, request: Request, caller: Caller) -> Response:
        """Show a run."""
        dialect = dialect_of(request)
        return run_answer(self.read.get(caller.workspace.id, request.parameters["id"]), dialect)

    def batch(self, request: Request, caller: Caller) -> Response:
        """Show how far a batch has come."""
        dialect = dialect_of(request)
        return batch_answer(self.read.batch(caller.workspace.id, request.parameters["batch_id"]), dialect)


def _wanted(query: ListQuery) -> Wanted:
    status = query.one_of("status", ("", *RunStatus))
    workflow_id, batch_id, contained = map(query.text, ("workflowId", "batchId", "fileNameContains"))
    sort = query.one_of("sortBy", tuple(RunSort))
    return Wanted(
        status=RunStatus(status) if status in set(RunStatus) else None,
        workflow_id=workflow_id,
        batch_id=batch_id,
        file_name_contains=contained,
        sort=RunSort(sort) if sort in set(RunSort) else RunSort.UPDATED,
        ascending=query.ascending,
    )
