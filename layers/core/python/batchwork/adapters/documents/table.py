"""Tables as text."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator

from batchwork.adapters.documents.plain import joined
from batchwork.domain.document import Rows, Unreadable, unreadable

#: Of a table that steps work on, all sheets together.
MAX_ROWS, MAX_CELLS = 100_000, 500_000
#: What cells may be divided by, the likeliest first; told from the first lines.
_DELIMITERS = (",", ";", "\t", "|")
_LOOKED_AT, _LINES = 8_192, 20
#: Quoted cells, which may hold delimiters and ends of lines. Each quote is looked at once.
_QUOTED = re.compile(r'"[^"]*(?:"|$)')


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
    return csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter_of(text[:_LOOKED_AT]), skipinitialspace=True)


def _delimiter_of(text: str) -> str:
    """Return what divides cells: what the first lines have the same number of, else what the first line has most of.

    By counting: the patterns of csv.Sniffer take minutes for quotes that never close.
    """
    lines = [line for line in _QUOTED.sub("", text).splitlines() if line.strip()][:_LINES]
    if len(text) == _LOOKED_AT and len(lines) > 1:
        lines.pop()  # it may go on
    counts = {mark: [line.count(mark) for line in lines] for mark in _DELIMITERS}
    even = {mark: found[0] for mark, found in counts.items() if found and found[0] and len(set(found)) == 1}
    first = even or {mark: found[0] for mark, found in counts.items() if found}
    return max(first, key=lambda mark: first[mark], default=_DELIMITERS[0])
