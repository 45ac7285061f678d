"""Tables as text."""

from __future__ import annotations

import csv
import io

from batchwork.adapters.documents.plain import joined
from batchwork.domain.errors import UnreadableDocument


def text_of_csv(name: str, text: str) -> str:
    """Return the rows as lines, cells between bars."""
    try:
        dialect: type[csv.Dialect] = csv.Sniffer().sniff(text[:8192], delimiters=",;\t|")
    except csv.Error:
        dialect = csv.excel
    try:
        rows = csv.reader(io.StringIO(text, newline=""), dialect)
        return joined(" | ".join(" ".join(cell.split()) for cell in row) for row in rows if row)
    except csv.Error as exc:
        raise UnreadableDocument(name=name, reason="it is not valid CSV") from exc
