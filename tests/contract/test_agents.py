"""AgentStore: the twin and the table keep the same promises."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from fakes.agents import FakeAgents
from fakes.blobs import FakeBlobs

from batchwork.adapters import aws
from batchwork.adapters.dynamodb.agents import DynamoAgents
from batchwork.adapters.packing import Packer
from batchwork.domain.agent import Agent, AgentVersion, Document, ProviderChoice
from batchwork.domain.errors import Conflict, NotFound
from batchwork.ports.messages import AgentStore

NOW = datetime(2026, 1, 15, 10, 30, tzinfo=UTC)


@pytest.fixture
def blobs() -> FakeBlobs:
    return FakeBlobs()


@pytest.fixture(params=["fake", "dynamodb"])
def store(request: pytest.FixtureRequest, blobs: FakeBlobs) -> AgentStore:
    if request.param == "fake":
        return FakeAgents()
    return DynamoAgents(request.getfixturevalue("table"), Packer(lambda: blobs), aws.client("dynamodb"))


def an_agent(**changes: object) -> Agent:
    agent = Agent(id=str(uuid4()), workspace_id="acme", name="Support", created_at=NOW, updated_at=NOW)
    return replace(agent, **changes)  # type: ignore[arg-type] # a factory


def a_version(agent: Agent, **changes: object) -> AgentVersion:
    version = AgentVersion(
        id=str(uuid4()),
        agent_id=agent.id,
        workspace_id=agent.workspace_id,
        number=agent.latest,
        name=agent.name,
        provider=ProviderChoice(type="knowledge", settings={"passages": 3}),
        created_at=NOW,
    )
    return replace(version, **changes)  # type: ignore[arg-type] # a factory


def test_an_agent_and_its_version_come_back_as_they_were_put(store: AgentStore) -> None:
    agent = an_agent(description="Answers questions")
    version = a_version(
        agent,
        description="Answers questions",
        system_prompt="Be kind. \ud83d 🙂",
        suggested_questions=("When are you open?",),
        documents=(Document("FAQ", "We open at nine."),),
        attachment_ids=(str(uuid4()),),
        use_search=True,
        unified_tools=({"name": "search", "limit": 3, "weight": 0.5},),
        primary_object_ids=("object-1",),
        llm_model="gemini-2.5-flash",
        provider=ProviderChoice(type="openai", settings={"base_url": "https://models.example", "temperature": 0.2}),
    )
    store.put(agent, version)
    assert store.get("acme", agent.id) == agent
    assert store.version("acme", agent.id, 1) == version
    assert store.version_named("acme", agent.id, version.id) == version


def test_what_is_not_there_is_none(store: AgentStore) -> None:
    assert store.get("acme", str(uuid4())) is None
    assert store.version("acme", str(uuid4()), 1) is None
    assert store.version_named("acme", str(uuid4()), str(uuid4())) is None
    assert store.versions("acme", str(uuid4())) == []
    assert store.find("acme") == []
    assert store.get_many("acme", [str(uuid4())]) == {}
    assert store.version_many("acme", [(str(uuid4()), 1)]) == {}


def test_another_workspace_sees_nothing(store: AgentStore) -> None:
    agent = an_agent()
    version = a_version(agent)
    store.put(agent, version)
    assert store.get("other", agent.id) is None
    assert store.find("other") == []
    assert store.get_many("other", [agent.id]) == {}
    assert store.version("other", agent.id, 1) is None
    assert store.version_named("other", agent.id, version.id) is None
    assert store.versions("other", agent.id) == []


def test_an_update_adds_a_version_and_keeps_the_one_before(store: AgentStore) -> None:
    agent = an_agent(description="old")
    first = a_version(agent)
    store.put(agent, first)
    newer = replace(agent, latest=2, name="Support 2", description=None, updated_at=NOW + timedelta(hours=1))
    second = a_version(newer)
    store.put(newer, second)
    assert store.get("acme", agent.id) == newer
    assert store.versions("acme", agent.id) == [second, first]


def test_of_two_updates_that_make_the_same_number_the_second_conflicts(store: AgentStore) -> None:
    agent = an_agent()
    store.put(agent, a_version(agent))
    newer = replace(agent, latest=2, name="won")
    winner = a_version(newer)
    store.put(newer, winner)
    late = replace(agent, latest=2, name="lost")
    with pytest.raises(Conflict):
        store.put(late, a_version(late))
    assert store.get("acme", agent.id) == newer
    assert store.version("acme", agent.id, 2) == winner


def test_an_agent_is_not_made_twice(store: AgentStore) -> None:
    agent = an_agent()
    store.put(agent, a_version(agent))
    with pytest.raises(Conflict):
        store.put(agent, a_version(agent))


def test_a_version_of_an_agent_that_does_not_exist_conflicts(store: AgentStore) -> None:
    agent = an_agent(latest=2)
    with pytest.raises(Conflict):
        store.put(agent, a_version(agent))
    assert store.get("acme", agent.id) is None


def test_publishing_points_to_the_version_and_marks_it(store: AgentStore) -> None:
    agent = an_agent()
    version = a_version(agent)
    store.put(agent, version)
    later = NOW + timedelta(days=1)
    published = store.publish(agent, version, later)
    assert (published.published, published.updated_at) == (1, later)
    assert store.get("acme", agent.id) == published
    assert store.version("acme", agent.id, 1) == replace(version, was_published=True)


def test_an_update_does_not_undo_a_publish_that_happened_meanwhile(store: AgentStore) -> None:
    agent = an_agent()
    version = a_version(agent)
    store.put(agent, version)
    newer = replace(agent, latest=2)
    store.publish(agent, version, NOW)
    store.put(newer, a_version(newer))
    stored = store.get("acme", agent.id)
    assert stored is not None
    assert (stored.published, stored.latest) == (1, 2)


def test_publishing_what_is_not_there_makes_nothing(store: AgentStore) -> None:
    agent = an_agent()
    with pytest.raises(NotFound):
        store.publish(agent, a_version(agent), NOW)
    assert store.get("acme", agent.id) is None
    store.put(agent, a_version(agent))
    with pytest.raises(NotFound):
        store.publish(agent, a_version(agent, number=2), NOW)
    stored = store.get("acme", agent.id)
    assert stored is not None
    assert stored.published is None


def test_agents_are_listed_newest_first(store: AgentStore) -> None:
    agents = [an_agent(created_at=NOW + timedelta(minutes=minute)) for minute in (1, 3, 2)]
    for agent in agents:
        store.put(agent, a_version(agent))
    assert [agent.id for agent in store.find("acme")] == [agents[1].id, agents[2].id, agents[0].id]


def test_many_agents_and_their_versions_are_read_at_once(store: AgentStore) -> None:
    agents = [an_agent(id=str(UUID(int=number))) for number in range(105)]
    versions = {agent.id: a_version(agent) for agent in agents}
    for agent in agents:
        store.put(agent, versions[agent.id])
    ids = [agent.id for agent in agents]
    assert store.get_many("acme", [*ids, ids[0], str(uuid4())]) == {agent.id: agent for agent in agents}
    assert store.version_many("acme", [(each, 1) for each in [*ids, ids[0]]]) == versions
    assert store.version_many("acme", [(ids[0], 2)]) == {}


def test_documents_too_large_for_a_row_come_back_whole(store: AgentStore, blobs: FakeBlobs) -> None:
    agent = an_agent()
    version = a_version(agent, documents=(Document("noise", os.urandom(450_000).hex()),))
    store.put(agent, version)
    assert store.version("acme", agent.id, 1) == version
    if isinstance(store, DynamoAgents):
        assert list(blobs.kept) == [f"agents/acme/{agent.id}/1-{version.id}"]


def test_an_update_that_lost_leaves_the_winners_documents_alone(store: AgentStore) -> None:
    agent = an_agent()
    store.put(agent, a_version(agent))
    newer = replace(agent, latest=2)
    winner = a_version(newer, documents=(Document("won", os.urandom(450_000).hex()),))
    store.put(newer, winner)
    with pytest.raises(Conflict):
        store.put(newer, a_version(newer, documents=(Document("lost", os.urandom(450_000).hex()),)))
    assert store.version("acme", agent.id, 2) == winner
