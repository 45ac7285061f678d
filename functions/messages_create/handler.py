"""POST /api/v1/batches: accept a batch of messages."""

from __future__ import annotations

from functools import partial

from batchwork.adapters import aws
from batchwork.adapters.clock import SystemClock
from batchwork.adapters.dynamodb.agents import DynamoAgents
from batchwork.adapters.dynamodb.batches import DynamoBatches
from batchwork.adapters.dynamodb.sequences import DynamoSequences
from batchwork.adapters.packing import Packer
from batchwork.adapters.sqs import SqsWorkQueue
from batchwork.domain.address import check_url
from batchwork.edge import settings, telemetry
from batchwork.edge.endpoint import endpoint
from batchwork.families.messages.errors import MessagesEnvelope
from batchwork.families.messages.submissions import BatchSubmitter
from batchwork.gates import to_act
from batchwork.use_cases.integers import Integers
from batchwork.use_cases.submit import Submit

SERVICE = "messages_create"
TABLE, BUCKET = settings.text("TABLE_NAME"), settings.text("BUCKET_NAME")
dynamodb = aws.client("dynamodb")
clock = SystemClock()
packer = Packer.in_bucket(BUCKET)

submitter = BatchSubmitter(
    submit=Submit(
        batches=DynamoBatches(TABLE, packer, settings.days("RETENTION_DAYS", 30), dynamodb),
        queue=SqsWorkQueue(settings.text("WORK_QUEUE_URL")),
        clock=clock,
        deadline=settings.hours("BATCH_DEADLINE_HOURS", 24),
        unqueued=telemetry.unexpected(telemetry.logger(SERVICE)),
    ),
    agents=DynamoAgents(TABLE, packer, dynamodb),
    sequences=Integers(DynamoSequences(TABLE, dynamodb), clock),
    check_url=partial(check_url, allow_loopback=settings.flag("ALLOW_LOOPBACK_EGRESS")),
)

handler = endpoint(
    routes=submitter.routes(),
    gate=to_act(TABLE, dynamodb, clock, packer, SERVICE),
    envelope=MessagesEnvelope(),
    service=SERVICE,
)
