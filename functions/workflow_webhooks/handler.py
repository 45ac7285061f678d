"""/webhook_endpoints, /webhook_subscriptions and below, also under /v1: where the events of workflow runs go."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from batchwork.adapters import aws
from batchwork.adapters.clock import SystemClock
from batchwork.adapters.dynamodb.endpoint_health import DynamoEndpointHealth
from batchwork.adapters.dynamodb.shelf import DynamoShelf
from batchwork.adapters.dynamodb.webhook_endpoint_rows import WebhookEndpointCodec
from batchwork.adapters.packing import Packer, bucket
from batchwork.domain.recent import made_once
from batchwork.edge import settings, telemetry
from batchwork.edge.endpoint import endpoint
from batchwork.edge.templates import routed
from batchwork.families.workflow_runs import schemas  # noqa: F401 -- most calls have bodies: INIT has a whole CPU for pydantic
from batchwork.families.workflow_runs.dialect import under_both
from batchwork.families.workflow_runs.errors import WorkflowRunsEnvelope
from batchwork.families.workflow_runs.webhook_routes import DELIVERY_CALLS, ENDPOINT_CALLS, SUBSCRIPTION_CALLS, later
from batchwork.gates import to_act

if TYPE_CHECKING:
    from batchwork.families.workflow_runs.webhook_routes import Calls
    from batchwork.use_cases.webhook_endpoints import WebhookEndpoints

SERVICE = "workflow_webhooks"
TABLE, BUCKET = settings.text("TABLE_NAME"), settings.text("BUCKET_NAME")
ALLOW_LOOPBACK = settings.flag("ALLOW_LOOPBACK_EGRESS")
dynamodb = aws.client("dynamodb")
clock = SystemClock()
endpoints = DynamoShelf(TABLE, WebhookEndpointCodec(), dynamodb)
health = DynamoEndpointHealth(TABLE, dynamodb)

# What serves a kind of calls is wired when one of them is asked for first: each needs what the others do not.


@made_once
def webhooks() -> WebhookEndpoints:
    """Wire the life of endpoints."""
    from batchwork.families.workflow_runs.events import STYLE
    from batchwork.use_cases.webhook_endpoints import WebhookEndpoints

    return WebhookEndpoints(endpoints, health, clock, STYLE)


@made_once
def calls() -> Calls:
    """Wire the calls of endpoints and of subscriptions."""
    from batchwork.adapters.dynamodb.webhook_subscription_rows import WebhookSubscriptionCodec
    from batchwork.adapters.dynamodb.workflow_rows import WorkflowCodec
    from batchwork.domain.address import check_url
    from batchwork.families.workflow_runs.events import STYLE, unfit
    from batchwork.families.workflow_runs.webhook_endpoints import EndpointCalls
    from batchwork.families.workflow_runs.webhook_subscriptions import SubscriptionCalls
    from batchwork.use_cases.webhook_subscriptions import WebhookSubscriptions

    rows = DynamoShelf(TABLE, WebhookSubscriptionCodec(), dynamodb)
    workflows = DynamoShelf(TABLE, WorkflowCodec(), dynamodb)
    subscriptions = WebhookSubscriptions(rows, endpoints, workflows, clock, STYLE, unfit)
    allowed = partial(check_url, allow_loopback=ALLOW_LOOPBACK)
    return {**EndpointCalls(webhooks(), subscriptions, allowed).calls(), **SubscriptionCalls(subscriptions).calls()}


@made_once
def delivery_calls() -> Calls:
    """Wire the calls of deliveries."""
    from batchwork.adapters.dynamodb.deliveries import DynamoDeliveries
    from batchwork.adapters.http import HttpEgress
    from batchwork.adapters.payloads import S3Bodies
    from batchwork.adapters.sqs import SqsDeliveryQueue
    from batchwork.families.workflow_runs.webhook_deliveries import DeliveryCalls
    from batchwork.use_cases.addressees import Addressees
    from batchwork.use_cases.delivery_log import DeliveryLog
    from batchwork.use_cases.replay import Again, Recover, Replay
    from batchwork.use_cases.send import Send
    from batchwork.use_cases.webhook_endpoints import TryEndpoint

    bodies = S3Bodies(bucket(BUCKET))
    deliveries = DynamoDeliveries(TABLE, settings.days("RETENTION_DAYS", 30), dynamodb, bodies)
    queue = SqsDeliveryQueue(settings.text("DELIVERY_QUEUE_URL"))
    addressees = Addressees(endpoints, health, clock, telemetry.unexpected(telemetry.logger(SERVICE)))
    send = Send(HttpEgress(allow_loopback=ALLOW_LOOPBACK), clock)
    return DeliveryCalls(
        webhooks=webhooks(),
        log=DeliveryLog(deliveries, bodies),
        replay=Replay(Again(deliveries, bodies, queue)),
        recover=Recover(queue),
        try_out=TryEndpoint(send, deliveries, addressees),
    ).calls()


served = {**later((*ENDPOINT_CALLS, *SUBSCRIPTION_CALLS), calls), **later(DELIVERY_CALLS, delivery_calls)}
handler = endpoint(
    routes=routed(under_both(served)),
    gate=to_act(TABLE, dynamodb, clock, Packer.in_bucket(BUCKET), SERVICE),
    envelope=WorkflowRunsEnvelope(),
    service=SERVICE,
)
