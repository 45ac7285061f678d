"""Deliveries for the tests of webhooks."""

from __future__ import annotations

import itertools
from datetime import datetime, timedelta
from typing import Any

from factories import AT

from batchwork.domain.webhook import Attempt, Delivery, DeliveryStatus, PayloadRef
from batchwork.domain.webhook_endpoint import WebhookEndpoint

_numbers = itertools.count(1)


def a_delivery(
    *,
    id: str | None = None,  # noqa: A002 -- the field's name
    workspace_id: str = "acme",
    event_id: str = "5d0f5f26-6d3e-5f0e-9d0a-3f2f5d0e7f11",
    event_type: str = "batch.completed",
    subject: str = "6f1c1a5e-6d0b-4a55-9a3c-0d5b3f0f7c11",
    style: str = "codeer",
    url: str = "https://hooks.example.com/codeer",
    body: bytes = b'{"event":"batch.completed"}',
    secret: str | None = "your-webhook-secret",
    created_at: datetime = AT,
    due_at: datetime | None = None,
    status: DeliveryStatus = DeliveryStatus.PENDING,
    attempts: tuple[Attempt, ...] = (),
    endpoint_id: str | None = None,
    version: str | None = None,
    payload: PayloadRef | None = None,
    replay_of: str | None = None,
    recovered: bool = False,
    trial: bool = False,
) -> Delivery:
    return Delivery(
        id=id or f"10000000-0000-4000-8000-{next(_numbers):012d}",
        workspace_id=workspace_id,
        event_id=event_id,
        event_type=event_type,
        subject=subject,
        style=style,
        url=url,
        body=body,
        created_at=created_at,
        due_at=due_at or created_at + timedelta(seconds=60),
        secret=secret,
        status=status,
        attempts=attempts,
        endpoint_id=endpoint_id,
        version=version,
        payload=payload,
        replay_of=replay_of,
        recovered=recovered,
        trial=trial,
    )


def an_attempt(
    *,
    number: int = 1,
    started_at: datetime = AT,
    latency: timedelta = timedelta(milliseconds=120),
    status: int | None = 500,
    error: str | None = "HTTP status 500",
) -> Attempt:
    return Attempt(number=number, started_at=started_at, latency=latency, status=status, error=error)


def an_endpoint(
    *,
    id: str = "wh_c000000000000000000000001",  # noqa: A002 -- the field's name
    workspace_id: str = "acme",
    url: str = "https://hooks.example.com/voxburst",
    events: tuple[str, ...] = ("post.created", "post.published"),
    secret: str = "whsec_test",
    enabled: bool = True,
    created_at: datetime = AT,
    revision: int = 1,
    style: str = "voxburst",
    **more: Any,
) -> WebhookEndpoint:
    return WebhookEndpoint(
        id=id,
        workspace_id=workspace_id,
        created_at=created_at,
        updated_at=created_at,
        revision=revision,
        url=url,
        events=events,
        secret=secret,
        style=style,
        enabled=enabled,
        **more,
    )


def a_told_delivery(
    *,
    id: str | None = None,  # noqa: A002 -- the field's name
    endpoint: WebhookEndpoint | None = None,
    event_id: str = "evt_c000000000000000000000001",
    event_type: str = "post.created",
    body: bytes = b'{"id":"evt_c000000000000000000000001","type":"post.created"}',
    attempts: tuple[Attempt, ...] = (),
    **more: Any,
) -> Delivery:
    """A delivery to an endpoint: it has no secret of its own."""
    endpoint = endpoint or an_endpoint()
    return a_delivery(
        id=id,
        workspace_id=endpoint.workspace_id,
        event_id=event_id,
        event_type=event_type,
        subject="post_c1",
        style=endpoint.style,
        url=endpoint.url,
        body=body,
        secret=None,
        attempts=attempts,
        endpoint_id=endpoint.id,
        **more,
    )
