"""What is wrong with a workflow's steps, told before anything runs through them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from types import NoneType
from typing import Any

from batchwork.domain.errors import Problem
from batchwork.domain.item import Json
from batchwork.processors.workflow_runs.registry import step_type, step_types
from batchwork.processors.workflow_runs.step import Outline, StepType, wrong
from batchwork.processors.workflow_runs.texts import deeper_than

MAX_STEPS, MAX_BYTES, MAX_DEPTH, MAX_NAME, MAX_NEXT = 50, 100_000, 50, 100, 50
#: Patterns of all steps together: each takes some milliseconds to be checked.
MAX_PATTERNS = 500
#: Where they stand.
_PATTERNS = ("patterns", "x-pattern")
#: Names that formulas use for something else.
_TAKEN = frozenset({"metadata", "secrets", "true", "false", "null", "and", "or", "not"})
#: A reviewer ends the run, so that nothing else can come after a review.
_AFTER_REVIEW = frozenset({"HUMAN_REVIEW", "COLLECT", "WEBHOOK_RESPONSE"})


def problems(steps: Any, *, deploying: bool = False) -> list[Problem]:
    """Return all that is wrong with steps as a client wrote them, at places such as ``steps[2].config.rules[0].formula``.

    deploying: also what a draft may still lack: a configuration, a step after the trigger, a way to each step.
    """
    if not isinstance(steps, list):
        return [wrong("steps", "must be an array of steps")]
    if not steps:
        return [wrong("steps", "must have a TRIGGER step and a PARSE step")]
    if len(steps) > MAX_STEPS:
        return [wrong("steps", f"must have at most {MAX_STEPS} steps, not {len(steps)}")]
    if deeper_than(steps, MAX_DEPTH):
        return [wrong("steps", f"must be nested at most {MAX_DEPTH} levels deep")]
    size = len(json.dumps(steps, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass"))
    if size > MAX_BYTES:
        return [wrong("steps", f"must have at most {MAX_BYTES} bytes as JSON, not {size}")]
    found = list(_of_shapes(steps))
    patterns = _patterns_in(steps)
    if patterns > MAX_PATTERNS:
        found.append(wrong("steps", f"must have at most {MAX_PATTERNS} patterns, not {patterns}"))
    if not found:
        found += _of_names(steps)
        found += _of_configs(steps, deploying=deploying)
        found += _of_next(steps, deploying=deploying)
        found += _of_order(steps, deploying=deploying)
    return found


def _patterns_in(value: Any) -> int:
    if isinstance(value, list):
        return sum(map(_patterns_in, value))
    if not isinstance(value, dict):
        return 0
    own = (value.get(name) for name in _PATTERNS)
    count = sum(len(each) if isinstance(each, list) else isinstance(each, str) for each in own)
    return count + sum(map(_patterns_in, value.values()))


def _of_shapes(steps: list[Any]) -> Iterator[Problem]:
    for at, step in enumerate(steps):
        place = f"steps[{at}]"
        if not isinstance(step, dict):
            yield wrong(place, "must be an object")
            continue
        name = step.get("name")
        if not isinstance(name, str) or not name.strip():
            yield wrong(f"{place}.name", "must be a text that is not empty")
        elif len(name) > MAX_NAME or any(char in name for char in ".[]{}'\"\n\r"):
            yield wrong(f"{place}.name", f"must have at most {MAX_NAME} characters, and no dots, brackets or quotes")
        if not isinstance(step.get("type"), str) or step_type(step["type"]) is None:
            yield wrong(f"{place}.type", f"must be one of {', '.join(step_types())}")
        if not isinstance(step.get("config"), (dict, NoneType)):
            yield wrong(f"{place}.config", "must be an object")
        entries = step.get("next")
        if entries is not None and not (isinstance(entries, list) and len(entries) <= MAX_NEXT):
            yield wrong(f"{place}.next", f"must be an array of at most {MAX_NEXT} entries")
            continue
        for number, entry in enumerate(entries or ()):
            if not isinstance(entry, dict) or not isinstance(entry.get("step"), str):
                yield wrong(f"{place}.next[{number}].step", "must be the name of a step")


def _of_names(steps: list[Json]) -> Iterator[Problem]:
    seen: dict[str, int] = {}
    for at, step in enumerate(steps):
        name = step["name"]
        if name.casefold() in _TAKEN:
            yield wrong(f"steps[{at}].name", f"must not be {name}, which formulas use for something else")
        if name in seen:
            yield wrong(f"steps[{at}].name", f"must be unique; steps[{seen[name]}] has the same name")
        seen.setdefault(name, at)


def _of_configs(steps: list[Json], *, deploying: bool) -> Iterator[Problem]:
    outline = Outline(frozenset(step["name"] for step in steps))
    for at, step in enumerate(steps):
        place = f"steps[{at}].config"
        kind = _kind(step)
        if step.get("config"):
            yield from kind.problems(step["config"], place, outline)
        elif kind.configured and deploying:
            yield wrong(place, f"is required before a workflow with a {step['type']} step is deployed")


def _of_next(steps: list[Json], *, deploying: bool) -> Iterator[Problem]:
    by_name = {step["name"]: step for step in steps}
    for at, step in enumerate(steps):
        place = f"steps[{at}].next"
        entries = step.get("next") or []
        for number, entry in enumerate(entries):
            target = by_name.get(entry["step"])
            if target is None:
                yield wrong(f"{place}[{number}].step", f"names {entry['step'][:MAX_NAME]!r}, and there is no such step")
                continue
            yield from _of_route(step, entry, f"{place}[{number}]")
            if target["type"] == "TRIGGER":
                yield wrong(f"{place}[{number}].step", "must not lead to the TRIGGER step")
            if (target["type"] == "PARSE") != (step["type"] == "TRIGGER"):
                yield wrong(f"{place}[{number}].step", "must be the PARSE step after the TRIGGER step, and only there")
            if step["type"] == "HUMAN_REVIEW" and target["type"] not in _AFTER_REVIEW:
                may = ", ".join(sorted(_AFTER_REVIEW))
                yield wrong(f"{place}[{number}].step", f"may lead to {may} only: a reviewer's decision ends the run")
        if step["type"] == "WEBHOOK_RESPONSE" and entries:
            yield wrong(place, "must be absent: WEBHOOK_RESPONSE ends its branch")
        if step["type"] == "TRIGGER" and (len(entries) > 1 or (deploying and not entries)):
            yield wrong(place, "must lead to exactly one step, which is the PARSE step")


def _of_route(step: Json, entry: Json, place: str) -> Iterator[Problem]:
    kind = _kind(step)
    if kind.route is None:
        return
    value = entry.get(kind.route)
    if not isinstance(value, str):
        yield wrong(f"{place}.{kind.route}", f"is required after a {step['type']} step")
        return
    allowed = kind.routes(step["config"]) if step.get("config") else None
    if allowed is not None and value not in allowed:
        told = ", ".join(sorted(allowed)) or "nothing, as its configuration names none"
        yield wrong(f"{place}.{kind.route}", f"must be one of {told}"[:500])


def _of_order(steps: list[Json], *, deploying: bool) -> Iterator[Problem]:
    for wanted in ("TRIGGER", "PARSE"):
        count = sum(step["type"] == wanted for step in steps)
        if count != 1:
            yield wrong("steps", f"must have exactly one {wanted} step, not {count}")
            return
    order = ordered(steps)
    if len(order) < len(steps):
        circle = [step["name"] for step in steps if step["name"] not in order]
        yield wrong("steps", f"must not lead back to a step: {', '.join(circle)}"[:500])
    elif deploying:
        reached = _reached(steps)
        for at, step in enumerate(steps):
            if step["name"] not in reached:
                yield wrong(f"steps[{at}].name", f"names {step['name']!r}, which no step leads to")


def ordered(steps: Sequence[Json]) -> list[str]:
    """Return the names of steps so that each comes after all that lead to it; those in a circle are left out."""
    names = [step["name"] for step in steps]
    leads = {step["name"]: [entry["step"] for entry in step.get("next") or ()] for step in steps}
    waiting = {name: sum(name in set(targets) for targets in leads.values()) for name in names}
    free = [name for name in names if not waiting[name]]
    order: list[str] = []
    while free:
        name = free.pop(0)
        order.append(name)
        for target in dict.fromkeys(leads[name]):
            if target in waiting:
                waiting[target] -= 1
                if not waiting[target]:
                    free.append(target)
    return order


def _reached(steps: list[Json]) -> set[str]:
    leads = {step["name"]: [entry["step"] for entry in step.get("next") or ()] for step in steps}
    reached: set[str] = set()
    open_ones = [step["name"] for step in steps if step["type"] == "TRIGGER"]
    while open_ones:
        name = open_ones.pop()
        if name not in reached:
            reached.add(name)
            open_ones += leads.get(name, [])
    return reached


def _kind(step: Json) -> StepType:
    kind = step_type(step["type"])
    if kind is None:  # shapes are checked before
        raise LookupError(step["type"])
    return kind
