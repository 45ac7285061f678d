"""/v1/posts, /v1/accounts, /v1/media, /v1/webhooks and below, called directly; who calls; and whether anybody answers."""

from __future__ import annotations

from typing import Any

from batchwork import operations
from batchwork.adapters import aws
from batchwork.adapters.clock import SystemClock
from batchwork.adapters.packing import Packer
from batchwork.edge import settings
from batchwork.edge.endpoint import Route, endpoint
from batchwork.edge.http import Request, Response
from batchwork.edge.paths import ByPath
from batchwork.families.operations import shapes  # noqa: F401 -- most calls have bodies: INIT has a whole CPU for pydantic
from batchwork.families.operations.errors import OperationsEnvelope
from batchwork.families.operations.me import Me
from batchwork.gates import to_act

SERVICE = "operations_resources"
TABLE = settings.text("TABLE_NAME")
BUCKET = settings.text("BUCKET_NAME")
dynamodb = aws.client("dynamodb")
clock = SystemClock()

me = Me().routes()
resources = operations.resources(
    TABLE,
    dynamodb,
    clock,
    bucket=BUCKET,
    timeout=settings.seconds("OPERATION_TIMEOUT_SECONDS", 15),
    allow_loopback=settings.flag("ALLOW_LOOPBACK_EGRESS"),
    service=SERVICE,
)


def find(request: Request) -> Route | None:
    """Return what serves a request."""
    resources.begin()
    return me.get((request.method, request.resource)) or resources.find(request)


def health(event: dict[str, Any], context: Any) -> dict[str, Any]:  # noqa: ARG001 -- Lambda's signature
    """Answer anybody, key or none: nothing is read (spec operations 1.1)."""
    return Response(200, {"status": "ok"}, {"X-Request-Id": Request.from_event(event).request_id}).to_event()


called = endpoint(
    routes=find,
    gate=to_act(TABLE, dynamodb, clock, Packer.in_bucket(BUCKET), SERVICE),
    envelope=OperationsEnvelope(),
    service=SERVICE,
)
handler = ByPath({"": called, "/v1/health": health})
