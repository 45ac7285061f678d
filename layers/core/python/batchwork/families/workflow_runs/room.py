"""Runs whose answer would be larger than one may be: what their steps found is cut until it fits (ours).

The largest step runs are cut first, each to the least that fits its client's type, with ``"truncated": true`` and a message
beside it; the run has both too. Webhooks tell runs whole. So a run can be read, reviewed and changed however much it holds.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from batchwork.domain.run import RunStatus
from batchwork.edge.endpoint import ANSWER_LIMIT, serialized
from batchwork.edge.http import Response
from batchwork.families.workflow_runs.dialect import Dialect
from batchwork.families.workflow_runs.presenters import run_object
from batchwork.families.workflow_runs.step_presenters import CHECKS, OUTPUTS, output_object, step_object

if TYPE_CHECKING:
    from batchwork.domain.item import Json
    from batchwork.domain.run import Run, StepRun

#: Bytes of a run in an answer, as the Lambda runtime serializes them: what stands around it has room beyond.
ROOM = ANSWER_LIMIT - 10_000
#: What is kept of the reason why a step failed, in characters.
_MAX_MESSAGE = 200
_MARK: Json = {
    "truncated": True,
    "message": "The answer has no room for this result; the webhooks of the run's events tell it whole.",
}
_OF_THE_RUN: Json = {
    "truncated": True,
    "message": "The answer has no room for all that the run's steps found; the webhooks of the run's events tell it whole.",
}


def fitting_run(run: Run, dialect: Dialect, room: int = ROOM) -> Json:
    """Return a run as `run_object` does, within a number of bytes: no more is written at once than one step run beyond it.

    Where even step runs that are cut have no room, the last ones are left out.
    """
    steps = list(run.steps)
    sizes = {number: _size(run, step, dialect) for number, step in enumerate(steps) if _is_shown(step, dialect)}
    over = _bytes(run_object(replace(run, steps=()), dialect)) + sum(sizes.values()) - room
    if over <= 0:
        return run_object(run, dialect)
    for number in sorted(sizes, key=sizes.__getitem__, reverse=True):
        if over <= 0:
            break
        cut = _cut(steps[number])
        size = _size(run, cut, dialect)
        if size < sizes[number]:
            over -= sizes[number] - size
            steps[number], sizes[number] = cut, size
    while over > 0 and steps:
        steps.pop()
        over -= sizes.get(len(steps), 0)
    return {**run_object(replace(run, steps=tuple(steps)), dialect), **_OF_THE_RUN}


def _is_shown(step: StepRun, dialect: Dialect) -> bool:
    return dialect is Dialect.V2026 or step.type in OUTPUTS or step.type in CHECKS


def _size(run: Run, step: StepRun, dialect: Dialect) -> int:
    old_output = dialect is not Dialect.V2026 and step.type in OUTPUTS
    return _bytes((output_object if old_output else step_object)(run, step, dialect))


def _bytes(shown: Json) -> int:
    """Return the bytes of an object in an answer, with a comma."""
    return serialized(Response(200, shown).text) + 1


def _cut(step: StepRun) -> StepRun:
    """Return a step run with the least that its client's type requires of its result, and without its configuration."""
    if step.result is None:
        return replace(step, config=None)
    if step.status == RunStatus.FAILED:
        message = str(step.result.get("failureMessage") or "")
        return replace(step, config=None, result={**step.result, "failureMessage": message[:_MAX_MESSAGE]})
    return replace(step, config=None, result=_cut_result(step.type, step.result))


def _cut_result(kind: str, result: Json) -> Json:
    cut: Json = dict(_MARK)
    match kind:
        case "PARSE":
            cut = {**result, "chunks": [], "cut": True}
        case "CLASSIFY":
            cut = {"output": {**result["output"], "insights": [], **_MARK}}
        case "EXTRACT":
            cut = {"output": {"value": {}, "metadata": {}, **_MARK}}
        case "SPLIT":
            cut = {"output": {"splits": [], **_MARK}}
        case "RULE_VALIDATION":
            cut = {**result, "rules": [], **_MARK}
        case "ROUTER":
            cut = {**result, "branches": [], **_MARK}
        case "EXTERNAL_DATA_VALIDATION":
            answered = result["response"]
            cut = {**result, "response": None if answered is None else {**answered, "data": _MARK}}
    return cut
