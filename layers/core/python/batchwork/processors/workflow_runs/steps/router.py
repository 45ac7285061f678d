"""ROUTER: the first branch whose predicate holds; ``otherwise`` where none does.

config: ``{"branches": [{"id", "name"?, "formula"}]}``. `formula` is ours: the API's own predicates are JavaScript and prompts
(`block`), and no code of customers runs here. A formula without a value does not match, and says why.
"""

from __future__ import annotations

from collections.abc import Iterator

from batchwork.domain.errors import Problem
from batchwork.domain.item import Json
from batchwork.processors.workflow_runs.formulas.evaluation import Evaluation, check
from batchwork.processors.workflow_runs.formulas.syntax import SyntaxFault
from batchwork.processors.workflow_runs.formulas.values import FormulaError
from batchwork.processors.workflow_runs.step import Done, Outline, StepType, Task, Work, wrong
from batchwork.processors.workflow_runs.steps.rule_validation import formula_problems

MAX_BRANCHES = 50
OTHERWISE = "otherwise"


class Router(StepType):
    """Chooses a branch."""

    route = "branchId"

    def problems(self, config: Json, place: str, outline: Outline) -> Iterator[Problem]:
        """Yield what is wrong with the branches."""
        branches = config.get("branches")
        if not isinstance(branches, list) or not 1 <= len(branches) <= MAX_BRANCHES:
            yield wrong(f"{place}.branches", f"must be an array of 1 to {MAX_BRANCHES} branches")
            return
        seen: set[str] = set()
        for at, branch in enumerate(branches):
            here = f"{place}.branches[{at}]"
            if not isinstance(branch, dict):
                yield wrong(here, "must be an object")
                continue
            own = branch.get("id")
            if not isinstance(own, str) or not own.strip() or own == OTHERWISE or own in seen:
                yield wrong(f"{here}.id", f"must be a text that is not empty, unique, and not {OTHERWISE}")
            else:
                seen.add(own)
            if not isinstance(branch.get("name", ""), str):
                yield wrong(f"{here}.name", "must be a text")
            if "block" in branch:
                yield wrong(f"{here}.block", "is not supported: give the predicate as formula")
            yield from formula_problems(branch.get("formula"), f"{here}.formula", outline)

    def routes(self, config: Json) -> frozenset[str]:
        """Return the ids of the branches, and what is taken where none matches."""
        branches = config.get("branches")
        ids = [each.get("id") for each in branches if isinstance(each, dict)] if isinstance(branches, list) else []
        return frozenset(each for each in ids if isinstance(each, str)) | {OTHERWISE}

    def prepared(self, config: Json) -> Work:
        """Return what chooses."""
        branches: list[Json] = config["branches"]
        return lambda task: _route(branches, task)


def _route(branches: list[Json], task: Task) -> Done:
    told: list[Json] = []
    for branch in branches:
        own = {"id": branch["id"], "name": branch.get("name") or branch["id"]}
        try:
            matched = Evaluation(task.piece.scope, task.world.clock.now().date()).of(check(branch["formula"])) is True
            told.append({**own, "matched": matched})
        except (FormulaError, SyntaxFault) as exc:
            matched = False
            told.append({**own, "matched": False, "error": str(exc)})
        if matched:
            result: Json = {"matchedBranch": own, "branches": told}
            return Done(result=result, facts=own["id"], routes=frozenset({own["id"]}))
    return Done(result={"matchedBranch": None, "branches": told}, facts=OTHERWISE, routes=frozenset({OTHERWISE}))


STEP = Router()
