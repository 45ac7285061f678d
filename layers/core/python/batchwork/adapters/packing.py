"""How JSON is kept: compact, compressed, and in S3 when it would crowd a row.

DynamoDB rows end at 400 KB (AWS limit); a packed value over 300 KB goes to the bucket and the row keeps its key.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

from batchwork.domain.recent import made_once

if TYPE_CHECKING:
    from batchwork.adapters.run_blobs import S3RunBlobs
    from batchwork.adapters.s3 import S3Blobs

INLINE_LIMIT = 300_000
#: Bytes below which a value is compressed hard.
HARD_LIMIT = 16_384


class Blobs(Protocol):
    """Where large values are kept, by key."""

    def put(self, key: str, content: bytes, content_type: str = "application/octet-stream") -> None:
        """Store bytes."""

    def get(self, key: str) -> bytes:
        """Return bytes; raises KeyError when there are none."""


class RowBlobs(Blobs, Protocol):
    """Where what crowds a row is kept until the row is refused."""

    def drop(self, key: str) -> None:
        """Remove bytes, if there are any."""


def pack(value: Any) -> bytes:
    """Return a JSON value compact and compressed (zlib).

    Small values hard (level 6), since every KB is a write unit; large ones fast (level 1: a quarter of the CPU for an
    eighth more bytes), since a client waits while a thousand inputs are packed.
    """
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")
    return zlib.compress(text, 6 if len(text) < HARD_LIMIT else 1)


def unpack(packed: bytes) -> Any:
    """Return the JSON value of its packed form."""
    return json.loads(zlib.decompress(packed).decode("utf-8", "surrogatepass"))


def bucket(name: str) -> Callable[[], S3Blobs]:
    """Return what opens a bucket: S3's client is made at its first use, not at every cold start."""

    @made_once
    def opened() -> S3Blobs:
        from batchwork.adapters.s3 import S3Blobs

        return S3Blobs(name)

    return opened


def run_bucket(name: str) -> Callable[[], S3RunBlobs]:
    """Return what opens a bucket for the files of runs."""

    @made_once
    def opened() -> S3RunBlobs:
        from batchwork.adapters.run_blobs import S3RunBlobs

        return S3RunBlobs(name)

    return opened


class Packer:
    """Packs values for rows, spilling large ones; the bucket is opened on its first use only."""

    def __init__(self, blobs: Callable[[], Blobs]) -> None:
        self._blobs = blobs

    @classmethod
    def in_bucket(cls, name: str) -> Packer:
        """Return a packer that spills to a bucket."""
        return cls(bucket(name))

    def write(self, value: Any, key: str) -> dict[str, bytes | str]:
        """Return the row attributes that hold a value: `packed`, or `spilled` with the blob's key."""
        packed = pack(value)
        if len(packed) <= INLINE_LIMIT:
            return {"packed": packed}
        self._blobs().put(key, packed)
        return {"spilled": key}

    def read(self, row: dict[str, Any]) -> Any:
        """Return the value that a row's attributes hold; raises KeyError when it has none or the blob is gone."""
        if "spilled" in row:
            return unpack(self._blobs().get(row["spilled"]))
        return unpack(row["packed"])
