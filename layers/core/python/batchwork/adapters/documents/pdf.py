"""PDF files."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator
from typing import Any

import pypdf
from pypdf.errors import DependencyError, FileNotDecryptedError, LimitReachedError

from batchwork.adapters.documents.plain import joined
from batchwork.domain.errors import UnreadableDocument

MAX_PAGES = 500
#: Decompressed drawing instructions of all pages; ordinary pages have under 20 KB, and pypdf takes 2 seconds a MB.
MAX_DRAWN_BYTES = 10 * 1024 * 1024
#: Instructions of all pages that draw forms or images, those of the forms included; pypdf takes 15 seconds for a million.
#: It reads a form anew each time that it is drawn, which may be a thousand times on one page.
MAX_OPERATORS = 500_000
#: Decompressed bytes of a single stream, such as a form; pypdf's own bound is twenty times that.
MAX_STREAM_BYTES = 4 * 1024 * 1024
_LIMITS: dict[str, Any] = {
    f"{kind}_maximum_output_length": MAX_STREAM_BYTES
    for kind in ("array_based_stream", "brotli", "lzw", "run_length", "zlib")
}

# It logs what is odd in a file, and a log holds nothing of a file's content
logging.getLogger("pypdf").setLevel(logging.CRITICAL)


def text_of_pdf(name: str, content: bytes) -> str:
    """Return the text of all pages. Raises UnreadableDocument."""
    try:
        with pypdf.apply_configuration(**_LIMITS):
            text = _text_of(name, pypdf.PdfReader(io.BytesIO(content)))
    except UnreadableDocument:
        raise
    except (FileNotDecryptedError, DependencyError) as exc:
        raise UnreadableDocument(name=name, reason="it is encrypted") from exc
    except LimitReachedError as exc:
        raise UnreadableDocument(name=name, reason="it is too large once unpacked") from exc
    except Exception as exc:  # a broken file surfaces as any error there is, KeyError and RecursionError included
        raise UnreadableDocument(name=name, reason="it is damaged, or not a PDF") from exc
    if not text.strip():
        raise UnreadableDocument(name=name, reason="it has no text; scanned pages are not supported")
    return text


def _text_of(name: str, reader: pypdf.PdfReader) -> str:
    # A file that only restricts what readers may do opens with the empty password
    if reader.is_encrypted and not reader.decrypt(""):
        raise UnreadableDocument(name=name, reason="it is encrypted")
    count = len(reader.pages)
    if count > MAX_PAGES:
        raise UnreadableDocument(name=name, reason=f"it has {count} pages, and {MAX_PAGES} are read at the most")
    return joined(_pages_of(name, reader))


def _pages_of(name: str, reader: pypdf.PdfReader) -> Iterator[str]:
    drawn_bytes = operators = 0

    def count(*_: object) -> None:
        nonlocal operators
        operators += 1
        if operators > MAX_OPERATORS:
            raise UnreadableDocument(name=name, reason="it is too large once unpacked")

    for page in reader.pages:
        drawn = page.get_contents()
        instructions = drawn.get_data() if drawn is not None else b""
        drawn_bytes += len(instructions)
        if drawn_bytes > MAX_DRAWN_BYTES:
            raise UnreadableDocument(name=name, reason="it is too large once unpacked")
        # Counting has its price: pypdf then reads all instructions, not only those of text
        yield page.extract_text(visitor_operand_before=count if b"Do" in instructions else None)
