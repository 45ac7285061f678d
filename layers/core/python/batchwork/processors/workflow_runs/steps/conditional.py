"""CONDITIONAL: the first condition that holds.

config::

    {"conditions": [{"id": "big", "type": "IF", "leftOperand": "{{extraction1.output.value.total}}",
                     "operation": "GTE", "rightOperand": "1000"},
                    {"id": "rest", "type": "ELSE"}]}

IF first, ELSE_IF after it, ELSE last. An operand may hold ``{{step.path}}``; one that is nothing else keeps its type, so that
numbers are compared as numbers. NO_OP always holds.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

from batchwork.domain.errors import Problem
from batchwork.domain.item import Json
from batchwork.processors.workflow_runs.formulas.syntax import path_of
from batchwork.processors.workflow_runs.formulas.values import FormulaError, equal, flat, is_blank, order, taken, text
from batchwork.processors.workflow_runs.scope import Scope
from batchwork.processors.workflow_runs.step import Done, Outline, StepType, Task, Work, wrong

MAX_CONDITIONS, MAX_OPERAND = 50, 2_000
_VARIABLE = re.compile(r"\{\{([^{}]{1,500})\}\}")


def _contains(left: Any, right: Any) -> bool:
    if isinstance(left, list):
        return any(equal(entry, right) for entry in flat(left))
    return left is not None and right is not None and text(right).casefold() in text(left).casefold()


_OPERATIONS: dict[str, Callable[[Any, Any], bool]] = {
    "EQUALS": lambda left, right: equal(left, right) or (not isinstance(left, list) and _same_words(left, right)),
    "GTE": lambda left, right: order(left, right, "GTE") in {0, 1},
    "LTE": lambda left, right: order(left, right, "LTE") in {0, -1},
    "IS_NULL": lambda left, _: is_blank(left),
    "CONTAINS": _contains,
    "NO_OP": lambda _left, _right: True,
}


class Conditional(StepType):
    """Chooses a condition."""

    route = "conditionId"
    records = False

    def problems(self, config: Json, place: str, outline: Outline) -> Iterator[Problem]:
        """Yield what is wrong with the conditions."""
        conditions = config.get("conditions")
        if not isinstance(conditions, list) or not 1 <= len(conditions) <= MAX_CONDITIONS:
            yield wrong(f"{place}.conditions", f"must be an array of 1 to {MAX_CONDITIONS} conditions")
            return
        seen: set[str] = set()
        for at, condition in enumerate(conditions):
            here = f"{place}.conditions[{at}]"
            if not isinstance(condition, dict):
                yield wrong(here, "must be an object")
                continue
            own = condition.get("id")
            if not isinstance(own, str) or not own.strip() or own in seen:
                yield wrong(f"{here}.id", "must be a text that is not empty, and unique")
            else:
                seen.add(own)
            wanted = ("IF",) if at == 0 else ("ELSE_IF", "ELSE") if at == len(conditions) - 1 else ("ELSE_IF",)
            if condition.get("type") not in wanted:
                yield wrong(f"{here}.type", f"must be {' or '.join(wanted)} at this place")
            if condition.get("type") != "ELSE":
                yield from _comparison_problems(condition, here, outline)

    def routes(self, config: Json) -> frozenset[str]:
        """Return the ids of the conditions."""
        conditions = config.get("conditions")
        ids = [each.get("id") for each in conditions if isinstance(each, dict)] if isinstance(conditions, list) else []
        return frozenset(each for each in ids if isinstance(each, str))

    def prepared(self, config: Json) -> Work:
        """Return what chooses."""
        conditions: list[Json] = config["conditions"]
        return lambda task: _choose(conditions, task)


def _comparison_problems(condition: Json, place: str, outline: Outline) -> Iterator[Problem]:
    operation = condition.get("operation")
    if not isinstance(operation, str) or operation not in _OPERATIONS:
        yield wrong(f"{place}.operation", f"must be one of {', '.join(_OPERATIONS)}")
        return
    for name in ("leftOperand", "rightOperand"):
        operand = condition.get(name)
        if operand is None and (operation == "NO_OP" or (operation == "IS_NULL" and name == "rightOperand")):
            continue
        if not isinstance(operand, str) or len(operand) > MAX_OPERAND:
            yield wrong(f"{place}.{name}", f"must be a text of at most {MAX_OPERAND} characters")
            continue
        for variable in _VARIABLE.findall(operand):
            path = path_of(variable)
            if path is None or (path[0] != "metadata" and path[0] not in outline.names):
                yield wrong(f"{place}.{name}", f"names {variable[:100]!r}, which is no part of a step or metadata")


def _choose(conditions: list[Json], task: Task) -> Done:
    for condition in conditions:
        if condition["type"] == "ELSE" or _holds(condition, task.piece.scope):
            return Done(facts=condition["id"], routes=frozenset({condition["id"]}))
    return Done(routes=frozenset())


def _holds(condition: Json, scope: Scope) -> bool:
    left, right = (_operand(condition.get(name), scope) for name in ("leftOperand", "rightOperand"))
    try:
        return _OPERATIONS[condition["operation"]](left, right)
    except FormulaError:
        return False  # what cannot be compared does not hold


def _operand(written: str | None, scope: Scope) -> Any:
    if written is None:
        return None
    whole = _VARIABLE.fullmatch(written.strip())
    if whole is not None:
        return _variable(whole[1], scope)
    return _VARIABLE.sub(lambda found: text(_variable(found[1], scope)), written)


def _variable(written: str, scope: Scope) -> Any:
    path = path_of(written)
    return taken(scope.operand(path)) if path is not None else None


def _same_words(left: Any, right: Any) -> bool:
    return left is not None and right is not None and text(left).strip().casefold() == text(right).strip().casefold()


STEP = Conditional()
