"""Text out of uploaded files: pdf, docx, html, csv and plain text. What the bytes say beats what the client said.

Files come from customers: each kind has a bound on the work it may cause, stated where it is checked.
"""

from __future__ import annotations

import codecs
import csv
import io
import logging
import re
import zipfile
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import TYPE_CHECKING

from batchwork.domain.errors import UnreadableDocument

if TYPE_CHECKING:
    from pypdf import PageObject

MAX_BYTES = 20 * 1024 * 1024
#: html.parser takes about a second for this much.
MAX_HTML_BYTES = 5 * 1024 * 1024
MAX_PAGES = 500
#: Decompressed drawing instructions of a page; ordinary pages have under 100 KB, and pypdf reads 1 MB in a second.
MAX_PAGE_BYTES = 2 * 1024 * 1024
MAX_ARCHIVE_BYTES = 50 * 1024 * 1024
MAX_ARCHIVE_ENTRIES = 2_000
#: lxml's tree takes some ten times the size of an XML part.
MAX_PART_BYTES = 10 * 1024 * 1024
#: Characters after which reading stops being of use to anybody.
MAX_TEXT = 2_000_000

_TEXT_TYPES = {"application/json", "application/xml", "application/x-ndjson", "application/yaml", "application/csv"}
_BY_ENDING = {
    "csv": "text/csv",
    "htm": "text/html",
    "html": "text/html",
    "json": "text/plain",
    "md": "text/plain",
    "txt": "text/plain",
    "xml": "text/plain",
}
_MAGIC = {
    b"\x89PNG\r\n\x1a\n": "images",
    b"\xff\xd8\xff": "images",
    b"GIF8": "images",
    b"\xd0\xcf\x11\xe0": "Office files of before 2007",
    b"\x1f\x8b": "compressed files",
    b"\x7fELF": "programs",
}


def extract(name: str, content_type: str, content: bytes) -> str:
    """Return a file's text. content_type: what the client declared. Raises UnreadableDocument."""
    if len(content) > MAX_BYTES:
        raise UnreadableDocument(name=name, reason=f"it has more than {MAX_BYTES} bytes")
    for magic, kind in _MAGIC.items():
        if content.startswith(magic):
            raise UnreadableDocument(name=name, reason=f"{kind} are not supported")
    if b"%PDF-" in content[:1024]:
        return _of_pdf(name, content)
    if content.startswith(b"PK\x03\x04"):
        return _of_docx(name, content)
    declared = content_type.partition(";")[0].strip().lower()
    if declared in {"", "application/octet-stream", "binary/octet-stream"}:
        declared = _BY_ENDING.get(name.rpartition(".")[2].lower(), declared)
    if declared not in _TEXT_TYPES and not declared.startswith("text/") and declared != "application/xhtml+xml":
        reason = (
            f"it is not a file of type {declared}" if _is_known(declared) else f"type {declared!r} is not supported"
        )
        raise UnreadableDocument(name=name, reason=reason)
    text = _decoded(name, content_type, content)
    if declared in {"text/html", "application/xhtml+xml"}:
        return _of_html(name, text)
    if declared in {"text/csv", "application/csv"}:
        return _of_csv(name, text)
    return text


def _is_known(declared: str) -> bool:
    return declared == "application/pdf" or declared.endswith("wordprocessingml.document")


def _decoded(name: str, content_type: str, content: bytes) -> str:
    """Return text decoded by its byte order mark, as UTF-8, by its declared charset, or as Windows-1252."""
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return content.decode("utf-16", "replace")
    if b"\0" in content:
        raise UnreadableDocument(name=name, reason="it is not text")
    declared = re.search(r"charset=[\"']?([\w.:-]+)", content_type, re.IGNORECASE)
    for charset in ("utf-8-sig", declared[1] if declared else "cp1252"):
        try:
            return content.decode(charset)
        except (UnicodeDecodeError, LookupError):
            continue
    return content.decode("latin-1")


def _of_pdf(name: str, content: bytes) -> str:
    import pypdf  # here: two hundred modules that only attachments need
    from pypdf.errors import FileNotDecryptedError

    # It logs what is odd in a file, and a log holds nothing of a file's content
    logging.getLogger("pypdf").setLevel(logging.CRITICAL)
    try:
        reader = pypdf.PdfReader(io.BytesIO(content))
        # A file that only restricts what readers may do opens with the empty password
        if reader.is_encrypted and not reader.decrypt(""):
            raise UnreadableDocument(name=name, reason="it is encrypted")
        count = len(reader.pages)
        if count > MAX_PAGES:
            raise UnreadableDocument(name=name, reason=f"it has {count} pages, and {MAX_PAGES} are read at the most")
        text = _joined(_of_page(name, number, page) for number, page in enumerate(reader.pages, 1))
    except UnreadableDocument:
        raise
    except (FileNotDecryptedError, pypdf.errors.DependencyError) as exc:
        raise UnreadableDocument(name=name, reason="it is encrypted") from exc
    except Exception as exc:  # a broken file surfaces as any error there is, KeyError and RecursionError included
        raise UnreadableDocument(name=name, reason="it is damaged, or not a PDF") from exc
    if not text.strip():
        raise UnreadableDocument(name=name, reason="it has no text; scanned pages are not supported")
    return text


def _of_page(name: str, number: int, page: PageObject) -> str:
    drawn = page.get_contents()
    if drawn is not None and len(drawn.get_data()) > MAX_PAGE_BYTES:
        raise UnreadableDocument(name=name, reason=f"page {number} is too large")
    return page.extract_text()


def _of_docx(name: str, content: bytes) -> str:
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
    import docx  # here: lxml and a hundred modules that only attachments need

    try:
        return _joined(_blocks_of(docx.Document(io.BytesIO(content))))
    except Exception as exc:  # a broken file surfaces as any error there is, lxml's included
        raise UnreadableDocument(name=name, reason="it is damaged, or not a Word document") from exc


def _blocks_of(part: object) -> Iterator[str]:
    """Yield paragraphs and table rows in the order they stand; headings are marked as in Markdown."""
    for block in part.iter_inner_content():  # type: ignore[attr-defined] -- python-docx has no types
        if hasattr(block, "rows"):
            for row in block.rows:
                yield " | ".join(" ".join(cell.text.split()) for cell in row.cells)
        elif block.text.strip():
            heading = (block.style.name or "").startswith(("Heading", "Title")) if block.style is not None else False
            yield f"\n# {block.text}" if heading else f"\n{block.text}"


def _of_csv(name: str, text: str) -> str:
    """Return the rows as lines, cells between bars."""
    try:
        dialect: type[csv.Dialect] = csv.Sniffer().sniff(text[:8192], delimiters=",;\t|")
    except csv.Error:
        dialect = csv.excel
    try:
        rows = csv.reader(io.StringIO(text, newline=""), dialect)
        return _joined(" | ".join(" ".join(cell.split()) for cell in row) for row in rows if row)
    except csv.Error as exc:
        raise UnreadableDocument(name=name, reason="it is not valid CSV") from exc


def _of_html(name: str, text: str) -> str:
    if len(text) > MAX_HTML_BYTES:
        raise UnreadableDocument(name=name, reason=f"it has more than {MAX_HTML_BYTES} bytes")
    page = _Page()
    page.feed(text)
    page.close()
    return page.text()


class _Page(HTMLParser):
    """Collects what a reader of a page sees."""

    _UNSEEN = frozenset({"script", "style", "template", "noscript", "svg"})
    _BLOCKS = frozenset(
        [
            "address",
            "article",
            "aside",
            "blockquote",
            "br",
            "dd",
            "div",
            "dl",
            "dt",
            "fieldset",
            "figcaption",
            "figure",
            "footer",
            "form",
            "h1",
            "h2",
            "h3",
            "h4",
            "h5",
            "h6",
            "header",
            "hr",
            "li",
            "main",
            "nav",
            "ol",
            "p",
            "pre",
            "section",
            "table",
            "td",
            "th",
            "title",
            "tr",
            "ul",
        ]
    )

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._parts: list[str] = []
        self._unseen = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002 -- the base class's
        if tag in self._UNSEEN:
            self._unseen += 1
        self._break(tag)
        if re.fullmatch("h[1-6]", tag):
            self._parts.append("# ")

    def handle_endtag(self, tag: str) -> None:
        if tag in self._UNSEEN and self._unseen:
            self._unseen -= 1
        self._break(tag)

    def handle_data(self, data: str) -> None:
        if not self._unseen:
            self._parts.append(re.sub(r"\s+", " ", data))

    def text(self) -> str:
        """Return the lines seen so far, at most one blank line between them."""
        lines = "\n".join(line.strip() for line in "".join(self._parts).split("\n"))
        return re.sub(r"\n{3,}", "\n\n", lines).strip()

    def _break(self, tag: str) -> None:
        if tag in {"td", "th"}:
            self._parts.append(" ")
        elif tag in self._BLOCKS:
            self._parts.append("\n" if tag in {"br", "li", "tr", "dd"} else "\n\n")


def _joined(texts: Iterator[str]) -> str:
    """Return texts as lines, until there are MAX_TEXT characters."""
    taken: list[str] = []
    size = 0
    for text in texts:
        taken.append(text)
        size += len(text) + 1
        if size > MAX_TEXT:
            break
    return "\n".join(taken).strip()[:MAX_TEXT]
