"""/workflows and below: make, change, deploy and show workflows."""

from __future__ import annotations

from collections.abc import Sequence

from batchwork.adapters import aws
from batchwork.adapters.clock import SystemClock
from batchwork.adapters.dynamodb.shelf import DynamoShelf
from batchwork.adapters.dynamodb.workflow_rows import WorkflowCodec, WorkflowVersionCodec
from batchwork.adapters.packing import Packer
from batchwork.domain.errors import Problem
from batchwork.domain.item import Json
from batchwork.edge import settings
from batchwork.edge.endpoint import endpoint
from batchwork.edge.templates import routed
from batchwork.families.workflow_runs.dialect import under_both
from batchwork.families.workflow_runs.errors import WorkflowRunsEnvelope
from batchwork.families.workflow_runs.workflows import WorkflowRoutes
from batchwork.gates import to_act
from batchwork.use_cases.workflows import Workflows

SERVICE = "workflows"
TABLE, BUCKET = settings.text("TABLE_NAME"), settings.text("BUCKET_NAME")
dynamodb = aws.client("dynamodb")
clock = SystemClock()


def problems(steps: Sequence[Json], deploying: bool) -> list[Problem]:
    """Return what is wrong with steps."""
    # Workflows are read more often than written: what knows every type of step is imported with the first steps.
    from batchwork.processors.workflow_runs.definition import problems

    return problems(steps, deploying=deploying)


workflows = Workflows(
    workflows=DynamoShelf(TABLE, WorkflowCodec(), dynamodb),
    versions=DynamoShelf(TABLE, WorkflowVersionCodec(), dynamodb),
    clock=clock,
    problems=problems,
)

handler = endpoint(
    routes=routed(under_both(WorkflowRoutes(workflows).routes())),
    gate=to_act(TABLE, dynamodb, clock, Packer.in_bucket(BUCKET), SERVICE),
    envelope=WorkflowRunsEnvelope(),
    service=SERVICE,
)
