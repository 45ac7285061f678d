"""Formulas read: text to a tree."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import NoReturn

#: Characters of a formula, and how deep it may be nested: each level is half a dozen frames of Python.
MAX_LENGTH, MAX_DEPTH = 2_000, 40


class SyntaxFault(ValueError):
    """A formula cannot be read; the text says why and where."""


@dataclass(frozen=True, slots=True)
class Literal:
    """A value as it stands: number, text, TRUE, FALSE or NULL."""

    value: float | str | bool | None


@dataclass(frozen=True, slots=True)
class Name:
    """A variable: the name of a step, or ``metadata``, then fields, and positions in arrays."""

    path: tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Operation:
    """Two values and what is between them: ``+ - * / ^ & = != < <= > >= AND OR``."""

    sign: str
    left: Node
    right: Node


@dataclass(frozen=True, slots=True)
class Prefixed:
    """A value after ``-`` or ``NOT``, or before ``%``."""

    sign: str
    value: Node


@dataclass(frozen=True, slots=True)
class Call:
    """A function's name in capitals, and its arguments."""

    function: str
    arguments: tuple[Node, ...]


Node = Literal | Name | Operation | Prefixed | Call

_TOKENS = re.compile(
    r"""
    (?P<space>\s+)
  | (?P<number>(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d{1,3})?)
  | (?P<text>"(?:[^"\\]|\\.|"")*")
  | (?P<path>\{\{[^{}]{1,500}\}\})
  | (?P<quoted>'(?:[^']|'')*')
  | (?P<name>[^\W\d]\w*)
  | (?P<sign><>|!=|<=|>=|==|[-+*/^&=<>(),.%\[\]])
    """,
    re.VERBOSE,
)
_SPELLINGS = {"<>": "!=", "==": "="}
_WORDS: dict[str, bool | None] = {"TRUE": True, "FALSE": False, "NULL": None}
_PATH = re.compile(r"\s*([^.\[\]]+(?:\.[^.\[\]]+|\[\d{1,6}\])*)\s*")


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    at: int


@lru_cache(maxsize=256)
def parsed(formula: str) -> Node:
    """Return a formula's tree. Raises SyntaxFault."""
    if len(formula) > MAX_LENGTH:
        raise SyntaxFault(f"a formula has at most {MAX_LENGTH} characters")
    return _Parser(formula).whole()


def names_in(node: Node) -> Iterator[Name]:
    """Yield every variable of a formula."""
    match node:
        case Name():
            yield node
        case Operation():
            yield from names_in(node.left)
            yield from names_in(node.right)
        case Prefixed():
            yield from names_in(node.value)
        case Call():
            for argument in node.arguments:
                yield from names_in(argument)


def calls_in(node: Node) -> Iterator[Call]:
    """Yield every call of a function in a formula."""
    match node:
        case Operation():
            yield from calls_in(node.left)
            yield from calls_in(node.right)
        case Prefixed():
            yield from calls_in(node.value)
        case Call():
            yield node
            for argument in node.arguments:
                yield from calls_in(argument)


def path_of(text: str) -> tuple[str | int, ...] | None:
    """Return the parts of a dotted path such as ``step.items[0].price``, None for what is none."""
    found = _PATH.fullmatch(text)
    if found is None:
        return None
    pieces = re.finditer(r"[^.\[\]]+(?=[.\[]|\Z)|\[(\d+)\]", found[1].strip())
    parts = tuple(int(piece[1]) if piece[1] else piece[0].strip() for piece in pieces)
    return parts if parts and "" not in parts else None


def _tokens(formula: str) -> list[_Token]:
    tokens, at = [], 0
    while at < len(formula):
        found = _TOKENS.match(formula, at)
        if found is None:
            raise SyntaxFault(f"unexpected character at position {at + 1}")
        if found.lastgroup != "space":
            tokens.append(_Token(str(found.lastgroup), found[0], at))
        at = found.end()
    return tokens


class _Parser:
    """By descent: OR, AND, NOT, comparisons, &, + -, * /, ^, signs and %, then single values."""

    _LEVELS = (
        frozenset({"="} | {"!=", "<", "<=", ">", ">="}),
        frozenset({"&"}),
        frozenset({"+", "-"}),
        frozenset({"*", "/"}),
        frozenset({"^"}),
    )

    def __init__(self, formula: str) -> None:
        self._tokens = _tokens(formula.removeprefix("=") if formula.startswith("=") else formula)
        self._next = 0
        self._depth = 0

    def whole(self) -> Node:
        if not self._tokens:
            raise SyntaxFault("the formula is empty")
        node = self._any_of()
        if self._next < len(self._tokens):
            self._unexpected()
        return node

    def _peek(self) -> _Token | None:
        return self._tokens[self._next] if self._next < len(self._tokens) else None

    def _take(self, *texts: str) -> str | None:
        """Take a sign, or a word in any case, if it comes next."""
        token = self._peek()
        if token is None or token.kind not in {"sign", "name"}:
            return None
        text = token.text.upper() if token.kind == "name" else _SPELLINGS.get(token.text, token.text)
        if text not in texts:
            return None
        self._next += 1
        return text

    def _need(self, sign: str) -> None:
        if self._take(sign) is None:
            self._unexpected(f"{sign!r} is missing")

    def _unexpected(self, what: str = "") -> NoReturn:
        token = self._peek()
        where = "at its end" if token is None else f"at position {token.at + 1}"
        raise SyntaxFault(f"{what or 'something else was expected'} {where}")

    def _any_of(self) -> Node:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise SyntaxFault(f"it is nested more than {MAX_DEPTH} levels deep")
        node = self._all_of()
        while self._take("OR"):
            node = Operation("OR", node, self._all_of())
        self._depth -= 1
        return node

    def _all_of(self) -> Node:
        node = self._denied()
        while self._take("AND"):
            node = Operation("AND", node, self._denied())
        return node

    def _denied(self) -> Node:
        denials = 0
        while (token := self._peek()) is not None and token.kind == "name" and token.text.upper() == "NOT":
            following = self._tokens[self._next + 1] if self._next + 1 < len(self._tokens) else None
            if following is not None and following.text == "(":
                break  # the function: NOT(a) = b denies a only
            self._next += 1
            denials += 1
        node = self._level(0)
        return Prefixed("NOT", node) if denials % 2 else node

    def _level(self, level: int) -> Node:
        if level == len(self._LEVELS):
            return self._signed()
        node = self._level(level + 1)
        while (sign := self._take(*self._LEVELS[level])) is not None:
            node = Operation(sign, node, self._level(level + 1))
        return node

    def _signed(self) -> Node:
        negative = False
        while (sign := self._take("-", "+")) is not None:
            negative ^= sign == "-"
        node = self._single()
        while self._take("%"):
            node = Prefixed("%", node)
        return Prefixed("-", node) if negative else node

    def _single(self) -> Node:  # noqa: PLR0911 -- a table of tokens reads best as one
        token = self._peek()
        if token is None:
            self._unexpected("a value is missing")
        if self._take("("):
            node = self._any_of()
            self._need(")")
            return node
        self._next += 1
        match token.kind:
            case "number":
                return Literal(float(token.text))
            case "text":
                return Literal(re.sub(r'\\(.)|""', lambda found: found[1] or '"', token.text[1:-1]))
            case "path":
                return self._braced(token)
            case "quoted":
                return self._variable(token.text[1:-1].replace("''", "'"))
            case "name":
                if (following := self._peek()) is not None and following.text == "(":
                    return self._call(token.text.upper())
                if token.text.upper() in _WORDS:
                    return Literal(_WORDS[token.text.upper()])
                return self._variable(token.text)
        self._next -= 1
        return self._unexpected()

    @staticmethod
    def _braced(token: _Token) -> Node:
        path = path_of(token.text[2:-2])
        if path is None:
            raise SyntaxFault(f"{{{{...}}}} holds no variable at position {token.at + 1}")
        return Name(path)

    def _variable(self, first: str) -> Node:
        path: list[str | int] = [first]
        while True:
            if self._take("."):
                token = self._peek()
                if token is None or token.kind not in {"name", "quoted", "number"}:
                    self._unexpected("a field's name is missing")
                self._next += 1
                path.append(token.text[1:-1].replace("''", "'") if token.kind == "quoted" else token.text)
            elif self._take("["):
                token = self._peek()
                if token is None or token.kind != "number" or not token.text.isdigit():
                    self._unexpected("a position is missing")
                self._next += 1
                path.append(int(token.text))
                self._need("]")
            else:
                return Name(tuple(path))

    def _call(self, function: str) -> Node:
        self._need("(")
        arguments: list[Node] = []
        if not self._take(")"):
            arguments.append(self._any_of())
            while self._take(","):
                arguments.append(self._any_of())
            self._need(")")
        return Call(function, tuple(arguments))
