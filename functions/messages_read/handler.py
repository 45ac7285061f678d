"""GET /api/v1/batches, /api/v1/batches/{batch_id} and its results: look at batches of messages."""

from __future__ import annotations

from batchwork.adapters import aws
from batchwork.adapters.clock import SystemClock
from batchwork.adapters.dynamodb.batches import DynamoBatches
from batchwork.adapters.packing import Packer
from batchwork.edge import settings
from batchwork.edge.endpoint import endpoint
from batchwork.families.messages import FAMILY
from batchwork.families.messages.batches import BatchReader
from batchwork.families.messages.errors import MessagesEnvelope
from batchwork.gates import to_look
from batchwork.use_cases.read import ReadBatches

TABLE, BUCKET = settings.text("TABLE_NAME"), settings.text("BUCKET_NAME")
dynamodb = aws.client("dynamodb")
clock = SystemClock()
packer = Packer.in_bucket(BUCKET)

batches = DynamoBatches(TABLE, packer, settings.days("RETENTION_DAYS", 30), dynamodb)
reader = BatchReader(ReadBatches(batches, clock, FAMILY))

handler = endpoint(
    routes=reader.routes(),
    gate=to_look(TABLE, dynamodb, clock),
    envelope=MessagesEnvelope(),
    service="messages_read",
)
