"""operations_worker: the records of the operations' queue, each a job's chunk, or a post that is due."""

from __future__ import annotations

import json
from datetime import timedelta
from functools import cache
from typing import Any
from uuid import uuid4

from batchwork.adapters import aws
from batchwork.adapters.clock import SystemClock
from batchwork.adapters.dynamodb.batches import DynamoBatches
from batchwork.adapters.packing import Packer
from batchwork.adapters.sqs import SqsWorkQueue
from batchwork.domain.batch import Batch, BatchRef
from batchwork.domain.idempotency import Ticket
from batchwork.domain.operation import Ended, Operation
from batchwork.edge import settings, telemetry
from batchwork.families.operations.dispatch import Dispatch
from batchwork.families.operations.errors import OperationsEnvelope
from batchwork.families.operations.job_calls import JobCalls
from batchwork.gates import to_act
from batchwork.use_cases.work_job import WorkJob

SERVICE = "operations_worker"
#: Kept free at the end of an invocation, to write down what was done.
REST = timedelta(seconds=10)
#: What an operation may take beside its call to an upstream.
BESIDE = timedelta(seconds=15)

TABLE, BUCKET = settings.text("TABLE_NAME"), settings.text("BUCKET_NAME")
log = telemetry.logger(SERVICE)
unexpected = telemetry.unexpected(log)
dynamodb, clock = aws.client("dynamodb"), SystemClock()
packer, timeout = Packer.in_bucket(BUCKET), settings.seconds("OPERATION_TIMEOUT_SECONDS", 15)
gate = to_act(TABLE, dynamodb, clock, packer, SERVICE)


@cache
def calls() -> JobCalls:
    """Return what does operations."""
    # All that operations act on would pass the budget of this function's cold start; duplicate messages need none of it.
    from batchwork import operations

    resources = operations.resources(
        TABLE,
        dynamodb,
        clock,
        bucket=BUCKET,
        timeout=timeout,
        allow_loopback=settings.flag("ALLOW_LOOPBACK_EGRESS"),
        service=SERVICE,
    )
    return JobCalls(Dispatch(resources, gate, OperationsEnvelope(), unexpected), gate.authenticate)


def publish_due(workspace_id: str, post_id: str) -> None:
    """Publish a post that is due."""
    from batchwork import operations  # as above

    operations.publish_due(TABLE, dynamodb, clock, BUCKET)(workspace_id, post_id)


def call(batch: Batch, operation: Operation, ticket: Ticket, time_left: timedelta) -> Ended:
    """Do an operation."""
    return calls()(batch, operation, ticket, time_left)


work = WorkJob(
    batches=DynamoBatches(TABLE, packer, settings.days("JOB_RETENTION_DAYS", 7), dynamodb),
    queue=SqsWorkQueue(settings.text("OPERATIONS_QUEUE_URL")),
    call=call,
    clock=clock,
    concurrency=settings.number("OPERATION_CONCURRENCY", 16),
    patience=timeout + BESIDE,
    new_token=lambda: uuid4().hex,
)


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Work each record's chunk; report those that failed, so that only they are delivered again."""
    until = clock.now() + timedelta(milliseconds=context.get_remaining_time_in_millis()) - REST
    failed = []
    done: dict[str, int] = {"settled": 0, "skipped": 0, "left": 0}
    for record in event["Records"]:
        message = json.loads(record["body"])
        try:
            calls().begin()
            if "post_id" in message:
                publish_due(message["workspace_id"], message["post_id"])
                continue
            stint = work(BatchRef(message["workspace_id"], message["batch_id"]), message["chunk"], until)
        except Exception as exc:  # noqa: BLE001 -- the record is delivered again
            unexpected(exc)
            failed.append({"itemIdentifier": record["messageId"]})
        else:
            done = {name: count + getattr(stint, name) for name, count in done.items()}
    log.info("worked", extra={"records": len(event["Records"]), "failed": len(failed), **done})
    return {"batchItemFailures": failed}
