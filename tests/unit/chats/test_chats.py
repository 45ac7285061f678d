"""Chats and the messages that a client waits for (spec messages 3.4)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from itertools import count
from typing import Any

import pytest
from errands import Work, an_errand
from fakes.agents import FakeAgents
from fakes.chats import FakeChats
from fakes.clock import FakeClock
from fakes.files import FakeFiles
from fakes.providers import FakeProvider
from fakes.sequences import FakeSequences
from fakes.usage import FakeUsage

from batchwork.domain.agent import Agent
from batchwork.domain.chat import Chat, Turn
from batchwork.domain.errors import AgentNotPublished, InvalidRequest, NotFound, ProviderFailed, QuotaExceeded
from batchwork.domain.usage import Charge
from batchwork.processors.messages.conversation import Conversation
from batchwork.processors.messages.usage import usage_of
from batchwork.use_cases.agents import Agents, Draft
from batchwork.use_cases.chats import Chats, Converse, Opening, Question
from batchwork.use_cases.meter import Meter


@dataclass(frozen=True)
class Setting:
    agents: Agents
    chats: Chats
    converse: Converse
    provider: FakeProvider
    store: FakeChats
    usage: FakeUsage

    def an_agent(self, *, published: bool = True, workspace_id: str = "acme", **draft: str) -> Agent:
        agent, version = self.agents.create(workspace_id, Draft(name="Support", **draft))  # type: ignore[arg-type] # texts
        return self.agents.publish(workspace_id, agent.id, version.id) if published else agent

    def a_chat(self, agent: Agent | None = None, user: str | None = None) -> Chat:
        opening = Opening(name="Returns", agent_id=(agent or self.an_agent()).id, external_user_id=user)
        return self.chats.start("acme", opening, an_errand())

    def say(self, chat: Chat, message: str, work: Work | None = None, **question: Any) -> Turn:
        work = work or Work()
        return self.converse(work.charge(), chat.id, Question(message=message, **question), work.try_())

    @property
    def used(self) -> int:
        return self.usage.used("acme", "2026-01")


@pytest.fixture
def here() -> Setting:
    agents, chats, sequences, clock, provider = FakeAgents(), FakeChats(), FakeSequences(), FakeClock(), FakeProvider()
    ids, usage = count(1), FakeUsage()

    def extract(name: str, content_type: str, content: bytes) -> str:
        return content.decode()

    conversation = Conversation(chats=chats, files=FakeFiles(), providers=provider, extract=extract, clock=clock)
    return Setting(
        agents=Agents(agents, clock, lambda: f"00000000-0000-4000-8000-{next(ids):012d}"),
        chats=Chats(chats, agents, sequences),
        converse=Converse(
            chats=chats,
            agents=agents,
            sequences=sequences,
            clock=clock,
            ask=conversation.ask,
            usage_of=usage_of,
            timeout=timedelta(seconds=25),
            meter=Meter(usage),
        ),
        provider=provider,
        store=chats,
        usage=usage,
    )


def test_a_chat_starts_with_an_integer_id_of_its_own(here: Setting) -> None:
    agent = here.an_agent()
    one, two = here.a_chat(agent, "user_123"), here.a_chat(agent)
    assert one.id != two.id
    assert (one.agent_id, one.external_user_id) == (agent.id, "user_123")
    assert here.chats.get("acme", one.id) == one


def test_a_chat_needs_a_published_agent_of_the_workspace(here: Setting) -> None:
    for agent_id in (
        here.an_agent(published=False).id,
        here.an_agent(workspace_id="other").id,
        "00000000-0000-4000-8000-999999999999",
    ):
        with pytest.raises(AgentNotPublished) as refused:
            here.chats.start("acme", Opening(name="Returns", agent_id=agent_id), an_errand())
        assert refused.value.places == ["agent_id"]
    assert here.chats.find("acme", 0, 10).total == 0


def test_a_message_is_answered_and_kept_with_its_usage(here: Setting) -> None:
    chat = here.a_chat()
    turn = here.say(chat, "Hello there")
    assert (turn.chat_id, turn.message, turn.answer) == (chat.id, "Hello there", "You said: Hello there")
    assert turn.usage["total_calls"] == 1
    assert turn.usage["total_tokens"] == turn.usage["total_prompt_tokens"] + turn.usage["total_completion_tokens"]
    page = here.chats.turns("acme", chat.id, 0, 50)
    assert (page.entries, page.total) == ([turn], 1)


def test_the_provider_hears_what_was_said_before(here: Setting) -> None:
    chat = here.a_chat()
    for message in ("One", "Two", "Three"):
        here.say(chat, message)
    assert [prompt.history for prompt in here.provider.prompts] == [
        (),
        (("One", "You said: One"),),
        (("One", "You said: One"), ("Two", "You said: Two")),
    ]


def test_turns_are_read_oldest_first_and_in_parts(here: Setting) -> None:
    chat = here.a_chat()
    turns = [here.say(chat, str(number)) for number in range(4)]
    page = here.chats.turns("acme", chat.id, 1, 2)
    assert (page.entries, page.total) == (turns[1:3], 4)


def test_the_published_version_answers_and_not_a_later_draft(here: Setting) -> None:
    agent = here.an_agent(system_prompt="published")
    chat = here.a_chat(agent)
    _, draft = here.agents.update("acme", agent.id, {"system_prompt": "draft"})
    here.say(chat, "One")
    here.agents.publish("acme", agent.id, draft.id)
    here.say(chat, "Two")
    assert [prompt.version.system_prompt for prompt in here.provider.prompts] == ["published", "draft"]


def test_another_agent_may_answer_one_message(here: Setting) -> None:
    chat, other = here.a_chat(), here.an_agent(system_prompt="other")
    turn = here.say(chat, "One", agent_id=other.id)
    assert turn.agent_id == other.id
    assert here.say(chat, "Two").agent_id == chat.agent_id


def test_an_agent_that_is_not_published_answers_nothing(here: Setting) -> None:
    chat, draft = here.a_chat(), here.an_agent(published=False)
    foreign = here.an_agent(workspace_id="other")
    for agent in (draft, foreign):
        with pytest.raises(AgentNotPublished):
            here.say(chat, "One", agent_id=agent.id)
    assert here.provider.prompts == []


def test_the_user_is_the_messages_or_else_the_chats(here: Setting) -> None:
    chat = here.a_chat(user="user_123")
    here.say(chat, "One")
    here.say(chat, "Two", external_user_id="user_456")
    assert [prompt.user for prompt in here.provider.prompts] == ["user_123", "user_456"]


def test_every_message_has_its_own_token_and_the_time_that_the_gateway_leaves(here: Setting) -> None:
    chat = here.a_chat()
    here.say(chat, "One")
    here.say(chat, "One")
    assert len(set(here.provider.tokens)) == 2
    assert max(here.provider.timeouts) <= timedelta(seconds=25)


def test_a_message_without_an_answer_leaves_no_turn(here: Setting) -> None:
    chat = here.a_chat()
    here.provider.fail("The model is busy", retryable=True, retry_after=timedelta(seconds=3))
    with pytest.raises(ProviderFailed):
        here.say(chat, "One")
    assert here.chats.turns("acme", chat.id, 0, 10).total == 0


def test_unknown_files_are_named(here: Setting) -> None:
    chat = here.a_chat()
    with pytest.raises(InvalidRequest) as refused:
        here.say(chat, "One", file_ids=("00000000-0000-4000-8000-000000000000",))
    assert [problem.place for problem in refused.value.problems] == ["attached_file_uuids.0"]
    assert here.provider.prompts == []


def test_a_rename_changes_the_name_only(here: Setting) -> None:
    chat = here.a_chat()
    renamed = here.chats.rename("acme", chat.id, "Exchange")
    assert (renamed.id, renamed.name, renamed.agent_id) == (chat.id, "Exchange", chat.agent_id)
    assert here.chats.get("acme", chat.id) == renamed


def test_another_workspaces_chat_is_not_found(here: Setting) -> None:
    chat = here.a_chat()
    here.an_agent(workspace_id="other")
    with pytest.raises(NotFound):
        here.chats.get("other", chat.id)
    with pytest.raises(NotFound):
        here.chats.rename("other", chat.id, "mine")
    with pytest.raises(NotFound):
        here.chats.turns("other", chat.id, 0, 10)
    with pytest.raises(NotFound):
        here.converse(Work().charge(workspace_id="other"), chat.id, Question(message="One"), an_errand())
    assert here.chats.find("other", 0, 10).total == 0
    assert here.store.turns("acme", chat.id) == []


# ── Once: what a try that died left behind ──


def test_a_chat_started_again_is_the_one_that_was_started(here: Setting) -> None:
    agent, work = here.an_agent(), Work()
    opening = Opening(name="Returns", agent_id=agent.id)
    started = here.chats.start("acme", opening, work.try_())
    renamed = here.chats.rename("acme", started.id, "Exchange")
    assert here.chats.start("acme", opening, work.try_()) == renamed
    assert here.chats.find("acme", 0, 10).entries == [renamed]
    assert started.created_at == work.at


def test_a_message_sent_again_after_its_turn_was_stored_is_not_asked_again(here: Setting) -> None:
    chat, work = here.a_chat(), Work()
    turn = here.say(chat, "One", work)
    here.provider.fail("The model is busy", retryable=True)
    assert here.say(chat, "One", work) == turn
    assert len(here.provider.prompts) == 1
    assert here.chats.turns("acme", chat.id, 0, 10).entries == [turn]
    assert here.used == 1


def test_a_message_sent_again_before_its_turn_was_stored_is_asked_again_under_the_same_token(here: Setting) -> None:
    chat, work = here.a_chat(), Work()
    here.usage.reserve(work.charge())
    work.try_().fixed("turn_id", lambda: 4711)
    turn = here.say(chat, "One", work)
    assert turn.id == 4711
    assert here.provider.tokens == [work.id]
    assert here.chats.turns("acme", chat.id, 0, 10).entries == [turn]
    assert here.used == 1


# ── Metering: one unit a message ──


def test_a_message_is_one_unit_under_the_id_of_its_work(here: Setting) -> None:
    chat, work = here.a_chat(), Work()
    here.say(chat, "One", work)
    here.say(chat, "Two")
    charges = list(here.usage.charges("acme", "2026-01"))
    assert here.used == sum(charge.units for charge in charges) == 2
    assert work.id in {charge.id for charge in charges}


def test_a_message_without_an_answer_costs_nothing(here: Setting) -> None:
    chat = here.a_chat()
    here.provider.fail("No such model", retryable=False)
    with pytest.raises(ProviderFailed):
        here.say(chat, "One")
    with pytest.raises(InvalidRequest):
        here.say(chat, "Two", file_ids=("00000000-0000-4000-8000-000000000000",))
    with pytest.raises(AgentNotPublished):
        here.say(chat, "Three", agent_id="00000000-0000-4000-8000-999999999999")
    assert here.used == 0
    assert list(here.usage.charges("acme", "2026-01")) == []


def test_a_provider_that_fails_after_a_try_that_died_costs_nothing_either(here: Setting) -> None:
    chat, work = here.a_chat(), Work()
    here.usage.reserve(work.charge())
    work.try_()
    here.provider.fail("The model is busy", retryable=True)
    with pytest.raises(ProviderFailed):
        here.say(chat, "One", work)
    assert here.used == 0


def test_a_turn_that_was_stored_stays_charged_when_it_cannot_be_read_again(
    here: Setting, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Breaks when the turn of an earlier try is looked for within the charge: the error would give its unit back."""
    chat, work = here.a_chat(), Work()
    here.say(chat, "One", work)
    with monkeypatch.context() as down:
        down.setattr(here.store, "turn", _down)
        with pytest.raises(ConnectionError):
            here.say(chat, "One", work)
    assert here.used == 1


def test_a_turn_that_was_stored_and_given_back_is_charged_when_it_is_answered(here: Setting) -> None:
    """Its store's answer was lost, so that its unit was given back; the next try finds it."""
    chat, work = here.a_chat(), Work()
    turn = here.say(chat, "One", work)
    here.usage.release(work.charge())
    assert here.say(chat, "One", work) == turn
    assert here.used == 1


def _down(*_: Any) -> Any:
    raise ConnectionError


def test_a_message_beyond_the_quota_is_not_asked(here: Setting) -> None:
    chat = here.a_chat()
    for number in range(2):
        here.converse(work_of(2), chat.id, Question(message=str(number)), an_errand())
    with pytest.raises(QuotaExceeded) as refused:
        here.converse(work_of(2), chat.id, Question(message="2"), an_errand())
    assert [refused.value.facts[name] for name in ("quota", "used", "units")] == [2, 2, 1]
    assert len(here.provider.prompts) == 2
    assert here.chats.turns("acme", chat.id, 0, 10).total == 2
    assert here.used == 2


def work_of(ceiling: int) -> Charge:
    return Work().charge(ceiling=ceiling)
