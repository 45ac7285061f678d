"""media_uploaded: the bucket's "Object Created" events of keys below media/ (the rule's pattern sees to that)."""

from __future__ import annotations

from typing import Any

from batchwork import operations
from batchwork.adapters import aws
from batchwork.adapters.clock import SystemClock
from batchwork.adapters.s3 import media_of
from batchwork.edge import settings, telemetry

log = telemetry.logger("media_uploaded")
files = operations.media_files(
    settings.text("TABLE_NAME"), aws.client("dynamodb"), SystemClock(), settings.text("BUCKET_NAME")
)


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:  # noqa: ARG001 -- Lambda's signature
    """Judge the file whose bytes came; what is no file of ours is left alone. An error has the event sent again."""
    named = media_of(event["detail"]["object"]["key"])
    if named is not None:
        files.arrived(*named)
    log.info("arrived", extra={"known": named is not None})
    return {"known": named is not None}
