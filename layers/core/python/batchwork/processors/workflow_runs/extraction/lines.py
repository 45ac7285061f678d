"""A document's text as labels and what stands after them: ``Invoice No.: INV-7``, ``Total ..... 5``, or on the line below."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property

from batchwork.domain.document import Document
from batchwork.domain.run import FileType
from batchwork.processors.workflow_runs.words import words_of

#: Lines that are looked at, and characters of one; and of what is quoted of one.
MAX_LINES, MAX_LINE, QUOTED = 100_000, 2_000, 300
#: Words of a label.
MAX_WORDS = 7
#: Labels that are told apart within one cell, and characters before a colon in which one begins.
_MAX_PAIRS, _NEAR = 20, 100
#: How sure a value is that stands after its label; after one that only begins or ends with the words; without a colon.
EXACT, ALIKE, BARE = 0.9, 0.6, 0.7
_SAME = {
    "no": "number",
    "nr": "number",
    "num": "number",
    "nbr": "number",
    "qty": "quantity",
    "amt": "amount",
    "acct": "account",
    "tel": "phone",
    "telephone": "phone",
    "addr": "address",
}
#: Words that names of many fields end with, and that tell none of them.
_GENERIC = frozenset({"amount", "code", "date", "id", "name", "number", "price", "sum", "total", "type", "value"})
_GAPS = re.compile(r"\t+| {2,}| ?\| ?")
_LEADERS = re.compile(r"\.{3,}|_{3,}|(?: \.){3,}")
_LEAF = re.compile(r"<([A-Za-z_][\w.:-]{0,60})(?: [^<>]{0,500})?>([^<>]{1,2000})</")


def canonical(label: str) -> str:
    """Return a label as labels are compared: its words, abbreviations written out."""
    words = words_of(label.replace("#", " number ").replace("e-mail", "email").replace("E-mail", "email"))
    return " ".join(_SAME.get(word, word) for word in words)


@dataclass(frozen=True, slots=True)
class Labelled:
    """What stands after a label. quote: the line; sure: 0 to 1."""

    text: str
    page: int
    quote: str
    sure: float = EXACT


class Lines:
    """Labels and values. known: canonical labels that are looked for; they are told apart within a line, and may stand
    without a colon.
    """

    def __init__(self, lines: Iterable[tuple[int, str]], known: frozenset[str] = frozenset()) -> None:
        self._known = known
        self._strict: dict[str, list[Labelled]] = {}
        self._bare: dict[str, list[Labelled]] = {}
        kept = [(page, line[:MAX_LINE]) for page, line in _bounded(lines)]
        self._columns = [[cell.strip() for cell in _GAPS.split(line)] for _, line in kept]
        self._cells = [[cell for cell in cells if cell] for cells in self._columns]
        for at, (page, line) in enumerate(kept):
            self._read(at, page, line)

    @classmethod
    def of(cls, document: Document, known: frozenset[str] = frozenset()) -> Lines:
        """Return those of a document."""
        if document.type is FileType.XML:
            leaves = (
                (page.number, f"{found[1].rpartition(':')[2]}: {' '.join(found[2].split())}")
                for page in document.pages
                for found in _LEAF.finditer(page.text)
            )
            return cls(leaves, known)
        return cls(((page.number, line) for page in document.pages for line in page.text.splitlines()), known)

    @classmethod
    def of_text(cls, text: str) -> Lines:
        """Return those of a text."""
        return cls((1, line) for line in text.splitlines())

    def labelled(self, label: str) -> Labelled | None:
        """Return what stands after a label."""
        return next(iter(self._strict.get(canonical(label), ())), None)

    def candidates(self, label: str, *, typed: bool, own: Collection[str] = ()) -> Iterator[Labelled]:
        """Yield what may be a label's value, the surest first. label: canonical. typed: its value can be told by its form,
        so that it may also follow the label without a colon. own: all labels of the field that is looked for.

        Where the label is not there, one that is like it may stand for it. A wrong value is worse than none, so nothing does
        where it is in doubt:

        - A label that is looked for itself stands for no other one.
        - A longer label (``Grand total`` for ``total``) does not, where the field has a longer name of its own that ends so:
          ``Customer name`` is nothing to the ``name`` of a ``vendor``.
        - The label without its first word (``Due date`` for ``payment due date``) does only with two words or more, of which
          one says something (``Number`` and ``Total amount`` may be of anything), and where no other field's label ends so.
        """
        yield from self._strict.get(label, ())
        if typed:
            yield from self._bare.get(label, ())
        if not any(each.endswith(f" {label}") for each in own):
            for found in self._alike.get(label, ()):
                yield replace(found, sure=ALIKE)
        _, _, rest = label.partition(" ")
        if rest in self._strict and self._says_enough(rest, {label, *own}):
            for found in self._strict[rest]:
                yield replace(found, sure=ALIKE)

    def _says_enough(self, rest: str, own: Collection[str]) -> bool:
        """Whether a label without its first word may stand for it, as `candidates` says."""
        words = rest.split()
        if rest in self._known or len(words) < 2 or _GENERIC.issuperset(words):
            return False
        return not any(each.endswith(f" {rest}") for each in self._known if each not in own)

    @cached_property
    def _alike(self) -> dict[str, list[Labelled]]:
        """What stands after labels that begin or end with the words: ``Grand total`` and ``Total due`` for ``total``. Those
        that are looked for themselves are left out.
        """
        alike: dict[str, list[Labelled]] = {}
        for label, values in self._strict.items():
            if label in self._known:
                continue
            words = label.split()
            for cut in range(1, len(words)):
                for part in (" ".join(words[cut:]), " ".join(words[:cut])):
                    alike.setdefault(part, []).extend(values)
        return alike

    def _read(self, at: int, page: int, line: str) -> None:
        cells = self._cells[at]
        if not cells:
            return
        if len(cells) > 1 and self._heads(at, page):
            return
        for place, cell in enumerate(cells):
            following = cells[place + 1] if place + 1 < len(cells) else None
            self._cell(cell, following, at, page, " ".join(line.split())[:QUOTED])

    def _heads(self, at: int, page: int) -> bool:
        """Read a line of labels whose values stand below them, column by column; some columns may be empty."""
        labels = [canonical(cell) for cell in self._columns[at]]
        below = self._columns[at + 1] if at + 1 < len(self._columns) else []
        if sum(label in self._known for label in labels) < 2 or len(below) != len(labels):
            return False
        quote = " | ".join(below).strip()[:QUOTED]
        for label, value in zip(labels, below, strict=True):
            if value:
                self._note(self._strict, label, Labelled(value, page, quote))
        return True

    def _cell(self, cell: str, following: str | None, at: int, page: int, quote: str) -> None:
        label, value = _divided(cell)
        if label is None:
            self._without_colon(cell, following, at, page, quote)
            return
        for _ in range(_MAX_PAIRS):
            cut = self._next_label(value)
            own = value if cut is None else value[: cut[0]]
            if own.strip():
                self._note(self._strict, canonical(label), Labelled(own.strip(), page, quote))
            elif cut is None:
                self._note_beside(canonical(label), following, at, Labelled("", page, quote))
            if cut is None:
                return
            label, value = cut[1], value[cut[2] :]

    def _without_colon(self, cell: str, following: str | None, at: int, page: int, quote: str) -> None:
        words = cell.split()
        name = canonical(cell)
        if name in self._known:
            self._note_beside(name, following, at, Labelled("", page, quote, BARE))
            return
        for count in range(min(len(words) - 1, MAX_WORDS), 0, -1):
            name = canonical(" ".join(words[:count]))
            if name in self._known:
                rest = " ".join(words[count:])
                self._note(self._bare, name, Labelled(rest, page, quote, BARE))
                return

    def _note_beside(self, label: str, following: str | None, at: int, line: Labelled) -> None:
        """Note what stands in the next cell of a line, or below it where the line ends."""
        found = following if following is not None else self._below(at)
        if found:
            quote = line.quote if following is not None else f"{line.quote} {found}"[:QUOTED]
            self._note(self._strict, label, Labelled(found, line.page, quote, line.sure))

    def _next_label(self, value: str) -> tuple[int, str, int] | None:
        """Return (where it begins, the label, where its value begins) of the next known label in a value."""
        if not self._known:
            return None
        colon = value.find(":")
        for _ in range(_MAX_PAIRS):
            if colon < 0:
                return None
            least = max(0, colon - _NEAR)
            for word in list(re.finditer(r"\S+", value[least:colon]))[-MAX_WORDS:]:
                at = least + word.start()
                if at and canonical(value[at:colon]) in self._known:
                    return at, value[at:colon], colon + 1
            colon = value.find(":", colon + 1)
        return None

    def _below(self, at: int) -> str | None:
        """Return the first cell of the next line that has any, unless that is a label with a value of its own."""
        for cells in self._cells[at + 1 : at + 3]:
            if cells:
                label, _ = _divided(cells[0])
                return cells[0] if label is None and canonical(cells[0]) not in self._known else None
        return None

    @staticmethod
    def _note(where: dict[str, list[Labelled]], label: str, value: Labelled) -> None:
        if label and len(known := where.setdefault(label, [])) < 20:
            known.append(value)


def _divided(cell: str) -> tuple[str | None, str]:
    """Return (label, value) of ``label: value``, ``label = value`` or ``label .... value``; no label where there is none."""
    leaders = _LEADERS.search(cell)
    marks = [at for at in (cell.find(":"), cell.find("=")) if at > 0]
    if leaders is not None and leaders.start() and (not marks or leaders.start() < min(marks)):
        label, value = cell[: leaders.start()], cell[leaders.end() :]
    elif marks:
        at = min(marks)
        label, value = cell[:at], cell[at + 1 :]
    else:
        return None, ""
    label = label.strip(" .*-•#\t" if not label.rstrip().endswith("#") else " .*-•\t")
    if not 1 <= len(label.split()) <= MAX_WORDS or not any(char.isalpha() for char in label):
        return None, ""
    value = _LEADERS.sub(" ", value, count=1).strip(" :") if leaders is not None else value.strip()
    return label, value


def _bounded(lines: Iterable[tuple[int, str]]) -> Iterator[tuple[int, str]]:
    for taken, line in enumerate(lines):
        if taken >= MAX_LINES:
            return
        yield line
