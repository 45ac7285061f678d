"""What stands in a file, for who asks to see it."""

from __future__ import annotations

from dataclasses import dataclass, field

from batchwork.domain.document import Page
from batchwork.domain.run import FileType


@dataclass(frozen=True, slots=True, kw_only=True)
class FileContents:
    """The contents of a file. text: all of it, of files that are text as it stands there. pages: of files that have some; those
    of a workbook are its sheets.
    """

    type: FileType
    text: str = field(repr=False)
    pages: tuple[Page, ...] = field(default=(), repr=False)

    @property
    def size(self) -> int:
        """Return the bytes of its text."""
        return len(self.text.encode("utf-8", "replace"))
