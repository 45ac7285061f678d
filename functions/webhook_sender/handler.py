"""webhook_sender: the delivery queue's records, one attempt of one delivery each."""

from __future__ import annotations

import json
from collections import Counter
from threading import Thread
from typing import Any

from batchwork.adapters.clock import SystemClock
from batchwork.adapters.dynamodb.deliveries import DynamoDeliveries
from batchwork.adapters.http import HttpEgress
from batchwork.adapters.sqs import SqsDeliveryQueue
from batchwork.domain.webhook import DeliveryStatus
from batchwork.edge import settings, telemetry
from batchwork.use_cases.deliver import Deliver

log = telemetry.logger("webhook_sender")
metrics = telemetry.metrics("webhook_sender")
deliver = Deliver(
    deliveries=DynamoDeliveries(settings.text("TABLE_NAME")),
    queue=SqsDeliveryQueue(settings.text("DELIVERY_QUEUE_URL")),
    egress=HttpEgress(allow_loopback=settings.flag("ALLOW_LOOPBACK_EGRESS")),
    clock=SystemClock(),
)


def attempt(record: dict[str, Any], outcomes: dict[str, str]) -> None:
    """Make the attempt that a record asks for and note what came of it; an unexpected error leaves no outcome."""
    try:
        asked = json.loads(record["body"])
        status = deliver(asked["workspace_id"], asked["delivery_id"], asked["attempt"])
    except Exception as exc:  # noqa: BLE001 -- the record is delivered again
        telemetry.unexpected(log)(exc)
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
        metrics.add_metric("WebhookDeliveriesExhausted", telemetry.COUNT, counts[DeliveryStatus.FAILED])
        metrics.flush_metrics()
    log.info("delivered", extra={"records": len(event["Records"]), "failed": len(again), "outcomes": dict(counts)})
    return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in again]}
