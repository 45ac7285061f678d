"""sweeper: once a minute, heals what a crash or a lost message left."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from batchwork.adapters import aws
from batchwork.adapters.clock import SystemClock
from batchwork.adapters.dynamodb.batches import DynamoBatches
from batchwork.adapters.dynamodb.deliveries import DynamoDeliveries
from batchwork.adapters.dynamodb.resource_rows import PostCodec
from batchwork.adapters.dynamodb.runs import DynamoRuns
from batchwork.adapters.dynamodb.shelf import DynamoShelf
from batchwork.adapters.packing import Packer, bucket
from batchwork.adapters.sqs import SqsDeliveryQueue, SqsPostQueue, SqsWorkQueue
from batchwork.edge import settings, telemetry
from batchwork.families.messages import events
from batchwork.processors.workflow_runs.recording import Recorder
from batchwork.use_cases.complete import Complete, tell_nobody
from batchwork.use_cases.end_runs import EndRuns
from batchwork.use_cases.queue_due import QueueDue
from batchwork.use_cases.sweep import Sweep

#: Kept free at the end of an invocation, for the batch that was begun last.
REST = timedelta(seconds=15)

log = telemetry.logger("sweeper")
clock = SystemClock()
table = settings.text("TABLE_NAME")
operations_queue = settings.text("OPERATIONS_QUEUE_URL")
dynamodb = aws.client("dynamodb")
kept = settings.days("RETENTION_DAYS", 30)
retention = {"messages": kept, "operations": settings.days("JOB_RETENTION_DAYS", 7), "workflow_runs": kept}
blobs = bucket(settings.text("BUCKET_NAME"))
batches = DynamoBatches(table, Packer(blobs), retention, dynamodb)
delivery_queue = SqsDeliveryQueue(settings.text("DELIVERY_QUEUE_URL"))
sweep = Sweep(
    batches=batches,
    deliveries=DynamoDeliveries(table, None, dynamodb),
    queues={
        "messages": SqsWorkQueue(settings.text("WORK_QUEUE_URL")),
        "operations": SqsWorkQueue(operations_queue),
        "workflow_runs": SqsWorkQueue(settings.text("RUNS_QUEUE_URL")),
    },
    delivery_queue=delivery_queue,
    complete=Complete(
        batches,
        delivery_queue,
        {"messages": events.delivery_for, "operations": tell_nobody, "workflow_runs": tell_nobody},
        clock,
    ),
    clock=clock,
    unexpected=telemetry.unexpected(log),
    ended={"workflow_runs": EndRuns(batches, Recorder(DynamoRuns(table, blobs, dynamodb), clock, kept).keep).all},
    others={"posts": QueueDue(DynamoShelf(table, PostCodec(), dynamodb), SqsPostQueue(operations_queue))},
)


def handler(event: dict[str, Any], context: Any) -> dict[str, int]:  # noqa: ARG001 -- Lambda's signature
    """Sweep once and return what was looked at."""
    swept = sweep(clock.now() + timedelta(milliseconds=context.get_remaining_time_in_millis()) - REST)
    log.info("swept", extra=swept)
    return swept
