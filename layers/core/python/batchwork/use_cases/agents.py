"""Make, change, publish and read agents."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields, replace
from uuid import NAMESPACE_URL, uuid5

from batchwork.domain.agent import Agent, AgentVersion, Document, ProviderChoice, is_own_secret
from batchwork.domain.errors import Conflict, InvalidRequest, NotFound, OperatorOnly, Problem
from batchwork.domain.idempotency import Ticket
from batchwork.domain.item import Json
from batchwork.ports import Clock
from batchwork.ports.messages import AgentStore, FileStore


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """What a version of an agent is made of."""

    name: str
    provider: ProviderChoice = field(default_factory=lambda: ProviderChoice(type="knowledge"))
    description: str | None = None
    system_prompt: str = ""
    suggested_questions: tuple[str, ...] = ()
    documents: tuple[Document, ...] = ()
    attachment_ids: tuple[str, ...] = ()
    use_search: bool = False
    unified_tools: tuple[Json, ...] = ()
    primary_object_ids: tuple[str, ...] = ()
    llm_model: str | None = None

    @classmethod
    def of(cls, version: AgentVersion) -> Draft:
        """Return what a version is made of."""
        return cls(**{each.name: getattr(version, each.name) for each in fields(cls)})


@dataclass(frozen=True, slots=True)
class Agents:
    """The life of an agent: each change makes a new draft version, publishing chooses the one that answers.

    new_id: returns a new UUID as text. files: where attachments are looked up; without it every attachment is refused.
    """

    agents: AgentStore
    clock: Clock
    new_id: Callable[[], str]
    files: FileStore | None = None

    def create(self, workspace_id: str, draft: Draft, ticket: Ticket | None = None) -> tuple[Agent, AgentVersion]:
        """Make an agent with its first version, a draft. Raises InvalidRequest for attachments that do not exist.

        ticket: gives the agent its id and its time; the agent that an earlier try made is returned as it is by now,
        with its latest version.
        """
        ticket = ticket or Ticket(self.new_id(), self.clock.now())
        self._check_attachments(workspace_id, draft.attachment_ids)
        agent = Agent(
            id=ticket.id,
            workspace_id=workspace_id,
            name=draft.name,
            description=draft.description,
            created_at=ticket.at,
            updated_at=ticket.at,
        )
        first_id = str(uuid5(NAMESPACE_URL, f"batchwork:{workspace_id}:{agent.id}:version:1"))
        try:
            return agent, self._store(agent, draft, first_id)
        except Conflict:
            # An earlier try made it, and died before it could answer.
            if self.agents.get(workspace_id, agent.id) is None:
                raise
            return self.latest(workspace_id, agent.id)

    def update(self, workspace_id: str, agent_id: str, changes: Json) -> tuple[Agent, AgentVersion]:
        """Make a new draft version: the latest one, with the given fields of Draft replaced whole.

        A provider is never merged with the one before it: settings that only its operator may choose would otherwise
        end up beside an address that the customer chose.
        Raises NotFound, InvalidRequest for attachments that do not exist, Conflict when another update was faster.
        """
        agent = self.get(workspace_id, agent_id)
        latest = self._version(agent, agent.latest)
        draft = replace(Draft.of(latest), **changes)
        kept = set(latest.attachment_ids)
        self._check_attachments(workspace_id, draft.attachment_ids, kept)
        newer = replace(
            agent,
            name=draft.name,
            description=draft.description,
            latest=agent.latest + 1,
            updated_at=self.clock.now(),
        )
        return newer, self._store(newer, draft, self.new_id())

    def publish(self, workspace_id: str, agent_id: str, version_id: str) -> Agent:
        """Make a version the one that answers; the one before it becomes archived. Raises NotFound."""
        agent = self.get(workspace_id, agent_id)
        version = self.version(workspace_id, agent_id, version_id)
        return self.agents.publish(agent, version, self.clock.now())

    def get(self, workspace_id: str, agent_id: str) -> Agent:
        """Return an agent. Raises NotFound."""
        agent = self.agents.get(workspace_id, agent_id)
        if agent is None:
            raise NotFound(what="Agent")
        return agent

    def latest(self, workspace_id: str, agent_id: str) -> tuple[Agent, AgentVersion]:
        """Return an agent with its latest version. Raises NotFound."""
        agent = self.get(workspace_id, agent_id)
        return agent, self._version(agent, agent.latest)

    def version(self, workspace_id: str, agent_id: str, version_id: str) -> AgentVersion:
        """Return a version by its id. Raises NotFound."""
        version = self.agents.version_named(workspace_id, agent_id, version_id)
        if version is None:
            raise NotFound(what="Agent version")
        return version

    def versions(self, workspace_id: str, agent_id: str) -> tuple[Agent, list[AgentVersion]]:
        """Return an agent and its versions, newest first. Raises NotFound."""
        return self.get(workspace_id, agent_id), self.agents.versions(workspace_id, agent_id)

    def published(self, workspace_id: str) -> list[Agent]:
        """Return the agents that have a published version, newest first."""
        return [agent for agent in self.agents.find(workspace_id) if agent.published is not None]

    def all(self, workspace_id: str) -> list[Agent]:
        """Return every agent, newest first."""
        return self.agents.find(workspace_id)

    def with_versions(self, workspace_id: str, agents: Sequence[Agent]) -> list[tuple[Agent, AgentVersion]]:
        """Return agents with the version a reader sees: the published one, the latest where none is published."""
        found = self.agents.version_many(
            workspace_id, [(agent.id, agent.published or agent.latest) for agent in agents]
        )
        return [(agent, found[agent.id]) for agent in agents]

    def _store(self, agent: Agent, draft: Draft, version_id: str) -> AgentVersion:
        version = AgentVersion(
            id=version_id,
            agent_id=agent.id,
            workspace_id=agent.workspace_id,
            number=agent.latest,
            created_at=agent.updated_at,
            **{each.name: getattr(draft, each.name) for each in fields(Draft)},
        )
        self.agents.put(agent, version)
        return version

    def _version(self, agent: Agent, number: int) -> AgentVersion:
        version = self.agents.version(agent.workspace_id, agent.id, number)
        if version is None:
            raise NotFound(what="Agent version")
        return version

    def _check_attachments(self, workspace_id: str, ids: Sequence[str], known: set[str] | None = None) -> None:
        problems = [
            Problem(f"attachment_ids.{place}", "File not found", "file_not_found", structural=False)
            for place, file_id in enumerate(ids)
            if file_id not in (known or ()) and (self.files is None or self.files.get(workspace_id, file_id) is None)
        ]
        if problems:
            raise InvalidRequest(problems)


@dataclass(frozen=True, slots=True)
class ProviderRules:
    """What a customer, as opposed to the operator, may choose of a provider.

    check_url: returns what is wrong with an outgoing address, or None.
    """

    check_url: Callable[[str], str | None]

    def __call__(self, workspace_id: str, provider: ProviderChoice) -> None:
        """Raise OperatorOnly for a provider that acts with the deployment's own rights, InvalidRequest for settings.

        A key may only come from a secret that the operator filed for the workspace.
        """
        if provider.type == "lambda":
            raise OperatorOnly(what="A provider of type lambda")
        problems = []
        key_ref = provider.settings.get("key_ref")
        if key_ref is not None and not is_own_secret(workspace_id, key_ref):
            problems.append(
                Problem(
                    "provider.key_ref",
                    f"Must name a secret of this workspace: secretsmanager:batchwork/{workspace_id}/NAME"
                    f" or ssm:/batchwork/{workspace_id}/NAME",
                    "foreign_secret",
                    structural=False,
                )
            )
        address = provider.settings.get("base_url")
        refusal = self.check_url(address) if address is not None else None
        if refusal is None and address is not None and ("?" in address or "#" in address):
            refusal = "must have neither query nor fragment: /chat/completions is appended to it"
        if refusal is not None:
            problems.append(Problem("provider.base_url", refusal, "url_refused", structural=False))
        if problems:
            raise InvalidRequest(problems)
