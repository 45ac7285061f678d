"""completion: stream records of headers that have nothing left (the event source's filter sees to that)."""

from __future__ import annotations

from typing import Any

from batchwork.adapters.clock import SystemClock
from batchwork.adapters.dynamodb.batches import DynamoBatches
from batchwork.adapters.packing import Packer
from batchwork.adapters.sqs import SqsDeliveryQueue
from batchwork.domain.batch import BatchRef
from batchwork.edge import settings, telemetry
from batchwork.families.messages import events
from batchwork.use_cases.complete import Complete, tell_nobody

log = telemetry.logger("completion")
unexpected = telemetry.unexpected(log)
KEPT = settings.days("RETENTION_DAYS", 30)
complete = Complete(
    batches=DynamoBatches(
        settings.text("TABLE_NAME"),
        Packer.in_bucket(settings.text("BUCKET_NAME")),
        {"messages": KEPT, "operations": settings.days("JOB_RETENTION_DAYS", 7), "workflow_runs": KEPT},
    ),
    deliveries=SqsDeliveryQueue(settings.text("DELIVERY_QUEUE_URL")),
    announce={"messages": events.delivery_for, "operations": tell_nobody, "workflow_runs": tell_nobody},
    clock=SystemClock(),
)


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:  # noqa: ARG001 -- Lambda's signature
    """Complete each batch; stop at the first failure, since a shard's later records come again after it."""
    closed = []
    for record in event["Records"]:
        image = record["dynamodb"]["NewImage"]
        ref = BatchRef(image["workspace_id"]["S"], image["id"]["S"])
        try:
            closed.append(f"{ref.batch_id} {complete(ref)}")
        except Exception as exc:  # noqa: BLE001 -- the record is delivered again
            unexpected(exc)
            return {"batchItemFailures": [{"itemIdentifier": record["dynamodb"]["SequenceNumber"]}]}
    log.info("completed", extra={"closed": closed})
    return {"batchItemFailures": []}
