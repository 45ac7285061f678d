"""Classes told by words: keywords and patterns that their owner gave, else the words of their types and descriptions."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from batchwork.domain.errors import Problem
from batchwork.domain.item import Json
from batchwork.processors.workflow_runs.patterns import Pattern, PatternFault, compiled
from batchwork.processors.workflow_runs.step import wrong

MAX_CLASSES, MAX_KEYWORDS, MAX_KEYWORD = 100, 100, 200
#: Characters of a document that are looked at; what a document is, its beginning says.
LOOKED_AT = 200_000
#: The class of what fits no other.
FALLBACK = "other"
_WORD = re.compile(r"[^\W_]+")
#: Words that say nothing of a class.
_STOP_WORDS = """
    a all also an and any are as at be by can class classification contains document documents file for from has have if in
    into is it its of on or other page pages such that the their this to type used where which with
"""
_STOP = frozenset(_STOP_WORDS.split())


def words_of(text: str) -> list[str]:
    """Return the words of a text in lower case; ``snake_case`` and ``camelCase`` are several."""
    return [word.casefold() for word in _WORD.findall(re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", text))]


@dataclass(frozen=True, slots=True)
class Kind:
    """A class. keywords: phrases, each as its words. own: whether its owner gave keywords or patterns."""

    id: str
    type: str
    keywords: tuple[tuple[str, ...], ...]
    patterns: tuple[Pattern, ...]
    own: bool

    @property
    def is_fallback(self) -> bool:
        """Whether this is the class of what fits no other."""
        return FALLBACK in {self.type.casefold(), self.id.casefold()} or words_of(self.type)[-1:] == [FALLBACK]


@dataclass(frozen=True, slots=True)
class Match:
    """How well a class fits a text. found: what of it was found, for people."""

    kind: Kind
    score: float
    found: tuple[str, ...]


class Words:
    """A text's words, for the search of phrases."""

    def __init__(self, text: str) -> None:
        self.text = text[:LOOKED_AT]
        words = words_of(self.text)
        self._line = f" {' '.join(words)} "
        self._words = frozenset(words)

    def has(self, phrase: Sequence[str]) -> bool:
        """Whether the words of a phrase stand in a row."""
        return all(word in self._words for word in phrase) and f" {' '.join(phrase)} " in self._line


def kinds_of(classes: Iterable[Json]) -> tuple[Kind, ...]:
    """Return the classes of a configuration that was checked."""
    kinds: list[Kind] = []
    for each in classes:
        keywords, patterns = each.get("keywords") or (), each.get("patterns") or ()
        phrases = [tuple(words_of(keyword)) for keyword in keywords]
        if not keywords and not patterns:
            phrases = [tuple(words_of(each["type"]))]
            phrases += [(word,) for word in dict.fromkeys(words_of(each.get("description") or "")) if word not in _STOP]
        kinds.append(
            Kind(
                id=each["id"],
                type=each["type"],
                keywords=tuple(dict.fromkeys(phrase for phrase in phrases if phrase)),
                patterns=tuple(compiled(pattern) for pattern in patterns),
                own=bool(keywords or patterns),
            )
        )
    return tuple(kinds)


def matches(kinds: Iterable[Kind], text: str, look: Callable[[], object]) -> list[Match]:
    """Return how well each class fits, the best first; of two that fit as well, the one that stands first.

    look: called before each class and each pattern; raises when there is no time left. A pattern may take seconds.
    """
    words = Words(text)
    found = [_match(kind, words, look) for kind in kinds]
    return sorted(found, key=lambda match: -match.score)


def _match(kind: Kind, words: Words, look: Callable[[], object]) -> Match:
    look()
    said = [" ".join(phrase) for phrase in kind.keywords if words.has(phrase)]
    shaped = 0
    for pattern in kind.patterns:
        look()
        shaped += pattern.search(words.text) is not None
    if kind.own:
        score = float(len(said) + 2 * shaped)
    else:
        # The name of a type says most; of a description, what share of it is found
        named = bool(kind.keywords) and words.has(kind.keywords[0])
        described = len(kind.keywords) - 1
        score = 2.0 * named + (len(said) - named) / described if described else 2.0 * named
    return Match(kind, score, (*said, *(f"pattern {number}" for number in range(1, shaped + 1))))


def problems_of(classes: object, place: str) -> Iterator[Problem]:
    """Yield what is wrong with the classes of a configuration."""
    if not isinstance(classes, list) or not 1 <= len(classes) <= MAX_CLASSES:
        yield wrong(place, f"must be an array of 1 to {MAX_CLASSES} classifications")
        return
    seen: set[str] = set()
    for at, each in enumerate(classes):
        here = f"{place}[{at}]"
        if not isinstance(each, dict):
            yield wrong(here, "must be an object")
            continue
        for name in ("id", "type"):
            if not isinstance(each.get(name), str) or not each[name].strip():
                yield wrong(f"{here}.{name}", "must be a text that is not empty")
        if not isinstance(each.get("description", ""), str):
            yield wrong(f"{here}.description", "must be a text")
        if isinstance(each.get("id"), str):
            if each["id"] in seen:
                yield wrong(f"{here}.id", "must be unique")
            seen.add(each["id"])
        yield from _words_problems(each, here)


def _words_problems(each: Json, place: str) -> Iterator[Problem]:
    for name in ("keywords", "patterns"):
        given = each.get(name)
        if given is None:
            continue
        if not isinstance(given, list) or len(given) > MAX_KEYWORDS or not all(isinstance(one, str) for one in given):
            yield wrong(f"{place}.{name}", f"must be an array of at most {MAX_KEYWORDS} texts")
            continue
        for at, one in enumerate(given):
            if name == "keywords" and (len(one) > MAX_KEYWORD or not words_of(one)):
                yield wrong(f"{place}.keywords[{at}]", f"must have a word, and at most {MAX_KEYWORD} characters")
            elif name == "patterns":
                yield from pattern_problems(one, f"{place}.patterns[{at}]")


def pattern_problems(pattern: object, place: str) -> Iterator[Problem]:
    """Yield what is wrong with a pattern."""
    if not isinstance(pattern, str) or not pattern:
        yield wrong(place, "must be a text that is not empty")
        return
    try:
        compiled(pattern)
    except PatternFault as exc:
        yield wrong(place, f"cannot be used: {exc}")
