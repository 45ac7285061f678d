"""Files read for who asks to see what stands in them (domain.file_contents)."""

from __future__ import annotations

from batchwork.domain.file_contents import FileContents
from batchwork.domain.run import FileType

#: Files that are text themselves: nothing is made of them that they do not say.
_TEXTS = frozenset({FileType.TXT, FileType.CSV, FileType.XML, FileType.HTML})


def contents_of(name: str, kind: FileType, declared: str, content: bytes, password: str | None) -> FileContents:
    """Return what stands in a file. declared: a Content-Type, for its charset. Raises UnreadableDocument."""
    if kind in _TEXTS:
        from batchwork.adapters.documents.plain import decoded

        return FileContents(type=kind, text=decoded(name, declared, content))
    from batchwork.adapters.documents.reading import DocumentReader

    document = DocumentReader().read(name, content, declared=declared, password=password, kind=kind)
    return FileContents(type=kind, text=document.text, pages=document.pages)


def count_of(name: str, content: bytes, password: str | None) -> int:
    """Return how many pages a PDF has, without reading them. Raises UnreadableDocument."""
    from batchwork.adapters.documents.pdf import count_of_pdf

    return count_of_pdf(name, content, password)
