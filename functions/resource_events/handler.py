"""resource_events: stream records of resources whose last write was an event (the event source's filter sees to that)."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Event as Flag
from typing import Any

from batchwork.adapters import aws
from batchwork.adapters.clock import SystemClock
from batchwork.adapters.dynamodb.deliveries import DynamoDeliveries
from batchwork.adapters.dynamodb.resource_rows import AccountCodec, MediaCodec, PostCodec
from batchwork.adapters.dynamodb.shelf import DynamoShelf
from batchwork.adapters.dynamodb.webhook_endpoint_rows import WebhookEndpointCodec
from batchwork.adapters.sqs import SqsDeliveryQueue
from batchwork.domain.event import Event
from batchwork.edge import settings, telemetry
from batchwork.families.operations.events import STYLE, body, event_of
from batchwork.use_cases.tell import Audience, Tell

#: Records told of side by side: each waits for two answers of AWS for each endpoint.
AT_ONCE = 8
#: Kept free at the end of an invocation, for the record that was begun last: fifty endpoints take a second.
REST = timedelta(seconds=10)

log = telemetry.logger("resource_events")
unexpected = telemetry.unexpected(log)
TABLE = settings.text("TABLE_NAME")
dynamodb = aws.client("dynamodb")
clock = SystemClock()
endpoints = DynamoShelf(TABLE, WebhookEndpointCodec(), dynamodb)
resources: dict[str, DynamoShelf[Any]] = {
    codec.kind: DynamoShelf(TABLE, codec, dynamodb) for codec in (PostCodec(), AccountCodec(), MediaCodec())
}
tell = Tell(
    deliveries=DynamoDeliveries(TABLE, settings.days("RETENTION_DAYS", 30), dynamodb),
    queue=SqsDeliveryQueue(settings.text("DELIVERY_QUEUE_URL")),
    clock=clock,
    bodies={STYLE: body},
)


def events_of(image: dict[str, Any]) -> list[Event]:
    """Return the events that a row's last write was."""
    kind = image["kind"]["S"]
    resource, names = resources[kind].of_image(image)
    return [event_of(kind, resource, name) for name in names]


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Tell of each record; name the first that failed or was not reached: it and the shard's later ones come again."""
    until = clock.now() + timedelta(milliseconds=context.get_remaining_time_in_millis()) - REST
    audience = Audience(endpoints)
    failed = Flag()

    def told(record: dict[str, Any]) -> int | None:
        if failed.is_set() or clock.now() >= until:
            return None
        try:
            return tell(events_of(record["dynamodb"]["NewImage"]), audience)
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
