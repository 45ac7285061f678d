"""Media: files that posts show, uploaded straight to the bucket (spec operations 1.8)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from batchwork.domain.resource import Resource

PREFIX = "media_"
MB = 1024 * 1024
PDF = "application/pdf"
#: Content type → the most bytes.
LIMITS = {
    **dict.fromkeys(("image/jpeg", "image/png", "image/gif", "image/webp"), 20 * MB),
    **dict.fromkeys(("video/mp4", "video/quicktime", "video/x-msvideo", "video/webm"), 500 * MB),
    PDF: 100 * MB,
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

    @property
    def upload_headers(self) -> dict[str, str]:
        """Return the headers of the upload: exactly what was announced, once."""
        return {"Content-Type": self.content_type, "Content-Length": str(self.size_bytes), "If-None-Match": "*"}

    @property
    def kind(self) -> str:
        """Return what it is: image, video, document or captions."""
        return kind_of(self.content_type)


def kind_of(content_type: str) -> str:
    """Return what a content type is: image, video, document or captions."""
    first = content_type.partition("/")[0]
    return first if first in {"image", "video"} else "document" if content_type == PDF else "captions"


def says(content_type: str, beginning: bytes) -> bool:  # noqa: C901, PLR0911 -- a table reads best as one
    """Whether bytes can be what their type says, by the first of them."""
    match content_type:
        case "image/jpeg":
            return beginning.startswith(b"\xff\xd8\xff")
        case "image/png":
            return beginning.startswith(b"\x89PNG\r\n\x1a\n")
        case "image/gif":
            return beginning.startswith((b"GIF87a", b"GIF89a"))
        case "image/webp":
            return beginning[:4] == b"RIFF" and beginning[8:12] == b"WEBP"
        case "video/x-msvideo":
            return beginning[:4] == b"RIFF" and beginning[8:12] == b"AVI "
        case "video/webm":
            return beginning.startswith(b"\x1aE\xdf\xa3")
        case "video/mp4":
            return beginning[4:8] == b"ftyp"
        case "video/quicktime":
            return beginning[4:8] in {b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot"}
        case "application/pdf":
            return b"%PDF-" in beginning[:1024]
        case "text/vtt":
            return beginning.removeprefix(b"\xef\xbb\xbf").startswith(b"WEBVTT")
    return b"\0" not in beginning and b"-->" in beginning  # application/x-subrip
