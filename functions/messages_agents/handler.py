"""/api/v1/external/agents and /api/v1/chats/published-agents: agents and their versions."""

from __future__ import annotations

from functools import partial
from uuid import uuid4

from batchwork.adapters import aws
from batchwork.adapters.clock import SystemClock
from batchwork.adapters.dynamodb.agents import DynamoAgents
from batchwork.adapters.dynamodb.files import S3Files
from batchwork.adapters.packing import Packer, bucket
from batchwork.domain.address import check_url
from batchwork.edge import settings
from batchwork.edge.endpoint import endpoint
from batchwork.families.messages.agents import AgentRoutes
from batchwork.families.messages.errors import MessagesEnvelope
from batchwork.gates import to_act
from batchwork.use_cases.agents import Agents, ProviderRules

SERVICE = "messages_agents"
TABLE = settings.text("TABLE_NAME")
dynamodb = aws.client("dynamodb")
clock = SystemClock()
blobs = bucket(settings.text("BUCKET_NAME"))
packer = Packer(blobs)

agents = AgentRoutes(
    agents=Agents(
        agents=DynamoAgents(TABLE, packer, dynamodb),
        clock=clock,
        new_id=lambda: str(uuid4()),
        files=S3Files(TABLE, blobs, dynamodb),
    ),
    rules=ProviderRules(partial(check_url, allow_loopback=settings.flag("ALLOW_LOOPBACK_EGRESS"))),
)

handler = endpoint(
    routes=agents.routes(),
    gate=to_act(TABLE, dynamodb, clock, packer, SERVICE),
    envelope=MessagesEnvelope(),
    service=SERVICE,
)
