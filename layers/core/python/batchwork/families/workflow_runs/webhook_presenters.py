"""Webhook endpoints and subscriptions as answers and events show them, as they fit the types of client 1.20.0; and the log
of deliveries, which is ours.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from batchwork.families.workflow_runs.times import maybe, timestamp

if TYPE_CHECKING:
    from batchwork.domain.item import Json
    from batchwork.domain.webhook import Attempt, Delivery
    from batchwork.domain.webhook_endpoint import WebhookEndpoint, WebhookSubscription


def endpoint_object(endpoint: WebhookEndpoint) -> Json:
    """Return an endpoint, without its secret."""
    options = told_options(endpoint)
    if endpoint.headers:
        options = {"headers": dict(endpoint.headers), **options}
    return {**told_endpoint(endpoint), "advancedOptions": options}


def told_endpoint(endpoint: WebhookEndpoint) -> Json:
    """Return an endpoint as others are told of it: its own headers may hold secrets between it and its receiver."""
    return {
        "object": "webhook_endpoint",
        "id": endpoint.id,
        "url": endpoint.url,
        "name": endpoint.name,
        "status": "enabled" if endpoint.enabled else "disabled",
        "enabledEvents": list(endpoint.events),
        "apiVersion": endpoint.version,
        "advancedOptions": told_options(endpoint),
        "createdAt": timestamp(endpoint.created_at),
    }


def told_options(endpoint: WebhookEndpoint) -> Json:
    """Return an endpoint's options without its headers; the rate limit, which is ours, is shown where there is one."""
    threshold = endpoint.url_threshold
    payload: Json = {"format": "json"} if threshold is None else {"format": "url", "urlThresholdBytes": threshold}
    return {"payload": payload} | ({} if endpoint.rate is None else {"rateLimitPerMinute": endpoint.rate})


def subscription_object(subscription: WebhookSubscription) -> Json:
    """Return a subscription."""
    return {
        "object": "webhook_subscription",
        "id": subscription.id,
        "webhookEndpointId": subscription.endpoint_id,
        "resourceType": subscription.resource_type,
        "resourceId": subscription.resource_id,
        "enabledEvents": list(subscription.events),
        "createdAt": timestamp(subscription.created_at),
    }


def delivery_object(delivery: Delivery) -> Json:
    """Return a delivery with its attempts."""
    return {
        "object": "webhook_delivery",
        "id": delivery.id,
        "webhookEndpointId": delivery.endpoint_id,
        "eventId": delivery.event_id,
        "eventType": delivery.event_type,
        "subjectId": delivery.subject,
        "status": str(delivery.status),
        "test": delivery.trial,
        "replayOf": delivery.replay_of,
        "attempts": [_attempt(each) for each in delivery.attempts],
        "nextAttemptAt": maybe(delivery.next_attempt_at),
        "createdAt": timestamp(delivery.created_at),
    }


def _attempt(attempt: Attempt) -> Json:
    return {
        "number": attempt.number,
        "startedAt": timestamp(attempt.started_at),
        "durationMs": attempt.latency // timedelta(milliseconds=1),
        "statusCode": attempt.status,
        "error": attempt.error,
    }
