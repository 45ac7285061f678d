from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from factories import AT, a_batch
from fakes.agents import FakeAgents
from fakes.chats import FakeChats
from fakes.clock import FakeClock
from fakes.files import FakeFiles
from fakes.providers import FakeProvider

from batchwork.domain.agent import Agent, AgentVersion, Document, ProviderChoice
from batchwork.domain.batch import Batch
from batchwork.domain.chat import Chat, StoredFile, Turn
from batchwork.domain.errors import EngineFailed, UnreadableDocument
from batchwork.domain.item import Failure, Item, Json, Result, Success
from batchwork.ports.messages import Reply
from batchwork.processors.messages.attachments import TEXT_LIMIT
from batchwork.processors.messages.conversation import ANSWER_LIMIT, HISTORY_LIMIT, Conversation
from batchwork.processors.messages.processor import MessagesProcessor

AGENT, OTHER_AGENT = "550e8400-e29b-41d4-a716-446655440000", "550e8400-e29b-41d4-a716-446655440001"
FILE = "7b0e0000-0000-4000-8000-000000000001"
TIMEOUT = timedelta(seconds=60)


def read_as_text(name: str, content_type: str, content: bytes) -> str:
    if content_type != "text/plain":
        raise UnreadableDocument(name=name, reason=f"type {content_type!r} is not supported")
    return content.decode()


class World:
    """A workspace `acme` with two agents, and everything a worker of it needs."""

    def __init__(self) -> None:
        self.agents, self.chats, self.files, self.provider = FakeAgents(), FakeChats(), FakeFiles(), FakeProvider()
        self.extracted: list[str] = []
        self.slow = timedelta()  # how long reading a file takes
        for agent_id in (AGENT, OTHER_AGENT):
            self.publish(agent_id, 1)
        self.clock = FakeClock()
        conversation = Conversation(
            chats=self.chats, files=self.files, providers=self.provider, extract=self._extract, clock=self.clock
        )
        self.processor = MessagesProcessor(
            agents=self.agents, chats=self.chats, conversation=conversation, item_timeout=TIMEOUT
        )

    def _extract(self, name: str, content_type: str, content: bytes) -> str:
        self.extracted.append(name)
        self.clock.pass_(self.slow)
        return read_as_text(name, content_type, content)

    def publish(self, agent_id: str, number: int, **fields: Any) -> AgentVersion:
        agent = Agent(
            id=agent_id,
            workspace_id="acme",
            name="Support",
            created_at=AT,
            updated_at=AT,
            latest=number,
            published=number,
        )
        version = AgentVersion(
            id=f"{agent_id}-v{number}",
            agent_id=agent_id,
            workspace_id="acme",
            number=number,
            name="Support",
            provider=ProviderChoice(type="knowledge"),
            created_at=AT,
            system_prompt=f"version {number}",
            **fields,
        )
        self.agents.put(agent, version)
        return version

    def upload(
        self, file_id: str, content: bytes | None, *, workspace_id: str = "acme", content_type: str = "text/plain"
    ) -> None:
        file = StoredFile(
            id=file_id,
            workspace_id=workspace_id,
            name="notes.txt",
            content_type=content_type,
            scope="chat",
            created_at=AT,
        )
        if content is None:
            self.files.announce(file, timedelta(hours=1), 1000)
        else:
            self.files.put(file, content)

    def chat(self, chat_id: int, *turns: tuple[str, str], workspace_id: str = "acme") -> None:
        chat = Chat(id=chat_id, workspace_id=workspace_id, name="Old chat", agent_id=AGENT, created_at=AT)
        self.chats.create(chat)
        for number, (message, answer) in enumerate(turns, 1):
            turn = Turn(
                id=number, chat_id=chat_id, agent_id=AGENT, message=message, answer=answer, usage={}, created_at=AT
            )
            self.chats.add([], [(workspace_id, turn)])

    def process(self, body: Json | None = None, *, index: int = 0, batch: Batch | None = None) -> Success | Failure:
        return self.processor.process(batch or of_acme(), item(index, body), "token-1")


@pytest.fixture
def world() -> World:
    return World()


def of_acme(**attributes: Any) -> Batch:
    pinned = {"agent_id": AGENT, "version": 1, "first_id": 5000}
    return a_batch(attributes={**pinned, **attributes})


def item(index: int = 0, body: Json | None = None) -> Item:
    return Item(index, {"custom_id": f"req-{index}", "message": "What are your business hours?", **(body or {})})


def success(outcome: Success | Failure) -> Json:
    assert isinstance(outcome, Success)
    return outcome.output


def failure(outcome: Success | Failure) -> Failure:
    assert isinstance(outcome, Failure)
    return outcome


def kept(world: World, batch: Batch, *done: Item) -> list[tuple[Item, Result]]:
    pairs = [
        (
            one,
            Result(
                index=one.index,
                finished_at=AT,
                attempts=1,
                output=success(world.process(one.body, index=one.index, batch=batch)),
            ),
        )
        for one in done
    ]
    world.processor.keep(batch, pairs)
    return pairs


class TestAnswers:
    def test_an_answer_has_the_fields_of_the_seed(self, world: World) -> None:
        output = success(world.process())
        assert output == {
            "response_content": "You said: What are your business hours?",
            "response_usage": {
                "tool_calls": [],
                "total_calls": 1,
                "total_tokens": 12,
                "main_response": {
                    "model": "echo-1",
                    "call_type": "main_response",
                    "total_tokens": 12,
                    "prompt_tokens": 5,
                    "completion_tokens": 7,
                },
                "total_prompt_tokens": 5,
                "total_completion_tokens": 7,
            },
            "history_id": 5000,
            "conversation_id": 5001,
        }

    def test_an_items_integers_are_its_own_and_the_same_at_every_try(self, world: World) -> None:
        batch = of_acme()
        first = [success(world.process(index=index, batch=batch)) for index in range(20)]
        again = [success(world.process(index=index, batch=batch)) for index in range(20)]
        ids = [(output["history_id"], output["conversation_id"]) for output in first]
        assert ids == [(5000 + 2 * index, 5001 + 2 * index) for index in range(20)]
        assert ids == [(output["history_id"], output["conversation_id"]) for output in again]

    def test_the_provider_gets_the_token_the_timeout_and_the_user(self, world: World) -> None:
        world.process({"external_user_id": "user_123"})
        assert world.provider.tokens == ["token-1"]
        assert world.provider.timeouts == [TIMEOUT]
        assert world.provider.prompts[0].user == "user_123"

    def test_what_reading_files_took_is_taken_off_the_providers_time(self, world: World) -> None:
        world.upload(FILE, b"We open at nine.")
        world.slow = timedelta(seconds=20)
        world.process({"attached_file_uuids": [FILE]})
        assert world.provider.timeouts == [TIMEOUT - timedelta(seconds=20)]

    def test_an_item_whose_files_took_all_its_time_is_tried_again(self, world: World) -> None:
        world.upload(FILE, b"We open at nine.")
        world.slow = TIMEOUT
        outcome = failure(world.process({"attached_file_uuids": [FILE]}))
        assert (outcome.error.code, outcome.retryable, world.provider.prompts) == (500, True, [])

    def test_an_override_is_answered_by_its_own_agent(self, world: World) -> None:
        world.process({"agent_id": OTHER_AGENT, "version": 1})
        world.process()
        assert [prompt.version.agent_id for prompt in world.provider.prompts] == [OTHER_AGENT, AGENT]

    def test_the_version_pinned_at_submit_answers_though_a_newer_one_is_published(self, world: World) -> None:
        world.publish(AGENT, 2)
        world.process()
        assert world.provider.prompts[0].version.number == 1
        world.process(batch=of_acme(version=2))
        assert world.provider.prompts[1].version.number == 2

    def test_a_pinned_version_that_is_gone_is_the_engines_failure(self, world: World) -> None:
        with pytest.raises(EngineFailed, match=AGENT):
            world.process(batch=of_acme(version=9))


class TestFailures:
    def test_a_throttled_provider_is_tried_again_after_what_it_asked(self, world: World) -> None:
        world.provider.fail("busy", retryable=True, retry_after=timedelta(seconds=7))
        outcome = failure(world.process())
        assert (outcome.error.code, outcome.retryable, outcome.retry_after) == (500, True, timedelta(seconds=7))

    def test_a_provider_that_refuses_is_not_tried_again(self, world: World) -> None:
        world.provider.fail("The model does not exist", retryable=False)
        outcome = failure(world.process())
        assert (outcome.error.code, outcome.error.message) == (500, "The model does not exist")
        assert not outcome.retryable


class TestHistory:
    def test_a_continued_chats_turns_are_sent_in_order(self, world: World) -> None:
        world.chat(12345, ("first", "one"), ("second", "two"), ("third", "three"))
        output = success(world.process({"history_id": 12345}, index=3))
        assert world.provider.prompts[0].history == (("first", "one"), ("second", "two"), ("third", "three"))
        assert (output["history_id"], output["conversation_id"]) == (12345, 5007)

    def test_an_unknown_chat_fails_the_item_for_good_naming_the_field(self, world: World) -> None:
        outcome = failure(world.process({"history_id": 404}))
        assert (outcome.error.code, outcome.retryable) == (400, False)
        assert outcome.error.message == "history_id 404 not found"

    def test_another_workspaces_chat_looks_like_none(self, world: World) -> None:
        world.chat(12345, ("secret", "secret"), workspace_id="other")
        outcome = failure(world.process({"history_id": 12345}))
        assert outcome.error.message == "history_id 12345 not found"
        assert world.provider.prompts == []

    def test_of_a_very_long_chat_the_latest_turns_are_sent(self, world: World) -> None:
        long = "x" * (HISTORY_LIMIT // 2)
        world.chat(1, ("oldest", long), ("older", long), ("latest", "short"))
        world.process({"history_id": 1})
        assert [message for message, _ in world.provider.prompts[0].history] == ["older", "latest"]


class TestAttachments:
    def test_the_text_of_an_attachment_reaches_the_provider(self, world: World) -> None:
        world.upload(FILE, b"The sky is green.")
        world.process({"attached_file_uuids": [FILE]})
        assert world.provider.prompts[0].attachments == (("notes.txt", "The sky is green."),)

    def test_a_file_attached_by_many_items_is_read_once(self, world: World) -> None:
        world.upload(FILE, b"The sky is green.")
        for index in range(5):
            success(world.process({"attached_file_uuids": [FILE]}, index=index))
        assert world.extracted == ["notes.txt"]

    def test_every_bad_attachment_is_named_by_its_place(self, world: World) -> None:
        world.upload(FILE, b"fine")
        world.upload("waiting", None)
        world.upload("picture", b"...", content_type="image/png")
        world.upload("theirs", b"secret", workspace_id="other")
        ids = [FILE, "nowhere", "waiting", "picture", "theirs"]
        outcome = failure(world.process({"attached_file_uuids": ids}))
        assert (outcome.error.code, outcome.retryable) == (400, False)
        for place in range(1, 5):
            assert f"attached_file_uuids.{place}: " in outcome.error.message
        assert "attached_file_uuids.0" not in outcome.error.message
        assert world.provider.prompts == []

    def test_a_file_uploaded_after_a_failed_try_is_read(self, world: World) -> None:
        failure(world.process({"attached_file_uuids": [FILE]}))
        world.upload(FILE, b"here now")
        success(world.process({"attached_file_uuids": [FILE]}))

    def test_a_presigned_upload_that_came_late_is_read(self, world: World) -> None:
        world.upload(FILE, None)
        assert "not uploaded yet" in failure(world.process({"attached_file_uuids": [FILE]})).error.message
        world.upload(FILE, b"here now")
        success(world.process({"attached_file_uuids": [FILE]}))

    def test_too_much_text_is_cut_and_the_provider_is_told(self, world: World) -> None:
        world.upload(FILE, b"a" * (TEXT_LIMIT - 10))
        world.upload("second", b"b" * 100)
        world.process({"attached_file_uuids": [FILE, "second"]})
        (_, first), (_, second) = world.provider.prompts[0].attachments
        assert first == "a" * (TEXT_LIMIT - 10)
        assert second.startswith("b" * 10 + "\n[The attachment is cut here: 10 of its 100 characters")

    def test_an_agents_own_attachments_become_its_documents_once(self, world: World) -> None:
        world.upload(FILE, b"We open at nine.")
        world.publish(AGENT, 2, attachment_ids=(FILE,), documents=(Document("FAQ", "Hello"),))
        for index in range(3):
            success(world.process(index=index, batch=of_acme(version=2)))
        documents = world.provider.prompts[-1].version.documents
        assert documents == (Document("FAQ", "Hello"), Document("notes.txt", "We open at nine."))
        assert world.extracted == ["notes.txt"]

    def test_an_agent_whose_own_attachment_is_gone_fails_its_items_as_the_providers_fault(self, world: World) -> None:
        world.publish(AGENT, 2, attachment_ids=(FILE,))
        outcome = failure(world.process(batch=of_acme(version=2)))
        assert (outcome.error.code, outcome.retryable) == (500, False)


class TestReplies:
    def test_half_of_a_surrogate_pair_is_replaced_since_no_answer_could_carry_it(self, world: World) -> None:
        tool = {
            "model": "t\udc00",
            "call_type": "tool_call",
            "total_tokens": 3,
            "prompt_tokens": 2,
            "completion_tokens": 1,
        }
        world.provider.say(Reply("half: \ud83d, whole: \N{GRINNING FACE}", "m\ud800", 1, 2, (tool,)))
        output = success(world.process())
        assert output["response_content"] == "half: \ufffd, whole: \N{GRINNING FACE}"
        assert output["response_usage"]["main_response"]["model"] == "m\ufffd"
        assert output["response_usage"]["tool_calls"][0]["model"] == "t\ufffd"
        json.dumps(output, ensure_ascii=False).encode()

    def test_an_answer_longer_than_one_response_can_carry_fails_for_good(self, world: World) -> None:
        world.provider.say(Reply("x" * ANSWER_LIMIT, "m", 1, 2))
        assert success(world.process())["response_content"] == "x" * ANSWER_LIMIT
        world.provider.say(Reply("x" * (ANSWER_LIMIT + 1), "m", 1, 2))
        outcome = failure(world.process())
        assert (outcome.error.code, outcome.retryable) == (500, False)
        assert str(ANSWER_LIMIT) in outcome.error.message

    @pytest.mark.parametrize(("told", "kept_as"), [(-5, 0), (10**60, 2**53), (7, 7)])
    def test_tokens_are_counted_within_what_clients_can_count(self, world: World, told: int, kept_as: int) -> None:
        world.provider.say(Reply("ok", "m", told, 0))
        assert success(world.process())["response_usage"]["total_prompt_tokens"] == kept_as


class TestKeeping:
    def test_an_item_starts_a_chat_with_its_name_and_first_turn(self, world: World) -> None:
        body = {"name": "Hours", "external_user_id": "user_123", "attached_file_uuids": [FILE]}
        world.upload(FILE, b"text")
        ((_, result),) = kept(world, of_acme(), item(0, body))
        assert result.output is not None
        chat = world.chats.get("acme", 5000)
        assert chat == Chat(
            id=5000, workspace_id="acme", name="Hours", agent_id=AGENT, created_at=AT, external_user_id="user_123"
        )
        (turn,) = world.chats.turns("acme", 5000)
        assert turn == Turn(
            id=5001,
            chat_id=5000,
            agent_id=AGENT,
            message="What are your business hours?",
            answer="You said: What are your business hours?",
            usage=result.output["response_usage"],
            created_at=AT,
            file_ids=(FILE,),
        )

    def test_a_chat_without_a_name_is_named_by_its_message(self, world: World) -> None:
        kept(world, of_acme(), item(0, {"message": "y" * 300}))
        chat = world.chats.get("acme", 5000)
        assert chat is not None
        assert chat.name == "y" * 256

    def test_a_continued_chat_gets_a_turn_and_stays_what_it_was(self, world: World) -> None:
        world.chat(12, ("first", "one"))
        before = world.chats.get("acme", 12)
        kept(world, of_acme(), item(4, {"history_id": 12, "agent_id": OTHER_AGENT, "version": 1, "name": "ignored"}))
        assert world.chats.get("acme", 12) == before
        assert [(turn.id, turn.agent_id) for turn in world.chats.turns("acme", 12)] == [(1, AGENT), (5009, OTHER_AGENT)]

    def test_keeping_twice_is_keeping_once(self, world: World) -> None:
        world.chat(12, ("first", "one"))
        batch = of_acme()
        pairs = kept(world, batch, item(0), item(1, {"history_id": 12}))
        world.processor.keep(batch, pairs)
        assert world.chats.find("acme", 0, 10).total == 2
        assert len(world.chats.turns("acme", 5000)) == 1
        assert len(world.chats.turns("acme", 12)) == 2

    def test_the_next_message_sees_what_was_kept(self, world: World) -> None:
        kept(world, of_acme(), item(0))
        world.process({"history_id": 5000, "message": "And on Sunday?"}, batch=of_acme(first_id=9000))
        assert world.provider.prompts[-1].history == (
            ("What are your business hours?", "You said: What are your business hours?"),
        )

    def test_failed_items_leave_nothing(self, world: World) -> None:
        outcome = failure(world.process({"history_id": 404}))
        result = Result(index=0, finished_at=AT, attempts=1, error=outcome.error)
        world.processor.keep(of_acme(), [(item(0), result)])
        assert world.chats.find("acme", 0, 10).total == 0
