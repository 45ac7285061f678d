from __future__ import annotations

from datetime import timedelta

from batchwork.domain.webhook import Delivery


class FakeBodies:
    """ports.webhooks.DeliveryBodies in memory. signed: how many URLs were made."""

    def __init__(self) -> None:
        self.kept: dict[str, bytes] = {}
        self.signed = 0

    def keep(self, delivery: Delivery) -> str:
        key = f"payloads/{delivery.workspace_id}/{delivery.id}"
        self.kept[key] = delivery.body
        return key

    def read(self, blob: str) -> bytes:
        return self.kept[blob]

    def url(self, blob: str, expires: timedelta) -> str:
        self.signed += 1
        return f"https://blobs.invalid/{blob}?expires={int(expires.total_seconds())}&n={self.signed}"
