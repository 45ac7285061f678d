"""Workbooks (.xlsx): each sheet is a page, cells as they are stored, formulas by their last results."""

from __future__ import annotations

import datetime as dt
import io
import warnings
from collections.abc import Iterator
from typing import Any

import openpyxl

from batchwork.adapters.documents.archive import judged
from batchwork.adapters.documents.table import MAX_CELLS, MAX_ROWS, lined
from batchwork.domain.document import Page, Unreadable, unreadable
from batchwork.domain.errors import UnreadableDocument

MAX_SHEETS = 100
#: openpyxl reads sheets as they stream by and keeps only the texts that cells share.
MAX_SHEET_BYTES = 40 * 1024 * 1024


def pages_of_xlsx(name: str, content: bytes) -> tuple[Page, ...]:
    """Return a page a sheet, hidden ones left out. Raises UnreadableDocument."""
    judged(name, content, "xl/workbook.xml", "workbook (.xlsx)", MAX_SHEET_BYTES)
    try:
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


def _pages_of(name: str, book: Any) -> Iterator[Page]:
    if len(book.worksheets) > MAX_SHEETS:
        reason = f"it has {len(book.worksheets)} sheets, and {MAX_SHEETS} are read at the most"
        raise unreadable(name, reason, Unreadable.FILE_SIZE_TOO_LARGE)
    rows_left, cells_left = MAX_ROWS, MAX_CELLS
    shown = [sheet for sheet in book.worksheets if sheet.sheet_state == "visible"]
    for number, sheet in enumerate(shown, 1):
        sheet.reset_dimensions()  # what the file says of its own size would be believed
        rows: list[tuple[str, ...]] = []
        for values in sheet.iter_rows(values_only=True):
            cells = tuple(_told(value) for value in values)
            rows_left, cells_left = rows_left - 1, cells_left - len(cells)
            if rows_left < 0 or cells_left < 0:
                reason = f"it has more than {MAX_ROWS} rows or {MAX_CELLS} cells"
                raise unreadable(name, reason, Unreadable.FILE_SIZE_TOO_LARGE)
            while cells and not cells[-1]:
                cells = cells[:-1]
            if cells:
                rows.append(cells)
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
