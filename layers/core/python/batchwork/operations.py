"""The operations family's resources, wired to the one table: for direct calls and for operations of a batch alike."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from batchwork.adapters.dynamodb.resource_rows import AccountCodec, MediaCodec, PostCodec
from batchwork.adapters.dynamodb.shelf import DynamoShelf
from batchwork.adapters.pictures import measured
from batchwork.adapters.recent_shelf import RecentShelf
from batchwork.adapters.recorded_networks import RecordedNetworks
from batchwork.domain.recent import made_once
from batchwork.use_cases.media import MediaFiles
from batchwork.use_cases.publish import Publish, PublishDue

if TYPE_CHECKING:
    from datetime import timedelta

    from types_boto3_dynamodb import DynamoDBClient

    from batchwork.adapters.s3 import S3Media
    from batchwork.domain.target import Target
    from batchwork.domain.workspace import Caller
    from batchwork.edge.endpoint import Act
    from batchwork.edge.http import Request, Response
    from batchwork.families.operations.resources import Calls, Forward, Resources
    from batchwork.ports import Clock


def media_files(table: str, dynamodb: DynamoDBClient, clock: Clock, bucket: str) -> MediaFiles:
    """Return what looks after media. The bucket is opened on its first use only."""

    @made_once
    def opened() -> S3Media:
        # S3's client is made at its first use, not at every cold start.
        from batchwork.adapters.s3 import S3Media

        return S3Media(bucket)

    return MediaFiles(DynamoShelf(table, MediaCodec(), dynamodb), opened, measured, clock)


def publish(table: str, dynamodb: DynamoDBClient, clock: Clock, media: MediaFiles) -> Publish:
    """Return what publishes posts: on no network, but in a record of what would have been."""
    return Publish(
        posts=DynamoShelf(table, PostCodec(), dynamodb),
        accounts=DynamoShelf(table, AccountCodec(), dynamodb),
        media=media,
        networks=RecordedNetworks(table, clock, dynamodb),
        clock=clock,
    )


def publish_due(table: str, dynamodb: DynamoDBClient, clock: Clock, bucket: str) -> PublishDue:
    """Return what publishes posts whose time has come."""
    from batchwork.adapters.dynamodb.identities import DynamoIdentities

    media = media_files(table, dynamodb, clock, bucket)
    return PublishDue(publish(table, dynamodb, clock, media), DynamoIdentities(table, dynamodb))


def resources(
    table: str,
    dynamodb: DynamoDBClient,
    clock: Clock,
    *,
    bucket: str,
    timeout: timedelta,
    allow_loopback: bool,
    service: str,
) -> Resources:
    """Return every call below the family's roots; those of one are wired when the first of them is made.

    bucket: where media are; timeout: of one call to an upstream; allow_loopback: whether webhooks and upstreams may be
    on this machine; service: whose log tells of errors that a call survives.
    """
    from batchwork.families.operations.resources import Resources

    media = media_files(table, dynamodb, clock, bucket)
    publishing = publish(table, dynamodb, clock, media)
    # All that writes accounts writes them through this shelf, so that an operation sees what those before it did.
    accounts = RecentShelf(publishing.accounts, clock)

    def post_calls() -> Calls:
        from batchwork.adapters.dynamodb.hours import DynamoHours
        from batchwork.families.operations.posts import PostCalls
        from batchwork.use_cases.drafts import Drafts
        from batchwork.use_cases.posts import Posts

        drafts = Drafts(accounts, media.media, clock)
        posts = Posts(publishing.posts, drafts, DynamoHours(table, dynamodb), clock)
        return PostCalls(posts, publishing, media, accounts).calls()

    def account_calls() -> Calls:
        from batchwork.adapters.dynamodb.connections import DynamoConnections
        from batchwork.families.operations.accounts import AccountCalls
        from batchwork.use_cases.accounts import Accounts

        connections = DynamoConnections(table, dynamodb)
        return AccountCalls(Accounts(accounts, connections, publishing.networks, clock)).calls()

    def media_calls() -> Calls:
        from batchwork.families.operations.media import MediaCalls

        return MediaCalls(media).calls()

    # What reads JSON bodies is part of a cold start only where a function imports it itself.
    return Resources(
        calls={},
        forward=_forward(clock, timeout, allow_loopback),
        later={
            "/v1/posts": post_calls,
            "/v1/accounts": account_calls,
            "/v1/media": media_calls,
            "/v1/webhooks": lambda: _webhook_calls(table, dynamodb, clock, bucket, allow_loopback, service),
        },
        begin=accounts.forget,
    )


def _forward(clock: Clock, timeout: timedelta, allow_loopback: bool) -> Forward:
    """Return what sends calls to upstreams; only workspaces with a target need it."""

    @made_once
    def opened() -> Forward:
        from batchwork.adapters.http import HttpEgress
        from batchwork.adapters.secrets import AwsSecrets
        from batchwork.families.operations.forward import Forwarder

        return Forwarder(HttpEgress(allow_loopback=allow_loopback), AwsSecrets(clock), timeout)

    def forward(prefix: str, target: Target, request: Request, caller: Caller) -> Response | Act:
        return opened()(prefix, target, request, caller)

    return forward


def _webhook_calls(
    table: str, dynamodb: DynamoDBClient, clock: Clock, bucket: str, allow_loopback: bool, service: str
) -> Calls:
    from batchwork.adapters.dynamodb.deliveries import DynamoDeliveries
    from batchwork.adapters.dynamodb.endpoint_health import DynamoEndpointHealth
    from batchwork.adapters.dynamodb.webhook_endpoint_rows import WebhookEndpointCodec
    from batchwork.adapters.http import HttpEgress
    from batchwork.adapters.packing import bucket as blobs
    from batchwork.adapters.payloads import S3Bodies
    from batchwork.adapters.sqs import SqsDeliveryQueue
    from batchwork.domain.address import check_url
    from batchwork.edge import settings, telemetry
    from batchwork.families.operations.events import STYLE
    from batchwork.families.operations.webhook_deliveries import DeliveryCalls
    from batchwork.families.operations.webhooks import WebhookCalls
    from batchwork.use_cases.addressees import Addressees
    from batchwork.use_cases.delivery_log import DeliveryLog
    from batchwork.use_cases.replay import Again, Recover, Replay
    from batchwork.use_cases.send import Send
    from batchwork.use_cases.webhook_endpoints import TryEndpoint, WebhookEndpoints

    endpoints, health = DynamoShelf(table, WebhookEndpointCodec(), dynamodb), DynamoEndpointHealth(table, dynamodb)
    webhooks = WebhookEndpoints(endpoints, health, clock, STYLE)
    bodies, queue = S3Bodies(blobs(bucket)), SqsDeliveryQueue(settings.text("DELIVERY_QUEUE_URL"))
    deliveries = DynamoDeliveries(table, settings.days("RETENTION_DAYS", 30), dynamodb, bodies)
    unexpected = telemetry.unexpected(telemetry.logger(service))
    trial = TryEndpoint(
        send=Send(HttpEgress(allow_loopback=allow_loopback), clock),
        deliveries=deliveries,
        addressees=Addressees(endpoints, health, clock, unexpected),
    )
    allowed = partial(check_url, allow_loopback=allow_loopback)
    log, replay = DeliveryLog(deliveries, bodies), Replay(Again(deliveries, bodies, queue))
    return {
        **WebhookCalls(webhooks, trial, allowed).calls(),
        **DeliveryCalls(webhooks, log, replay, Recover(queue)).calls(),
    }
