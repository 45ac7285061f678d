"""Make workflows, change their drafts, deploy versions, and tell which version runs go through (spec workflow runs 4.6).

What the spec leaves open is chosen here: steps that are deployed directly leave the draft as it is, as the published client
1.20.0 documents; the draft is listed among the versions, newest of all; a run of the draft goes through it as it was when
the run was asked for.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, Literal

from batchwork.domain.errors import InvalidRequest, NotFound, Problem
from batchwork.domain.idempotency import Ticket
from batchwork.domain.ids import ordered_id
from batchwork.domain.item import Json
from batchwork.domain.resource import to_millis
from batchwork.domain.workflow import (
    DEFAULT_STEPS,
    DRAFT,
    PREFIX,
    Flow,
    Workflow,
    WorkflowVersion,
    version_id,
    workflow_core,
)
from batchwork.ports import Clock
from batchwork.ports.operations import Shelf
from batchwork.use_cases.revise import found, revised

if TYPE_CHECKING:
    from batchwork.use_cases.walk import Last

CREATED, DEPLOYED = "workflow.created", "workflow.deployed"
#: How a reader, but no run, names the latest deployed version, or the draft while there is none (client 1.20.0).
LATEST = "latest"
#: Rows that one read asks for.
READ = 100
#: Hexadecimal digits of the digest that names a snapshot of a draft: no two drafts of a workflow share one.
DIGEST = 20
#: What clocks of two functions may differ by, with room.
SKEW = timedelta(minutes=5)
_WORKFLOW, _VERSION = "Workflow", "Workflow version"
_NUMBER = re.compile(r"[1-9][0-9]{0,8}", re.ASCII)

Order = Literal["updatedAt", "createdAt"]
Steps = tuple[Json, ...]


@dataclass(frozen=True, slots=True)
class Deployed:
    """One line of a list of versions: what there is to be told of it without its steps."""

    id: str
    version: str
    name: str | None
    created_at: datetime

    @property
    def number(self) -> int:
        """Return its number, 0 for the draft."""
        return 0 if self.version == DRAFT else int(self.version)


@dataclass(frozen=True, slots=True)
class Workflows:
    """The life of a workflow.

    problems: what is wrong with steps, by their place in a request; its second argument says whether they are to be deployed,
    and so have to be configured.
    """

    workflows: Shelf[Workflow]
    versions: Shelf[WorkflowVersion]
    clock: Clock
    problems: Callable[[Sequence[Json], bool], list[Problem]] = lambda _steps, _deploying: []

    def check(self, steps: Sequence[Json] | None, *, deploying: bool) -> None:
        """Raise InvalidRequest for steps that are none; None stands for those that there are."""
        if steps is not None and (wrong := self.problems(list(steps), deploying)):
            raise InvalidRequest(wrong)

    def create(self, workspace_id: str, name: str, steps: Steps | None, ticket: Ticket) -> Workflow:
        """Make a workflow; each try of one piece of work returns the same one."""
        at = to_millis(ticket.at)
        workflow = Workflow(
            id=ordered_id(PREFIX, ticket),
            workspace_id=workspace_id,
            created_at=at,
            updated_at=at,
            name=name,
            steps=DEFAULT_STEPS if steps is None else steps,
            draft_at=at,
        )
        if self.workflows.add(workflow, CREATED):
            return workflow
        return self.get(workspace_id, workflow.id)

    def get(self, workspace_id: str, workflow_id: str) -> Workflow:
        """Return a workflow. Raises NotFound, also for what is no workflow's id."""
        if workflow_core(workflow_id) is None:
            raise NotFound(what=_WORKFLOW)
        return found(self.workflows, workspace_id, workflow_id, _WORKFLOW)

    def update(self, workspace_id: str, workflow_id: str, name: str | None, steps: Steps | None) -> Workflow:
        """Change the name, the steps of the draft, or both; given steps replace all. Raises NotFound, Conflict."""

        def step(current: Workflow) -> tuple[Workflow, tuple[str, ...]] | None:
            redrawn = steps is not None and not _same(steps, current.steps)
            if not redrawn and name in {None, current.name}:
                return None
            at = self._now(current)
            newer = replace(current, revision=current.revision + 1, updated_at=at, name=name or current.name)
            return (replace(newer, steps=steps or (), draft_at=at) if redrawn else newer), ()

        return revised(self.workflows, self.get(workspace_id, workflow_id), step, _WORKFLOW)

    def page(
        self, workspace_id: str, after: Last | None, limit: int, *, by: Order = "updatedAt", ascending: bool = False
    ) -> tuple[list[Workflow], Last | None]:
        """Return (part of the workflows, whom it ended with, None at the end of the list). All are read for it: a workspace
        has few.
        """
        # Only lists walk: a function that asks for runs has no room for what it never does.
        from batchwork.use_cases.walk import all_of, changed, made, part_of

        place = changed if by == "updatedAt" else made
        return part_of(all_of(self.workflows, workspace_id), after, limit, ascending=ascending, place=place)

    def deploy(
        self, workspace_id: str, workflow_id: str, name: str | None, steps: Steps | None, ticket: Ticket
    ) -> WorkflowVersion:
        """Make the next version, of the draft or of given steps; each try of one piece of work returns the same one.

        Its row is added first, under the next number, and is never written again. So of two that deploy at once one gets the
        next number; the other finds it taken, sees to it that the workflow tells of that version, and takes the one after.
        Raises NotFound; InvalidRequest for a draft that cannot be deployed.
        """
        workflow = self.get(workspace_id, workflow_id)
        mine = self._made(workflow, ticket) if ticket.again else None
        while mine is None:
            taken = self._next(workflow, name, steps, ticket)
            if self.versions.add(taken):
                mine = taken
            else:
                standing = found(self.versions, workspace_id, taken.id, _VERSION)
                if standing.ticket == ticket.id:
                    mine = standing
                else:
                    workflow = self._told(workflow, standing)
        self._told(workflow, mine)
        return mine

    def version(self, workspace_id: str, workflow_id: str, name: str) -> WorkflowVersion:
        """Return a version by its number, its id, ``draft`` or ``latest``. Raises NotFound."""
        workflow = self.get(workspace_id, workflow_id)
        if name == LATEST:
            name = str(workflow.deployed) if workflow.deployed else DRAFT
        if name in {DRAFT, version_id(workflow.id, DRAFT)}:
            return draft_of(workflow)
        if _NUMBER.fullmatch(name):
            name = version_id(workflow.id, name)
        if not name.startswith(version_id(workflow.id, "")):
            raise NotFound(what=_VERSION)
        return found(self.versions, workspace_id, name, _VERSION)

    def versions_of(
        self, workspace_id: str, workflow_id: str, after: int | None, limit: int, *, ascending: bool = False
    ) -> tuple[list[Deployed], int | None]:
        """Return (part of the versions, number of the last of them, None at the end of the list). The draft is the newest and
        has the number 0. Raises NotFound.
        """
        workflow = self.get(workspace_id, workflow_id)
        numbers = [*range(1, workflow.deployed + 1), 0]
        if not ascending:
            numbers.reverse()
        if after is not None:
            numbers = [each for each in numbers if _follows(each, after, ascending=ascending)]
        shown = numbers[:limit]
        rows = self.versions.get_many(workspace_id, (version_id(workflow.id, str(each)) for each in shown if each))
        rows[version_id(workflow.id, DRAFT)] = draft_of(workflow)
        wanted = (rows[version_id(workflow.id, str(each) if each else DRAFT)] for each in shown)
        lines = [Deployed(each.id, each.version, each.name, each.created_at) for each in wanted]
        return lines, shown[-1] if len(numbers) > limit else None

    def flow_for(self, workspace_id: str, workflow_id: str, version: str | None, *, place: str = "version") -> Flow:
        """Return what runs of a version go through: None stands for the latest deployed one, and for the draft while there is
        none.

        place: where the request names the version. A run of the draft is to go through what the draft is now: a copy of it is
        kept under a digest of its steps. Raises NotFound; InvalidRequest for what is no version's name.
        """
        if version not in {None, DRAFT} and not _NUMBER.fullmatch(version or ""):
            message = 'Must be the number of a version, such as "1", or "draft"'
            raise InvalidRequest([Problem(place, message, "version")])
        workflow = self.get(workspace_id, workflow_id)
        wanted = version or (str(workflow.deployed) if workflow.deployed else DRAFT)
        row = self._pinned(workflow) if wanted == DRAFT else self._numbered(workflow, wanted)
        return Flow(
            workflow_id=workflow.id,
            workflow_name=workflow.name,
            workflow_created_at=workflow.created_at,
            workflow_updated_at=workflow.updated_at,
            version=row.version,
            version_id=row.id,
            version_created_at=row.created_at,
            version_name=row.name,
        )

    def _pinned(self, workflow: Workflow) -> WorkflowVersion:
        """Return the draft as it is now, kept under a digest of its steps: whoever keeps it first, all keep the same, and a
        change of the name alone keeps no other.
        """
        digest = sha256(json.dumps(workflow.steps).encode()).hexdigest()[:DIGEST]
        name = version_id(workflow.id, f"{DRAFT}{digest}")
        standing = self.versions.get(workflow.workspace_id, name)
        if standing is not None:
            return standing
        copy = replace(draft_of(workflow), id=name, revision=1)
        self.versions.add(copy)
        return copy

    def _numbered(self, workflow: Workflow, number: str) -> WorkflowVersion:
        if int(number) > workflow.deployed:
            raise NotFound(what=_VERSION)
        return found(self.versions, workflow.workspace_id, version_id(workflow.id, number), _VERSION)

    def _next(self, workflow: Workflow, name: str | None, steps: Steps | None, ticket: Ticket) -> WorkflowVersion:
        """Return the version that would be the next. Raises InvalidRequest for a draft that cannot be deployed."""
        if steps is None:
            self.check(workflow.steps, deploying=True)
        number = str(workflow.deployed + 1)
        return WorkflowVersion(
            id=version_id(workflow.id, number),
            workspace_id=workflow.workspace_id,
            created_at=to_millis(ticket.at),
            updated_at=to_millis(self.clock.now()),
            workflow_id=workflow.id,
            version=number,
            steps=workflow.steps if steps is None else steps,
            name=name,
            ticket=ticket.id,
        )

    def _told(self, workflow: Workflow, version: WorkflowVersion) -> Workflow:
        """Return a workflow that tells of a version; whoever lets it do so first writes the event, once a version."""

        def step(current: Workflow) -> tuple[Workflow, tuple[str, ...]] | None:
            if current.deployed >= int(version.version):
                return None
            newer = replace(
                current,
                revision=current.revision + 1,
                updated_at=self._now(current),
                deployed=int(version.version),
                deployed_at=version.created_at,
            )
            return newer, (DEPLOYED,)

        return revised(self.workflows, workflow, step, _WORKFLOW)

    def _made(self, workflow: Workflow, ticket: Ticket) -> WorkflowVersion | None:
        """Return the version that an earlier try made, None when there is none: newer ones may have followed it.

        The one after the latest is looked at too: it may be there, and the workflow not tell of it yet.
        """
        first = to_millis(ticket.at) - SKEW
        for last in range(workflow.deployed + 1, 0, -READ):
            numbers = range(last, max(0, last - READ), -1)
            names = [version_id(workflow.id, str(each)) for each in numbers]
            rows = self.versions.get_many(workflow.workspace_id, names)
            for row in rows.values():
                if row.ticket == ticket.id:
                    return row
            if any(row.updated_at < first for row in rows.values()):
                return None
        return None

    def _now(self, current: Workflow) -> datetime:
        """Return the time of a change: no earlier than that of the one before, whatever two functions' clocks say."""
        return max(current.updated_at, to_millis(self.clock.now()))


def draft_of(workflow: Workflow) -> WorkflowVersion:
    """Return the draft as a version."""
    at = workflow.draft_at or workflow.created_at
    return WorkflowVersion(
        id=version_id(workflow.id, DRAFT),
        workspace_id=workflow.workspace_id,
        created_at=at,
        updated_at=at,
        revision=workflow.revision,
        workflow_id=workflow.id,
        version=DRAFT,
        steps=workflow.steps,
    )


def _same(some: Steps, others: Steps) -> bool:
    """Whether steps are written alike: to Python, 1 is true as well."""
    return json.dumps(some) == json.dumps(others)


def _follows(number: int, after: int, *, ascending: bool) -> bool:
    """Whether a version comes after another in a list: 0 is the draft, newest of all."""
    newer = after != 0 and (number == 0 or number > after)
    older = number != 0 and (after == 0 or number < after)
    return newer if ascending else older
