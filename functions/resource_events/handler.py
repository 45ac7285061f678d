"""resource_events: stream records of rows whose last write was an event (the event source's filter sees to that)."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Event as Flag
from typing import Any

from batchwork.adapters import aws
from batchwork.adapters.clock import SystemClock
from batchwork.adapters.dynamodb.deliveries import DynamoDeliveries
from batchwork.adapters.dynamodb.resource_rows import AccountCodec, MediaCodec, PostCodec
from batchwork.adapters.dynamodb.run_rows import KIND
from batchwork.adapters.dynamodb.runs import DynamoRuns
from batchwork.adapters.dynamodb.shelf import DynamoShelf
from batchwork.adapters.dynamodb.webhook_endpoint_rows import WebhookEndpointCodec
from batchwork.adapters.dynamodb.webhook_subscription_rows import WebhookSubscriptionCodec
from batchwork.adapters.dynamodb.workflow_rows import WorkflowCodec
from batchwork.adapters.packing import bucket
from batchwork.adapters.payloads import S3Bodies
from batchwork.adapters.sqs import SqsDeliveryQueue
from batchwork.domain.event import Event
from batchwork.domain.recent import made_once
from batchwork.edge import settings, telemetry
from batchwork.families.operations import events as operations
from batchwork.families.workflow_runs import events as workflow_runs
from batchwork.use_cases.tell import Audience, Tell

#: Records told of side by side, and calls of AWS that all of them make side by side.
AT_ONCE = 8
#: Kept free at the end of an invocation, for the deliveries that were begun last: eighty a record take a second.
REST = timedelta(seconds=10)

log = telemetry.logger("resource_events")
unexpected = telemetry.unexpected(log)
TABLE = settings.text("TABLE_NAME")
dynamodb = aws.client("dynamodb")
clock = SystemClock()
blobs = bucket(settings.text("BUCKET_NAME"))
endpoints = DynamoShelf(TABLE, WebhookEndpointCodec(), dynamodb)
subscriptions = DynamoShelf(TABLE, WebhookSubscriptionCodec(), dynamodb)
runs = DynamoRuns(TABLE, blobs, dynamodb)
#: What stands on shelves, by kind; a write of it is an event of the family of its style, or else of its kind's.
resources: dict[str, tuple[DynamoShelf[Any], str]] = {
    codec.kind: (DynamoShelf[Any](TABLE, codec, dynamodb), style)
    for style, codecs in {
        operations.STYLE: (PostCodec(), AccountCodec(), MediaCodec(), WebhookEndpointCodec()),
        workflow_runs.STYLE: (WorkflowCodec(),),
    }.items()
    for codec in codecs
}
makers = {operations.STYLE: operations.event_of, workflow_runs.STYLE: workflow_runs.event_of}
tell = Tell(
    deliveries=DynamoDeliveries(TABLE, settings.days("RETENTION_DAYS", 30), dynamodb, bodies=S3Bodies(blobs)),
    queue=SqsDeliveryQueue(settings.text("DELIVERY_QUEUE_URL")),
    clock=clock,
    told={operations.STYLE: operations.told, workflow_runs.STYLE: workflow_runs.told},
    # Not the pool of the records, whose threads wait for these.
    spread=ThreadPoolExecutor(AT_ONCE).map,
)


def events_of(image: dict[str, Any]) -> list[Event]:
    """Return the events that a row's last write was. What a run's row does not hold is read once, if somebody is told."""
    kind = image["kind"]["S"]
    if kind == KIND:
        written = runs.of_image(image)
        whole = made_once(written.whole)
        return [workflow_runs.run_event(written.run, name, whole) for name in written.events]
    shelf, style = resources[kind]
    resource, names = shelf.of_image(image)
    return [makers[getattr(resource, "style", style)](kind, resource, name) for name in names]


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Tell of each record; name the first that failed or was not reached: it and the shard's later ones come again."""
    until = clock.now() + timedelta(milliseconds=context.get_remaining_time_in_millis()) - REST
    audience = Audience(endpoints, subscriptions)
    failed = Flag()

    def told(record: dict[str, Any]) -> int | None:
        if failed.is_set() or clock.now() >= until:
            return None
        try:
            return tell(events_of(record["dynamodb"]["NewImage"]), audience, until)
        except Exception as exc:  # noqa: BLE001 -- the record is delivered again
            unexpected(exc)
            failed.set()
            return None

    records = event["Records"]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        counts = list(pool.map(told, records))
    log.info("told", extra={"records": len(records), "deliveries": sum(filter(None, counts))})
    if None not in counts:
        return {"batchItemFailures": []}
    first = records[counts.index(None)]["dynamodb"]["SequenceNumber"]
    return {"batchItemFailures": [{"itemIdentifier": first}]}
