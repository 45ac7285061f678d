"""messages_worker: the work queue's records, one chunk each."""

from __future__ import annotations

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
from batchwork.edge import settings, telemetry
from batchwork.edge.chunks import chunk_worker
from batchwork.processors.messages.conversation import Conversation
from batchwork.processors.messages.processor import MessagesProcessor
from batchwork.use_cases.work import Work

SERVICE = "messages_worker"
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
    unexpected=telemetry.unexpected(telemetry.logger(SERVICE)),
)

handler = chunk_worker(work, clock, SERVICE)
