"""messages_worker: the work queue's records, one chunk each."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any
from uuid import uuid4

from batchwork.adapters import aws
from batchwork.adapters.clock import SystemClock
from batchwork.adapters.documents import extract
from batchwork.adapters.dynamodb.agents import DynamoAgents
from batchwork.adapters.dynamodb.batches import DynamoBatches
from batchwork.adapters.dynamodb.chats import DynamoChats
from batchwork.adapters.dynamodb.files import S3Files
from batchwork.adapters.packing import Packer, bucket
from batchwork.adapters.providers import open_providers
from batchwork.adapters.sqs import SqsWorkQueue
from batchwork.domain.batch import BatchRef
from batchwork.edge import settings, telemetry
from batchwork.processors.messages.conversation import Conversation
from batchwork.processors.messages.processor import MessagesProcessor
from batchwork.use_cases.work import Work

#: Kept free at the end of an invocation, to write down what was done.
REST = timedelta(seconds=10)

log = telemetry.logger("messages_worker")
unexpected = telemetry.unexpected(log)
clock = SystemClock()
table = settings.text("TABLE_NAME")
dynamodb = aws.client("dynamodb")
blobs = bucket(settings.text("BUCKET_NAME"))
packer = Packer(blobs)
chats = DynamoChats(table, packer, dynamodb)
files = S3Files(table, blobs, dynamodb)
conversation = Conversation(
    chats=chats,
    files=files,
    providers=open_providers(clock, allow_loopback=settings.flag("ALLOW_LOOPBACK_EGRESS")),
    extract=extract,
    clock=clock,
)
work = Work(
    batches=DynamoBatches(table, packer, settings.days("RETENTION_DAYS", 30), dynamodb),
    queue=SqsWorkQueue(settings.text("WORK_QUEUE_URL")),
    processor=MessagesProcessor(
        agents=DynamoAgents(table, packer, dynamodb),
        chats=chats,
        conversation=conversation,
        item_timeout=settings.seconds("ITEM_TIMEOUT_SECONDS", 60),
    ),
    clock=clock,
    concurrency=settings.number("ITEM_CONCURRENCY", 32),
    new_token=lambda: uuid4().hex,
    unexpected=unexpected,
)


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Work each record's chunk; report those that failed, so that only they are delivered again."""
    until = clock.now() + timedelta(milliseconds=context.get_remaining_time_in_millis()) - REST
    failed = []
    done: dict[str, int] = {"settled": 0, "deferred": 0, "skipped": 0, "left": 0}
    for record in event["Records"]:
        message = json.loads(record["body"])
        try:
            stint = work(BatchRef(message["workspace_id"], message["batch_id"]), message["chunk"], until)
        except Exception as exc:  # noqa: BLE001 -- the record is delivered again
            unexpected(exc)
            failed.append({"itemIdentifier": record["messageId"]})
        else:
            done = {name: count + getattr(stint, name) for name, count in done.items()}
    log.info("worked", extra={"records": len(event["Records"]), "failed": len(failed), **done})
    return {"batchItemFailures": failed}
