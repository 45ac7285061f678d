"""Formulas evaluated: a tree and what its variables stand for to a value."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from typing import Protocol

from batchwork.processors.workflow_runs.formulas.functions import ALIASES, FUNCTIONS, Function, short
from batchwork.processors.workflow_runs.formulas.syntax import (
    Call,
    Literal,
    Name,
    Node,
    Operation,
    Prefixed,
    SyntaxFault,
    calls_in,
    parsed,
)
from batchwork.processors.workflow_runs.formulas.values import (
    FormulaError,
    Value,
    calculated,
    equal,
    order,
    taken,
    text,
    truth,
)

#: Single values that one formula may handle, those of arrays one by one; some tenths of a second of Python.
MAX_WORK = 200_000
#: What a comparison of two texts by likeness counts for: its work grows with both lengths.
_LIKENESS_WORK = 2_000
_LAZY = {"IF": (2, 3), "IFERROR": (2, 2), "IFBLANK": (2, 2), "TODAY": (0, 0)}


class Variables(Protocol):
    """What the names in a formula stand for."""

    def value(self, path: Sequence[str | int]) -> Value:
        """Return a variable's value, None where there is none."""


def check(formula: str) -> Node:
    """Return a formula's tree, all of whose functions are known and get as many arguments as they take.

    Raises SyntaxFault.
    """
    node = parsed(formula)
    for call in calls_in(node):
        function = _function(call.function)
        least, most = _LAZY[call.function] if function is None else (function.least, function.most)
        if not least <= len(call.arguments) <= most:
            wanted = f"{least}" if least == most else f"{least} to {most}"
            raise SyntaxFault(f"{call.function} takes {wanted} arguments, not {len(call.arguments)}")
    return node


def _function(name: str) -> Function | None:
    found = FUNCTIONS.get(ALIASES.get(name, name))
    if found is None and name not in _LAZY:
        raise SyntaxFault(f"there is no function {name[:40]}")
    return found


class Evaluation:
    """One formula's evaluation. today: for TODAY().

    `of` raises FormulaError for what has no value, such as a division by zero, and when the work is too much.
    """

    def __init__(self, variables: Variables, today: date) -> None:
        self._variables = variables
        self._today = today
        self._left = MAX_WORK

    def of(self, node: Node) -> Value:
        """Return a tree's value."""
        match node:
            case Literal():
                return node.value
            case Name():
                return taken(self._variables.value(node.path))
            case Prefixed():
                return self._prefixed(node)
            case Operation():
                return self._operation(node)
        return self._call(node)

    def _prefixed(self, node: Prefixed) -> Value:
        value = self.of(node.value)
        match node.sign:
            case "-":
                return self._each(lambda each: calculated("*", each, -1.0), [value])
            case "%":
                return self._each(lambda each: calculated("/", each, 100.0), [value])
        return self._each(lambda each: _opposite(truth(each, "NOT")), [value])

    def _operation(self, node: Operation) -> Value:
        left = self.of(node.left)
        if node.sign in {"AND", "OR"} and not isinstance(left, list):
            # What decides alone leaves the other side unevaluated: ISPRESENT(a) AND a.b > 0
            decided = node.sign == "OR"
            if truth(left, node.sign) is decided:
                return decided
        return self._each(_PAIRS[node.sign], [left, self.of(node.right)])

    def _call(self, node: Call) -> Value:  # noqa: PLR0911 -- a table of functions reads best as one
        match node.function:
            case "TODAY":
                return self._today
            case "IF":
                return self._if(node)
            case "IFERROR":
                try:
                    return self.of(node.arguments[0])
                except FormulaError:
                    return self.of(node.arguments[1])
            case "IFBLANK":
                value = self.of(node.arguments[0])
                return self.of(node.arguments[1]) if value is None or value == "" else value
        function = _function(node.function)
        if function is None:
            raise FormulaError(f"there is no function {node.function[:40]}")
        arguments = [self.of(argument) for argument in node.arguments]
        if not function.whole:
            return self._each(function.call, arguments)
        work = sum(_size(argument) for argument in arguments)
        self._spend(work * (_LIKENESS_WORK if node.function == "FUZZYMATCH" else 1))
        return _applied(function.call, arguments)

    def _if(self, node: Call) -> Value:
        condition = self.of(node.arguments[0])
        if isinstance(condition, list):
            branches = [self.of(branch) for branch in node.arguments[1:]] + [None]
            return self._each(
                lambda each, one, other: one if truth(each, "IF") else other, [condition, branches[0], branches[1]]
            )
        if truth(condition, "IF"):
            return self.of(node.arguments[1])
        return self.of(node.arguments[2]) if len(node.arguments) > 2 else None

    def _each(self, call: Callable[..., Value], arguments: list[Value]) -> Value:
        """Call with single values: those of arrays one after the other, others each time."""
        lengths = {len(argument) for argument in arguments if isinstance(argument, list)}
        if not lengths:
            self._spend(1)
            return _applied(call, arguments)
        if len(lengths) > 1:
            raise FormulaError("the arrays have different lengths")
        (length,) = lengths
        self._spend(length)
        return [
            self._each(call, [argument[at] if isinstance(argument, list) else argument for argument in arguments])
            for at in range(length)
        ]

    def _spend(self, work: int) -> None:
        self._left -= work
        if self._left < 0:
            raise FormulaError("the formula takes too much work")


def _applied(call: Callable[..., Value], arguments: list[Value]) -> Value:
    try:
        return call(*arguments)
    except ArithmeticError as exc:  # numbers of any size come from documents
        raise FormulaError("the number is too large") from exc


def _size(value: Value) -> int:
    return sum(_size(entry) for entry in value) if isinstance(value, list) else 1


def _opposite(value: bool | None) -> bool | None:
    return None if value is None else not value


def _both(left: Value, right: Value) -> bool | None:
    pair = truth(left, "AND"), truth(right, "AND")
    return False if False in pair else None if None in pair else True


def _either(left: Value, right: Value) -> bool | None:
    pair = truth(left, "OR"), truth(right, "OR")
    return True if True in pair else None if None in pair else False


def _ordered(wanted: frozenset[int], sign: str) -> Callable[[Value, Value], bool | None]:
    def compare(left: Value, right: Value) -> bool | None:
        found = order(left, right, sign)
        return None if found is None else found in wanted

    return compare


def _arithmetic(sign: str) -> Callable[[Value, Value], Value]:
    return lambda left, right: calculated(sign, left, right)


_PAIRS: dict[str, Callable[[Value, Value], Value]] = {
    "AND": _both,
    "OR": _either,
    "=": equal,
    "!=": lambda left, right: not equal(left, right),
    "<": _ordered(frozenset({-1}), "<"),
    "<=": _ordered(frozenset({-1, 0}), "<="),
    ">": _ordered(frozenset({1}), ">"),
    ">=": _ordered(frozenset({0, 1}), ">="),
    "&": lambda left, right: short(text(left) + text(right)),
    **{sign: _arithmetic(sign) for sign in "+-*/^"},
}
