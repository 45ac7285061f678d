"""The body of a batch (seed 000): read, and all that is wrong with it told at once, before anything runs.

By hand, as it is the same few fields a hundred times. Fields that nobody knows are ignored; so are headers that say who
calls or that belong to one connection, since an operation is called in the caller's own name.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice
from typing import Any

from batchwork.domain.errors import InvalidRequest, MalformedBody, OperationTooLarge, Problem
from batchwork.domain.graph import Graph, problems_of
from batchwork.domain.item import Json
from batchwork.domain.operation import MAX_BODY, MAX_ID, MAX_OPERATIONS, MAX_PATH, METHODS, Mode, Operation, size_of
from batchwork.domain.paths import path_fault
from batchwork.domain.references import ids_in, shown_path
from batchwork.edge.http import Request, json_body
from batchwork.edge.json_text import parsed_json, unstorable

#: Problems told of in one answer.
MAX_TOLD = 100
#: Without any of these bytes, no text of a body can hold what cannot be stored: an escape; the beginning of half of a
#: pair (and of much Korean); UTF-16 or UTF-32.
_SUSPECT = (b"\\u", b"\xed", b"\0")
_FIELDS = frozenset({"id", "method", "path", "body", "headers", "dependsOn"})
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,256}")
_VALUE = re.compile(r"[\t\x20-\x7e\xa0-\xff]*")
_DROPPED = frozenset(
    {
        *("authorization", "x-api-key", "cookie", "x-request-id", "forwarded"),
        *("host", "content-length", "transfer-encoding", "connection", "keep-alive", "te", "trailer", "upgrade"),
    }
)
_DROPPED_KINDS = ("x-forwarded-", "x-amz", "proxy-")


def asked(request: Request, *, transaction: bool = False) -> Graph:
    """Return the operations that a body asks for.

    A transaction is always in order and stops at the first failure: its `continueOnError` is not looked at, and
    ``"parallel": true`` is refused, since who sends it counts on something else. Raises UnsupportedMediaType,
    MalformedBody, OperationTooLarge before everything else that may be wrong, and InvalidRequest.
    """
    raw = json_body(request)
    body = parsed_json(raw)
    if not isinstance(body, dict):
        raise MalformedBody(detail="it must be an object")
    reading = _Reading(body, transaction=transaction)
    problems = list(islice(reading.problems(suspect=any(mark in raw for mark in _SUSPECT)), MAX_TOLD))
    if problems:
        raise InvalidRequest(problems)
    return Graph.of(reading.operations, reading.mode, reading.links)


class _Reading:
    """What is read of a body. ids: the first place of each; operations: those without problems of their own;
    links: what they refer to, by their indexes.
    """

    def __init__(self, body: dict[str, Any], *, transaction: bool) -> None:
        self._body = body
        self._transaction = transaction
        self._flags: dict[str, bool] = {}
        self.ids: dict[str, int] = {}
        self.operations: list[Operation] = []
        self.links: dict[int, frozenset[str]] = {}

    @property
    def mode(self) -> Mode:
        """Return how they are to be run."""
        if self._transaction:
            return Mode(parallel=False, continue_on_error=False)
        return Mode(self._flags.get("parallel", False), self._flags.get("continueOnError", True))

    def problems(self, *, suspect: bool) -> Iterator[Problem]:
        """Read, and yield what is wrong. suspect: whether text needs a look. Raises OperationTooLarge."""
        listed = self._body.get("operations")
        deep = _measured(listed) if isinstance(listed, list) else []
        yield from self._flag_problems()
        if not isinstance(listed, list):
            told = "Must be an array of operations" if "operations" in self._body else "Must be given"
            yield Problem("operations", told, "array")
            return
        if not 1 <= len(listed) <= MAX_OPERATIONS:
            told = f"Must hold 1 to {MAX_OPERATIONS} operations, not {len(listed)}"
            facts = {"limit": MAX_OPERATIONS, "received": len(listed)}
            yield Problem("operations", told, "size", structural=False, facts=facts)
            return
        for index in deep:
            yield Problem(f"operations.{index}.body", "It is nested too deeply", "depth", structural=False)
        if suspect:
            yield from unstorable({"operations": [_kept(each) for each in listed]})
        yield from self._ids(listed)
        for index, each in enumerate(listed):
            if isinstance(each, dict):
                yield from self._operation(index, each)
            else:
                yield Problem(f"operations.{index}", "Must be an object", "object")
        yield from problems_of(self.operations, self.links, self.ids, self.mode)

    def _flag_problems(self) -> Iterator[Problem]:
        for name in ("continueOnError", "parallel"):
            value = self._body.get(name)
            if value is None:
                continue  # the default of `mode`
            if isinstance(value, bool):
                self._flags[name] = value
            else:
                yield Problem(name, "Must be true or false", "bool")
        if self._transaction and self._flags.get("parallel"):
            told = "A transaction runs its operations in order: leave parallel out, or send false"
            yield Problem("parallel", told, "transaction", structural=False)

    def _ids(self, listed: list[Any]) -> Iterator[Problem]:
        """Read all ids first: references are known by them."""
        for index, each in enumerate(listed):
            if not isinstance(each, dict):
                continue
            name = each.get("id")
            if not isinstance(name, str) or not 1 <= len(name) <= MAX_ID:
                yield Problem(f"operations.{index}.id", f"Must be a text of 1 to {MAX_ID} characters", "id")
            elif self.ids.setdefault(name, index) != index:
                told = f"Must be unique: operation {self.ids[name]} has it too"
                yield Problem(f"operations.{index}.id", told, "unique", structural=False)

    def _operation(self, index: int, each: dict[str, Any]) -> Iterator[Problem]:
        place = f"operations.{index}"
        problems = [
            *_method_problems(place, each),
            *self._path_problems(place, each.get("path")),
            *_body_problems(place, each),
            *_header_problems(place, each.get("headers")),
            *_dependency_problems(place, each.get("dependsOn")),
        ]
        yield from problems
        if problems or not isinstance(each.get("id"), str):
            return
        self.links[index] = ids_in(each["path"], each.get("body"), self.ids)
        self.operations.append(
            Operation(
                index=index,
                id=each["id"],
                method=each["method"],
                path=each["path"],
                body=each.get("body"),
                headers=_kept_headers(each.get("headers") or {}),
                depends_on=tuple(each.get("dependsOn") or ()),
            )
        )

    def _path_problems(self, place: str, path: Any) -> Iterator[Problem]:
        if not isinstance(path, str):
            yield Problem(f"{place}.path", "Must be a text", "path")
        elif len(path) > MAX_PATH:
            yield Problem(f"{place}.path", f"Must have at most {MAX_PATH} characters", "path", structural=False)
        # What references stand for is judged when they are filled in, with its length.
        elif (fault := path_fault(shown_path(path, self.ids), length=False)) is not None:
            yield Problem(f"{place}.path", fault, "path", structural=False)


def _kept(each: Any) -> Json | None:
    """Return what is read of an operation; the rest of it is looked at by nobody."""
    return {name: below for name, below in each.items() if name in _FIELDS} if isinstance(each, dict) else None


def _measured(listed: list[Any]) -> list[int]:
    """Return which bodies are nested too deeply. Raises OperationTooLarge when one is too large."""
    deep = []
    for index, each in enumerate(listed):
        if isinstance(each, dict) and each.get("body") is not None:
            try:
                size = size_of(each["body"])
            except RecursionError:
                deep.append(index)
            else:
                if size > MAX_BODY:
                    raise OperationTooLarge
    return deep


def _method_problems(place: str, each: dict[str, Any]) -> Iterator[Problem]:
    if each.get("method") not in METHODS:
        yield Problem(f"{place}.method", f"Must be one of {', '.join(METHODS)}", "enum")


def _body_problems(place: str, each: dict[str, Any]) -> Iterator[Problem]:
    body = each.get("body")
    if body is None:
        return
    if not isinstance(body, dict):
        yield Problem(f"{place}.body", "Must be an object", "object")
    elif each.get("method") == "DELETE":
        yield Problem(f"{place}.body", "A DELETE has no body", "body", structural=False)


def _header_problems(place: str, headers: Any) -> Iterator[Problem]:
    if headers is None:
        return
    if not isinstance(headers, dict):
        yield Problem(f"{place}.headers", "Must be an object of texts", "object")
        return
    for name, value in headers.items():
        if not _NAME.fullmatch(name):
            yield Problem(f"{place}.headers", "Must have names that HTTP allows", "header", structural=False)
        elif not isinstance(value, str):
            yield Problem(f"{place}.headers.{name}", "Must be a text", "header")
        elif not _VALUE.fullmatch(value):
            told = "Must be one line of Latin-1 text"
            yield Problem(f"{place}.headers.{name}", told, "header", structural=False)


def _dependency_problems(place: str, names: Any) -> Iterator[Problem]:
    if names is None or (isinstance(names, list) and all(isinstance(name, str) for name in names)):
        return
    yield Problem(f"{place}.dependsOn", "Must be an array of the ids of operations", "array")


def _kept_headers(headers: dict[str, str]) -> dict[str, str]:
    named = {name.lower(): value for name, value in headers.items()}
    return {
        name: value for name, value in named.items() if name not in _DROPPED and not name.startswith(_DROPPED_KINDS)
    }
