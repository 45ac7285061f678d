"""Batches and results in the seed's words and order (seed 002)."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from batchwork.edge.http import Response

if TYPE_CHECKING:
    from batchwork.domain.batch import Batch
    from batchwork.domain.item import Json
    from batchwork.use_cases.read import ItemView


def timestamp(at: datetime | None) -> str | None:
    """Return a time as ``YYYY-MM-DDTHH:MM:SSZ``."""
    return None if at is None else f"{at.replace(microsecond=0, tzinfo=None).isoformat()}Z"


def answer(data: Any, *, status: int = 200, pagination: Json | None = None) -> Response:
    """Return a success in the family's envelope; pagination: on lists only."""
    paged = {} if pagination is None else {"pagination": pagination}
    return Response(status, {"data": data, **paged, "message": None, "error_code": 0})


def batch_object(batch: Batch) -> Json:
    """Return a batch; completed_requests counts the successes, so both counts add up to the total at the end."""
    return {
        "id": batch.id,
        "status": str(batch.status),
        "agent_id": batch.attributes["agent_id"],
        "total_requests": batch.total,
        "completed_requests": batch.succeeded,
        "failed_requests": batch.failed,
        "created_at": timestamp(batch.created_at),
        "completed_at": timestamp(batch.completed_at),
        "cancelled_at": timestamp(batch.cancelled_at),
    }


def result_row(view: ItemView) -> Json:
    """Return one request's result, pending ones included."""
    result = view.result
    output: Json = (result and result.output) or {}
    error = result.error if result else None
    return {
        "custom_id": view.item.body.get("custom_id"),  # none when a batch failed because its inputs are gone
        "status": str(view.status),
        "response_content": output.get("response_content"),
        "response_usage": output.get("response_usage"),
        "error_code": error.code if error else None,
        "error_message": error.message if error else None,
        "history_id": output.get("history_id"),
        "conversation_id": output.get("conversation_id"),
        "processed_at": timestamp(result.finished_at) if result else None,
    }
