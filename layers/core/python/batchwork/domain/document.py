"""Documents as steps work on them: text, page by page; and why a file is none."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from batchwork.domain.errors import UnreadableDocument
from batchwork.domain.run import FileType


class Unreadable(StrEnum):
    """Why a file cannot be read, by the names of the API's failure reasons (Extend's, spec 4.5)."""

    #: It could not be fetched, or it is not there.
    UNABLE_TO_DOWNLOAD_FILE = "UNABLE_TO_DOWNLOAD_FILE"
    #: Its content is of no type that is read, or not of the type it claims to be.
    FILE_TYPE_NOT_SUPPORTED = "FILE_TYPE_NOT_SUPPORTED"
    #: Too many bytes, pages, rows or characters, packed or unpacked.
    FILE_SIZE_TOO_LARGE = "FILE_SIZE_TOO_LARGE"
    #: Damaged, or not what its beginning says.
    CORRUPT_FILE = "CORRUPT_FILE"
    #: Encrypted, and the password is missing or wrong.
    PASSWORD_PROTECTED_FILE = "PASSWORD_PROTECTED_FILE"  # noqa: S105 -- a reason's name


#: Rows of a table, each a list of cells.
Rows = tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A page. number: from 1. name: of a sheet. width, height: in points, of images in pixels; None where there is no such
    thing. rows: of a sheet, whose text is the same rows as lines.
    """

    number: int
    text: str
    name: str | None = None
    width: float | None = None
    height: float | None = None
    rows: Rows = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A file that was read. paged: its pages are those of the file; else there is one that stands for all of it."""

    type: FileType
    pages: tuple[Page, ...]
    paged: bool = False

    @property
    def text(self) -> str:
        """Return the text of all pages."""
        return "\n\n".join(page.text for page in self.pages)

    def part(self, first: int, last: int) -> Document:
        """Return the document that some of the pages are; they are numbered anew, as they are in the part's own file."""
        pages = tuple(
            Page(
                number=number,
                text=page.text,
                name=page.name,
                width=page.width,
                height=page.height,
                rows=page.rows,
            )
            for number, page in enumerate(self.pages[first - 1 : last], 1)
        )
        return Document(type=self.type, pages=pages, paged=self.paged)


def unreadable(name: str, reason: str, kind: Unreadable = Unreadable.CORRUPT_FILE) -> UnreadableDocument:
    """Return the error of a file that cannot be read, ready to raise. reason: completes "... cannot be read: "."""
    return UnreadableDocument(name=name, reason=reason, kind=kind)


def reason_of(exc: UnreadableDocument) -> Unreadable:
    """Return why a file cannot be read."""
    return Unreadable(exc.facts.get("kind", Unreadable.CORRUPT_FILE))
