"""webhook_sender: the delivery queue's records, one attempt of one delivery each."""

from __future__ import annotations

import json
from collections import Counter
from threading import Thread
from typing import Any
from uuid import uuid4

from batchwork.adapters import aws
from batchwork.adapters.clock import SystemClock
from batchwork.adapters.dynamodb.deliveries import DynamoDeliveries
from batchwork.adapters.dynamodb.endpoint_health import DynamoEndpointHealth
from batchwork.adapters.dynamodb.shelf import DynamoShelf
from batchwork.adapters.dynamodb.slots import DynamoSlots
from batchwork.adapters.dynamodb.webhook_endpoint_rows import WebhookEndpointCodec
from batchwork.adapters.http import HttpEgress
from batchwork.adapters.sqs import SqsDeliveryQueue
from batchwork.domain.webhook import DeliveryStatus
from batchwork.edge import settings, telemetry
from batchwork.use_cases.addressees import Addressees
from batchwork.use_cases.deliver import Deliver
from batchwork.use_cases.room import Room

log = telemetry.logger("webhook_sender")
unexpected = telemetry.unexpected(log)
TABLE = settings.text("TABLE_NAME")
dynamodb = aws.client("dynamodb")
clock = SystemClock()
deliver = Deliver(
    deliveries=DynamoDeliveries(TABLE, dynamodb=dynamodb),
    queue=SqsDeliveryQueue(settings.text("DELIVERY_QUEUE_URL")),
    egress=HttpEgress(allow_loopback=settings.flag("ALLOW_LOOPBACK_EGRESS")),
    room=Room(DynamoSlots(TABLE, settings.number("RECEIVER_CONCURRENCY", 5), dynamodb), clock, uuid4().hex),
    clock=clock,
    addressees=Addressees(
        endpoints=DynamoShelf(TABLE, WebhookEndpointCodec(), dynamodb),
        health=DynamoEndpointHealth(TABLE, dynamodb),
        clock=clock,
        unexpected=unexpected,
    ),
)


def attempt(record: dict[str, Any], outcomes: dict[str, str]) -> None:
    """Make the attempt that a record asks for and note what came of it; an unexpected error leaves no outcome."""
    try:
        asked = json.loads(record["body"])
        status = deliver(asked["workspace_id"], asked["delivery_id"], asked["attempt"], asked.get("waits", 0))
    except Exception as exc:  # noqa: BLE001 -- the record is delivered again
        unexpected(exc)
    else:
        outcomes[record["messageId"]] = status or "skipped"


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:  # noqa: ARG001 -- Lambda's signature
    """Give every record a thread, so that a receiver that hangs delays no other; hand back what failed unexpectedly."""
    outcomes: dict[str, str] = {}
    threads = [Thread(target=attempt, args=(record, outcomes)) for record in event["Records"]]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    again = [record["messageId"] for record in event["Records"] if record["messageId"] not in outcomes]
    counts = Counter(map(str, outcomes.values()))
    if counts[DeliveryStatus.FAILED]:
        telemetry.count("webhook_sender", "WebhookDeliveriesExhausted", counts[DeliveryStatus.FAILED])
    log.info("delivered", extra={"records": len(event["Records"]), "failed": len(again), "outcomes": dict(counts)})
    return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in again]}
