"""/files and below: take files for runs, show, list and remove them."""

from __future__ import annotations

from batchwork.adapters import aws
from batchwork.adapters.clock import SystemClock
from batchwork.adapters.documents.contents import contents_of, count_of
from batchwork.adapters.dynamodb.batches import DynamoBatches
from batchwork.adapters.dynamodb.runs import DynamoRuns
from batchwork.adapters.dynamodb.shelf import DynamoShelf
from batchwork.adapters.dynamodb.workflow_rows import FlowFileCodec
from batchwork.adapters.packing import Packer, run_bucket
from batchwork.edge import settings
from batchwork.edge.endpoint import endpoint
from batchwork.edge.templates import routed
from batchwork.families.workflow_runs.dialect import under_both
from batchwork.families.workflow_runs.errors import WorkflowRunsEnvelope
from batchwork.families.workflow_runs.files import FileRoutes
from batchwork.gates import to_act
from batchwork.use_cases.flow_files import FlowFiles
from batchwork.use_cases.look_at_files import LookAtFiles
from batchwork.use_cases.read_runs import ReadRuns

SERVICE = "workflow_files"
TABLE, BUCKET = settings.text("TABLE_NAME"), settings.text("BUCKET_NAME")
dynamodb = aws.client("dynamodb")
clock = SystemClock()
packer, blobs = Packer.in_bucket(BUCKET), run_bucket(BUCKET)
batches = DynamoBatches(TABLE, packer, settings.days("RETENTION_DAYS", 30), dynamodb)
files = FlowFiles(files=DynamoShelf(TABLE, FlowFileCodec(), dynamodb), blobs=blobs, count=count_of, clock=clock)
look = LookAtFiles(
    uploaded=files,
    run=ReadRuns(batches, DynamoRuns(TABLE, blobs, dynamodb), clock).get,
    batches=batches,
    blobs=blobs,
    parse=contents_of,
)

handler = endpoint(
    routes=routed(under_both(FileRoutes(files, look).routes())),
    gate=to_act(TABLE, dynamodb, clock, packer, SERVICE),
    envelope=WorkflowRunsEnvelope(),
    service=SERVICE,
)
