"""What DynamoDB does under load and no emulator ever shows: injected through botocore's events."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders
from contract.conftest import in_moto, table  # noqa: F401 -- fixtures
from contract.test_agents import a_version, an_agent
from contract.test_chats import a_chat, a_turn
from fakes.blobs import FakeBlobs

from batchwork.adapters import aws
from batchwork.adapters.dynamodb.agents import DynamoAgents
from batchwork.adapters.dynamodb.calls import StillUnprocessedError
from batchwork.adapters.dynamodb.chats import DynamoChats
from batchwork.adapters.packing import Packer
from batchwork.domain.errors import Conflict

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
