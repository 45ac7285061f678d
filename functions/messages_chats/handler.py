"""/api/v1/chats, uploads, and the messages that a client waits for."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

from batchwork.adapters import aws
from batchwork.adapters.clock import SystemClock
from batchwork.adapters.documents import extract
from batchwork.adapters.dynamodb.agents import DynamoAgents
from batchwork.adapters.dynamodb.chats import DynamoChats
from batchwork.adapters.dynamodb.files import S3Files
from batchwork.adapters.dynamodb.identities import DynamoIdentities
from batchwork.adapters.dynamodb.sequences import DynamoSequences
from batchwork.adapters.packing import Packer, bucket
from batchwork.adapters.providers import open_providers
from batchwork.edge import settings
from batchwork.edge.endpoint import endpoint
from batchwork.families.messages.chats import ChatRoutes
from batchwork.families.messages.errors import MessagesEnvelope
from batchwork.families.messages.files import FileRoutes
from batchwork.processors.messages.conversation import Conversation
from batchwork.processors.messages.usage import usage_of
from batchwork.use_cases.authenticate import Authenticate
from batchwork.use_cases.chats import Chats, Converse
from batchwork.use_cases.files import Files

#: API Gateway gives up after 29 s (AWS limit).
TIMEOUT = timedelta(seconds=25)
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
    chats=Chats(chats, agents, sequences, clock),
    converse=Converse(
        chats=chats,
        agents=agents,
        sequences=sequences,
        clock=clock,
        ask=conversation.ask,
        usage_of=usage_of,
        timeout=TIMEOUT,
        new_token=lambda: uuid4().hex,
    ),
)
uploads = FileRoutes(Files(files, clock, new_id=lambda: str(uuid4())))

handler = endpoint(
    routes={**chatting.routes(), **uploads.routes()},
    authenticate=Authenticate(DynamoIdentities(TABLE, dynamodb), clock),
    envelope=MessagesEnvelope(),
    service="messages_chats",
)
