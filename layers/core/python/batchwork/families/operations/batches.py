"""The routes of batches that are run in the request: POST /v1/batch, /transaction and /dry-run, GET /limits (seed 000).

Any valid key may call them: each operation needs the scope of its own call (spec operations 1.1).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta

from batchwork.domain.graph import Graph
from batchwork.domain.idempotency import Ticket
from batchwork.domain.operation import MAX_OPERATIONS, METHODS, ROOTS, TIMEOUT, Ended, Operation
from batchwork.domain.references import links_in, shown_path
from batchwork.domain.workspace import Caller
from batchwork.edge.endpoint import Act, Route, Routes
from batchwork.edge.http import Request, Response
from batchwork.families.operations.dispatch import Around, Dispatch
from batchwork.families.operations.presenters import batch_answer
from batchwork.families.operations.schemas import asked
from batchwork.use_cases.once import Errand
from batchwork.use_cases.run_operations import RunOperations

#: Kept for what comes after the operations: of the gateway's patience, and of the function's life.
AFTERWARDS = timedelta(seconds=2)


def patience_of(gateway: timedelta) -> timedelta:
    """Return how long operations are run when API Gateway waits for a time: 60 seconds at the most (seed 000)."""
    return min(TIMEOUT, gateway - AFTERWARDS)


@dataclass(frozen=True, slots=True)
class Batches:
    """The routes. patience: how long the operations of a request are run, from its start."""

    run: RunOperations
    dispatch: Dispatch
    patience: timedelta

    def routes(self) -> Routes:
        """Return the routes by (method, resource)."""
        return {
            ("POST", "/v1/batch"): Route(self.execute),
            ("POST", "/v1/batch/transaction"): Route(self.transact),
            ("POST", "/v1/batch/dry-run"): Route(self.rehearse),
            ("GET", "/v1/batch/limits"): Route(self.limits),
        }

    def execute(self, request: Request, caller: Caller) -> Act:
        """Run operations, in order or side by side."""
        return self._act(asked(request), request, caller)

    def transact(self, request: Request, caller: Caller) -> Act:
        """Run operations in order until the first failure. What was done stays done."""
        return self._act(asked(request, transaction=True), request, caller)

    def rehearse(self, request: Request, caller: Caller) -> Response:
        """Say what each operation would be refused with, 200 for nothing; no operation is done, skipped or charged.

        Of one that refers to results of others, what depends on these results is not judged.
        """
        graph, around = asked(request), Around(request.base_url, request.request_id)
        self.dispatch.resources.begin()

        def call(operation: Operation, left: timedelta) -> Ended:
            whole, later = operation, None
            if operation.index in graph.linked:
                links = links_in(operation.path, operation.body, graph.indexes)
                later = (link.place.removeprefix("body.") for link in links if link.place != "path")
                whole = replace(operation, path=shown_path(operation.path, graph.indexes))
            return replace(self.dispatch.rehearse(whole, caller, around, left, later), body=None)

        return batch_answer(graph.operations, self.run.rehearse(graph, self._left(request), call))

    def limits(self, _request: Request, _caller: Caller) -> Response:
        """Tell the limits of a batch."""
        return Response(
            200,
            {
                "maxOperations": MAX_OPERATIONS,
                "timeoutMs": self.patience // timedelta(milliseconds=1),
                "allowedMethods": list(METHODS),
                "allowedPaths": list(ROOTS),
            },
        )

    def _act(self, graph: Graph, request: Request, caller: Caller) -> Act:
        around = Around(request.base_url, request.request_id)

        def call(operation: Operation, ticket: Ticket, left: timedelta) -> Ended:
            return self.dispatch.perform(operation, caller, ticket, around, left)

        def act(errand: Errand) -> Response:
            self.dispatch.resources.begin()
            return batch_answer(graph.operations, self.run(caller, graph, errand.ticket, self._left(request), call))

        return act

    def _left(self, request: Request) -> timedelta:
        return min(self.patience, request.time_left - AFTERWARDS) - request.elapsed
