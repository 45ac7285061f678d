"""Office documents are archives of XML: what an archive may unpack to is judged before anything is unpacked."""

from __future__ import annotations

import io
import zipfile

from batchwork.domain.document import Unreadable, unreadable

MAX_ARCHIVE_BYTES = 50 * 1024 * 1024
MAX_ARCHIVE_ENTRIES = 2_000
#: lxml's tree takes some ten times the size of an XML part.
MAX_PART_BYTES = 10 * 1024 * 1024


def judged(name: str, content: bytes, part: str, what: str, part_limit: int = MAX_PART_BYTES) -> None:
    """Return if an archive has a part and may be unpacked. what: names the document that has that part. part_limit: bytes
    of one XML part.

    Raises UnreadableDocument.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            entries = archive.infolist()
    except (zipfile.BadZipFile, NotImplementedError, ValueError, OSError) as exc:
        raise unreadable(name, "it is damaged") from exc
    if not any(entry.filename == part for entry in entries):
        raise unreadable(name, f"it is an archive, not a {what}", Unreadable.FILE_TYPE_NOT_SUPPORTED)
    # zipfile never reads more of an entry than the directory says, so the directory may be believed
    if (
        len(entries) > MAX_ARCHIVE_ENTRIES
        or sum(entry.file_size for entry in entries) > MAX_ARCHIVE_BYTES
        or any(entry.file_size > part_limit and entry.filename.endswith((".xml", ".rels")) for entry in entries)
    ):
        raise unreadable(name, "it is too large once unpacked", Unreadable.FILE_SIZE_TOO_LARGE)
