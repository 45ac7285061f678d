"""A version's steps, ready to be gone through: in an order in which each comes after all that lead to it."""

from __future__ import annotations

from collections.abc import Sequence

from batchwork.domain.errors import EngineFailed
from batchwork.domain.item import Json
from batchwork.processors.workflow_runs.definition import ordered
from batchwork.processors.workflow_runs.registry import step_type
from batchwork.processors.workflow_runs.step import Node


def flowchart(steps: Sequence[Json]) -> tuple[Node, ...]:
    """Return the nodes of steps that were checked when they were stored. Raises EngineFailed for what no longer passes."""
    by_name = {step["name"]: step for step in steps}
    return tuple(_node(by_name[name]) for name in ordered(steps))


def _node(step: Json) -> Node:
    kind = step_type(step["type"])
    if kind is None:
        raise EngineFailed(reason=f"There are no steps of type {step['type']} any more")
    config: Json = step.get("config") or {}
    lacking = kind.configured and not config
    return Node(
        name=step["name"],
        type=step["type"],
        records=kind.records,
        work=None if lacking else kind.prepared(config),
        told=None if lacking else kind.told(config),
        next=tuple(
            (entry["step"], None if kind.route is None else entry.get(kind.route)) for entry in step.get("next") or ()
        ),
    )
