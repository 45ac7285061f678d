from __future__ import annotations

from datetime import timedelta

from batchwork.domain.chat import StoredFile
from batchwork.domain.item import Json


class FakeFiles:
    """FileStore in memory; `upload` is what a client does with a presigned POST."""

    def __init__(self) -> None:
        self._files: dict[tuple[str, str], StoredFile] = {}
        self._contents: dict[tuple[str, str], bytes] = {}

    def put(self, file: StoredFile, content: bytes) -> None:
        self._files[file.workspace_id, file.id] = file
        self._contents[file.workspace_id, file.id] = content

    def announce(self, file: StoredFile, expires: timedelta, limit: int) -> tuple[str, Json]:
        self._files[file.workspace_id, file.id] = file
        fields = {"key": f"{file.workspace_id}/{file.id}", "limit": limit, "seconds": expires.total_seconds()}
        return "https://files.invalid/", fields

    def upload(self, fields: Json, content: bytes) -> None:
        workspace_id, _, file_id = str(fields["key"]).partition("/")
        if len(content) > fields["limit"]:
            raise ValueError(fields["limit"])
        self._contents[workspace_id, file_id] = content

    def get(self, workspace_id: str, file_id: str) -> StoredFile | None:
        return self._files.get((workspace_id, file_id))

    def url(self, file: StoredFile, expires: timedelta) -> str:
        return f"https://files.invalid/{file.id}?seconds={int(expires.total_seconds())}"

    def content(self, file: StoredFile, limit: int) -> bytes | None:
        content = self._contents.get((file.workspace_id, file.id))
        return None if content is None or len(content) > limit else content
