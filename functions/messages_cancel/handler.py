"""POST /api/v1/batches/{batch_id}/cancel: stop a batch and settle what has not started."""

from __future__ import annotations

from batchwork.adapters import aws
from batchwork.adapters.clock import SystemClock
from batchwork.adapters.dynamodb.batches import DynamoBatches
from batchwork.adapters.packing import Packer
from batchwork.edge import settings, telemetry
from batchwork.edge.endpoint import endpoint
from batchwork.families.messages import FAMILY
from batchwork.families.messages.batches import BatchCanceller
from batchwork.families.messages.errors import MessagesEnvelope
from batchwork.gates import to_act
from batchwork.use_cases.cancel import Cancel

SERVICE = "messages_cancel"
TABLE, BUCKET = settings.text("TABLE_NAME"), settings.text("BUCKET_NAME")
dynamodb = aws.client("dynamodb")
clock = SystemClock()
packer = Packer.in_bucket(BUCKET)

batches = DynamoBatches(TABLE, packer, settings.days("RETENTION_DAYS", 30), dynamodb)
unsettled = telemetry.unexpected(telemetry.logger(SERVICE))
canceller = BatchCanceller(Cancel(batches, clock, FAMILY, unsettled))

handler = endpoint(
    routes=canceller.routes(),
    gate=to_act(TABLE, dynamodb, clock, packer, SERVICE),
    envelope=MessagesEnvelope(),
    service=SERVICE,
)
