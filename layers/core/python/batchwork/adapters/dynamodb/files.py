"""Uploaded files: a row each, their bytes in the bucket."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Protocol

from batchwork.adapters import aws
from batchwork.adapters.dynamodb import keys
from batchwork.adapters.dynamodb.attributes import row, time_of, unrow
from batchwork.adapters.packing import Blobs
from batchwork.domain.chat import StoredFile
from batchwork.domain.item import Json

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient


class FileBlobs(Blobs, Protocol):
    """What files need of the bucket beyond bytes by key."""

    def size(self, key: str) -> int | None:
        """Return a blob's bytes, None when there is no blob."""

    def presigned_post(self, key: str, expires: timedelta, limit: int) -> tuple[str, dict[str, Any]]:
        """Return (url, form fields) that let a client upload up to `limit` bytes."""

    def presigned_get(self, key: str, expires: timedelta, name: str) -> str:
        """Return a URL to download a blob as a file of that name (ASCII, without quotes)."""


class S3Files:
    """FileStore on the one table and the bucket, which is opened on its first use only."""

    def __init__(self, table: str, blobs: Callable[[], FileBlobs], dynamodb: DynamoDBClient | None = None) -> None:
        self._table = table
        self._blobs = blobs
        self._dynamodb: DynamoDBClient = dynamodb or aws.client("dynamodb")

    def put(self, file: StoredFile, content: bytes) -> None:
        """Store a file whole: its bytes first, so that a row that can be read has them."""
        self._blobs().put(_key(file), content, file.content_type)
        self._dynamodb.put_item(TableName=self._table, Item=_row(file))

    def announce(self, file: StoredFile, expires: timedelta, limit: int) -> tuple[str, Json]:
        """Store a file's row and return (url, form fields) of a presigned POST that takes up to `limit` bytes."""
        self._dynamodb.put_item(TableName=self._table, Item=_row(file))
        return self._blobs().presigned_post(_key(file), expires, limit)

    def get(self, workspace_id: str, file_id: str) -> StoredFile | None:
        """Return a file's row, strongly consistent."""
        answer = self._dynamodb.get_item(
            TableName=self._table, Key=keys.file(workspace_id, file_id), ConsistentRead=True
        )
        return _file(workspace_id, file_id, unrow(answer["Item"])) if "Item" in answer else None

    def url(self, file: StoredFile, expires: timedelta) -> str:
        """Return a URL that answers GET with the file's bytes, without a key, until it expires."""
        return self._blobs().presigned_get(_key(file), expires, _safe(file.name))

    def content(self, file: StoredFile, limit: int) -> bytes | None:
        """Return a file's bytes, None while it is not uploaded or when it is over `limit` bytes."""
        size = self._blobs().size(_key(file))
        return None if size is None or size > limit else self._blobs().get(_key(file))


def _key(file: StoredFile) -> str:
    """Return a file's key in the bucket; a customer's name for it never is part of a key."""
    return f"files/{file.workspace_id}/{file.id}"


def _safe(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9._ -]", "_", name).strip(". ")[-100:] or "file"


def _row(file: StoredFile) -> dict[str, Any]:
    values = row(
        {
            "name": file.name,
            "content_type": file.content_type,
            "scope": file.scope,
            "created_at": file.created_at,
            "size": file.size,
        }
    )
    return keys.file(file.workspace_id, file.id) | values


def _file(workspace_id: str, file_id: str, values: dict[str, Any]) -> StoredFile:
    return StoredFile(
        id=file_id,
        workspace_id=workspace_id,
        name=values["name"],
        content_type=values["content_type"],
        scope=values["scope"],
        created_at=time_of(values["created_at"]),
        size=values.get("size"),
    )
