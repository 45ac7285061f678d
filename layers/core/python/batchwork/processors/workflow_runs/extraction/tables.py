"""Tables in documents: rows of sheets, and lines whose cells stand apart by bars, tabs or blanks."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from batchwork.domain.document import Document, Page
from batchwork.processors.workflow_runs.extraction.lines import MAX_LINE, canonical
from batchwork.processors.workflow_runs.extraction.schema import Field

#: Rows that are taken as items of one array, and lines that are looked at for them.
MAX_ITEMS, MAX_ROWS = 1_000, 100_000
_BARS, _GAPS = re.compile(r"\s*\|\s*"), re.compile(r"\t+| {2,}")
_RULE = re.compile(r"[\s|:=+_-]*")
#: What the last lines of a table begin with.
_TOTALS = frozenset({"total", "subtotal", "sub total", "sum", "grand total", "total due", "amount due", "balance due"})


@dataclass(frozen=True, slots=True)
class Row:
    """A row of a table. cells: by the name of the field whose column it is."""

    cells: dict[str, str]
    page: int
    quote: str


def rows_for(document: Document, fields: Sequence[Field]) -> list[Row]:
    """Return the rows of the first table whose head names most of the fields; none where no head names enough."""
    wanted = 1 if len(fields) == 1 else max(2, (len(fields) + 1) // 2)
    for least in dict.fromkeys((wanted, min(2, len(fields)))):
        found = _rows_under(document, fields, least)
        if found:
            return found
    return []


class _Table:
    """The rows under the first head that names enough fields."""

    def __init__(self, fields: Sequence[Field], least: int) -> None:
        self.rows: list[Row] = []
        self._fields = fields
        self._least = least
        self._columns: dict[int, Field] = {}
        self._open = False
        self._width = 0
        self._page = 0

    def ended_by(self, page: Page, cells: list[str]) -> bool:
        """Read a line; whether the table ended before it, or is full. It goes on over the pages of a text; with a sheet it
        ends, unless its head stands on the next one again.
        """
        if page.rows and page.number != self._page:
            self._open = False
        self._page = page.number
        if self._open and (len(cells) < max(1, min(2, self._width)) or _ends(cells, self._width)):
            if self.rows:
                return True
            self._open = self._open and not cells
        head = _columns(cells, self._fields) if cells else {}
        if len(head) >= self._least and (len(cells) > 1 or self._least == 1):
            if self.rows and head.keys() != self._columns.keys():
                return True  # another table
            self._columns, self._width, self._open = head, len(cells), True  # or the same head again, on the next page
        elif cells and self._open:
            self._take(page.number, cells)
        return len(self.rows) >= MAX_ITEMS

    def _take(self, page: int, cells: list[str]) -> None:
        taken = {field.name: cells[at] for at, field in self._columns.items() if at < len(cells) and cells[at]}
        if taken:
            self.rows.append(Row(taken, page, " | ".join(cells)[:300]))


def _rows_under(document: Document, fields: Sequence[Field], least: int) -> list[Row]:
    table = _Table(fields, least)
    for page, cells in _lines(document):
        if table.ended_by(page, cells):
            break
    return table.rows


def _columns(cells: list[str], fields: Sequence[Field]) -> dict[int, Field]:
    """Return which columns of a head are which fields'."""
    names = [canonical(cell) for cell in cells]
    columns: dict[int, Field] = {}
    for field in fields:
        for label in field.labels:
            at = next((at for at, name in enumerate(names) if name == label and at not in columns), None)
            if at is None and not field.given:
                at = next((at for at, name in enumerate(names) if at not in columns and _alike(name, label)), None)
            if at is not None:
                columns[at] = field
                break
    return columns


def _alike(name: str, label: str) -> bool:
    """Whether one of two names is the other with a word more: ``unit price`` and ``price``."""
    one, two = name.split(), label.split()
    if len(one) == len(two) or not one or not two:
        return False
    short, long = sorted((one, two), key=len)
    return long[-len(short) :] == short or long[: len(short)] == short


def _ends(cells: list[str], width: int) -> bool:
    """Whether a row is the sum below a table: it begins like one and has cells left out."""
    filled = [cell for cell in cells if cell]
    return bool(filled) and len(filled) < width and canonical(filled[0]) in _TOTALS


def _lines(document: Document) -> Iterator[tuple[Page, list[str]]]:
    """Yield (page, cells) of each row or line; without cells for what stands between tables."""
    left = MAX_ROWS
    for page in document.pages:
        for line in page.rows or page.text.splitlines():
            left -= 1
            if left < 0:
                return
            if isinstance(line, tuple):
                yield page, list(line)
                continue
            text = line[:MAX_LINE].strip()
            if _RULE.fullmatch(text):
                continue  # a blank line, or one that is drawn
            if "|" in text:
                yield page, _BARS.split(text.removeprefix("|").removesuffix("|").strip())
            else:
                cells = _GAPS.split(text)
                yield page, cells if len(cells) > 1 else []
