"""The life of an agent (spec messages 3.3)."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from itertools import count
from uuid import uuid4

import pytest
from errands import Work
from fakes.agents import FakeAgents
from fakes.clock import FakeClock
from fakes.files import FakeFiles

from batchwork.domain.agent import ProviderChoice, VersionStatus
from batchwork.domain.chat import StoredFile
from batchwork.domain.errors import InvalidRequest, NotFound
from batchwork.use_cases.agents import Agents, Draft


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def files() -> FakeFiles:
    return FakeFiles()


@pytest.fixture
def agents(clock: FakeClock, files: FakeFiles) -> Agents:
    ids = count(1)
    return Agents(FakeAgents(), clock, lambda: f"00000000-0000-4000-8000-{next(ids):012d}", files)


def a_file(files: FakeFiles, clock: FakeClock, workspace_id: str = "acme") -> str:
    file = StoredFile(
        id=str(uuid4()),
        workspace_id=workspace_id,
        name="faq.txt",
        content_type="text/plain",
        scope="persistent",
        created_at=clock.now(),
    )
    files.put(file, b"text")
    return file.id


def test_a_new_agent_has_one_version_that_is_a_draft(agents: Agents) -> None:
    agent, version = agents.create("acme", Draft(name="Support", system_prompt="Be kind."))
    assert (agent.latest, agent.published) == (1, None)
    assert (version.number, version.status(agent)) == (1, VersionStatus.DRAFT)
    assert version.system_prompt == "Be kind."
    assert version.provider.type == "knowledge"
    assert agents.published("acme") == []
    assert agents.all("acme") == [agent]


def test_an_agent_made_under_a_ticket_has_its_id_and_its_time(agents: Agents) -> None:
    work = Work()
    agent, version = agents.create("acme", Draft(name="Support"), work.try_().ticket)
    assert (agent.id, agent.created_at, version.created_at) == (work.id, work.at, work.at)


def test_an_agent_made_again_is_the_one_that_was_made(agents: Agents) -> None:
    work = Work()
    made = agents.create("acme", Draft(name="Support"), work.try_().ticket)
    assert agents.create("acme", Draft(name="Support"), work.try_().ticket) == made
    assert agents.all("acme") == [made[0]]
    assert agents.versions("acme", made[0].id)[1] == [made[1]]


def test_an_agent_made_again_is_returned_as_it_is_by_now(agents: Agents) -> None:
    work = Work()
    agent, _ = agents.create("acme", Draft(name="Support"), work.try_().ticket)
    changed = agents.update("acme", agent.id, {"name": "Help"})
    assert agents.create("acme", Draft(name="Support"), work.try_().ticket) == changed


def test_the_same_ticket_in_another_workspace_makes_another_agent(agents: Agents) -> None:
    ticket = Work().try_().ticket
    _, one = agents.create("acme", Draft(name="Support"), ticket)
    _, two = agents.create("other", Draft(name="Support"), ticket)
    assert one.id != two.id
    assert len(agents.all("acme")) == len(agents.all("other")) == 1


def test_an_update_makes_a_draft_of_what_was_and_what_is_given(agents: Agents, clock: FakeClock) -> None:
    agent, first = agents.create("acme", Draft(name="Support", system_prompt="Be kind.", use_search=True))
    clock.pass_(timedelta(hours=1))
    newer, second = agents.update("acme", agent.id, {"system_prompt": "Be brief.", "name": "Help"})
    assert (second.number, second.name, second.system_prompt, second.use_search) == (2, "Help", "Be brief.", True)
    assert (newer.latest, newer.name, newer.updated_at) == (2, "Help", clock.now())
    assert agents.version("acme", agent.id, first.id) == first


def test_an_update_starts_from_the_latest_version_even_when_an_older_one_is_published(agents: Agents) -> None:
    agent, first = agents.create("acme", Draft(name="Support"))
    agents.publish("acme", agent.id, first.id)
    agents.update("acme", agent.id, {"system_prompt": "Be brief."})
    newer, third = agents.update("acme", agent.id, {"use_search": True})
    assert (third.number, third.system_prompt, third.use_search) == (3, "Be brief.", True)
    assert newer.published == 1


def test_a_given_provider_replaces_the_one_before_it_whole(agents: Agents) -> None:
    secret = {"base_url": "https://models.example", "model": "m", "key_ref": "secretsmanager:operator"}
    agent, _ = agents.create("acme", Draft(name="Support", provider=ProviderChoice(type="openai", settings=secret)))
    theirs = ProviderChoice(type="openai", settings={"base_url": "https://customer.example", "model": "m"})
    _, version = agents.update("acme", agent.id, {"provider": theirs})
    assert version.provider == theirs


def test_publishing_another_version_archives_the_one_before(agents: Agents) -> None:
    agent, first = agents.create("acme", Draft(name="Support"))
    _, second = agents.update("acme", agent.id, {"use_search": True})
    _, third = agents.update("acme", agent.id, {"use_search": False})
    agents.publish("acme", agent.id, first.id)
    published = agents.publish("acme", agent.id, second.id)
    stored, versions = agents.versions("acme", agent.id)
    assert published == stored
    assert [version.id for version in versions] == [third.id, second.id, first.id]
    assert [version.status(stored) for version in versions] == ["draft", "published", "archived"]
    assert agents.published("acme") == [stored]


def test_an_archived_version_can_be_published_again(agents: Agents) -> None:
    agent, first = agents.create("acme", Draft(name="Support"))
    _, second = agents.update("acme", agent.id, {"use_search": True})
    agents.publish("acme", agent.id, first.id)
    agents.publish("acme", agent.id, second.id)
    assert agents.publish("acme", agent.id, first.id).published == 1


def test_readers_of_lists_see_the_published_version_and_the_latest_where_nothing_is_published(agents: Agents) -> None:
    one, first = agents.create("acme", Draft(name="One"))
    agents.publish("acme", one.id, first.id)
    agents.update("acme", one.id, {"name": "One, soon"})
    two, _ = agents.create("acme", Draft(name="Two"))
    agents.update("acme", two.id, {"name": "Two, soon"})
    shown = {agent.id: version.name for agent, version in agents.with_versions("acme", agents.all("acme"))}
    assert shown == {one.id: "One", two.id: "Two, soon"}


def test_what_is_unknown_or_of_another_workspace_is_not_found(agents: Agents) -> None:
    agent, version = agents.create("acme", Draft(name="Support"))
    unknown = str(uuid4())
    for workspace_id, agent_id in (("other", agent.id), ("acme", unknown)):
        with pytest.raises(NotFound, match="Agent not found"):
            agents.get(workspace_id, agent_id)
        with pytest.raises(NotFound):
            agents.latest(workspace_id, agent_id)
        with pytest.raises(NotFound):
            agents.update(workspace_id, agent_id, {"name": "mine"})
        with pytest.raises(NotFound):
            agents.versions(workspace_id, agent_id)
        with pytest.raises(NotFound):
            agents.publish(workspace_id, agent_id, version.id)
        with pytest.raises(NotFound):
            agents.version(workspace_id, agent_id, version.id)
    with pytest.raises(NotFound, match="Agent version not found"):
        agents.publish("acme", agent.id, unknown)
    assert agents.get("acme", agent.id) == agent


def test_a_version_of_another_agent_is_not_published(agents: Agents) -> None:
    one, _ = agents.create("acme", Draft(name="One"))
    _, theirs = agents.create("acme", Draft(name="Two"))
    with pytest.raises(NotFound):
        agents.publish("acme", one.id, theirs.id)


def test_attachments_must_be_files_of_the_workspace(agents: Agents, files: FakeFiles, clock: FakeClock) -> None:
    own, foreign, unknown = a_file(files, clock), a_file(files, clock, "other"), str(uuid4())
    with pytest.raises(InvalidRequest) as refused:
        agents.create("acme", Draft(name="Support", attachment_ids=(own, foreign, unknown)))
    assert [problem.place for problem in refused.value.problems] == ["attachment_ids.1", "attachment_ids.2"]
    assert not any(problem.structural for problem in refused.value.problems)
    assert agents.all("acme") == []
    agent, version = agents.create("acme", Draft(name="Support", attachment_ids=(own,)))
    assert version.attachment_ids == (own,)
    with pytest.raises(InvalidRequest):
        agents.update("acme", agent.id, {"attachment_ids": (foreign,)})


def test_without_a_place_for_files_every_attachment_is_refused(agents: Agents) -> None:
    with pytest.raises(InvalidRequest):
        replace(agents, files=None).create("acme", Draft(name="Support", attachment_ids=(str(uuid4()),)))
