from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from factories import a_batch, a_webhook

from batchwork.domain.batch import BatchStatus
from batchwork.domain.webhook import Delivery
from batchwork.families.messages import events

AT = datetime(2024, 1, 15, 10, 45, tzinfo=UTC)
ENDS = [BatchStatus.COMPLETED, BatchStatus.FAILED, BatchStatus.CANCELLED]
EVERY_END = ("completed", "failed", "cancelled")


def delivery_of(status: BatchStatus, at: datetime = AT, name: str = "b-1", workspace_id: str = "acme") -> Delivery:
    batch = a_batch(id=name, workspace_id=workspace_id, webhook=a_webhook(events=EVERY_END))
    made = events.delivery_for(batch, status, at)
    assert made is not None
    return made


def test_the_payload_is_the_seeds_to_the_byte() -> None:
    batch = replace(
        a_batch(id="6f1c1a5e-6d0b-4a55-9a3c-0d5b3f0f7c11", total=2), succeeded=2, status=BatchStatus.COMPLETED
    )
    assert events.body(batch, AT) == (  # the body of signature-vectors.md, number 2
        b'{"event":"batch.completed","timestamp":"2024-01-15T10:45:00Z","data":{"id":'
        b'"6f1c1a5e-6d0b-4a55-9a3c-0d5b3f0f7c11","status":"completed","total_requests":2,"completed_requests":2,'
        b'"failed_requests":0}}'
    )


@pytest.mark.parametrize("status", ENDS)
def test_a_delivery_tells_the_end_that_is_being_written(status: BatchStatus) -> None:
    batch = replace(a_batch(total=100, webhook=a_webhook(events=EVERY_END)), succeeded=98, failed=2)
    made = events.delivery_for(batch, status, AT)
    assert made is not None
    told = json.loads(made.body)
    assert told["event"] == made.event_type == f"batch.{status}"
    assert told["data"] == {
        "id": batch.id, "status": status, "total_requests": 100, "completed_requests": 98, "failed_requests": 2,
    }  # fmt: skip
    assert (made.url, made.secret, made.subject, made.style) == (
        "https://your-server.com/webhooks/codeer", "your-webhook-secret", batch.id, "codeer",
    )  # fmt: skip


def test_a_batch_without_webhook_tells_nobody() -> None:
    assert events.delivery_for(a_batch(), BatchStatus.COMPLETED, AT) is None


@pytest.mark.parametrize("status", ENDS)
def test_only_the_chosen_ends_are_told(status: BatchStatus) -> None:
    for chosen in EVERY_END:
        made = events.delivery_for(a_batch(webhook=a_webhook(events=(chosen,))), status, AT)
        assert (made is not None) == (chosen == status)


def test_closing_a_batch_again_makes_the_same_delivery() -> None:
    first, second = delivery_of(BatchStatus.COMPLETED), delivery_of(BatchStatus.COMPLETED, AT + timedelta(seconds=9))
    assert (first.id, first.event_id) == (second.id, second.event_id)


def test_no_two_ends_batches_or_workspaces_share_an_id() -> None:
    made = [
        delivery_of(status, name=name, workspace_id=ws) for status in ENDS for name in "ab" for ws in ("acme", "other")
    ]
    assert len({entry.id for entry in made} | {entry.event_id for entry in made}) == 2 * len(made)


def test_the_sweeper_looks_a_minute_after_the_message_should_have_come() -> None:
    assert delivery_of(BatchStatus.FAILED).due_at == AT + timedelta(seconds=60)
