"""POST /workflow_runs/batch and /workflow_runs: accept runs of a workflow."""

from __future__ import annotations

from batchwork.adapters import aws
from batchwork.adapters.clock import SystemClock
from batchwork.adapters.dynamodb.batches import DynamoBatches
from batchwork.adapters.dynamodb.shelf import DynamoShelf
from batchwork.adapters.dynamodb.workflow_rows import FlowFileCodec, WorkflowCodec, WorkflowVersionCodec
from batchwork.adapters.packing import Packer
from batchwork.adapters.sqs import SqsWorkQueue
from batchwork.edge import settings, telemetry
from batchwork.edge.endpoint import endpoint
from batchwork.families.workflow_runs.errors import WorkflowRunsEnvelope
from batchwork.families.workflow_runs.submissions import RunSubmitter
from batchwork.gates import to_act
from batchwork.use_cases.submit import Submit
from batchwork.use_cases.workflows import Workflows

SERVICE = "workflow_runs_create"
TABLE, BUCKET = settings.text("TABLE_NAME"), settings.text("BUCKET_NAME")
dynamodb = aws.client("dynamodb")
clock = SystemClock()
packer = Packer.in_bucket(BUCKET)
allow_loopback = settings.flag("ALLOW_LOOPBACK_EGRESS")


def check_url(url: str) -> str | None:
    """Return what is wrong with an address of a file."""
    # Many batches are texts and uploaded files: what judges addresses is imported with the first URL.
    from batchwork.domain import address

    return address.check_url(url, allow_loopback=allow_loopback)


submitter = RunSubmitter(
    submit=Submit(
        batches=DynamoBatches(TABLE, packer, settings.days("RETENTION_DAYS", 30), dynamodb),
        queue=SqsWorkQueue(settings.text("RUNS_QUEUE_URL")),
        clock=clock,
        deadline=settings.hours("BATCH_DEADLINE_HOURS", 24),
        unqueued=telemetry.unexpected(telemetry.logger(SERVICE)),
    ),
    workflows=Workflows(
        workflows=DynamoShelf(TABLE, WorkflowCodec(), dynamodb),
        versions=DynamoShelf(TABLE, WorkflowVersionCodec(), dynamodb),
        clock=clock,
    ),
    files=DynamoShelf(TABLE, FlowFileCodec(), dynamodb),
    check_url=check_url,
)

handler = endpoint(
    routes=submitter.routes(),
    gate=to_act(TABLE, dynamodb, clock, packer, SERVICE),
    envelope=WorkflowRunsEnvelope(),
    service=SERVICE,
)
