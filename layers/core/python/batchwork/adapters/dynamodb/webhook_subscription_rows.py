"""Webhook subscriptions as the documents of their rows."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from batchwork.domain.item import Json
from batchwork.domain.webhook_endpoint import WebhookSubscription

if TYPE_CHECKING:
    from batchwork.adapters.dynamodb.shelf import Head


class WebhookSubscriptionCodec:
    """adapters.dynamodb.shelf.Codec of webhook subscriptions."""

    kind = "HOOKSUB"

    def document(self, resource: WebhookSubscription) -> Json:
        """Return a subscription's document."""
        return {
            "endpoint": resource.endpoint_id,
            "type": resource.resource_type,
            "resource": resource.resource_id,
            "events": list(resource.events),
        }

    def resource(self, document: Json, head: Head) -> WebhookSubscription:
        """Return the subscription of a document."""
        return WebhookSubscription(
            **head,
            endpoint_id=document["endpoint"],
            resource_type=document["type"],
            resource_id=document["resource"],
            events=tuple(document["events"]),
        )

    def due_at(self, resource: WebhookSubscription) -> datetime | None:  # noqa: ARG002 -- nothing is due for one
        """Return None."""
        return None
