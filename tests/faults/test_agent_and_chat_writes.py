"""Agents and chats under faults: what DynamoDB does under load and no emulator ever shows, injected through botocore's
events; and processes that die at any call of a port, with the same request sent again under its Idempotency-Key.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import count
from typing import Any

import pytest
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders
from contract.conftest import in_moto, table  # noqa: F401 -- fixtures
from contract.test_agents import a_version, an_agent
from contract.test_chats import a_chat, a_turn
from engine import Died, Dying, Fuse
from factories import AT
from fakes.agents import FakeAgents
from fakes.blobs import FakeBlobs
from fakes.chats import FakeChats
from fakes.claims import FakeClaims
from fakes.clock import FakeClock
from fakes.files import FakeFiles
from fakes.providers import FakeProvider
from fakes.sequences import FakeSequences
from fakes.usage import FakeUsage

from batchwork.adapters import aws
from batchwork.adapters.dynamodb.agents import DynamoAgents
from batchwork.adapters.dynamodb.calls import StillUnprocessedError
from batchwork.adapters.dynamodb.chats import DynamoChats
from batchwork.adapters.packing import Packer
from batchwork.domain.agent import Agent
from batchwork.domain.errors import BatchworkError, Conflict
from batchwork.domain.idempotency import Answered
from batchwork.domain.workspace import ApiKey, Caller, Workspace
from batchwork.processors.messages.conversation import Conversation
from batchwork.processors.messages.usage import usage_of
from batchwork.use_cases.agents import Agents, Draft
from batchwork.use_cases.chats import Chats, Converse, Opening, Question
from batchwork.use_cases.meter import Meter, charge_of
from batchwork.use_cases.once import Asked, Errand, Once

packer = Packer(FakeBlobs)


@pytest.fixture
def dynamodb(table: str, monkeypatch: pytest.MonkeyPatch) -> Any:  # noqa: F811 -- a fixture
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    return aws.client("dynamodb")


def answer(status: int, parsed: dict[str, Any]) -> tuple[AWSResponse, dict[str, Any]]:
    return AWSResponse("https://dynamodb.invalid", status, HTTPHeaders(), None), parsed


def left_over(dynamodb: Any, operation: str, leave: Callable[[dict[str, Any]], dict[str, Any] | None]) -> list[int]:
    """Let `leave` decide, by the parsed answer, what the service says instead; returns the calls seen."""
    calls: list[int] = []

    def after(parsed: dict[str, Any], **_: Any) -> None:
        calls.append(len(calls))
        parsed.update(leave(parsed) or {})

    dynamodb.meta.events.register(f"after-call.dynamodb.{operation}", after)
    return calls


def test_turns_that_dynamodb_leaves_unprocessed_are_written_in_the_end(table: str, dynamodb: Any) -> None:  # noqa: F811
    sent: list[dict[str, Any]] = []

    def refuse_most(params: dict[str, Any], **_: Any) -> None:
        requests = params["RequestItems"][table]
        sent.append({"left": requests[1:]})
        params["RequestItems"] = {table: requests[:1]}

    dynamodb.meta.events.register("before-parameter-build.dynamodb.BatchWriteItem", refuse_most)
    left_over(
        dynamodb,
        "BatchWriteItem",
        lambda _: {"UnprocessedItems": {table: sent[-1]["left"]} if sent[-1]["left"] else {}},
    )
    store = DynamoChats(table, packer, dynamodb)
    store.add([(a_chat(), a_turn())], [("acme", a_turn(20_000 + n)) for n in range(4)])
    assert len(sent) == 5
    assert [turn.id for turn in store.turns("acme", 12345)] == [12346, 20_000, 20_001, 20_002, 20_003]


def test_writes_that_dynamodb_never_takes_are_an_error_and_not_lost_in_silence(table: str, dynamodb: Any) -> None:  # noqa: F811
    request = {"PutRequest": {"Item": {"pk": {"S": "x"}, "sk": {"S": "x"}}}}
    calls = left_over(dynamodb, "BatchWriteItem", lambda _: {"UnprocessedItems": {table: [request]}})
    with pytest.raises(StillUnprocessedError):
        DynamoChats(table, packer, dynamodb).add([(a_chat(), a_turn())], [])
    assert 2 <= len(calls) <= 20


def test_agents_that_dynamodb_leaves_unprocessed_are_read_in_the_end(table: str, dynamodb: Any) -> None:  # noqa: F811
    store = DynamoAgents(table, packer, dynamodb)
    agents = [an_agent() for _ in range(3)]
    for agent in agents:
        store.put(agent, a_version(agent))
    waiting: list[list[Any]] = []

    def ask_for_one(params: dict[str, Any], **_: Any) -> None:
        wanted = params["RequestItems"][table]["Keys"]
        waiting.append(wanted[1:])
        params["RequestItems"] = {table: {"Keys": wanted[:1]}}

    dynamodb.meta.events.register("before-parameter-build.dynamodb.BatchGetItem", ask_for_one)
    left_over(
        dynamodb, "BatchGetItem", lambda _: {"UnprocessedKeys": {table: {"Keys": waiting[-1]}} if waiting[-1] else {}}
    )
    assert store.get_many("acme", [agent.id for agent in agents]) == {agent.id: agent for agent in agents}
    assert len(waiting) == 3


@pytest.mark.parametrize("code", ["TransactionConflict", "ConditionalCheckFailed"])
def test_an_update_or_a_publish_that_collides_with_another_may_be_tried_again(
    table: str,  # noqa: F811 -- a fixture
    dynamodb: Any,
    code: str,
) -> None:
    store = DynamoAgents(table, packer, dynamodb)
    agent = an_agent()
    version = a_version(agent)
    store.put(agent, version)

    def collide(**_: Any) -> tuple[AWSResponse, dict[str, Any]]:
        return answer(
            400,
            {
                "Error": {"Code": "TransactionCanceledException", "Message": "Transaction cancelled"},
                "CancellationReasons": [{"Code": code}, {"Code": "None"}],
                "ResponseMetadata": {"HTTPStatusCode": 400},
            },
        )

    dynamodb.meta.events.register("before-call.dynamodb.TransactWriteItems", collide)
    newer = an_agent(id=agent.id, latest=2)
    with pytest.raises(Conflict):
        store.put(newer, a_version(newer))
    if code == "TransactionConflict":
        with pytest.raises(Conflict):
            store.publish(agent, version, agent.created_at)


# ── Processes that die at any call ──

CALLER = Caller(
    Workspace(id="acme", name="Acme", plan="pro", created_at=AT),
    ApiKey(id="k1", workspace_id="acme", name="ci", digest="", scopes=frozenset(), created_at=AT),
)
ASKED = Asked(name="POST /x", body="digest", key="order-1", time_left=timedelta(seconds=29))


@dataclass
class World:
    """Stores that outlive the processes over them, with one published agent and one chat of it."""

    clock: FakeClock = field(default_factory=FakeClock)
    agents: FakeAgents = field(default_factory=FakeAgents)
    chats: FakeChats = field(default_factory=FakeChats)
    sequences: FakeSequences = field(default_factory=FakeSequences)
    usage: FakeUsage = field(default_factory=FakeUsage)
    claims: FakeClaims = field(default_factory=FakeClaims)
    provider: FakeProvider = field(default_factory=FakeProvider)

    def __post_init__(self) -> None:
        self._ids = (f"00000000-0000-4000-8000-{number:012d}" for number in count(1))
        agents = Agents(self.agents, self.clock, lambda: next(self._ids))
        agent, version = agents.create("acme", Draft(name="Support"))
        self.agent: Agent = agents.publish("acme", agent.id, version.id)
        self.chat = self.chats.create(a_chat(1, agent_id=agent.id))
        self.sequences.reserve("acme", 1)

    def try_(self, work: Callable[[World, Errand], Any], fuse: Fuse) -> None:
        """Let a process of its own try a piece of work; it may die, and then its hold ends."""
        process = World.__new__(World)
        process.__dict__ = {name: port if name == "clock" else Dying(port, fuse) for name, port in vars(self).items()}
        process.__dict__ |= {"agent": self.agent, "chat": self.chat}
        once = Once(process.claims, self.clock, lambda: next(self._ids), lambda _: None)

        def answer(errand: Errand) -> Answered:
            return Answered(201, str(work(process, errand)))

        with suppress(Died, BatchworkError):
            once(CALLER, ASKED, answer)
        self.clock.pass_(timedelta(seconds=30))

    def answered(self, work: Callable[[World, Errand], Any]) -> str:
        """Return what a process that lives answers."""
        once = Once(self.claims, self.clock, lambda: next(self._ids), lambda _: None)
        return once(CALLER, ASKED, lambda errand: Answered(201, str(work(self, errand))))[0].text

    def left(self) -> tuple[int, int, int, int]:
        """Return how many agents, versions, chats and turns there are."""
        agents = self.agents.find("acme")
        versions = sum(len(self.agents.versions("acme", agent.id)) for agent in agents)
        chats = self.chats.find("acme", 0, 100).entries
        return len(agents), versions, len(chats), sum(len(self.chats.turns("acme", chat.id)) for chat in chats)


def starting(world: World, errand: Errand) -> object:
    opening = Opening(name="Returns", agent_id=world.agent.id)
    return Chats(world.chats, world.agents, world.sequences).start("acme", opening, errand).id


def asking(world: World, errand: Errand) -> object:
    conversation = Conversation(
        chats=world.chats,
        files=FakeFiles(),
        providers=lambda _: world.provider,
        extract=lambda *_: "",
        clock=world.clock,
    )
    converse = Converse(
        chats=world.chats,
        agents=world.agents,
        sequences=world.sequences,
        clock=world.clock,
        ask=conversation.ask,
        usage_of=usage_of,
        timeout=timedelta(seconds=25),
        meter=Meter(world.usage),
    )
    charge = charge_of(CALLER, errand.ticket, "messages", 1)
    return converse(charge, world.chat.id, Question(message="Hello"), errand).id


def making(world: World, errand: Errand) -> object:
    agents = Agents(world.agents, world.clock, lambda: "no id is new to a try")
    return agents.create("acme", Draft(name="Sales"), errand.ticket)[0].id


#: Each piece of work, what it leaves more (agents, versions, chats, turns), and its units.
WORKS = {"chat": (starting, (0, 0, 1, 0), 0), "message": (asking, (0, 0, 0, 1), 1), "agent": (making, (1, 1, 0, 0), 0)}


def calls_of(work: Callable[[World, Errand], Any]) -> int:
    fuse = Fuse()
    World().try_(work, fuse)
    return fuse.calls


@pytest.mark.parametrize("deaths", [1, 2])
@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("name", list(WORKS))
def test_work_that_died_at_any_call_is_done_once_when_it_is_asked_for_again(
    name: str, after: bool, deaths: int
) -> None:
    work, more, units = WORKS[name]
    points = calls_of(work)
    assert points >= 3
    for point in range(1, points + 1):
        world = World()
        before = world.left()
        for _ in range(deaths):
            world.try_(work, Fuse(point, after=after))
        first, again = world.answered(work), world.answered(work)
        assert first == again
        assert tuple(now - then for now, then in zip(world.left(), before, strict=True)) == more, point
        charges = list(world.usage.charges("acme", "2026-01"))
        assert world.usage.used("acme", "2026-01") == sum(charge.units for charge in charges) == units


@pytest.mark.parametrize("after", [False, True])
def test_a_provider_is_told_by_its_token_that_it_is_asked_the_same_again(after: bool) -> None:
    for point in range(1, calls_of(asking) + 1):
        world = World()
        world.try_(asking, Fuse(point, after=after))
        world.answered(asking)
        assert len(set(world.provider.tokens)) == 1
        assert 1 <= len(world.provider.tokens) <= 2


@pytest.mark.parametrize("after", [False, True])
def test_a_message_that_died_and_then_gets_no_answer_costs_nothing(after: bool) -> None:
    for point in range(1, calls_of(asking) + 1):
        world = World()
        world.try_(asking, Fuse(point, after=after))
        turns = world.left()[3]
        world.provider.fail("The model is busy", retryable=True)
        world.try_(asking, Fuse())
        assert world.left()[3] == turns
        assert world.usage.used("acme", "2026-01") == turns
