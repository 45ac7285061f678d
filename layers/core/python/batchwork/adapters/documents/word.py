"""Word documents (.docx), which are archives of XML."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from typing import Any

import docx

from batchwork.adapters.documents.plain import joined
from batchwork.domain.errors import UnreadableDocument

MAX_ARCHIVE_BYTES = 50 * 1024 * 1024
MAX_ARCHIVE_ENTRIES = 2_000
#: lxml's tree takes some ten times the size of an XML part.
MAX_PART_BYTES = 10 * 1024 * 1024


def text_of_docx(name: str, content: bytes) -> str:
    """Return paragraphs and tables. Raises UnreadableDocument."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            entries = archive.infolist()
    except (zipfile.BadZipFile, NotImplementedError, ValueError, OSError) as exc:
        raise UnreadableDocument(name=name, reason="it is damaged") from exc
    if not any(entry.filename == "word/document.xml" for entry in entries):
        raise UnreadableDocument(name=name, reason="it is an archive, not a Word document (.docx)")
    # zipfile never reads more of an entry than the directory says, so the directory may be believed
    if (
        len(entries) > MAX_ARCHIVE_ENTRIES
        or sum(entry.file_size for entry in entries) > MAX_ARCHIVE_BYTES
        or any(entry.file_size > MAX_PART_BYTES and entry.filename.endswith((".xml", ".rels")) for entry in entries)
    ):
        raise UnreadableDocument(name=name, reason="it is too large once unpacked")
    try:
        return joined(_blocks_of(docx.Document(io.BytesIO(content))))
    except Exception as exc:  # a broken file surfaces as any error there is, lxml's included
        raise UnreadableDocument(name=name, reason="it is damaged, or not a Word document") from exc


def _blocks_of(part: Any) -> Iterator[str]:
    """Yield paragraphs and table rows in the order they stand; headings are marked as in Markdown."""
    for block in part.iter_inner_content():
        if hasattr(block, "rows"):
            for row in block.rows:
                yield " | ".join(" ".join(cell.text.split()) for cell in row.cells)
        elif block.text.strip():
            heading = (block.style.name or "").startswith(("Heading", "Title")) if block.style is not None else False
            yield f"\n# {block.text}" if heading else f"\n{block.text}"
