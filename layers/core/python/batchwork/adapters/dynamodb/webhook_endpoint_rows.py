"""Webhook endpoints as the documents of their rows."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from batchwork.adapters.dynamodb.attributes import maybe_millis, maybe_time, told
from batchwork.domain.item import Json
from batchwork.domain.webhook_endpoint import WebhookEndpoint

if TYPE_CHECKING:
    from batchwork.adapters.dynamodb.shelf import Head


class WebhookEndpointCodec:
    """adapters.dynamodb.shelf.Codec of webhook endpoints. How attempts went stands in rows of their own."""

    kind = "HOOK"

    def document(self, resource: WebhookEndpoint) -> Json:
        """Return an endpoint's document, its secret included."""
        return {
            "url": resource.url,
            "events": list(resource.events),
            "secret": resource.secret,
            "style": resource.style,
            "enabled": resource.enabled,
            **told(
                {
                    "switched_off": resource.switched_off or None,
                    "previous": resource.previous,
                    "previous_until": maybe_millis(resource.previous_until),
                    "rotation": resource.rotation,
                    "rate": resource.rate,
                    "name": resource.name,
                    "headers": dict(resource.headers) or None,
                    "version": resource.version,
                    "url_threshold": resource.url_threshold,
                }
            ),
        }

    def resource(self, document: Json, head: Head) -> WebhookEndpoint:
        """Return the endpoint of a document."""
        return WebhookEndpoint(
            **head,
            url=document["url"],
            events=tuple(document["events"]),
            secret=document["secret"],
            style=document["style"],
            enabled=document["enabled"],
            switched_off=document.get("switched_off", False),
            previous=document.get("previous"),
            previous_until=maybe_time(document.get("previous_until")),
            rotation=document.get("rotation"),
            rate=document.get("rate"),
            name=document.get("name"),
            headers=document.get("headers", {}),
            version=document.get("version"),
            url_threshold=document.get("url_threshold"),
        )

    def due_at(self, resource: WebhookEndpoint) -> datetime | None:  # noqa: ARG002 -- nothing is due for an endpoint
        """Return None."""
        return None
