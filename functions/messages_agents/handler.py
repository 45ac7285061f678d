"""/api/v1/external/agents and /api/v1/chats/published-agents: agents and their versions."""

from __future__ import annotations

from functools import cache, partial
from uuid import uuid4

from batchwork.adapters import aws
from batchwork.adapters.clock import SystemClock
from batchwork.adapters.dynamodb.agents import DynamoAgents
from batchwork.adapters.dynamodb.files import S3Files
from batchwork.adapters.dynamodb.identities import DynamoIdentities
from batchwork.adapters.packing import Packer
from batchwork.adapters.s3 import S3Blobs
from batchwork.domain.address import check_url
from batchwork.edge import settings
from batchwork.edge.endpoint import endpoint
from batchwork.families.messages.agents import AgentRoutes
from batchwork.families.messages.errors import MessagesEnvelope
from batchwork.use_cases.agents import Agents, ProviderRules
from batchwork.use_cases.authenticate import Authenticate

TABLE = settings.text("TABLE_NAME")
dynamodb = aws.client("dynamodb")
clock = SystemClock()
blobs = cache(partial(S3Blobs, settings.text("BUCKET_NAME")))

agents = AgentRoutes(
    agents=Agents(
        agents=DynamoAgents(TABLE, Packer(blobs), dynamodb),
        clock=clock,
        new_id=lambda: str(uuid4()),
        files=S3Files(TABLE, blobs, dynamodb),
    ),
    rules=ProviderRules(partial(check_url, allow_loopback=settings.flag("ALLOW_LOOPBACK_EGRESS"))),
)

handler = endpoint(
    routes=agents.routes(),
    authenticate=Authenticate(DynamoIdentities(TABLE, dynamodb), clock),
    envelope=MessagesEnvelope(),
    service="messages_agents",
)
