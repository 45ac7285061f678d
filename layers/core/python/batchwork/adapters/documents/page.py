"""Web pages, as their readers see them."""

from __future__ import annotations

import re
from types import SimpleNamespace
from typing import Any

from lxml import etree

from batchwork.domain.document import Unreadable, unreadable

#: libxml2 takes one or two seconds for this many characters, whatever they are; html.parser's time grows with the square of
#: what is never closed, such as ``<a <a <a``.
MAX_CHARACTERS = 5_000_000
_BLOCK_TAGS = """
    address article aside blockquote br dd div dl dt fieldset figcaption figure footer form h1 h2 h3 h4 h5 h6 header hr li
    main nav ol p pre section table td th title tr ul
"""


def text_of_html(name: str, text: str, *, bars: bool = False) -> str:
    """Return the text, one line a block, headings marked as in Markdown. bars: between the cells of a row.

    Raises UnreadableDocument.
    """
    if len(text) > MAX_CHARACTERS:
        raise unreadable(name, f"it has more than {MAX_CHARACTERS} characters", Unreadable.FILE_SIZE_TOO_LARGE)
    page = _Page(bars=bars)
    told = SimpleNamespace(start=page.opened, end=page.closed, data=page.said, close=page.text)  # as lxml calls them
    parser = etree.HTMLParser(target=told, encoding="utf-8", no_network=True, huge_tree=False)
    try:
        parser.feed(text.encode("utf-8", "replace"))
        found: str = parser.close()
    except etree.ParseError as exc:  # what has no form at all is rare: it mends nearly everything
        raise unreadable(name, "it is damaged, or not a web page") from exc
    return found


class _Page:
    """Collects what a reader of a page sees."""

    _UNSEEN = frozenset({"script", "style", "template", "noscript", "svg"})
    _BLOCKS = frozenset(_BLOCK_TAGS.split())
    #: The parser tells their ends, too, though they have none.
    _EMPTY = frozenset({"br", "hr"})

    def __init__(self, *, bars: bool) -> None:
        self._parts: list[str] = []
        self._unseen = 0
        self._bars = bars
        self._cells = 0

    def opened(self, tag: str, attributes: Any) -> None:
        """Take a tag that opens."""
        del attributes
        if tag in self._UNSEEN:
            self._unseen += 1
        self._break(tag)
        if self._bars and tag in {"td", "th"}:
            self._cells += 1
            self._parts.append("| " if self._cells > 1 else "")
        elif tag == "tr":
            self._cells = 0
        if re.fullmatch("h[1-6]", tag):
            self._parts.append("# ")

    def closed(self, tag: str) -> None:
        """Take a tag that closes, also where the page only implies it."""
        if tag in self._EMPTY:
            return
        if tag in self._UNSEEN and self._unseen:
            self._unseen -= 1
        self._break(tag)

    def said(self, text: str) -> None:
        """Take text."""
        if not self._unseen:
            self._parts.append(re.sub(r"\s+", " ", text))

    def text(self) -> str:
        """Return the lines seen so far, at most one blank line between them."""
        lines = "\n".join(" ".join(line.split()) for line in "".join(self._parts).split("\n"))
        return re.sub(r"\n{3,}", "\n\n", lines).strip()

    def _break(self, tag: str) -> None:
        if tag in {"td", "th"}:
            self._parts.append(" ")
        elif tag in self._BLOCKS:
            self._parts.append("\n" if tag in {"br", "li", "tr", "dd"} else "\n\n")
