"""Attached files as text: read, extracted, kept for the next item that attaches the same file."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from batchwork.domain.errors import NotFound, UnreadableDocument
from batchwork.domain.recent import Recent
from batchwork.ports.messages import FileStore

#: (file name, content type, content) -> text; raises UnreadableDocument.
Extract = Callable[[str, str, bytes], str]

#: Bytes of one file.
FILE_LIMIT = 20 * 1024 * 1024
#: Characters of all attachments of one message together, about 50,000 tokens.
TEXT_LIMIT = 200_000


class Attachments:
    """Texts of uploaded files; safe to use from many threads."""

    def __init__(self, files: FileStore, extract: Extract) -> None:
        self._files = files
        self._extract = extract
        # A batch of 1000 items may attach one file 1000 times; what a file is unreadable for is kept like its text.
        self._texts: Recent[tuple[str, str], tuple[str, str] | UnreadableDocument] = Recent(32)

    def read(self, workspace_id: str, file_id: str) -> tuple[str, str]:
        """Return a file's name and text.

        Raises NotFound for a file that is not there or not of this workspace, UnreadableDocument for one without
        content yet, too large, or without text.
        """
        read = self._texts.get((workspace_id, file_id), lambda: self._read(workspace_id, file_id))
        if isinstance(read, UnreadableDocument):
            raise UnreadableDocument(**read.facts)
        return read

    def _read(self, workspace_id: str, file_id: str) -> tuple[str, str] | UnreadableDocument:
        file = self._files.get(workspace_id, file_id)
        if file is None:
            raise NotFound(what=f"File {file_id}")
        content = self._files.content(file, FILE_LIMIT)
        if content is None:
            raise UnreadableDocument(
                name=file.name, reason=f"it is not uploaded yet, or has more than {FILE_LIMIT} bytes"
            )
        try:
            return file.name, self._extract(file.name, file.content_type, content)
        except UnreadableDocument as exc:
            return UnreadableDocument(**exc.facts)


def fitted(texts: Sequence[tuple[str, str]], limit: int = TEXT_LIMIT) -> tuple[tuple[str, str], ...]:
    """Return (name, text) pairs of at most `limit` characters of text together; what is cut says so in its text."""
    room = limit
    fit: list[tuple[str, str]] = []
    for name, text in texts:
        taken = text[:room]
        room -= len(taken)
        if len(taken) < len(text):
            taken += f"\n[The attachment is cut here: {len(taken)} of its {len(text)} characters are given.]"
        fit.append((name, taken))
    return tuple(fit)
