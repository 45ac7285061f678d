"""/v1/batch and below: batches of operations, in the request or as jobs."""

from __future__ import annotations

from datetime import timedelta

from batchwork import operations
from batchwork.adapters import aws
from batchwork.adapters.clock import SystemClock
from batchwork.adapters.dynamodb.batches import DynamoBatches
from batchwork.adapters.dynamodb.usage import DynamoUsage
from batchwork.adapters.packing import Packer
from batchwork.adapters.sqs import SqsWorkQueue
from batchwork.domain.operation import FAMILY
from batchwork.edge import settings, telemetry
from batchwork.edge.endpoint import endpoint
from batchwork.families.operations.batches import Batches, patience_of
from batchwork.families.operations.dispatch import Dispatch
from batchwork.families.operations.errors import OperationsEnvelope
from batchwork.families.operations.jobs import Jobs
from batchwork.gates import to_act
from batchwork.use_cases.meter import Meter
from batchwork.use_cases.read import ReadBatches
from batchwork.use_cases.run_operations import RunOperations
from batchwork.use_cases.submit import Submit

SERVICE = "operations_batch"
TABLE, BUCKET = settings.text("TABLE_NAME"), settings.text("BUCKET_NAME")
dynamodb = aws.client("dynamodb")
clock = SystemClock()
packer = Packer.in_bucket(BUCKET)
unexpected = telemetry.unexpected(telemetry.logger(SERVICE))
gate = to_act(TABLE, dynamodb, clock, packer, SERVICE)
envelope = OperationsEnvelope()
stored = DynamoBatches(TABLE, packer, settings.days("JOB_RETENTION_DAYS", 7), dynamodb)

resources = operations.resources(
    TABLE,
    dynamodb,
    clock,
    bucket=BUCKET,
    timeout=settings.seconds("OPERATION_TIMEOUT_SECONDS", 15),
    allow_loopback=settings.flag("ALLOW_LOOPBACK_EGRESS"),
    service=SERVICE,
)
batches = Batches(
    run=RunOperations(
        meter=Meter(DynamoUsage(TABLE, dynamodb)),
        concurrency=settings.number("OPERATION_CONCURRENCY", 16),
        unexpected=unexpected,
    ),
    dispatch=Dispatch(resources, gate, envelope, unexpected),
    patience=patience_of(timedelta(milliseconds=settings.number("GATEWAY_TIMEOUT_MILLIS", 29_000))),
)
jobs = Jobs(
    submit=Submit(
        batches=stored,
        queue=SqsWorkQueue(settings.text("OPERATIONS_QUEUE_URL")),
        clock=clock,
        deadline=settings.hours("BATCH_DEADLINE_HOURS", 24),
        unqueued=unexpected,
    ),
    read=ReadBatches(stored, clock, FAMILY, "Job"),
)

handler = endpoint(
    routes={**batches.routes(), **jobs.routes()},
    gate=gate,
    envelope=envelope,
    service=SERVICE,
)
