"""GET /workflow_runs, /workflow_runs/{id} and /workflow_runs/batch/{batch_id}: look at runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from batchwork.adapters import aws
from batchwork.adapters.clock import SystemClock
from batchwork.adapters.dynamodb.batches import DynamoBatches
from batchwork.adapters.dynamodb.run_batches import DynamoRunBatches
from batchwork.adapters.dynamodb.runs import DynamoRuns
from batchwork.adapters.packing import Packer
from batchwork.domain.recent import made_once
from batchwork.edge import settings
from batchwork.edge.endpoint import endpoint
from batchwork.families.workflow_runs.errors import WorkflowRunsEnvelope
from batchwork.families.workflow_runs.runs import RunReader
from batchwork.gates import to_look
from batchwork.use_cases.list_runs import ListRuns
from batchwork.use_cases.read_runs import ReadRuns

if TYPE_CHECKING:
    from batchwork.adapters.run_blobs import S3RunBlobs

TABLE, BUCKET = settings.text("TABLE_NAME"), settings.text("BUCKET_NAME")
dynamodb = aws.client("dynamodb")
clock = SystemClock()


@made_once
def blobs() -> S3RunBlobs:
    """Open the bucket: only runs with large outputs are in it."""
    from batchwork.adapters.run_blobs import S3RunBlobs

    return S3RunBlobs(BUCKET)


batches = DynamoBatches(TABLE, Packer.in_bucket(BUCKET), settings.days("RETENTION_DAYS", 30), dynamodb)
runs = DynamoRuns(TABLE, blobs, dynamodb)
reader = RunReader(
    read=ReadRuns(batches, runs, clock),
    find=ListRuns(batches, runs, DynamoRunBatches(TABLE, dynamodb), clock),
)

handler = endpoint(
    routes=reader.routes(),
    gate=to_look(TABLE, dynamodb, clock),
    envelope=WorkflowRunsEnvelope(),
    service="workflow_runs_read",
)
