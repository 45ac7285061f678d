"""The routes of workflows: /workflows and below (spec workflow runs 4.6).

What the spec leaves open is chosen here: lists begin with what was changed last, those of versions with the newest; the older
dialects, which know only the making of a workflow, are answered in their own manner everywhere.
"""

from __future__ import annotations

from dataclasses import dataclass

from batchwork.domain.workspace import Caller
from batchwork.edge.endpoint import Act, Route, Routes
from batchwork.edge.http import Request, Response
from batchwork.families.workflow_runs.dialect import Dialect, answered, dialect_of
from batchwork.families.workflow_runs.lists import ListQuery, place_of
from batchwork.families.workflow_runs.workflow_presenters import (
    created_object,
    line_object,
    summary_object,
    version_object,
    workflow_object,
)
from batchwork.families.workflow_runs.workflow_schemas import changed_workflow, new_workflow, steps_of
from batchwork.use_cases.once import Errand
from batchwork.use_cases.workflows import Workflows

TOP = "/workflows"
READ, WRITE = "workflows:read", "workflows:write"
#: How answers before 2026-02-09 call one.
WORKFLOW, VERSION = "workflow", "workflowVersion"


@dataclass(frozen=True, slots=True)
class WorkflowRoutes:
    """Every route of workflows. What steps are is checked before anything is read or written."""

    workflows: Workflows

    def routes(self) -> Routes:
        """Return the routes by (method, template)."""
        one, versions = f"{TOP}/{{id}}", f"{TOP}/{{id}}/versions"
        return {
            ("POST", TOP): Route(self.create, WRITE),
            ("GET", TOP): Route(self.listed, READ),
            ("GET", one): Route(self.one, READ),
            ("POST", one): Route(self.update, WRITE),
            ("POST", versions): Route(self.deploy, WRITE),
            ("GET", versions): Route(self.versions, READ),
            ("GET", f"{versions}/{{version}}"): Route(self.version, READ),
        }

    def create(self, request: Request, caller: Caller) -> Act:
        """Make a workflow."""
        dialect, body = dialect_of(request), new_workflow(request)
        steps = steps_of(body)
        self.workflows.check(steps, deploying=False)

        def act(errand: Errand) -> Response:
            made = self.workflows.create(caller.workspace.id, body.name, steps, errand.ticket)
            shown = workflow_object(made, dialect) if dialect is Dialect.V2026 else created_object(made)
            return answered(WORKFLOW, shown, dialect)

        return act

    def listed(self, request: Request, caller: Caller) -> Response:
        """List workflows; the last page has no token."""
        query = ListQuery(request, caller.workspace.id, "workflows", "sortBy")
        by, after = query.one_of("sortBy", ("updatedAt", "createdAt")), query.place()
        query.end()
        found, last = self.workflows.page(
            caller.workspace.id,
            after,
            query.limit,
            by="createdAt" if by == "createdAt" else "updatedAt",
            ascending=query.ascending,
        )
        entries = (
            (
                summary_object(each, query.dialect),
                place_of(each.created_at if by == "createdAt" else each.updated_at, each.id),
            )
            for each in found
        )
        return query.listed("workflows", entries, None if last is None else place_of(*last))

    def one(self, request: Request, caller: Caller) -> Response:
        """Show a workflow with its draft."""
        dialect = dialect_of(request)
        found = self.workflows.get(caller.workspace.id, request.parameters["id"])
        return answered(WORKFLOW, workflow_object(found, dialect), dialect)

    def update(self, request: Request, caller: Caller) -> Act:
        """Change a workflow's name, its draft, or both."""
        dialect, body = dialect_of(request), changed_workflow(request)
        steps = steps_of(body)
        self.workflows.check(steps, deploying=False)

        def act(_errand: Errand) -> Response:
            changed = self.workflows.update(caller.workspace.id, request.parameters["id"], body.name, steps)
            return answered(WORKFLOW, workflow_object(changed, dialect), dialect)

        return act

    def deploy(self, request: Request, caller: Caller) -> Act:
        """Make the next version, of the draft or of the given steps."""
        dialect, body = dialect_of(request), changed_workflow(request)
        steps = steps_of(body)
        self.workflows.check(steps, deploying=True)

        def act(errand: Errand) -> Response:
            made = self.workflows.deploy(caller.workspace.id, request.parameters["id"], body.name, steps, errand.ticket)
            return answered(VERSION, version_object(made), dialect)

        return act

    def versions(self, request: Request, caller: Caller) -> Response:
        """List the versions of a workflow, the draft among them."""
        workflow_id = request.parameters["id"]
        query = ListQuery(request, caller.workspace.id, f"versions of {workflow_id}")
        last = query.last(int)
        query.end()
        found, following = self.workflows.versions_of(
            caller.workspace.id, workflow_id, last[0] if last else None, query.limit, ascending=query.ascending
        )
        entries = ((line_object(each), (each.number,)) for each in found)
        return query.listed("workflowVersions", entries, None if following is None else (following,))

    def version(self, request: Request, caller: Caller) -> Response:
        """Show a version with its steps."""
        dialect, named = dialect_of(request), request.parameters
        found = self.workflows.version(caller.workspace.id, named["id"], named["version"])
        return answered(VERSION, version_object(found), dialect)
