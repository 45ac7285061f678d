"""What steps need to read files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from batchwork.domain.document import Document
    from batchwork.domain.run import FileType


class Documents(Protocol):
    """Reads files; safe to call from many threads."""

    def read(
        self,
        name: str,
        content: bytes,
        *,
        declared: str = "",
        password: str | None = None,
        kind: FileType | None = None,
    ) -> Document:
        """Return a file's text by pages. declared: a Content-Type. kind: its type where that is known.

        Raises UnreadableDocument (facts `name`, `reason`, `kind`: domain.document.Unreadable).
        """

    def cut(self, name: str, content: bytes, first: int, last: int, password: str | None = None) -> bytes:
        """Return a PDF of some pages of a PDF, counted from 1. Raises UnreadableDocument."""
