"""The routes of agents: /api/v1/external/agents and below, and /api/v1/chats/published-agents (spec messages 3.3).

What the spec leaves open is chosen here: create answers 201; a publish_state is `in_organization` once a version is
published, since every key of the workspace may then chat with it, and `private` before.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from urllib.parse import unquote

from batchwork.domain.agent import Agent, AgentVersion, ProviderChoice
from batchwork.domain.errors import RouteNotFound
from batchwork.domain.item import Json
from batchwork.domain.workspace import Caller
from batchwork.edge.endpoint import Act, Route, Routes
from batchwork.edge.http import Request, Response
from batchwork.edge.pagination import pagination, window
from batchwork.edge.shapes import shaped
from batchwork.families.messages.agent_schemas import AgentChanges, NewAgent, place_of
from batchwork.families.messages.presenters import answer, timestamp
from batchwork.use_cases.agents import Agents, ProviderRules
from batchwork.use_cases.once import Errand

READ, WRITE = "agents:read", "agents:write"
PUBLISH = ":publish"


@dataclass(frozen=True, slots=True)
class AgentRoutes:
    """Every route of agents. rules: what customers may choose of a provider."""

    agents: Agents
    rules: ProviderRules

    def routes(self) -> Routes:
        """Return the routes by (method, resource)."""
        top = "/api/v1/external/agents"
        return {
            ("POST", top): Route(self.create, WRITE),
            ("GET", top): Route(self.published, READ),
            ("GET", f"{top}/all"): Route(self.all, READ),
            ("GET", f"{top}/{{agent_id}}"): Route(self.one, READ),
            ("PATCH", f"{top}/{{agent_id}}"): Route(self.update, WRITE),
            ("GET", f"{top}/{{agent_id}}/versions"): Route(self.versions, READ),
            ("GET", f"{top}/{{agent_id}}/versions/{{version_id}}"): Route(self.version, READ),
            ("POST", f"{top}/{{agent_id}}/versions/{{version_id}}"): Route(self.publish, WRITE),
            ("GET", "/api/v1/chats/published-agents"): Route(self.for_chats, READ),
        }

    def create(self, request: Request, caller: Caller) -> Act:
        """Make an agent; its first version is a draft."""
        draft = shaped(NewAgent, request, place_of).draft()
        self.rules(caller.workspace.id, draft.provider)

        def act(errand: Errand) -> Response:
            made = self.agents.create(caller.workspace.id, draft, errand.ticket)
            return answer(managed(*made, texts=True), status=201)

        return act

    def update(self, request: Request, caller: Caller) -> Response:
        """Make a new draft version of an agent."""
        agent_id = request.uuid("agent_id", "Agent")
        changes = shaped(AgentChanges, request, place_of).changes()
        if "provider" in changes:
            self.rules(caller.workspace.id, changes["provider"])
        return answer(managed(*self.agents.update(caller.workspace.id, agent_id, changes), texts=True))

    def publish(self, request: Request, caller: Caller) -> Act:
        """Publish a version: ``…/versions/{version_id}:publish``, the colon possibly percent-encoded."""
        named = unquote(request.parameters.get("version_id", ""))
        if not named.endswith(PUBLISH):
            raise RouteNotFound(method=request.method, path=request.path[:200])
        agent_id, version_id = _version_ids(request, named.removesuffix(PUBLISH))

        def act(_errand: Errand) -> Response:
            agent = self.agents.publish(caller.workspace.id, agent_id, version_id)
            version = self.agents.version(caller.workspace.id, agent_id, version_id)
            return answer(managed(agent, version, texts=True))

        return act

    def one(self, request: Request, caller: Caller) -> Response:
        """Show an agent with its latest version, published or not."""
        found = self.agents.latest(caller.workspace.id, request.uuid("agent_id", "Agent"))
        return answer(managed(*found, texts=True))

    def published(self, request: Request, caller: Caller) -> Response:
        """List the agents with a published version, newest first, as published."""
        return self._listed(request, caller, self.agents.published, managed)

    def all(self, request: Request, caller: Caller) -> Response:
        """List every agent, newest first: as published, or its latest version where nothing is."""
        return self._listed(request, caller, self.agents.all, managed)

    def for_chats(self, request: Request, caller: Caller) -> Response:
        """List the published agents as the chat routes show them."""
        return self._listed(request, caller, self.agents.published, chatting)

    def versions(self, request: Request, caller: Caller) -> Response:
        """List the versions of an agent, newest first."""
        agent_id = request.uuid("agent_id", "Agent")
        part = window(request.query)
        agent, versions = self.agents.versions(caller.workspace.id, agent_id)
        page = versions[part.offset : part.offset + part.limit]
        entries = [version_object(agent, version, texts=False) for version in page]
        return answer(entries, pagination=pagination(request, part, len(versions)))

    def version(self, request: Request, caller: Caller) -> Response:
        """Show a version."""
        agent_id, version_id = _version_ids(request, unquote(request.parameters.get("version_id", "")))
        agent = self.agents.get(caller.workspace.id, agent_id)
        found = self.agents.version(caller.workspace.id, agent_id, version_id)
        return answer(version_object(agent, found, texts=True))

    def _listed(
        self,
        request: Request,
        caller: Caller,
        find: Callable[[str], list[Agent]],
        shown: Callable[[Agent, AgentVersion], Json],
    ) -> Response:
        part = window(request.query)
        agents = find(caller.workspace.id)
        page = self.agents.with_versions(caller.workspace.id, agents[part.offset : part.offset + part.limit])
        entries = [shown(agent, version) for agent, version in page]
        return answer(entries, pagination=pagination(request, part, len(agents)))


def chatting(agent: Agent, version: AgentVersion) -> Json:
    """Return an agent in the shape of /api/v1/chats/published-agents."""
    return {
        "id": agent.id,
        "name": version.name,
        "description": version.description,
        "workspace_id": agent.workspace_id,
        "publish_state": "private" if agent.published is None else "in_organization",
        "agent_type": "basic",
        "created_at": timestamp(agent.created_at),
        "updated_at": timestamp(agent.updated_at),
        "system_prompt": version.system_prompt,
        "unified_tools": list(version.unified_tools),
        "suggested_questions": list(version.suggested_questions),
        "use_search": version.use_search,
        "meta": {},
        "llm_model": version.llm_model,
        "latest_version_number": agent.latest,
        "published_version_number": agent.published,
    }


def managed(agent: Agent, version: AgentVersion, *, texts: bool = False) -> Json:
    """Return an agent as its management routes show it; texts: with the texts of its documents."""
    return {**chatting(agent, version), "version": version_object(agent, version, texts=texts)}


def version_object(agent: Agent, version: AgentVersion, *, texts: bool) -> Json:
    """Return a version; texts: with the texts of its documents."""
    return {
        "id": version.id,
        "agent_id": agent.id,
        "version_number": version.number,
        "status": str(version.status(agent)),
        "was_published": version.was_published,
        "created_at": timestamp(version.created_at),
        "name": version.name,
        "description": version.description,
        "system_prompt": version.system_prompt,
        "unified_tools": list(version.unified_tools),
        "primary_object_ids": list(version.primary_object_ids),
        "attachment_ids": list(version.attachment_ids),
        "use_search": version.use_search,
        "suggested_questions": list(version.suggested_questions),
        "llm_model": version.llm_model,
        "provider": _provider(version.provider),
        "documents": [
            {"title": document.title, "text": document.text} if texts else {"title": document.title}
            for document in version.documents
        ],
    }


def _provider(provider: ProviderChoice) -> Json:
    """Return a provider; the function of a lambda provider is the operator's and is not shown."""
    shown = {} if provider.type == "lambda" else provider.settings
    return {"type": provider.type, **shown}


def _version_ids(request: Request, version_id: str) -> tuple[str, str]:
    named = replace(request, parameters={**request.parameters, "version_id": version_id})
    return named.uuid("agent_id", "Agent"), named.uuid("version_id", "Agent version")
