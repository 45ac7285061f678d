"""The routes that change runs (spec workflow runs 4.5); review, and the cancel of a batch, are ours."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from batchwork.domain.run import Run
from batchwork.domain.workspace import Caller
from batchwork.edge.endpoint import Act, Route, Routes
from batchwork.edge.http import Request, Response
from batchwork.families.workflow_runs import WRITE
from batchwork.families.workflow_runs.answers import batch_answer, removed_answer, run_answer
from batchwork.families.workflow_runs.dialect import dialect_of, under_both
from batchwork.use_cases.change_runs import ChangeRuns
from batchwork.use_cases.once import Errand


@dataclass(frozen=True, slots=True)
class RunChanger:
    """The routes that change runs and batches of them."""

    runs: ChangeRuns

    def routes(self) -> Routes:
        """Return the routes by (method, resource)."""
        return under_both(
            {
                ("POST", "/workflow_runs/{id}"): Route(self.update, WRITE),
                ("DELETE", "/workflow_runs/{id}"): Route(self.remove, WRITE),
                ("POST", "/workflow_runs/{id}/cancel"): Route(self.cancel, WRITE),
                ("POST", "/workflow_runs/{id}/review"): Route(self.review, WRITE),
                ("POST", "/workflow_runs/batch/{batch_id}/cancel"): Route(self.cancel_batch, WRITE),
            }
        )

    def update(self, request: Request, caller: Caller) -> Act:
        """Change a run's name, and merge metadata into its own."""
        # Only two of these calls have bodies: pydantic is no part of the cold start for the others.
        from batchwork.families.workflow_runs.change_schemas import change_of

        name, metadata = change_of(request)
        return _changing(
            request,
            lambda errand: self.runs.update(caller.workspace.id, _id(request), name, metadata, errand.ticket),
        )

    def cancel(self, request: Request, caller: Caller) -> Act:
        """Cancel a run that has not ended."""
        return _changing(request, lambda errand: self.runs.cancel(caller.workspace.id, _id(request), errand.ticket))

    def review(self, request: Request, caller: Caller) -> Act:
        """End what waits for a review. A review without a reviewer's name is that of the key."""
        # As in `update`.
        from batchwork.families.workflow_runs.change_schemas import review_of

        approve, note, reviewer = review_of(request)
        return _changing(
            request,
            lambda errand: self.runs.review(
                caller.workspace.id, _id(request), approve, note, reviewer or caller.key.name, errand.ticket
            ),
        )

    def remove(self, request: Request, caller: Caller) -> Act:
        """Remove a run that no worker is at, with its files."""
        dialect = dialect_of(request)

        def act(errand: Errand) -> Response:
            return removed_answer(self.runs.remove(caller.workspace.id, _id(request), errand.ticket), dialect)

        return act

    def cancel_batch(self, request: Request, caller: Caller) -> Act:
        """Cancel what of a batch has not ended."""
        dialect = dialect_of(request)
        batch_id = request.parameters["batch_id"]

        def act(errand: Errand) -> Response:
            return batch_answer(self.runs.cancel_batch(caller.workspace.id, batch_id, errand.ticket), dialect)

        return act


def _changing(request: Request, change: Callable[[Errand], Run]) -> Act:
    """Return an act that answers the run that it changed."""
    dialect = dialect_of(request)
    return lambda errand: run_answer(change(errand), dialect)


def _id(request: Request) -> str:
    return request.parameters["id"]
