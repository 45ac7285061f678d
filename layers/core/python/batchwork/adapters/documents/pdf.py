"""PDF files."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator

import pypdf
from pypdf import filters
from pypdf.errors import DependencyError, FileNotDecryptedError, LimitReachedError

from batchwork.adapters.documents.plain import joined
from batchwork.domain.errors import UnreadableDocument

MAX_PAGES = 500
#: Decompressed drawing instructions of all pages; ordinary pages have under 20 KB, and pypdf takes 2 seconds a MB.
MAX_DRAWN_BYTES = 10 * 1024 * 1024
# The same bound for a single stream, such as a form that a page draws; pypdf's own is seven times that
filters.ZLIB_MAX_OUTPUT_LENGTH = filters.LZW_MAX_OUTPUT_LENGTH = MAX_DRAWN_BYTES
filters.RUN_LENGTH_MAX_OUTPUT_LENGTH = filters.MAX_ARRAY_BASED_STREAM_OUTPUT_LENGTH = MAX_DRAWN_BYTES

# It logs what is odd in a file, and a log holds nothing of a file's content
logging.getLogger("pypdf").setLevel(logging.CRITICAL)


def text_of_pdf(name: str, content: bytes) -> str:
    """Return the text of all pages. Raises UnreadableDocument."""
    try:
        reader = pypdf.PdfReader(io.BytesIO(content))
        # A file that only restricts what readers may do opens with the empty password
        if reader.is_encrypted and not reader.decrypt(""):
            raise UnreadableDocument(name=name, reason="it is encrypted")
        count = len(reader.pages)
        if count > MAX_PAGES:
            raise UnreadableDocument(name=name, reason=f"it has {count} pages, and {MAX_PAGES} are read at the most")
        text = joined(_pages_of(name, reader))
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


def _pages_of(name: str, reader: pypdf.PdfReader) -> Iterator[str]:
    drawn_bytes = 0
    for page in reader.pages:
        drawn = page.get_contents()
        drawn_bytes += len(drawn.get_data()) if drawn is not None else 0
        if drawn_bytes > MAX_DRAWN_BYTES:
            raise UnreadableDocument(name=name, reason="it is too large once unpacked")
        yield page.extract_text()
