from __future__ import annotations

from datetime import timedelta
from urllib.parse import quote


class FakeRunBlobs:
    """ports.workflow_runs.RunBlobs in memory; `upload` is what a client does with a presigned PUT.

    failing: keys that begin with one of these cannot be reached, as when the bucket is down.
    """

    def __init__(self) -> None:
        self.kept: dict[str, bytes] = {}
        self.types: dict[str, str] = {}
        self.failing: tuple[str, ...] = ()

    def put(self, key: str, content: bytes, content_type: str = "application/octet-stream") -> None:
        self._reach(key)
        self.kept[key] = content
        self.types[key] = content_type

    def get(self, key: str) -> bytes:
        self._reach(key)
        return self.kept[key]

    def size(self, key: str) -> int | None:
        self._reach(key)
        return len(self.kept[key]) if key in self.kept else None

    def beginning(self, key: str, length: int) -> bytes | None:
        self._reach(key)
        return self.kept[key][:length] if key in self.kept else None

    def upload_url(self, key: str, content_type: str, size: int, expires: timedelta) -> tuple[str, dict[str, str]]:
        url = f"https://blobs.invalid/{key}?put={int(expires.total_seconds())}"
        return url, {"Content-Type": content_type, "Content-Length": str(size), "If-None-Match": "*"}

    def upload(self, key: str, content: bytes) -> None:
        self.kept.setdefault(key, content)

    def download_url(self, key: str, expires: timedelta, name: str) -> str:
        return f"https://blobs.invalid/{key}?get={int(expires.total_seconds())}&name={quote(name)}"

    def remove(self, prefix: str) -> None:
        self._reach(prefix)
        for key in [each for each in self.kept if each.startswith(prefix)]:
            del self.kept[key]

    def _reach(self, key: str) -> None:
        if self.failing and key.startswith(self.failing):
            raise ConnectionError
