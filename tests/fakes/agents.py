from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from batchwork.domain.agent import Agent, AgentVersion
from batchwork.domain.errors import Conflict, NotFound


class FakeAgents:
    """AgentStore in memory."""

    def __init__(self) -> None:
        self._agents: dict[tuple[str, str], Agent] = {}
        self._versions: dict[tuple[str, str, int], AgentVersion] = {}

    def put(self, agent: Agent, version: AgentVersion) -> None:
        at = (agent.workspace_id, agent.id)
        known = self._agents.get(at)
        before = known.latest if known else 0
        if before != version.number - 1 or (*at, version.number) in self._versions:
            raise Conflict(what="The agent")
        self._versions[*at, version.number] = version
        self._agents[at] = replace(agent, published=known.published) if known else agent

    def publish(self, agent: Agent, version: AgentVersion, now: datetime) -> Agent:
        at = (agent.workspace_id, agent.id)
        if at not in self._agents or (*at, version.number) not in self._versions:
            raise NotFound(what="Agent version")
        self._versions[*at, version.number] = replace(self._versions[*at, version.number], was_published=True)
        self._agents[at] = replace(self._agents[at], published=version.number, updated_at=now)
        return self._agents[at]

    def get(self, workspace_id: str, agent_id: str) -> Agent | None:
        return self._agents.get((workspace_id, agent_id))

    def get_many(self, workspace_id: str, agent_ids: Iterable[str]) -> dict[str, Agent]:
        found = ((agent_id, self.get(workspace_id, agent_id)) for agent_id in agent_ids)
        return {agent_id: agent for agent_id, agent in found if agent is not None}

    def find(self, workspace_id: str) -> list[Agent]:
        own = [agent for (owner, _), agent in self._agents.items() if owner == workspace_id]
        return sorted(own, key=lambda agent: (agent.created_at, agent.id), reverse=True)

    def version(self, workspace_id: str, agent_id: str, number: int) -> AgentVersion | None:
        return self._versions.get((workspace_id, agent_id, number))

    def versions(self, workspace_id: str, agent_id: str) -> list[AgentVersion]:
        own = [version for at, version in self._versions.items() if at[:2] == (workspace_id, agent_id)]
        return sorted(own, key=lambda version: version.number, reverse=True)

    def version_named(self, workspace_id: str, agent_id: str, version_id: str) -> AgentVersion | None:
        own = self.versions(workspace_id, agent_id)
        return next((version for version in own if version.id == version_id), None)

    def version_many(self, workspace_id: str, wanted: Iterable[tuple[str, int]]) -> dict[str, AgentVersion]:
        found = (self.version(workspace_id, agent_id, number) for agent_id, number in wanted)
        return {version.agent_id: version for version in found if version is not None}
