"""Runs and their batches as answers and webhooks show them, in each dialect (spec workflow runs 4.4, 4.5).

They fit the types of the published clients: of 0.2.0 for 2024-12-23 and 2025-04-21, where what is unknown is left out; of
1.20.0 for 2026-02-09, where it is null. Nothing here knows of HTTP.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from batchwork.domain.run import RunStatus
from batchwork.families.workflow_runs.dialect import Dialect, known
from batchwork.families.workflow_runs.run_files import file_object
from batchwork.families.workflow_runs.step_presenters import CHECKS, OUTPUTS, output_object, run_url, step_object
from batchwork.families.workflow_runs.times import maybe, timestamp

if TYPE_CHECKING:
    from batchwork.domain.item import Json
    from batchwork.domain.run import Run
    from batchwork.domain.workflow import Flow
    from batchwork.use_cases.read_runs import BatchSummary


def run_object(run: Run, dialect: Dialect) -> Json:
    """Return a run whole."""
    if dialect is Dialect.V2026:
        return {
            **summary_object(run, dialect),
            "metadata": run.metadata,
            "failureReason": run.failure_reason,
            "failureMessage": run.failure_message,
            "reviewed": run.reviewed_at is not None,
            "stepRuns": [step_object(run, step, dialect) for step in run.steps],
        }
    return known(
        {
            "object": "workflow_run",
            "id": run.id,
            "name": name_of(run),
            "url": run_url(run),
            "status": str(run.status),
            "metadata": run.metadata,
            "batchId": run.batch_id,
            "files": [file_object(file, dialect) for file in run.files],
            "failureReason": run.failure_reason,
            "failureMessage": run.failure_message,
            "initialRunAt": timestamp(run.created_at),
            "reviewedBy": run.reviewed_by,
            "reviewed": run.reviewed_at is not None,
            "rejectionNote": run.rejection_note,
            "reviewedAt": maybe(run.reviewed_at),
            "startTime": maybe(run.started_at),
            "endTime": maybe(run.ended_at),
            "outputs": [output_object(run, step, dialect) for step in run.steps if step.type in OUTPUTS],
            "stepRuns": [step_object(run, step, dialect) for step in run.steps if step.type in CHECKS],
            "workflow": {
                "object": "workflow",
                "id": run.flow.workflow_id,
                "version": run.flow.version,
                "name": run.flow.workflow_name,
            },
        }
    )


def summary_object(run: Run, dialect: Dialect) -> Json:
    """Return a run as lists show it: without metadata and steps, and in the older dialects without files. fileCount (ours)
    stands where there are more files than a list shows (domain.run.BRIEF_FILES).
    """
    dates = {"createdAt": timestamp(run.created_at), "updatedAt": timestamp(run.updated_at)}
    progress = {
        "initialRunAt": timestamp(run.created_at),
        "reviewedByUser": run.reviewed_by,
        "reviewedAt": maybe(run.reviewed_at),
        "startTime": maybe(run.started_at),
        "endTime": maybe(run.ended_at),
        "batchId": run.batch_id,
        "rejectionNote": run.rejection_note,
    }
    if dialect is Dialect.V2026:
        return {
            "object": "workflow_run",
            "id": run.id,
            "status": str(run.status),
            "workflow": _workflow(run.flow),
            "workflowVersion": _version(run.flow),
            "dashboardUrl": run_url(run),
            **progress,
            "files": [file_object(file, dialect) for file in run.files],
            **({"fileCount": len(run.files) + run.more_files} if run.more_files else {}),
            **dates,
            "usage": None,
        }
    return known(
        {
            "id": run.id,
            "status": str(run.status),
            **progress,
            "workflowId": run.flow.workflow_id,
            "workflowName": run.flow.workflow_name,
            "workflowVersionId": run.flow.version_id,
            **dates,
        }
    )


def batch_object(batch: BatchSummary, dialect: Dialect) -> Json:
    """Return how far a batch has come (ours; it fits the client's type of other batches): a count for each status."""
    flow = batch.flow
    about: Json
    if dialect is Dialect.V2026:
        about = {"workflow": _workflow(flow), "workflowVersion": _version(flow)}
    else:
        about = {
            "workflowId": flow.workflow_id,
            "workflowName": flow.workflow_name,
            "workflowVersionId": flow.version_id,
        }
    shown = {
        "object": "batch_run",
        "id": batch.batch_id,
        "status": str(batch.status),
        "runCount": batch.total,
        "counts": {str(status): batch.counts.get(status, 0) for status in RunStatus},
        **about,
        "createdAt": timestamp(batch.created_at),
        "updatedAt": timestamp(batch.updated_at),
        "endTime": maybe(batch.ended_at),
    }
    return shown if dialect is Dialect.V2026 else known(shown)


def name_of(run: Run) -> str:
    """Return a run's name: that of its file unless it was given one."""
    return run.name or (run.files[0].name if run.files else run.id)


def _workflow(flow: Flow) -> Json:
    return {
        "object": "workflow",
        "id": flow.workflow_id,
        "name": flow.workflow_name,
        "createdAt": timestamp(flow.workflow_created_at),
        "updatedAt": timestamp(flow.workflow_updated_at),
        "createdBy": None,
    }


def _version(flow: Flow) -> Json:
    return {
        "object": "workflow_version",
        "id": flow.version_id,
        "version": flow.version,
        "name": flow.version_name,
        "createdAt": timestamp(flow.version_created_at),
        "createdBy": None,
    }
