from __future__ import annotations

from datetime import timedelta
from typing import Any


class FakeBlobs:
    """The bucket, in memory."""

    def __init__(self) -> None:
        self.kept: dict[str, tuple[bytes, str]] = {}

    def put(self, key: str, content: bytes, content_type: str = "application/octet-stream") -> None:
        self.kept[key] = (content, content_type)

    def get(self, key: str) -> bytes:
        return self.kept[key][0]

    def size(self, key: str) -> int | None:
        return len(self.kept[key][0]) if key in self.kept else None

    def presigned_post(self, key: str, expires: timedelta, limit: int) -> tuple[str, dict[str, Any]]:
        return "https://blobs.invalid/", {"key": key, "limit": str(limit), "expires": str(expires.total_seconds())}

    def presigned_get(self, key: str, expires: timedelta, name: str) -> str:
        return f"https://blobs.invalid/{key}?expires={int(expires.total_seconds())}"
