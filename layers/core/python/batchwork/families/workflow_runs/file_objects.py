"""Uploaded files, and what stands in files, as answers show them in each dialect (spec workflow runs 4.5, 4.6).

What the spec leaves open is chosen here: text by pages is given for PDFs and images as it was found, for Word documents as
simple HTML; a workbook's sheets are given as CSV.
"""

from __future__ import annotations

import csv
import html
import io
from typing import TYPE_CHECKING

from batchwork.domain.run import FileType, RunFile
from batchwork.families.workflow_runs.dialect import Dialect, known
from batchwork.families.workflow_runs.run_files import file_object
from batchwork.families.workflow_runs.times import timestamp

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet

    from batchwork.domain.document import Page
    from batchwork.domain.file_contents import FileContents
    from batchwork.domain.flow_file import FlowFile
    from batchwork.domain.item import Json
    from batchwork.use_cases.look_at_files import Seen

#: What a request may ask to see of a file.
RAW_TEXT, MARKDOWN, HTML = "rawText", "markdown", "html"


def uploaded_object(file: FlowFile, dialect: Dialect) -> Json:
    """Return an uploaded file as uploads and lists show it: without URL and contents."""
    shown = RunFile(id=file.id, name=file.name, type=file.type, created_at=file.created_at, page_count=file.page_count)
    return {**file_object(shown, dialect), "updatedAt": timestamp(file.updated_at)}


def seen_object(seen: Seen, url: str | None, contents: Json | None, dialect: Dialect) -> Json:
    """Return a file as who asks for it is shown it. contents: None unless they are asked for, or while there are none."""
    shown: Json = {"presignedUrl": url, "contents": contents}
    return {
        **file_object(seen.file, dialect),
        **(shown if dialect is Dialect.V2026 else known(shown)),
        "updatedAt": timestamp(seen.updated_at),
    }


def contents_object(contents: FileContents, flags: AbstractSet[str], dialect: Dialect) -> Json:
    """Return what stands in a file, as much of it as the flags ask for.

    Pages are those of PDFs, images and Word documents; the text of a workbook stands with its sheets, and for the older
    dialects also as a whole.
    """
    told: Json = {"pages": [], "sheets": []}
    older, raw = dialect is not Dialect.V2026, RAW_TEXT in flags
    if raw and (older or contents.type is not FileType.EXCEL):
        told[RAW_TEXT] = contents.text
    match contents.type:
        case FileType.PDF | FileType.IMG:
            if older and MARKDOWN in flags:
                told[MARKDOWN] = contents.text
            told["pages"] = [_page(page, {MARKDOWN: page.text} if MARKDOWN in flags else {}) for page in contents.pages]
        case FileType.DOCX:
            told["pages"] = [_page(page, {HTML: _html(page.text)} if HTML in flags else {}) for page in contents.pages]
        case FileType.EXCEL:
            told["sheets"] = [
                known({"sheetName": page.name or str(page.number), RAW_TEXT: _csv(page) if raw else None})
                for page in contents.pages
            ]
    return told if dialect is Dialect.V2026 else {name: value for name, value in told.items() if value != []}


def _page(page: Page, text: Json) -> Json:
    return known({"pageNumber": page.number, "pageHeight": page.height, "pageWidth": page.width}) | text


def _html(text: str) -> str:
    """Return a page's lines as paragraphs, those that are marked as such as headings."""
    lines = (line.strip() for line in text.splitlines())
    return "".join(
        f"<h1>{html.escape(line[2:])}</h1>" if line.startswith("# ") else f"<p>{html.escape(line)}</p>"
        for line in lines
        if line
    )


def _csv(page: Page) -> str:
    written = io.StringIO()
    csv.writer(written, lineterminator="\n").writerows(page.rows)
    return written.getvalue()
