"""What a messages batch tells its webhook when it ends (seed 002)."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime
from uuid import NAMESPACE_URL, uuid5

from batchwork.domain.batch import Batch, BatchStatus
from batchwork.domain.webhook import SWEEPER_MARGIN, Delivery

STYLE = "codeer"


def body(batch: Batch, at: datetime) -> bytes:
    """Return the payload of a batch that ended at a time: compact JSON, keys in the seed's order."""
    payload = {
        "event": f"batch.{batch.status}",
        "timestamp": at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "data": {
            "id": batch.id,
            "status": str(batch.status),
            "total_requests": batch.total,
            "completed_requests": batch.succeeded,
            "failed_requests": batch.failed,
        },
    }
    return json.dumps(payload, ensure_ascii=False, separators=(",", ":")).encode()


def delivery_for(batch: Batch, status: BatchStatus, at: datetime) -> Delivery | None:
    """Return the delivery of a batch that ends with a status, None when its webhook did not ask for that.

    The ids follow from the batch and the status, so closing a batch again makes the same delivery, not a second one.
    Its first message comes right after; the due time is the sweeper's, should that message be lost.
    """
    webhook = batch.webhook
    if webhook is None or str(status) not in webhook.events:
        return None
    name = f"batchwork:{batch.workspace_id}:{batch.id}:{status}"
    return Delivery(
        id=str(uuid5(NAMESPACE_URL, f"{name}:delivery")),
        workspace_id=batch.workspace_id,
        event_id=str(uuid5(NAMESPACE_URL, f"{name}:event")),
        event_type=f"batch.{status}",
        subject=batch.id,
        style=STYLE,
        url=webhook.url,
        body=body(replace(batch, status=status), at),
        created_at=at,
        due_at=at + SWEEPER_MARGIN,
        secret=webhook.secret,
    )
