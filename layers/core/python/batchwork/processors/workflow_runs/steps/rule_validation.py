"""RULE_VALIDATION: formulas over what steps found; one that is not TRUE has a person look at the run.

config: ``{"rules": [{"name", "formula", "description"?}]}``. Routes: ``pass`` when all rules are valid, else ``fail``. A rule
whose value is an array is valid when every value in it is TRUE. See the package `formulas`.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from batchwork.domain.errors import Problem
from batchwork.domain.item import Json
from batchwork.processors.workflow_runs.formulas.evaluation import Evaluation, check
from batchwork.processors.workflow_runs.formulas.syntax import SyntaxFault, names_in
from batchwork.processors.workflow_runs.formulas.values import FormulaError, flat
from batchwork.processors.workflow_runs.scope import Scope
from batchwork.processors.workflow_runs.step import Done, Outline, StepType, Task, Work, wrong

MAX_RULES = 100


class RuleValidation(StepType):
    """Checks rules."""

    route = "result"

    def problems(self, config: Json, place: str, outline: Outline) -> Iterator[Problem]:
        """Yield what is wrong with the rules."""
        rules = config.get("rules")
        if not isinstance(rules, list) or not 1 <= len(rules) <= MAX_RULES:
            yield wrong(f"{place}.rules", f"must be an array of 1 to {MAX_RULES} rules")
            return
        for at, rule in enumerate(rules):
            here = f"{place}.rules[{at}]"
            if not isinstance(rule, dict):
                yield wrong(here, "must be an object")
                continue
            if not isinstance(rule.get("name"), str) or not rule["name"].strip():
                yield wrong(f"{here}.name", "must be a text that is not empty")
            yield from formula_problems(rule.get("formula"), f"{here}.formula", outline)

    def routes(self, config: Json) -> frozenset[str]:
        """Return what can come out."""
        del config
        return frozenset({"pass", "fail"})

    def prepared(self, config: Json) -> Work:
        """Return what checks."""
        rules = [(rule["name"], rule["formula"]) for rule in config["rules"]]
        return lambda task: _validate(rules, task)


def formula_problems(formula: object, place: str, outline: Outline) -> Iterator[Problem]:
    """Yield what is wrong with a formula: its syntax, its functions, and names of steps that there are not."""
    if not isinstance(formula, str):
        yield wrong(place, "must be a text")
        return
    try:
        node = check(formula)
    except SyntaxFault as exc:
        yield wrong(place, f"cannot be read: {exc}")
        return
    for name in names_in(node):
        first = str(name.path[0])
        if first != "metadata" and first not in outline.names:
            yield wrong(place, f"names {first[:100]!r}, which is neither a step of this workflow nor metadata")


def _validate(rules: list[tuple[str, str]], task: Task) -> Done:
    today = task.world.clock.now().date()
    told: list[Json] = []
    for name, formula in rules:
        task.left()
        told.append(_told(name, formula, task.piece.scope, today))
    passed = all(rule["valid"] for rule in told)
    result: Json = {"rules": told, "allPassed": passed}
    return Done(
        result=result,
        facts={"allPassed": passed},
        routes=frozenset({"pass" if passed else "fail"}),
        review=not passed,
    )


def _told(name: str, formula: str, scope: Scope, today: date) -> Json:
    try:
        value = Evaluation(scope, today).of(check(formula))
    except SyntaxFault as exc:
        return {"name": name, "valid": False, "failureReason": "PARSE_ERROR", "error": str(exc)}
    except FormulaError as exc:
        return {"name": name, "valid": False, "failureReason": "VALUE_ERROR", "error": str(exc)}
    told: Json = {"name": name}
    if isinstance(value, list):
        each = [one is True for one in flat(value)]
        told |= {"valid": all(each), "validArray": each}
    elif value is None or isinstance(value, bool):
        told["valid"] = value is True
    else:
        error = "the formula has no TRUE or FALSE as its value"
        return told | {"valid": False, "failureReason": "VALUE_ERROR", "error": error}
    return told if told["valid"] else told | {"failureReason": "RULE_FAILED"}


STEP = RuleValidation()
