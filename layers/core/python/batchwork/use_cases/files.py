"""Take files that messages and agents attach."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta

from batchwork.domain.chat import StoredFile
from batchwork.domain.errors import InvalidRequest, Problem
from batchwork.domain.idempotency import Ticket
from batchwork.domain.item import Json
from batchwork.ports.messages import FileStore

#: Bytes of a presigned upload: what can be read of a file later (processors.messages.attachments.FILE_LIMIT).
MAX_UPLOAD = 20 * 1024 * 1024
#: How long a presigned upload may take to begin.
UPLOAD_WINDOW = timedelta(minutes=15)
#: How long the URL of a file is good.
URL_LIFE = timedelta(hours=1)

PDF = "application/pdf"
DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
_TEXTS = frozenset({"application/json", "application/xml", "application/xhtml+xml", "application/csv"})
_MEDIA_TYPE = re.compile(r"[a-z0-9!#$&^_.+-]{1,127}/[a-z0-9!#$&^_.+-]{1,127}")
_GENERIC = frozenset({"", "application/octet-stream", "binary/octet-stream"})
_BY_ENDING = {
    "csv": "text/csv",
    "docx": DOCX,
    "htm": "text/html",
    "html": "text/html",
    "json": "application/json",
    "md": "text/markdown",
    "pdf": PDF,
    "txt": "text/plain",
    "xml": "application/xml",
}
_UTF16 = (b"\xff\xfe", b"\xfe\xff")


@dataclass(frozen=True, slots=True)
class Upload:
    """A file that may be kept, judged by all that can be known of it now. content: None while it is announced only."""

    name: str
    content_type: str
    content: bytes | None = None

    @classmethod
    def received(cls, name: str, declared: str, content: bytes) -> Upload:
        """Take a file. Raises InvalidRequest for one that is empty, not supported, or not what it says it is."""
        content_type, problems = _judged(name, declared, "file")
        if not content:
            problems = [*problems, Problem("file", "The file is empty", "empty", structural=False)]
        elif not problems and not _says(content_type, content):
            message = f"The content is not {content_type}"
            problems = [Problem("file", message, "content_type_mismatch", structural=False)]
        if problems:
            raise InvalidRequest(problems)
        return cls(plain_name(name), content_type, content)

    @classmethod
    def announced(cls, name: str, declared: str) -> Upload:
        """Take the word for a file whose content is judged when it is read. Raises InvalidRequest."""
        content_type, problems = _judged(name, declared, "content_type")
        if problems:
            raise InvalidRequest(problems)
        return cls(plain_name(name), content_type)


@dataclass(frozen=True, slots=True)
class Announced:
    """A file to be uploaded: POST it to url as multipart form with the fields before the part ``file``."""

    file: StoredFile
    url: str
    fields: Json


@dataclass(frozen=True, slots=True)
class Files:
    """Store files whole, or let clients upload large ones straight to the bucket.

    A file's id is that of the piece of work that brings it: trying that again writes the same file.
    """

    files: FileStore

    def store(self, workspace_id: str, upload: Upload, scope: str, ticket: Ticket) -> StoredFile:
        """Store a file whole."""
        content = upload.content or b""
        file = _file(workspace_id, upload, scope, ticket, len(content))
        self.files.put(file, content)
        return file

    def announce(self, workspace_id: str, upload: Upload, scope: str, ticket: Ticket) -> Announced:
        """Prepare a presigned upload."""
        file = _file(workspace_id, upload, scope, ticket, None)
        return Announced(file, *self.files.announce(file, UPLOAD_WINDOW, MAX_UPLOAD))

    def url(self, file: StoredFile) -> str:
        """Return a URL that answers with the file's bytes for an hour."""
        return self.files.url(file, URL_LIFE)


def _file(workspace_id: str, upload: Upload, scope: str, ticket: Ticket, size: int | None) -> StoredFile:
    return StoredFile(
        id=ticket.id,
        workspace_id=workspace_id,
        name=upload.name,
        content_type=upload.content_type,
        scope=scope,
        created_at=ticket.at,
        size=size,
    )


def plain_name(name: str) -> str:
    """Return a file's name without folders and without what cannot be printed, at most 255 characters."""
    name = "".join(filter(str.isprintable, name))
    return name.replace("\\", "/").rpartition("/")[2].strip()[-255:] or "file"


def _judged(name: str, declared: str, place: str) -> tuple[str, list[Problem]]:
    """Return the content type, by the name's ending where a client declared nothing of use, and what is wrong."""
    content_type, _, parameters = declared.partition(";")
    content_type = content_type.strip().lower()
    if content_type in _GENERIC:
        content_type = _BY_ENDING.get(name.rpartition(".")[2].lower(), "")
    parameters = "".join(filter(str.isprintable, parameters))
    if content_type in {PDF, DOCX}:
        return content_type, []
    if content_type and not _MEDIA_TYPE.fullmatch(content_type):
        return "", [Problem(place, "Must be a media type such as text/plain", "media_type", structural=False)]
    if content_type in _TEXTS or content_type.startswith("text/"):
        # The charset is needed to read the text.
        return "; ".join(filter(None, (content_type, parameters.strip()))), []
    message = (
        f"Files of type {content_type or 'unknown'} are not supported: text/*, csv, html, json, xml, pdf and docx are"
    )
    return content_type, [Problem(place, message, "unsupported_type", structural=False)]


def _says(content_type: str, content: bytes) -> bool:
    """Whether the content can be what its type says, by its first bytes; text holds no NUL unless it is UTF-16."""
    if content_type == PDF:
        return b"%PDF-" in content[:1024]
    if content_type == DOCX:
        return content.startswith(b"PK\x03\x04")
    return not content.startswith((b"%PDF-", b"PK\x03\x04")) and (content.startswith(_UTF16) or b"\0" not in content)
