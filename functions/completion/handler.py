"""completion: stream records of headers that have nothing left, and of units of runs that were settled without a worker (the
event source's filters see to that).

Both in one function: a third reader of the table's stream would be throttled (AWS limit).
"""

from __future__ import annotations

from typing import Any

from batchwork.adapters import aws
from batchwork.adapters.clock import SystemClock
from batchwork.adapters.dynamodb import keys
from batchwork.adapters.dynamodb.batches import DynamoBatches
from batchwork.adapters.dynamodb.runs import DynamoRuns
from batchwork.adapters.packing import Packer, bucket
from batchwork.adapters.sqs import SqsDeliveryQueue
from batchwork.domain.batch import BatchRef
from batchwork.edge import settings, telemetry
from batchwork.families.messages import events
from batchwork.processors.workflow_runs.recording import Recorder
from batchwork.use_cases.complete import Complete, tell_nobody
from batchwork.use_cases.end_runs import EndRuns

log = telemetry.logger("completion")
unexpected = telemetry.unexpected(log)
KEPT = settings.days("RETENTION_DAYS", 30)
TABLE = settings.text("TABLE_NAME")
clock = SystemClock()
dynamodb = aws.client("dynamodb")
blobs = bucket(settings.text("BUCKET_NAME"))
batches = DynamoBatches(
    TABLE,
    Packer(blobs),
    {"messages": KEPT, "operations": settings.days("JOB_RETENTION_DAYS", 7), "workflow_runs": KEPT},
    dynamodb,
)
complete = Complete(
    batches=batches,
    deliveries=SqsDeliveryQueue(settings.text("DELIVERY_QUEUE_URL")),
    announce={"messages": events.delivery_for, "operations": tell_nobody, "workflow_runs": tell_nobody},
    clock=clock,
)
end_runs = EndRuns(batches, Recorder(DynamoRuns(TABLE, blobs, dynamodb), clock, KEPT).keep)


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:  # noqa: ARG001 -- Lambda's signature
    """Complete each batch and end the runs of each batch's units together; stop at the first failure, since a shard's later
    records come again after it.
    """
    closed: list[str] = []
    ended = 0
    for first, images in grouped(event["Records"]):
        try:
            if "unworked" in images[0]:
                units = {int(image["unit"]["N"]) for image in images}
                ended += end_runs(*keys.names_of_chunk(images[0]["pk"]["S"]), units)
            else:
                ref = BatchRef(images[0]["workspace_id"]["S"], images[0]["id"]["S"])
                closed.append(f"{ref.batch_id} {complete(ref)}")
        except Exception as exc:  # noqa: BLE001 -- the records are delivered again
            unexpected(exc)
            return {"batchItemFailures": [{"itemIdentifier": first}]}
    log.info("completed", extra={"closed": closed, "runs": ended})
    return {"batchItemFailures": []}


def grouped(records: list[dict[str, Any]]) -> list[tuple[str, list[dict[str, Any]]]]:
    """Return (sequence number of the first, images): the units of one batch together, every header by itself."""
    groups: dict[tuple[str, str], tuple[str, list[dict[str, Any]]]] = {}
    for record in records:
        image, number = record["dynamodb"]["NewImage"], record["dynamodb"]["SequenceNumber"]
        group = keys.names_of_chunk(image["pk"]["S"]) if "unworked" in image else ("", number)
        groups.setdefault(group, (number, []))[1].append(image)
    return list(groups.values())
