from __future__ import annotations

from datetime import timedelta

from batchwork.domain.media import Media


class FakeMediaBlobs:
    """ports.operations.MediaBlobs in memory; `upload` is what a client does with a presigned PUT."""

    def __init__(self) -> None:
        self.kept: dict[tuple[str, str], bytes] = {}

    def upload_url(self, media: Media, expires: timedelta) -> tuple[str, dict[str, str]]:
        url = f"https://blobs.invalid/{media.workspace_id}/{media.id}?put={int(expires.total_seconds())}"
        return url, media.upload_headers

    def upload(self, workspace_id: str, media_id: str, content: bytes) -> None:
        self.kept[workspace_id, media_id] = content

    def url(self, media: Media, expires: timedelta) -> str:
        return f"https://blobs.invalid/{media.workspace_id}/{media.id}?get={int(expires.total_seconds())}"

    def beginning(self, media: Media, length: int) -> tuple[bytes, int] | None:
        content = self.kept.get((media.workspace_id, media.id))
        return None if content is None else (content[:length], len(content))

    def remove(self, media: Media) -> None:
        self.kept.pop((media.workspace_id, media.id), None)
