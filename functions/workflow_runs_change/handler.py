"""POST and DELETE /workflow_runs/{id}, POST .../cancel and .../review, POST /workflow_runs/batch/{batch_id}/cancel."""

from __future__ import annotations

from typing import TYPE_CHECKING

from batchwork.adapters import aws
from batchwork.adapters.clock import SystemClock
from batchwork.adapters.dynamodb.batches import DynamoBatches
from batchwork.adapters.dynamodb.runs import DynamoRuns
from batchwork.adapters.packing import Packer
from batchwork.domain.recent import made_once
from batchwork.edge import settings, telemetry
from batchwork.edge.endpoint import endpoint
from batchwork.families.workflow_runs.changes import RunChanger
from batchwork.families.workflow_runs.errors import WorkflowRunsEnvelope
from batchwork.gates import to_act
from batchwork.use_cases.change_runs import ChangeRuns

if TYPE_CHECKING:
    from batchwork.adapters.run_blobs import S3RunBlobs

SERVICE = "workflow_runs_change"
TABLE, BUCKET = settings.text("TABLE_NAME"), settings.text("BUCKET_NAME")
RETENTION = settings.days("RETENTION_DAYS", 30)
dynamodb = aws.client("dynamodb")
clock = SystemClock()
packer = Packer.in_bucket(BUCKET)


@made_once
def blobs() -> S3RunBlobs:
    """Open the bucket: only a run that is removed, or has large outputs, is in it."""
    from batchwork.adapters.run_blobs import S3RunBlobs

    return S3RunBlobs(BUCKET)


changer = RunChanger(
    ChangeRuns(
        batches=DynamoBatches(TABLE, packer, RETENTION, dynamodb),
        runs=DynamoRuns(TABLE, blobs, dynamodb),
        blobs=blobs,
        clock=clock,
        retention=RETENTION,
        unsettled=telemetry.unexpected(telemetry.logger(SERVICE)),
    )
)

handler = endpoint(
    routes=changer.routes(),
    gate=to_act(TABLE, dynamodb, clock, packer, SERVICE),
    envelope=WorkflowRunsEnvelope(),
    service=SERVICE,
)
