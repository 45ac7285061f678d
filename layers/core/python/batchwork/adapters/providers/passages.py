"""Texts cut into passages, each short enough to be an answer, and the words they are found by."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum, auto
from itertools import pairwise

#: Characters of one passage; longer paragraphs are cut at lines, then at sentences, then anywhere.
PASSAGE_LIMIT = 1200
#: A line this short that is one question stands above what answers it.
_QUESTION_LIMIT = 160
_QUESTION = re.compile(r"(?:Q|Question)\s*:\s*", re.IGNORECASE)
_ANSWER = re.compile(r"(?:A|Answer)\s*:\s*", re.IGNORECASE)
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+|(?<=[。！？])")
#: Kana, ideographs and Hangul syllables are written without spaces between words.
_CJK = re.compile("[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff]")
_CJK_RUN = re.compile(f"{_CJK.pattern}+")
_WORD = re.compile(r"[^\W_]+")
_STOP_WORDS = frozenset(
    word
    for line in (
        "a about all also am an and any are as at be been but by can could did do does doing for from get had has have",
        "having he hello her hers hi him his how i if in into is it its just like ll may me might my no not of off on",
        "or our out please s shall she should so some t tell than thank thanks that the their them then there these",
        "they this those to too us ve very want was we were what when where which who whom whose why will with would",
        "you your yours d m re don",
    )
    for word in line.split()
)


class _Line(Enum):
    BLANK = auto()
    HEADING = auto()
    QUESTION = auto()
    BODY = auto()


@dataclass(frozen=True, slots=True)
class Passage:
    """A piece of a document, under the headings it stands below."""

    title: str
    headings: str
    text: str


def passages_of(title: str, text: str) -> Iterator[Passage]:
    """Yield a document's passages in order: its paragraphs, each with the heading and the question above it."""
    section = question = ""
    for kind, block in _blocks(text):
        if kind is _Line.HEADING:
            section, question = block, ""
        elif kind is _Line.QUESTION:
            question = block
        else:
            for piece in _pieces(block):
                yield Passage(title, f"{section} {question}".strip(), piece)


def searchable(text: str) -> str:
    """Return text as it is indexed: CJK characters apart, and nothing SQLite cannot keep (lone surrogates, NUL)."""
    clean = text.encode("utf-8", "replace").decode().replace("\0", " ")
    return _CJK.sub(lambda found: f" {found[0]} ", clean)


def terms_of(question: str, limit: int = 64) -> list[str]:
    """Return what a question is searched by, in order, without stop words: words, and pairs of CJK characters."""
    found: dict[str, None] = {}
    for run in _CJK_RUN.findall(question):
        pairs = [f"{one} {other}" for one, other in pairwise(run)] or [run]
        found.update(dict.fromkeys(pairs))
    for word in _WORD.findall(_CJK.sub(" ", question).lower()):
        if word not in _STOP_WORDS:
            found[word] = None
    return list(found)[:limit]


def words_in(texts: Iterable[str]) -> int:
    """Return the number of words, a CJK character counting as one."""
    return sum(len(_WORD.findall(searchable(text))) for text in texts)


def _blocks(text: str) -> Iterator[tuple[_Line, str]]:
    """Yield headings, questions and paragraphs; a paragraph that ends in a colon goes on after the blank line."""
    lines: list[str] = []
    for line in map(str.strip, text.splitlines()):
        kind = _kind_of(line, lines[-1] if lines else "")
        if kind is _Line.BODY:
            lines.append(_ANSWER.sub("", line, count=1) if not lines and _ANSWER.match(line) else line)
            continue
        if lines and not (kind is _Line.BLANK and lines[-1].endswith(":")):
            yield _Line.BODY, "\n".join(lines)
            lines.clear()
        if kind is not _Line.BLANK:
            yield kind, _QUESTION.sub("", line.lstrip("# "), count=1)
    if lines:
        yield _Line.BODY, "\n".join(lines)


def _kind_of(line: str, before: str) -> _Line:
    if not line:
        return _Line.BLANK
    if line.startswith("#"):
        return _Line.HEADING
    if _QUESTION.match(line):
        return _Line.QUESTION
    alone = len(line) <= _QUESTION_LIMIT and line.endswith(("?", "？")) and not _SENTENCE_END.search(line[:-1])
    # In wrapped prose a line may end in a question mark by chance; there the line before it is no finished sentence
    starts = not before or before.endswith((".", "!", "?", "。", "！", "？"))
    return _Line.QUESTION if alone and starts else _Line.BODY


def _pieces(paragraph: str) -> Iterator[str]:
    """Yield a paragraph in pieces of at most PASSAGE_LIMIT characters."""
    if len(paragraph) <= PASSAGE_LIMIT:
        yield paragraph
        return
    piece = ""
    for part, end in _parts(paragraph):
        if piece and len(piece) + len(part) > PASSAGE_LIMIT:
            yield piece.strip()
            piece = ""
        piece += part + end
    if piece.strip():
        yield piece.strip()


def _parts(paragraph: str) -> Iterator[tuple[str, str]]:
    for line in paragraph.split("\n"):
        if len(line) <= PASSAGE_LIMIT:
            yield line, "\n"
            continue
        for sentence in _SENTENCE_END.split(line):
            for start in range(0, len(sentence), PASSAGE_LIMIT):
                yield sentence[start : start + PASSAGE_LIMIT], " "
