"""Workflows and their versions as answers and webhooks show them, in each dialect (spec workflow runs 4.6).

What the spec leaves open is chosen here: the older dialects, whose documents know a workflow only as ``{object, id, version,
name}``, are shown the rest beside it. Nothing here knows of HTTP.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from batchwork.domain.workflow import DRAFT
from batchwork.families.workflow_runs.dialect import Dialect
from batchwork.families.workflow_runs.times import timestamp
from batchwork.use_cases.workflows import draft_of

if TYPE_CHECKING:
    from batchwork.domain.item import Json
    from batchwork.domain.workflow import Workflow, WorkflowVersion
    from batchwork.use_cases.workflows import Deployed


def workflow_object(workflow: Workflow, dialect: Dialect) -> Json:
    """Return a workflow whole, its draft included."""
    return {**summary_object(workflow, dialect), "draftVersion": version_object(draft_of(workflow))}


def summary_object(workflow: Workflow, dialect: Dialect) -> Json:
    """Return a workflow as lists show it."""
    return {
        **(created_object(workflow) if dialect is not Dialect.V2026 else _named(workflow)),
        "createdAt": timestamp(workflow.created_at),
        "updatedAt": timestamp(workflow.updated_at),
    }


def created_object(workflow: Workflow) -> Json:
    """Return a workflow as the older dialects answer its making. version: the one that runs go through without naming any."""
    return {**_named(workflow), "version": str(workflow.deployed) if workflow.deployed else DRAFT}


def version_object(version: WorkflowVersion) -> Json:
    """Return a version with its steps, as clients wrote them."""
    line = {"object": "workflow_version", "id": version.id, "version": version.version, "name": version.name}
    return {**line, "steps": list(version.steps), "createdAt": timestamp(version.created_at)}


def line_object(version: Deployed) -> Json:
    """Return a version as lists show it."""
    line = {"object": "workflow_version", "id": version.id, "version": version.version, "name": version.name}
    return {**line, "createdAt": timestamp(version.created_at)}


def _named(workflow: Workflow) -> Json:
    return {"object": "workflow", "id": workflow.id, "name": workflow.name}
