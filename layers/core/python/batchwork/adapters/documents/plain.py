"""Bytes that are text already."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable

from batchwork.domain.document import Unreadable, unreadable
from batchwork.domain.run import MAX_TEXT


def decoded(name: str, content_type: str, content: bytes) -> str:
    """Return text decoded by its byte order mark, as UTF-8, by its declared charset, or as Windows-1252."""
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return content.decode("utf-16", "replace")
    if b"\0" in content:
        raise unreadable(name, "it is not text", Unreadable.FILE_TYPE_NOT_SUPPORTED)
    declared = re.search(r"charset=[\"']?([\w.:-]+)", content_type, re.IGNORECASE)
    for charset in ("utf-8-sig", declared[1] if declared else "cp1252"):
        try:
            return content.decode(charset)
        except (UnicodeDecodeError, LookupError):
            continue
    return content.decode("latin-1")


def joined(texts: Iterable[str]) -> str:
    """Return texts as lines, until there are MAX_TEXT characters."""
    taken: list[str] = []
    size = 0
    for text in texts:
        taken.append(text)
        size += len(text) + 1
        if size > MAX_TEXT:
            break
    return "\n".join(taken).strip()[:MAX_TEXT]
