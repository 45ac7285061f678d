"""Word documents (.docx)."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import docx
from docx.enum.style import WD_STYLE_TYPE
from docx.styles import BabelFish

from batchwork.adapters.documents.archive import MAX_ARCHIVE_BYTES, MAX_ARCHIVE_ENTRIES, MAX_PART_BYTES, judged
from batchwork.adapters.documents.plain import joined
from batchwork.domain.document import Page, Unreadable, unreadable
from batchwork.domain.errors import UnreadableDocument
from batchwork.domain.run import MAX_TEXT

__all__ = ["MAX_ARCHIVE_BYTES", "MAX_ARCHIVE_ENTRIES", "MAX_PART_BYTES", "pages_of_docx", "text_of_docx"]

_W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
#: Stands for the end of a page in text that is not yet divided.
_BREAK = "\f"
#: Of all tables together; python-docx takes some seconds for them.
MAX_CELLS = 250_000


def text_of_docx(name: str, content: bytes) -> str:
    """Return paragraphs and tables. Raises UnreadableDocument."""
    return joined(_read(name, content))


def pages_of_docx(name: str, content: bytes) -> tuple[Page, ...]:
    """Return the pages, as far as the document tells where they end: by breaks that its author made, or that Word noted
    when it last laid the document out. Raises UnreadableDocument.
    """
    texts: list[list[str]] = [[]]
    for block in _read(name, content, breaks=True):
        first, *rest = block.split(_BREAK)
        texts[-1].append(first)
        for text in rest:
            # Word notes a page's end after a break that made it, too: a page begins where something stands on the last.
            if any(line.strip() for line in texts[-1]):
                texts.append([])
            texts[-1].append(text)
    if len(texts) > 1 and not any(line.strip() for line in texts[-1]):
        texts.pop()
    return tuple(Page(number=number, text="\n".join(lines).strip()) for number, lines in enumerate(texts, 1))


def _read(name: str, content: bytes, *, breaks: bool = False) -> list[str]:
    judged(name, content, "word/document.xml", "Word document (.docx)")
    try:
        return list(_bounded(name, docx.Document(io.BytesIO(content)), breaks=breaks))
    except UnreadableDocument:
        raise
    except Exception as exc:  # a broken file surfaces as any error there is, lxml's included
        raise unreadable(name, "it is damaged, or not a Word document") from exc


def _bounded(name: str, document: Any, *, breaks: bool) -> Iterator[str]:
    """Yield what stands in a document until there is more than is read of any."""
    characters = 0
    for block, cells in _blocks_of(document, breaks=breaks):
        characters += len(block) + 1
        if cells > MAX_CELLS:
            raise unreadable(name, f"its tables have more than {MAX_CELLS} cells", Unreadable.FILE_SIZE_TOO_LARGE)
        yield block
        if characters > MAX_TEXT:
            if breaks:  # pages are told in full or not at all
                reason = f"it has more than {MAX_TEXT} characters of text"
                raise unreadable(name, reason, Unreadable.FILE_SIZE_TOO_LARGE)
            return


def _blocks_of(document: Any, *, breaks: bool) -> Iterator[tuple[str, int]]:
    """Yield paragraphs and table rows in the order they stand, with the number of cells until there; headings are marked as
    in Markdown.
    """
    headings, cells = _headings_of(document), 0
    for block in document.iter_inner_content():
        if hasattr(block, "rows"):
            for row in block.rows:
                # row.cells has a cell once for each column that it spans, which may be a billion
                found = row._tr.tc_lst  # noqa: SLF001 -- each cell once
                cells += len(found)
                yield (" | ".join(_text_of_cell(cell) for cell in found) if cells <= MAX_CELLS else ""), cells
            continue
        text = _text_with_breaks(block) if breaks else block.text
        if text.strip() or _BREAK in text:
            heading = block._p.style in headings  # noqa: SLF001 -- block.style looks through all styles each time
            yield (f"\n# {text}" if heading else f"\n{text}"), cells


def _text_of_cell(cell: Any) -> str:
    return " ".join(" ".join(paragraph.text for paragraph in cell.p_lst).split())


def _headings_of(document: Any) -> frozenset[str | None]:
    """Return the ids of the styles of headings, None where paragraphs without a style are headings, too."""
    styles = document.styles
    found: set[str | None] = {
        style.styleId
        for style in styles.element.style_lst
        if BabelFish.internal2ui(style.name_val or "").startswith(("Heading", "Title"))
    }
    default = styles.default(WD_STYLE_TYPE.PARAGRAPH)
    return frozenset(found | {None} if default is not None and default.style_id in found else found - {None})


def _text_with_breaks(paragraph: Any) -> str:
    if not any(True for _ in _page_ends(paragraph)):
        return str(paragraph.text)
    parts: list[str] = []
    for element in paragraph._p.iter():  # noqa: SLF001 -- python-docx has no other way to a paragraph's breaks
        if element.tag == f"{_W}t":
            parts.append(element.text or "")
        elif element.tag == f"{_W}tab":
            parts.append("\t")
        elif _ends_page(element):
            parts.append(_BREAK)
        elif element.tag in {f"{_W}br", f"{_W}cr"}:
            parts.append("\n")
    return "".join(parts)


def _page_ends(paragraph: Any) -> Iterator[Any]:
    wanted = paragraph._p.iter(f"{_W}br", f"{_W}lastRenderedPageBreak", f"{_W}pageBreakBefore")  # noqa: SLF001 -- see above
    return (element for element in wanted if _ends_page(element))


def _ends_page(element: Any) -> bool:
    if element.tag == f"{_W}br":
        return bool(element.get(f"{_W}type") == "page")
    return element.tag in {f"{_W}lastRenderedPageBreak", f"{_W}pageBreakBefore"}
