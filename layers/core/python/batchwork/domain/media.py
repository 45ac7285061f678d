"""Media: files that posts show, uploaded straight to the bucket (spec operations 1.8)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from batchwork.domain.resource import Resource

PREFIX = "media_"
MB = 1024 * 1024
#: Content type → the most bytes.
LIMITS = {
    **dict.fromkeys(("image/jpeg", "image/png", "image/gif", "image/webp"), 20 * MB),
    **dict.fromkeys(("video/mp4", "video/quicktime", "video/x-msvideo", "video/webm"), 500 * MB),
    "application/pdf": 100 * MB,
    **dict.fromkeys(("text/vtt", "application/x-subrip"), 5 * MB),
}


class MediaStatus(StrEnum):
    """Where a file stands."""

    #: Announced; its bytes have not come yet.
    PENDING = "pending"
    PROCESSING = "processing"
    READY = "ready"
    #: Its bytes are not what was announced.
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Media(Resource):
    """A file. width, height: of an image, None where they are not known."""

    filename: str
    content_type: str
    size_bytes: int
    status: MediaStatus = MediaStatus.PENDING
    width: int | None = None
    height: int | None = None
