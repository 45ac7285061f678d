"""Workbooks (.xlsx): each sheet is a page, cells as they are stored, formulas by their last results."""

from __future__ import annotations

import datetime as dt
import io
import re
import warnings
import zipfile
from collections.abc import Iterator
from typing import Any

import openpyxl

from batchwork.adapters.documents.archive import judged
from batchwork.adapters.documents.table import MAX_CELLS, MAX_ROWS, lined
from batchwork.domain.document import Page, Unreadable, unreadable
from batchwork.domain.errors import UnreadableDocument
from batchwork.domain.run import MAX_TEXT

MAX_SHEETS = 100
#: openpyxl reads sheets as they stream by and keeps only the texts that cells share.
MAX_SHEET_BYTES = 40 * 1024 * 1024
#: Tags of all parts together; openpyxl takes up to 12 seconds for a million, and a row's are in memory at once.
MAX_TAGS = 3_000_000
_CELL = re.compile(rb"<c[\s/>]")


def pages_of_xlsx(name: str, content: bytes) -> tuple[Page, ...]:
    """Return a page a sheet, hidden ones left out. Raises UnreadableDocument."""
    judged(name, content, "xl/workbook.xml", "workbook (.xlsx)", MAX_SHEET_BYTES)
    try:
        _judge_tags(name, content)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of features that it does not read
            book = openpyxl.load_workbook(io.BytesIO(content), read_only=True, data_only=True, keep_links=False)
            try:
                return tuple(_pages_of(name, book))
            finally:
                book.close()
    except UnreadableDocument:
        raise
    except Exception as exc:  # a broken file surfaces as any error there is
        raise unreadable(name, "it is damaged, or not a workbook") from exc


def _judge_tags(name: str, content: bytes) -> None:
    """Raise UnreadableDocument for what would take minutes to read, without reading it."""
    tags_left, cells_left = MAX_TAGS, MAX_CELLS
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        for entry in archive.namelist():
            if not entry.endswith((".xml", ".rels")):
                continue
            with archive.open(entry) as part:
                while block := part.read(1024 * 1024):
                    tags_left -= block.count(b"<") - block.count(b"</")
                    cells_left -= sum(1 for _ in _CELL.finditer(block))
                    if tags_left < 0 or cells_left < 0:
                        raise unreadable(name, "it is too large once unpacked", Unreadable.FILE_SIZE_TOO_LARGE)


def _pages_of(name: str, book: Any) -> Iterator[Page]:
    if len(book.worksheets) > MAX_SHEETS:
        reason = f"it has {len(book.worksheets)} sheets, and {MAX_SHEETS} are read at the most"
        raise unreadable(name, reason, Unreadable.FILE_SIZE_TOO_LARGE)
    rows_left, cells_left, text_left = MAX_ROWS, MAX_CELLS, MAX_TEXT
    shown = [sheet for sheet in book.worksheets if sheet.sheet_state == "visible"]
    for number, sheet in enumerate(shown, 1):
        sheet.reset_dimensions()  # what the file says of its own size would be believed
        rows: list[tuple[str, ...]] = []
        for values in sheet.iter_rows(values_only=True):
            rows_left, cells_left = rows_left - 1, cells_left - len(values)
            if rows_left < 0 or cells_left < 0:
                reason = f"it has more than {MAX_ROWS} rows or {MAX_CELLS} cells"
                raise unreadable(name, reason, Unreadable.FILE_SIZE_TOO_LARGE)
            # Cells may share one long text: it is counted each time, and before it is copied
            text_left -= sum(len(value) for value in values if isinstance(value, str))
            if text_left < 0:
                reason = f"it has more than {MAX_TEXT} characters of text"
                raise unreadable(name, reason, Unreadable.FILE_SIZE_TOO_LARGE)
            cells = tuple(_told(value) for value in values)
            width = max((place for place, cell in enumerate(cells, 1) if cell), default=0)
            if width:
                rows.append(cells[:width])
        yield Page(number=number, name=str(sheet.title), text=lined(rows), rows=tuple(rows))


def _told(value: Any) -> str:
    """Return a cell's value as text: times as ISO 8601, whole numbers without a fraction."""
    match value:
        case None:
            return ""
        case bool():
            return "TRUE" if value else "FALSE"
        case float():
            return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
        case dt.datetime():
            return value.date().isoformat() if value.time() == dt.time() else value.isoformat(sep=" ")
    return " ".join(str(value).split())
