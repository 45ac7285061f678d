"""Answers of the routes of runs, in each dialect (spec workflow runs 4.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from batchwork.edge.http import Response
from batchwork.families.workflow_runs.dialect import Dialect, answered
from batchwork.families.workflow_runs.presenters import batch_object
from batchwork.families.workflow_runs.room import ROOM, fitting_run

if TYPE_CHECKING:
    from batchwork.domain.run import Run
    from batchwork.use_cases.read_runs import BatchSummary


def run_answer(run: Run, dialect: Dialect) -> Response:
    """Return a run: ``{"success": true, "workflowRun"}``, or bare; what has no room in an answer is cut."""
    return answered("workflowRun", fitting_run(run, dialect), dialect)


def runs_answer(runs: list[Run], dialect: Dialect) -> Response:
    """Return the runs that one request asked for: ``{"success": true, "workflowRuns"}``, or the only one bare."""
    shown = [fitting_run(run, dialect, ROOM // len(runs)) for run in runs]
    if dialect is Dialect.V2026:
        return Response(200, shown[0])
    return Response(200, {"success": True, "workflowRuns": shown})


def batch_answer(batch: BatchSummary, dialect: Dialect) -> Response:
    """Return how far a batch has come: ``{"success": true, "batch"}``, or bare."""
    return answered("batch", batch_object(batch, dialect), dialect)


def removed_answer(run_id: str, dialect: Dialect) -> Response:
    """Return that a run is removed: ``{"success": true, "workflowRunId", "message"}``, or ``{"id"}``."""
    if dialect is Dialect.V2026:
        return Response(200, {"id": run_id})
    told = {"success": True, "workflowRunId": run_id, "message": "The workflow run and its files are deleted"}
    return Response(200, told)
