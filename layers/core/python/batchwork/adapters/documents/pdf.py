"""PDF files."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator
from types import TracebackType
from typing import Any

import pypdf
from pypdf.errors import DependencyError, FileNotDecryptedError, LimitReachedError

from batchwork.adapters.documents.plain import joined
from batchwork.domain.document import Page, Unreadable, unreadable
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
    with _Reading(name):
        text = joined(page.text for page in _pages_of(name, _opened(name, content, None)))
    if not text.strip():
        raise unreadable(name, "it has no text; scanned pages are not supported")
    return text


def pages_of_pdf(name: str, content: bytes, password: str | None = None) -> tuple[Page, ...]:
    """Return every page; scanned ones have no text. Raises UnreadableDocument."""
    with _Reading(name):
        return tuple(_pages_of(name, _opened(name, content, password)))


def count_of_pdf(name: str, content: bytes, password: str | None = None) -> int:
    """Return how many pages there are, without reading them. Raises UnreadableDocument."""
    with _Reading(name):
        return len(_opened(name, content, password).pages)


def part_of_pdf(name: str, content: bytes, first: int, last: int, password: str | None = None) -> bytes:
    """Return a PDF of the pages `first` to `last`, counted from 1, without a password. Raises UnreadableDocument."""
    with _Reading(name):
        writer = pypdf.PdfWriter()
        writer.append(_opened(name, content, password), pages=(first - 1, last), import_outline=False)
        written = io.BytesIO()
        writer.write(written)
        return written.getvalue()


class _Reading:
    """What bounds pypdf, and tells in our words what it cannot read."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._limits = pypdf.apply_configuration(**_LIMITS)

    def __enter__(self) -> None:
        self._limits.__enter__()

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._limits.__exit__(kind, exc, traceback)
        match exc:
            case None | UnreadableDocument():
                return
            case FileNotDecryptedError() | DependencyError():
                raise unreadable(self._name, "it is encrypted", Unreadable.PASSWORD_PROTECTED_FILE) from exc
            case LimitReachedError():
                raise _too_large(self._name) from exc
            case Exception():  # a broken file surfaces as any error there is, KeyError and RecursionError included
                raise unreadable(self._name, "it is damaged, or not a PDF") from exc


def _opened(name: str, content: bytes, password: str | None) -> pypdf.PdfReader:
    reader = pypdf.PdfReader(io.BytesIO(content))
    # A file that only restricts what readers may do opens with the empty password
    if reader.is_encrypted and not reader.decrypt("") and not (password and reader.decrypt(password)):
        reason = "it is encrypted" if password is None else "the password does not open it"
        raise unreadable(name, reason, Unreadable.PASSWORD_PROTECTED_FILE)
    count = len(reader.pages)
    if count > MAX_PAGES:
        reason = f"it has {count} pages, and {MAX_PAGES} are read at the most"
        raise unreadable(name, reason, Unreadable.FILE_SIZE_TOO_LARGE)
    return reader


def _pages_of(name: str, reader: pypdf.PdfReader) -> Iterator[Page]:
    drawn_bytes = operators = 0

    def count(*_: object) -> None:
        nonlocal operators
        operators += 1
        if operators > MAX_OPERATORS:
            raise _too_large(name)

    for number, page in enumerate(reader.pages, 1):
        drawn = page.get_contents()
        instructions = drawn.get_data() if drawn is not None else b""
        drawn_bytes += len(instructions)
        if drawn_bytes > MAX_DRAWN_BYTES:
            raise _too_large(name)
        # Counting has its price: pypdf then reads all instructions, not only those of text
        text = page.extract_text(visitor_operand_before=count if b"Do" in instructions else None)
        box = page.mediabox
        yield Page(number=number, text=text, width=float(box.width), height=float(box.height))


def _too_large(name: str) -> UnreadableDocument:
    return unreadable(name, "it is too large once unpacked", Unreadable.FILE_SIZE_TOO_LARGE)
