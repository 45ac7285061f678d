"""GET /api/v1/me: who calls, what it may and what it has used."""

from __future__ import annotations

from batchwork.adapters import aws
from batchwork.adapters.clock import SystemClock
from batchwork.adapters.dynamodb.usage import DynamoUsage
from batchwork.edge import settings
from batchwork.edge.endpoint import endpoint
from batchwork.families.lookups.errors import LookupsEnvelope
from batchwork.families.lookups.me import Myself
from batchwork.gates import to_look
from batchwork.use_cases.me import ShowMe

TABLE = settings.text("TABLE_NAME")
dynamodb = aws.client("dynamodb")
clock = SystemClock()

handler = endpoint(
    routes=Myself(ShowMe(DynamoUsage(TABLE, dynamodb), clock)).routes(),
    gate=to_look(TABLE, dynamodb, clock),
    envelope=LookupsEnvelope(),
    service="me",
)
