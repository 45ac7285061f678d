"""workflow_runs_worker: the records of the runs' queue, one chunk each."""

from __future__ import annotations

from uuid import uuid4

from batchwork.adapters import aws
from batchwork.adapters.clock import SystemClock
from batchwork.adapters.documents.reading import DocumentReader
from batchwork.adapters.dynamodb.batches import DynamoBatches
from batchwork.adapters.dynamodb.runs import DynamoRuns
from batchwork.adapters.dynamodb.shelf import DynamoShelf
from batchwork.adapters.dynamodb.workflow_rows import FlowFileCodec, WorkflowVersionCodec
from batchwork.adapters.http import HttpEgress
from batchwork.adapters.packing import Packer, run_bucket
from batchwork.adapters.providers import open_providers
from batchwork.adapters.sqs import SqsWorkQueue
from batchwork.edge import settings, telemetry
from batchwork.edge.chunks import chunk_worker
from batchwork.processors.workflow_runs.processor import RETRY, RunsProcessor
from batchwork.processors.workflow_runs.recording import Recorder
from batchwork.processors.workflow_runs.source import Source
from batchwork.processors.workflow_runs.step import World
from batchwork.use_cases.work import Work

SERVICE = "workflow_runs_worker"
TABLE, BUCKET = settings.text("TABLE_NAME"), settings.text("BUCKET_NAME")
RETENTION, LOOPBACK = settings.days("RETENTION_DAYS", 30), settings.flag("ALLOW_LOOPBACK_EGRESS")
clock, dynamodb, blobs = SystemClock(), aws.client("dynamodb"), run_bucket(BUCKET)
egress = HttpEgress(allow_loopback=LOOPBACK)
processor = RunsProcessor(
    versions=DynamoShelf(TABLE, WorkflowVersionCodec(), dynamodb),
    recorder=Recorder(DynamoRuns(TABLE, blobs, dynamodb), clock, RETENTION),
    source=Source(DynamoShelf(TABLE, FlowFileCodec(), dynamodb), blobs, egress, clock),
    world=World(
        documents=DocumentReader(),
        egress=egress,
        providers=open_providers(clock, allow_loopback=LOOPBACK),
        blobs=blobs,
        clock=clock,
    ),
    item_timeout=settings.seconds("RUN_TIMEOUT_SECONDS", 120),
)
work = Work(
    batches=DynamoBatches(TABLE, Packer.in_bucket(BUCKET), RETENTION, dynamodb),
    queue=SqsWorkQueue(settings.text("RUNS_QUEUE_URL")),
    processor=processor,
    clock=clock,
    concurrency=settings.number("RUN_CONCURRENCY", 10),
    new_token=lambda: uuid4().hex,
    unexpected=telemetry.unexpected(telemetry.logger(SERVICE)),
    retry=RETRY,
)

handler = chunk_worker(work, clock, SERVICE)
