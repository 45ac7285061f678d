"""/api/v1/batches/{batch_id}/deliveries and below: what a batch's webhook was told, and telling it again."""

from __future__ import annotations

from batchwork.adapters import aws
from batchwork.adapters.clock import SystemClock
from batchwork.adapters.dynamodb.batches import DynamoBatches
from batchwork.adapters.dynamodb.deliveries import DynamoDeliveries
from batchwork.adapters.packing import Packer, bucket
from batchwork.adapters.payloads import S3Bodies
from batchwork.adapters.sqs import SqsDeliveryQueue
from batchwork.edge import settings
from batchwork.edge.endpoint import endpoint
from batchwork.families.messages import FAMILY
from batchwork.families.messages.deliveries import BatchDeliveries
from batchwork.families.messages.errors import MessagesEnvelope
from batchwork.gates import to_act
from batchwork.use_cases.delivery_log import DeliveryLog
from batchwork.use_cases.read import ReadBatches
from batchwork.use_cases.replay import Again, Replay

SERVICE = "messages_deliveries"
TABLE, BUCKET = settings.text("TABLE_NAME"), settings.text("BUCKET_NAME")
RETENTION = settings.days("RETENTION_DAYS", 30)
dynamodb = aws.client("dynamodb")
clock = SystemClock()
packer = Packer.in_bucket(BUCKET)
bodies = S3Bodies(bucket(BUCKET))
deliveries = DynamoDeliveries(TABLE, RETENTION, dynamodb, bodies)
queue = SqsDeliveryQueue(settings.text("DELIVERY_QUEUE_URL"))

told = BatchDeliveries(
    read=ReadBatches(DynamoBatches(TABLE, packer, RETENTION, dynamodb), clock, FAMILY),
    log=DeliveryLog(deliveries, bodies),
    replay=Replay(Again(deliveries, bodies, queue)),
)
handler = endpoint(
    routes=told.routes(),
    gate=to_act(TABLE, dynamodb, clock, packer, SERVICE),
    envelope=MessagesEnvelope(),
    service=SERVICE,
)
