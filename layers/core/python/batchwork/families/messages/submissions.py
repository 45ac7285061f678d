"""The route that submits a batch: POST /api/v1/batches (seed 002).

Apart from batches.py because only this function pays for pydantic.
"""

from __future__ import annotations

from dataclasses import dataclass

from batchwork.domain.batch import Batch, BatchRef
from batchwork.domain.chat import SLICE_SIZE
from batchwork.domain.errors import AgentNotPublished
from batchwork.domain.workspace import Caller
from batchwork.edge.endpoint import Act, Route, Routes
from batchwork.edge.http import Request, json_body
from batchwork.families.messages import FAMILY, WRITE
from batchwork.families.messages.presenters import answer, batch_object
from batchwork.families.messages.schemas import CheckUrl, Submission, submission
from batchwork.ports.identity import Sequences
from batchwork.ports.messages import AgentStore
from batchwork.use_cases.meter import charge_of
from batchwork.use_cases.once import Errand
from batchwork.use_cases.submit import Submit


@dataclass(frozen=True, slots=True)
class BatchSubmitter:
    """The route that submits a batch."""

    submit: Submit
    agents: AgentStore
    sequences: Sequences
    check_url: CheckUrl

    def routes(self) -> Routes:
        """Return the route by (method, resource)."""
        return {("POST", "/api/v1/batches"): Route(self.accept, WRITE)}

    def accept(self, request: Request, caller: Caller) -> Act:
        """Accept a batch whose agents are all published."""
        wanted = submission(json_body(request), self.check_url)
        return lambda errand: answer(batch_object(self._submitted(wanted, caller, errand)), status=202)

    def _submitted(self, wanted: Submission, caller: Caller, errand: Errand) -> Batch:
        """Return the batch as accepted, charged one unit a request.

        Every request gets two integers of the workspace, for the chat it may begin and for its turn, before it is
        worked: trying it again then writes the same rows.
        """
        workspace_id, ticket = caller.workspace.id, errand.ticket
        before = self.submit.resume(BatchRef(workspace_id, ticket.id)) if ticket.again else None
        if before is not None:
            return before
        versions = self._published(workspace_id, wanted)
        for body in wanted.bodies:
            if "agent_id" in body:
                body["version"] = versions[body["agent_id"]]
        first_id = self.sequences.reserve(workspace_id, 2 * len(wanted.bodies))
        return self.submit(
            charge=charge_of(caller, ticket, FAMILY, len(wanted.bodies)),
            bodies=wanted.bodies,
            slice_size=SLICE_SIZE,
            webhook=wanted.webhook,
            attributes={"agent_id": wanted.agent_id, "version": versions[wanted.agent_id], "first_id": first_id},
        )

    def _published(self, workspace_id: str, wanted: Submission) -> dict[str, int]:
        """Return the published version of each agent, so that the batch is worked with what it was accepted with."""
        asked = wanted.agent_ids()
        found = self.agents.get_many(workspace_id, asked)
        versions = {agent.id: agent.published for agent in found.values() if agent.published is not None}
        missing = asked - versions.keys()
        if missing:
            raise AgentNotPublished(wanted.places_of(missing))
        return versions
