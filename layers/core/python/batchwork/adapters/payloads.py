"""Bodies of deliveries in the bucket (ports.webhooks.DeliveryBodies)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Protocol

from batchwork.domain.webhook import Delivery

#: Before their keys in the bucket, whose lifecycle removes them after the rows of their deliveries.
PAYLOADS = "payloads/"


class Blobs(Protocol):
    """Bytes by key (adapters.s3.S3Blobs)."""

    def put(self, key: str, content: bytes, content_type: str = "application/octet-stream") -> None:
        """Store bytes."""

    def get(self, key: str) -> bytes:
        """Return bytes; raises KeyError when there are none."""

    def presigned_get(self, key: str, expires: timedelta, name: str) -> str:
        """Return a URL to download bytes as a file of that name."""


class S3Bodies:
    """ports.webhooks.DeliveryBodies. blobs: opens the bucket, at its first use only (`packing.bucket`)."""

    def __init__(self, blobs: Callable[[], Blobs]) -> None:
        self._blobs = blobs

    def keep(self, delivery: Delivery) -> str:
        """Keep a delivery's body under its own id, plain: receivers fetch it as it is."""
        key = f"{PAYLOADS}{delivery.workspace_id}/{delivery.id}"
        self._blobs().put(key, delivery.body, "application/json")
        return key

    def read(self, blob: str) -> bytes:
        """Return a body. Raises KeyError."""
        return self._blobs().get(blob)

    def url(self, blob: str, expires: timedelta) -> str:
        """Return a presigned URL of a body. It ends sooner where the role's own credentials do (AWS)."""
        return self._blobs().presigned_get(blob, expires, "payload.json")
