"""webhook_sender: the delivery queue's records, each one attempt of one delivery, or one page of a recovery."""

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
from batchwork.adapters.dynamodb.endpoint_pace import DynamoEndpointPace
from batchwork.adapters.dynamodb.shelf import DynamoShelf
from batchwork.adapters.dynamodb.slots import DynamoSlots
from batchwork.adapters.dynamodb.webhook_endpoint_rows import WebhookEndpointCodec
from batchwork.adapters.http import HttpEgress
from batchwork.adapters.packing import bucket
from batchwork.adapters.payloads import S3Bodies
from batchwork.adapters.sqs import SqsDeliveryQueue, recovery_of
from batchwork.domain.webhook import DeliveryStatus
from batchwork.edge import settings, telemetry
from batchwork.use_cases.addressees import Addressees
from batchwork.use_cases.deliver import Deliver
from batchwork.use_cases.replay import Again, WorkRecovery
from batchwork.use_cases.room import Room

log = telemetry.logger("webhook_sender")
unexpected = telemetry.unexpected(log)
TABLE = settings.text("TABLE_NAME")
dynamodb = aws.client("dynamodb")
clock = SystemClock()
#: Endpoints that this invocation switched off.
switched_off: list[str] = []
endpoints = DynamoShelf(TABLE, WebhookEndpointCodec(), dynamodb)
bodies = S3Bodies(bucket(settings.text("BUCKET_NAME")))
deliveries = DynamoDeliveries(TABLE, settings.days("RETENTION_DAYS", 30), dynamodb, bodies)
queue = SqsDeliveryQueue(settings.text("DELIVERY_QUEUE_URL"))
deliver = Deliver(
    deliveries=deliveries,
    bodies=bodies,
    queue=queue,
    egress=HttpEgress(allow_loopback=settings.flag("ALLOW_LOOPBACK_EGRESS")),
    room=Room(DynamoSlots(TABLE, settings.number("RECEIVER_CONCURRENCY", 5), dynamodb), clock, uuid4().hex),
    pace=DynamoEndpointPace(TABLE, dynamodb),
    clock=clock,
    addressees=Addressees(
        endpoints=endpoints,
        health=DynamoEndpointHealth(TABLE, dynamodb),
        clock=clock,
        unexpected=unexpected,
        switched_off=lambda endpoint: switched_off.append(endpoint.id),
    ),
)
recover = WorkRecovery(Again(deliveries, bodies, queue), endpoints, clock)


def worked(asked: dict[str, Any]) -> str:
    """Do what a message asks for and return what came of it."""
    if "recovery" in asked:
        recover(recovery_of(asked["recovery"]))
        return "recovered"
    status = deliver(asked["workspace_id"], asked["delivery_id"], asked["attempt"], asked.get("waits", 0))
    return status or "skipped"


def attempt(record: dict[str, Any], outcomes: dict[str, str]) -> None:
    """Work a record and note what came of it; an unexpected error leaves no outcome."""
    try:
        outcomes[record["messageId"]] = worked(json.loads(record["body"]))
    except Exception as exc:  # noqa: BLE001 -- the record is delivered again
        unexpected(exc)


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
    if switched_off:
        telemetry.count("webhook_sender", "WebhookEndpointsDisabled", len(switched_off))
        switched_off.clear()
    log.info("delivered", extra={"records": len(event["Records"]), "failed": len(again), "outcomes": dict(counts)})
    return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in again]}
