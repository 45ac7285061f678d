"""References: ``{{create.body.id}}`` and ``{{create.status}}`` stand for what an earlier operation ended with.

They are read in the path and in every string of the body. A string that is one reference becomes the value, of whatever
type; within longer text, and in a path, a value must be a text, a number or a boolean. Text that only looks a little
like one, such as ``{{name}}`` or ``{{customer.status}}`` where no operation has that id, is left alone. A reference holds
no braces, so an id that has some cannot be referred to.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, replace
from itertools import takewhile
from typing import Any

from batchwork.domain.endings import unfit
from batchwork.domain.errors import OperationTooLarge
from batchwork.domain.operation import MAX_BODY, MAX_ID, MAX_PATH, Ended, Operation, Sealed, size_of
from batchwork.domain.paths import path_fault
from batchwork.domain.places import Walk

_TOKEN = re.compile(r"\{\{([^{}]+)\}\}")
#: Where an id may end: before the status, or before the body and what is wanted of it.
_END = re.compile(r"(?!^)\.(?:status\Z|body(?=\.|\Z))")
_INDEX = re.compile(r"0|[1-9][0-9]{0,8}", re.ASCII)
#: What a reference is replaced by to judge the rest of a path; it is an id that every kind of resource may have.
PLACEHOLDER = "c000000000000000000000000"


@dataclass(frozen=True, slots=True)
class Reference:
    """What an operation refers to. keys: the way into the body of what `id` ended with; None for its status."""

    id: str
    keys: tuple[str, ...] | None


@dataclass(frozen=True, slots=True)
class Link:
    """A reference at its place below an operation, such as ``body.tags.0``."""

    place: str
    id: str


class UnfitError(Exception):
    """A reference cannot be filled in at `place`; the text says why. status: what the operation ends with."""

    def __init__(self, place: str, message: str, status: int = 400) -> None:
        self.place = place
        self.status = status
        super().__init__(message)


#: What an operation ended with, by its id.
Look = Callable[[str], Ended]


def reference_of(inner: str, ids: Collection[str]) -> Reference | None:
    """Return what text between double braces refers to, None for text that has not the form.

    Ids may hold dots: the longest known one that fits is meant, or else the shortest that could be one.
    """
    end = _end_of_id(inner, ids)
    if end is None:
        return None
    wanted = inner[end + 1 :]
    return Reference(inner[:end], None if wanted == "status" else tuple(wanted.split(".")[1:]))


def ids_in(path: str, body: Any, ids: Collection[str]) -> frozenset[str]:
    """Return what an operation refers to, unknown ids included."""
    return frozenset(name for _, text in _texts(path, body) for name in _ids_of(text, ids))


def links_in(path: str, body: Any, ids: Collection[str], only: Collection[str] | None = None) -> Iterator[Link]:
    """Yield every reference of an operation, those to unknown ids included. only: ids that are asked for, None for all.

    For who takes one after another: all places at once may be very much larger than the body.
    """
    for walk, text in _texts(path, body):
        for name in _ids_of(text, ids):
            if only is None or name in only:
                yield Link(walk.place, name)


def shown_path(path: str, ids: Collection[str]) -> str:
    """Return a path as it may become: each reference replaced by an id."""

    def written(token: re.Match[str]) -> str:
        return PLACEHOLDER if reference_of(token[1], ids) else token[0]

    return _TOKEN.sub(written, path)


def filled(operation: Operation, ids: Collection[str], look: Look) -> Operation | Ended:
    """Return an operation with its references filled in, or what it ends with when one has no fitting value.

    What comes of it is judged by the same rules as what clients write: the path's characters and length, the body's size.
    """
    filling = _Filling(ids, look)
    try:
        path = filling.path(operation.path)
        body = None if operation.body is None else filling.body(operation.body)
    except UnfitError as exc:
        place = f"operations.{operation.index}.{exc.place}"
        return unfit(place, f"{place}: {exc}" if exc.status == 400 else str(exc), exc.status)
    return replace(operation, path=path, body=body)


class _Filling:
    """Fills the references of one operation in. All that it puts in has to fit into a body, so that a few references to a
    large value cannot make more of it than memory holds.
    """

    def __init__(self, ids: Collection[str], look: Look) -> None:
        self._ids, self._look = ids, look
        self._opened: tuple[Sealed, Any] | None = None
        self._room = MAX_BODY

    def path(self, path: str) -> str:
        """Return a path filled in. Raises UnfitError."""
        if "{{" not in path:
            return path

        def written(text: str) -> str:
            if not text or "/" in text or len(text) > MAX_PATH:
                raise UnfitError("path", "What a reference stands for is no part of a path")
            return text

        path = self._replaced(path, "path", written)
        if (fault := path_fault(path)) is not None:
            raise UnfitError("path", f"With its references filled in: {fault}")
        return path

    def body(self, body: Any) -> Any:
        """Return a copy with references replaced; what is put in is not read again. Raises UnfitError."""
        whole = {"body": json.loads(json.dumps(body))}
        walk = Walk(whole)
        for inner, name, below in walk:
            if isinstance(below, str) and "{{" in below:
                inner[name] = self._text(below, walk.place)
        if _size_of(whole["body"], "body") > MAX_BODY:
            raise _too_large()
        return whole["body"]

    def _text(self, text: str, place: str) -> Any:
        alone = _TOKEN.fullmatch(text)
        if alone is not None and (reference := reference_of(alone[1], self._ids)) is not None:
            value = self._value(reference, place)
            self._take(_size_of(value, place))
            return value

        def written(text: str) -> str:
            self._take(_size_of(text, place) - 2)  # without the quotes
            return text

        return self._replaced(text, place, written)

    def _replaced(self, text: str, place: str, written: Callable[[str], str]) -> str:
        """Return text whose references are replaced by what `written` makes of their values."""

        def each(token: re.Match[str]) -> str:
            reference = reference_of(token[1], self._ids)
            return token[0] if reference is None else written(_scalar(self._value(reference, place), place))

        return _TOKEN.sub(each, text)

    def _value(self, reference: Reference, place: str) -> Any:
        """Return what a reference stands for. Raises UnfitError when there is no such value."""
        ended = self._look(reference.id)
        if reference.keys is None:
            return ended.status
        value = self._open(ended.body)
        for key in reference.keys:
            if isinstance(value, dict) and key in value:
                value = value[key]
            elif isinstance(value, list) and _INDEX.fullmatch(key) and int(key) < len(value):
                value = value[int(key)]
            else:
                raise UnfitError(place, "What a reference asks for is not in the result that it names")
        return value

    def _open(self, body: Any) -> Any:
        """Return a body, the large one that was opened last without opening it again: no two are held at once."""
        if not isinstance(body, Sealed):
            return body
        if self._opened is None or self._opened[0] is not body:
            self._opened = None
            self._opened = body, body.opened()
        return self._opened[1]

    def _take(self, size: int) -> None:
        self._room -= size
        if self._room < 0:
            raise _too_large()


def _too_large() -> UnfitError:
    return UnfitError("body", str(OperationTooLarge()), 422)


def _size_of(value: Any, place: str) -> int:
    try:
        return size_of(value)
    except RecursionError:
        raise UnfitError(place, "It is nested too deeply") from None


def _scalar(value: Any, place: str) -> str:
    """Return a value as text. Raises UnfitError for null, lists and objects."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool | int | float):
        return json.dumps(value)
    raise UnfitError(place, "What a reference stands for within text must be a text, a number or a boolean")


def _texts(path: str, body: Any) -> Iterator[tuple[Walk, str]]:
    """Yield whatever may hold a reference, in the order of the document, and the walk, which tells where it is."""
    walk = Walk({"path": path, "body": body})
    return ((walk, text) for _, _, text in walk if isinstance(text, str) and "{{" in text)


def _ids_of(text: str, ids: Collection[str]) -> Iterator[str]:
    for token in _TOKEN.finditer(text):
        end = _end_of_id(token[1], ids)
        if end is not None:
            yield token[1][:end]


def _end_of_id(inner: str, ids: Collection[str]) -> int | None:
    """Return where the id of a reference ends, None when it is none.

    With no known id, ``{{x.body.y}}`` is a reference whose id is misspelled, and shorter text somebody's own template.
    """
    ends = list(takewhile(lambda end: end <= MAX_ID, (found.start() for found in _END.finditer(inner))))
    known = next((end for end in reversed(ends) if inner[:end] in ids), None)
    return known if known is not None else next((end for end in ends if inner.startswith(".body.", end)), None)
