"""Workflows: what is done to a file, step after step; a draft, and versions that never change once deployed (spec 4.6)."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime

from batchwork.domain.item import Json
from batchwork.domain.resource import Resource

FAMILY = "workflow_runs"
PREFIX, VERSION_PREFIX = "workflow_", "workflow_version_"
#: What keys need; webhook endpoints of this family need those of the operations family's webhooks.
SCOPES = tuple(f"{what}:{may}" for what in ("workflow_runs", "workflows", "files") for may in ("read", "write"))
#: How a request names the draft.
DRAFT = "draft"
#: What a workflow consists of that was made without steps (spec 4.6).
DEFAULT_STEPS: tuple[Json, ...] = (
    {"name": "trigger", "type": "TRIGGER", "next": [{"step": "parse"}]},
    {"name": "parse", "type": "PARSE"},
)
_CORE = re.compile(rf"{PREFIX}([a-z0-9]{{23}})")


@dataclass(frozen=True, slots=True, kw_only=True)
class Workflow(Resource):
    """A workflow. steps: its draft, as clients wrote it. deployed: number of the latest version, 0 while there is none.

    deployed_at: when that was; draft_at: when the draft was changed.
    """

    name: str
    steps: tuple[Json, ...] = DEFAULT_STEPS
    deployed: int = 0
    deployed_at: datetime | None = None
    draft_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkflowVersion(Resource):
    """Steps that never change: a deployed version, or the draft as it was when runs were asked for.

    version: its number as text, or ``draft``. ticket: id of the piece of work that deployed it, by which its next try finds
    it.
    """

    workflow_id: str
    version: str
    steps: tuple[Json, ...]
    name: str | None = None
    ticket: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """Which version of which workflow runs go through, with what answers tell of the two.

    version_id: under which the steps are read; it names a snapshot of the draft for runs of the draft.
    """

    workflow_id: str
    workflow_name: str
    workflow_created_at: datetime
    workflow_updated_at: datetime
    version: str
    version_id: str
    version_created_at: datetime
    version_name: str | None = field(default=None)


def workflow_core(workflow_id: str) -> str | None:
    """Return the part of a workflow's id that its versions' ids repeat, None for what is no workflow's id."""
    found = _CORE.fullmatch(workflow_id)
    return found[1] if found else None


def version_id(workflow_id: str, version: str) -> str:
    """Return the id of a version: of a number, of ``draft``, or of a snapshot of the draft, ``draft`` and a digest."""
    return f"{VERSION_PREFIX}{workflow_core(workflow_id)}_{version}"
