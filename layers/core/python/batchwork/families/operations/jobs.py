"""The routes of jobs: POST and GET /v1/batch/async, GET /v1/batch/async/:jobId (seed 000)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime

from batchwork.domain.batch import Batch, BatchRef, BatchStatus
from batchwork.domain.errors import NotFound, Problem, ScopeMissing
from batchwork.domain.graph import Graph
from batchwork.domain.idempotency import Ticket
from batchwork.domain.ids import ordered_id
from batchwork.domain.job import Order, ended_of, operation_of, stored
from batchwork.domain.operation import FAMILY, Ended, Operation, root_of, scope_of
from batchwork.domain.resource import checked_id
from batchwork.domain.workspace import Caller
from batchwork.edge.endpoint import Act, Route, Routes
from batchwork.edge.http import Request, Response
from batchwork.families.operations.lists import DEFAULT_LIMIT, MAX_LIMIT, Query
from batchwork.families.operations.presenters import JobStatus, job_answer, job_object, status_of
from batchwork.families.operations.schemas import asked
from batchwork.families.operations.times import timestamp
from batchwork.use_cases.authenticate import require
from batchwork.use_cases.meter import charge_of
from batchwork.use_cases.once import Errand
from batchwork.use_cases.read import ReadBatches
from batchwork.use_cases.submit import Submit

PREFIX = "cl"
#: Open jobs that a list by QUEUED or PROCESSING looks at: the index knows only that they are open.
MAX_LOOKED_AT = 1_000


@dataclass(frozen=True, slots=True)
class Jobs:
    """The routes; any valid key may call them, and reads the results of calls that it has the scopes for."""

    submit: Submit
    read: ReadBatches

    def routes(self) -> Routes:
        """Return the routes by (method, resource)."""
        return {
            ("POST", "/v1/batch/async"): Route(self.accept),
            ("GET", "/v1/batch/async"): Route(self.listed),
            ("GET", "/v1/batch/async/{job_id}"): Route(self.one),
        }

    def accept(self, request: Request, caller: Caller) -> Act:
        """Accept a job (202): a batch of the engine in one chunk, each operation an item, charged as it is stored."""
        graph = asked(request)

        def act(errand: Errand) -> Response:
            batch = self._accepted(graph, request, caller, errand.ticket)
            # As the table keeps it, so that both answers tell the same time.
            created_at = datetime.fromtimestamp(round(batch.created_at.timestamp() * 1000) / 1000, UTC)
            told = {"jobId": batch.id, "status": str(JobStatus.QUEUED), "createdAt": timestamp(created_at)}
            return Response(202, {"data": told})

        return act

    def listed(self, request: Request, caller: Caller) -> Response:
        """List jobs, newest first, without results."""
        query = Query(request.query)
        limit = query.whole("limit", DEFAULT_LIMIT, 1, MAX_LIMIT)
        wanted = request.query.get("status")
        if wanted is not None and wanted not in set(JobStatus):
            query.problems.append(Problem("status", f"Must be one of {', '.join(JobStatus)}", "query"))
        query.end()
        found = self._found(caller.workspace.id, None if wanted is None else JobStatus(wanted), limit)
        return Response(200, {"data": [job_object(batch) for batch in found]})

    def one(self, request: Request, caller: Caller) -> Response:
        """Show a job, with its results once it has ended: those that the key might have had from calls of its own."""
        ref = BatchRef(caller.workspace.id, checked_id(request.parameters["job_id"], PREFIX))
        batch = self.read.get(ref)
        if not batch.ended:
            return job_answer(batch, [], None)
        views = self.read.results(ref, None, 0, batch.total).entries
        results = [view.result for view in views if view.result is not None]
        if not all(view.item.body for view in views):  # its input is gone: so it failed, and nobody knows its ids
            return job_answer(batch, [], None)
        if len(results) < batch.total:  # rows expire one by one
            raise NotFound(what="Job")
        operations = [operation_of(view.item) for view in views]
        ended = [ended_of(each) for each in results]
        return job_answer(batch, operations, [_shown(*each, caller) for each in zip(operations, ended, strict=True)])

    def _accepted(self, graph: Graph, request: Request, caller: Caller, ticket: Ticket) -> Batch:
        job_id = ordered_id(PREFIX, ticket)
        before = self.submit.resume(BatchRef(caller.workspace.id, job_id)) if ticket.again else None
        if before is not None:
            return before
        order = Order(mode=graph.mode, key_id=caller.key.id, base_url=request.base_url, request_id=request.request_id)
        return self.submit(
            charge=replace(charge_of(caller, ticket, FAMILY, len(graph.operations)), id=job_id),
            bodies=[stored(operation) for operation in graph.operations],
            slice_size=1,
            chunks=1,
            webhook=None,
            attributes=order.attributes,
        )

    def _found(self, workspace_id: str, wanted: JobStatus | None, limit: int) -> list[Batch]:
        if wanted in {JobStatus.QUEUED, JobStatus.PROCESSING}:
            found = self.read.find(workspace_id, BatchStatus.IN_PROGRESS, 0, MAX_LOOKED_AT).entries
            return [batch for batch in found if status_of(batch) is wanted][:limit]
        status = None if wanted is None else BatchStatus(wanted.lower())
        return self.read.find(workspace_id, status, 0, limit).entries


def _shown(operation: Operation, ended: Ended, caller: Caller) -> Ended:
    """Return what an operation ended with, as a caller may see it: its status, and the rest with the operation's scope."""
    scope = scope_of(operation.method, root_of(operation.path) or "")
    try:
        require(caller, scope)
    except ScopeMissing:
        message = f"To read this operation's result, a key needs the scope {scope}."
        return replace(ended, body=None, error={"code": "AUTHORIZATION_ERROR", "message": message})
    return ended
