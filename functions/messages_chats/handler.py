"""/api/v1/chats, uploads, and the messages that a client waits for."""

from __future__ import annotations

from datetime import timedelta

from batchwork.adapters import aws
from batchwork.adapters.clock import SystemClock
from batchwork.adapters.documents import extract
from batchwork.adapters.dynamodb.agents import DynamoAgents
from batchwork.adapters.dynamodb.chats import DynamoChats
from batchwork.adapters.dynamodb.files import S3Files
from batchwork.adapters.dynamodb.sequences import DynamoSequences
from batchwork.adapters.dynamodb.usage import DynamoUsage
from batchwork.adapters.packing import Packer, bucket
from batchwork.adapters.providers import open_providers
from batchwork.edge import settings
from batchwork.edge.endpoint import endpoint
from batchwork.families.messages.chats import ChatRoutes
from batchwork.families.messages.errors import MessagesEnvelope
from batchwork.families.messages.files import FileRoutes
from batchwork.gates import to_act
from batchwork.processors.messages.conversation import Conversation
from batchwork.processors.messages.usage import usage_of
from batchwork.use_cases.chats import Chats, Converse
from batchwork.use_cases.files import Files
from batchwork.use_cases.meter import Meter

#: API Gateway gives up after 29 s (AWS limit).
TIMEOUT = timedelta(seconds=25)
SERVICE = "messages_chats"
TABLE = settings.text("TABLE_NAME")
dynamodb = aws.client("dynamodb")
clock = SystemClock()
blobs = bucket(settings.text("BUCKET_NAME"))
packer = Packer(blobs)
agents, chats = DynamoAgents(TABLE, packer, dynamodb), DynamoChats(TABLE, packer, dynamodb)
files, sequences = S3Files(TABLE, blobs, dynamodb), DynamoSequences(TABLE, dynamodb)
conversation = Conversation(
    chats=chats,
    files=files,
    providers=open_providers(clock, allow_loopback=settings.flag("ALLOW_LOOPBACK_EGRESS")),
    extract=extract,
    clock=clock,
)
chatting = ChatRoutes(
    chats=Chats(chats, agents, sequences),
    converse=Converse(
        chats=chats,
        agents=agents,
        sequences=sequences,
        clock=clock,
        ask=conversation.ask,
        usage_of=usage_of,
        timeout=TIMEOUT,
        meter=Meter(DynamoUsage(TABLE, dynamodb)),
    ),
)
uploads = FileRoutes(Files(files))

handler = endpoint(
    routes={**chatting.routes(), **uploads.routes()},
    gate=to_act(TABLE, dynamodb, clock, packer, SERVICE),
    envelope=MessagesEnvelope(),
    service=SERVICE,
)
