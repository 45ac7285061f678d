"""Word documents (.docx)."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import docx

from batchwork.adapters.documents.archive import MAX_ARCHIVE_BYTES, MAX_ARCHIVE_ENTRIES, MAX_PART_BYTES, judged
from batchwork.adapters.documents.plain import joined
from batchwork.domain.document import Page, unreadable

__all__ = ["MAX_ARCHIVE_BYTES", "MAX_ARCHIVE_ENTRIES", "MAX_PART_BYTES", "pages_of_docx", "text_of_docx"]

_W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
#: Stands for the end of a page in text that is not yet divided.
_BREAK = "\f"


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
        return list(_blocks_of(docx.Document(io.BytesIO(content)), breaks=breaks))
    except Exception as exc:  # a broken file surfaces as any error there is, lxml's included
        raise unreadable(name, "it is damaged, or not a Word document") from exc


def _blocks_of(part: Any, *, breaks: bool) -> Iterator[str]:
    """Yield paragraphs and table rows in the order they stand; headings are marked as in Markdown."""
    for block in part.iter_inner_content():
        if hasattr(block, "rows"):
            for row in block.rows:
                yield " | ".join(" ".join(cell.text.split()) for cell in row.cells)
            continue
        text = _text_with_breaks(block) if breaks else block.text
        if text.strip() or _BREAK in text:
            heading = (block.style.name or "").startswith(("Heading", "Title")) if block.style is not None else False
            yield f"\n# {text}" if heading else f"\n{text}"


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
