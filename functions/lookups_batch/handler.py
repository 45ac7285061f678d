"""POST /api/v1/{intelligence,signals,enrichment}/batch: look up the items of one request."""

from __future__ import annotations

from batchwork.adapters import aws
from batchwork.adapters.clock import SystemClock
from batchwork.adapters.dynamodb.datasets import DynamoDatasets
from batchwork.adapters.dynamodb.lookups import DynamoLookups
from batchwork.adapters.dynamodb.usage import DynamoUsage
from batchwork.adapters.http import HttpEgress
from batchwork.adapters.lookup_function import LambdaLookups
from batchwork.adapters.packing import Packer
from batchwork.adapters.secrets import AwsSecrets
from batchwork.edge import settings, telemetry
from batchwork.edge.endpoint import endpoint
from batchwork.families.lookups.batches import BatchLookups
from batchwork.families.lookups.errors import LookupsEnvelope
from batchwork.gates import to_act
from batchwork.processors.lookups.choice import Resolvers
from batchwork.use_cases.lookups import LookUp
from batchwork.use_cases.meter import Meter

SERVICE = "lookups_batch"
TABLE = settings.text("TABLE_NAME")
dynamodb = aws.client("dynamodb")
clock = SystemClock()
packer = Packer.in_bucket(settings.text("BUCKET_NAME"))

batches = BatchLookups(
    look_up=LookUp(
        resolvers=Resolvers(
            lookups=DynamoLookups(TABLE, dynamodb),
            datasets=DynamoDatasets(TABLE, dynamodb),
            function=LambdaLookups(),
            egress=HttpEgress(allow_loopback=settings.flag("ALLOW_LOOPBACK_EGRESS")),
            secrets=AwsSecrets(clock),
            clock=clock,
        ),
        meter=Meter(DynamoUsage(TABLE, dynamodb)),
        concurrency=settings.number("LOOKUP_CONCURRENCY", 32),
        item_timeout=settings.seconds("LOOKUP_ITEM_TIMEOUT_SECONDS", 8),
        unexpected=telemetry.unexpected(telemetry.logger(SERVICE)),
    ),
    patience=settings.seconds("LOOKUP_TIMEOUT_SECONDS", 25),
)

handler = endpoint(
    routes=batches.routes(),
    gate=to_act(TABLE, dynamodb, clock, packer, SERVICE),
    envelope=LookupsEnvelope(),
    service=SERVICE,
)
