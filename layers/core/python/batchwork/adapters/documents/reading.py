"""Files read for the steps of a workflow (ports.documents): text page by page, and parts of a file as files."""

from __future__ import annotations

from batchwork.adapters.documents.plain import decoded
from batchwork.domain.document import Document, Page, Unreadable, unreadable
from batchwork.domain.file_types import sniffed
from batchwork.domain.flow_file import MAX_FILE
from batchwork.domain.run import MAX_TEXT, FileType

#: Pages of what is no PDF (which has its own bound).
MAX_PAGES = 2_000
#: Form feeds divide a text into pages.
_FEED = "\f"


class DocumentReader:
    """ports.documents.Documents. What a type needs is imported when the first file of that type comes."""

    def read(
        self,
        name: str,
        content: bytes,
        *,
        declared: str = "",
        password: str | None = None,
        kind: FileType | None = None,
    ) -> Document:
        """Return a file's text by pages. kind: its type where that is known, else it follows from the content.

        Raises UnreadableDocument (facts `name`, `reason`, `kind`: domain.document.Unreadable).
        """
        if len(content) > MAX_FILE:
            raise unreadable(name, f"it has more than {MAX_FILE} bytes", Unreadable.FILE_SIZE_TOO_LARGE)
        found = kind or sniffed(name, declared, content)
        pages = self._pages(found, name, declared, content, password)
        if len(pages) > MAX_PAGES:
            raise unreadable(name, f"it has more than {MAX_PAGES} pages", Unreadable.FILE_SIZE_TOO_LARGE)
        if sum(len(page.text) for page in pages) > MAX_TEXT:
            raise unreadable(name, f"it has more than {MAX_TEXT} characters of text", Unreadable.FILE_SIZE_TOO_LARGE)
        return Document(type=found, pages=pages, paged=found in {FileType.PDF, FileType.DOCX, FileType.EXCEL})

    def cut(self, name: str, content: bytes, first: int, last: int, password: str | None = None) -> bytes:
        """Return a PDF of some pages of a PDF, counted from 1. Raises UnreadableDocument."""
        from batchwork.adapters.documents.pdf import part_of_pdf

        return part_of_pdf(name, content, first, last, password)

    def _pages(  # noqa: PLR0911 -- a table of types reads best as one
        self, kind: FileType, name: str, declared: str, content: bytes, password: str | None
    ) -> tuple[Page, ...]:
        match kind:
            case FileType.PDF:
                from batchwork.adapters.documents.pdf import pages_of_pdf

                return pages_of_pdf(name, content, password)
            case FileType.DOCX:
                from batchwork.adapters.documents.word import pages_of_docx

                return pages_of_docx(name, content)
            case FileType.EXCEL:
                from batchwork.adapters.documents.workbook import pages_of_xlsx

                return pages_of_xlsx(name, content)
            case FileType.IMG:
                return (_picture(name, content),)
            case FileType.CSV:
                from batchwork.adapters.documents.table import lined, rows_of_csv

                rows = rows_of_csv(name, decoded(name, declared, content))
                return (Page(number=1, text=lined(rows), rows=rows),)
            case FileType.HTML:
                from batchwork.adapters.documents.page import text_of_html

                return (Page(number=1, text=text_of_html(name, decoded(name, declared, content), bars=True)),)
        text = decoded(name, declared, content)
        parts = text.split(_FEED, MAX_PAGES + 1)
        if len(parts) > 1 and not parts[-1].strip():
            parts.pop()  # a feed ends the last page, too
        return tuple(Page(number=number, text=part.strip("\n")) for number, part in enumerate(parts, 1))


def _picture(name: str, content: bytes) -> Page:
    from batchwork.adapters.pictures import measured

    size = measured(content)
    if size is None:
        raise unreadable(name, "it is damaged, or not an image")
    return Page(number=1, text="", width=float(size[0]), height=float(size[1]))
