"""What tests are made of: keyword only, everything optional."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta

from batchwork.domain.batch import Batch, BatchStatus, WebhookTarget
from batchwork.domain.chunk import Cut
from batchwork.domain.item import Item, Json

AT = datetime(2026, 1, 15, 10, 30, tzinfo=UTC)
_numbers = itertools.count(1)


def a_batch(
    *,
    id: str | None = None,  # noqa: A002 -- a batch's own word
    workspace_id: str = "acme",
    family: str = "messages",
    total: int = 20,
    slice_size: int = 10,
    cut: Cut | None = None,
    status: BatchStatus = BatchStatus.IN_PROGRESS,
    created_at: datetime = AT,
    deadline: timedelta = timedelta(hours=24),
    webhook: WebhookTarget | None = None,
    attributes: Json | None = None,
) -> Batch:
    return Batch(
        id=id or f"00000000-0000-4000-8000-{next(_numbers):012d}",
        workspace_id=workspace_id,
        family=family,
        cut=cut or Cut.of(total, slice_size),
        created_at=created_at,
        deadline_at=created_at + deadline,
        status=status,
        webhook=webhook,
        attributes=attributes or {},
    )


def an_item(*, index: int = 0, body: Json | None = None) -> Item:
    return Item(index, body if body is not None else {"custom_id": f"req-{index}", "message": f"Question {index}"})


def items_of(batch: Batch) -> list[Item]:
    return [an_item(index=index) for index in range(batch.total)]


def a_webhook(
    *,
    url: str = "https://your-server.com/webhooks/codeer",
    events: tuple[str, ...] = ("completed", "failed"),
    secret: str | None = "your-webhook-secret",
) -> WebhookTarget:
    return WebhookTarget(url=url, events=events, secret=secret)
