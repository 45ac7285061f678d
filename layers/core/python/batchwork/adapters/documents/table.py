"""Tables as text."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator

from batchwork.adapters.documents.plain import joined
from batchwork.domain.document import Rows, Unreadable, unreadable

#: Of a table that steps work on, all sheets together.
MAX_ROWS, MAX_CELLS = 100_000, 500_000


def text_of_csv(name: str, text: str) -> str:
    """Return the rows as lines, cells between bars."""
    try:
        return joined(" | ".join(" ".join(cell.split()) for cell in row) for row in _rows_in(text) if row)
    except csv.Error as exc:
        raise unreadable(name, "it is not valid CSV") from exc


def rows_of_csv(name: str, text: str) -> Rows:
    """Return the rows that are not empty. Raises UnreadableDocument."""
    rows: list[tuple[str, ...]] = []
    cells_left = MAX_CELLS
    try:
        for row in _rows_in(text):
            cells_left -= len(row)
            if len(rows) >= MAX_ROWS or cells_left < 0:
                reason = f"it has more than {MAX_ROWS} rows or {MAX_CELLS} cells"
                raise unreadable(name, reason, Unreadable.FILE_SIZE_TOO_LARGE)
            if row:
                rows.append(tuple(" ".join(cell.split()) for cell in row))
    except csv.Error as exc:
        raise unreadable(name, "it is not valid CSV") from exc
    return tuple(rows)


def lined(rows: Iterable[tuple[str, ...]]) -> str:
    """Return rows as lines, cells between bars."""
    return "\n".join(" | ".join(row) for row in rows)


def _rows_in(text: str) -> Iterator[list[str]]:
    try:
        dialect: type[csv.Dialect] = csv.Sniffer().sniff(text[:8192], delimiters=",;\t|")
    except csv.Error:
        dialect = csv.excel
    return csv.reader(io.StringIO(text, newline=""), dialect)
