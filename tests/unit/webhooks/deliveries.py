"""Deliveries for the tests of webhooks."""

from __future__ import annotations

import itertools
from datetime import datetime, timedelta

from factories import AT

from batchwork.domain.webhook import Attempt, Delivery, DeliveryStatus

_numbers = itertools.count(1)


def a_delivery(
    *,
    id: str | None = None,  # noqa: A002 -- the field's name
    workspace_id: str = "acme",
    event_id: str = "5d0f5f26-6d3e-5f0e-9d0a-3f2f5d0e7f11",
    subject: str = "6f1c1a5e-6d0b-4a55-9a3c-0d5b3f0f7c11",
    style: str = "codeer",
    url: str = "https://hooks.example.com/codeer",
    body: bytes = b'{"event":"batch.completed"}',
    secret: str | None = "your-webhook-secret",
    created_at: datetime = AT,
    due_at: datetime | None = None,
    status: DeliveryStatus = DeliveryStatus.PENDING,
    attempts: tuple[Attempt, ...] = (),
) -> Delivery:
    return Delivery(
        id=id or f"10000000-0000-4000-8000-{next(_numbers):012d}",
        workspace_id=workspace_id,
        event_id=event_id,
        event_type="batch.completed",
        subject=subject,
        style=style,
        url=url,
        body=body,
        created_at=created_at,
        due_at=due_at or created_at + timedelta(seconds=60),
        secret=secret,
        status=status,
        attempts=attempts,
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
