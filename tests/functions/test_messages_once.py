"""Every POST of the messages family under an Idempotency-Key: nothing is made twice (issue 3, spec lookups 2.4).

What is there is compared row by row and blob by blob; counts of requests and the keys themselves are left out.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any
from uuid import uuid4

import pytest
from functions.gateway import Called, Gateway, a_key, almost_over
from functions.loading import load_function

from batchwork.adapters import aws
from batchwork.adapters.clock import SystemClock
from batchwork.adapters.dynamodb.agents import DynamoAgents
from batchwork.adapters.dynamodb.claims import DynamoClaims
from batchwork.adapters.dynamodb.usage import DynamoUsage
from batchwork.adapters.packing import Packer
from batchwork.adapters.s3 import S3Blobs
from batchwork.domain.usage import month_of
from batchwork.use_cases.agents import Agents, Draft

AGENTS, BATCHES, CHATS = "/api/v1/external/agents", "/api/v1/batches", "/api/v1/chats"
CANCEL, MESSAGES = f"{BATCHES}/{{batch_id}}/cancel", f"{CHATS}/{{chat_id}}/messages"
PUBLISH = f"{AGENTS}/{{agent_id}}/versions/{{version_id}}"
Row = dict[str, Any]


@dataclass
class Family:
    """The functions of the family over one table, bucket and queue."""

    table: str
    bucket: str
    queue_url: str
    key: str
    functions: dict[str, ModuleType]

    def gateway(self, function: str) -> Gateway:
        if function not in self.functions:
            self.functions[function] = load_function(f"messages_{function}")
        return Gateway(self.functions[function], self.key)

    def agent(self) -> tuple[str, str]:
        """Make a published agent; return its id and that of its version."""
        agents = Agents(DynamoAgents(self.table, Packer(lambda: S3Blobs(self.bucket))), SystemClock(), _new_id)
        agent, version = agents.create("acme", Draft(name="Support"))
        agents.publish("acme", agent.id, version.id)
        return agent.id, version.id

    def chat(self) -> int:
        started = self.gateway("chats")("POST", CHATS, {"name": "Returns", "agent_id": self.agent()[0]})
        return int(started.data["id"])

    def batch(self) -> str:
        body = {"agent_id": self.agent()[0], "requests": [{"custom_id": "a", "message": "m"}]}
        return str(self.gateway("create")("POST", BATCHES, body).data["id"])

    def rows(self) -> dict[tuple[str, str], Row]:
        """Every row by its key."""
        found = aws.client("dynamodb").scan(TableName=self.table)["Items"]
        rows = {(row["pk"]["S"], row["sk"]["S"]): row for row in found}
        return {key: row for key, row in rows.items() if not key[0].startswith(("RATE#", "CLAIM#"))}

    def blobs(self) -> set[str]:
        listed = aws.client("s3").list_objects_v2(Bucket=self.bucket).get("Contents", [])
        return {entry["Key"] for entry in listed if not entry["Key"].startswith("idempotency/")}

    def queued(self) -> int:
        attributes = aws.client("sqs").get_queue_attributes(
            QueueUrl=self.queue_url, AttributeNames=["ApproximateNumberOfMessages"]
        )
        return int(attributes["Attributes"]["ApproximateNumberOfMessages"])

    def used(self) -> int:
        return DynamoUsage(self.table).used("acme", month_of(SystemClock().now()))


def _new_id() -> str:
    return str(uuid4())


@dataclass(frozen=True)
class Post:
    """A route that acts. send: makes what it needs and returns what sends the request through a gateway.

    kept: names in `data` that a second try answers like the first. units: what it costs.
    """

    function: str
    resource: str
    status: int
    send: Callable[[Family], Callable[[Gateway], Called]]
    kept: tuple[str, ...] = ("id",)
    units: int = 0


def a_batch(family: Family) -> Callable[[Gateway], Called]:
    requests = [{"custom_id": f"r{number}", "message": "m"} for number in range(12)]
    body = {"agent_id": family.agent()[0], "requests": requests}
    return lambda gateway: gateway("POST", BATCHES, body)


def a_cancel(family: Family) -> Callable[[Gateway], Called]:
    batch_id = family.batch()
    return lambda gateway: gateway("POST", CANCEL, batch_id=batch_id)


def an_agent(_family: Family) -> Callable[[Gateway], Called]:
    return lambda gateway: gateway("POST", AGENTS, {"name": "Support"})


def a_publish(family: Family) -> Callable[[Gateway], Called]:
    agent_id, version_id = family.agent()
    return lambda gateway: gateway("POST", PUBLISH, agent_id=agent_id, version_id=f"{version_id}:publish")


def a_chat(family: Family) -> Callable[[Gateway], Called]:
    body = {"name": "Returns", "agent_id": family.agent()[0]}
    return lambda gateway: gateway("POST", CHATS, body)


def a_message(family: Family) -> Callable[[Gateway], Called]:
    chat_id = family.chat()
    return lambda gateway: gateway("POST", MESSAGES, {"message": "When are you open?"}, chat_id=chat_id)


def an_upload(resource: str) -> Callable[[Family], Callable[[Gateway], Called]]:
    """The requests library makes another boundary each time, as clients do."""
    return lambda _family: lambda gateway: gateway.upload(resource, {"file": ("a.txt", b"text", "text/plain")})


def an_announcement(_family: Family) -> Callable[[Gateway], Called]:
    body = {"name": "a.txt", "content_type": "text/plain"}
    return lambda gateway: gateway("POST", f"{CHATS}/upload-file/presigned", body)


POSTS = {
    "batch": Post("create", BATCHES, 202, a_batch, ("id", "created_at"), units=12),
    "cancel": Post("cancel", CANCEL, 202, a_cancel),
    "agent": Post("agents", AGENTS, 201, an_agent, ("id", "created_at")),
    "publish": Post("agents", PUBLISH, 200, a_publish, ("id", "published_version_number")),
    "chat": Post("chats", CHATS, 201, a_chat, ("id", "created_at")),
    "message": Post("chats", MESSAGES, 200, a_message, ("id", "response_content", "created_at"), units=1),
    "upload": Post("chats", f"{CHATS}/upload-file", 200, an_upload(f"{CHATS}/upload-file"), ("uuid",)),
    "presigned": Post("chats", f"{CHATS}/upload-file/presigned", 200, an_announcement, ("uuid",)),
    "file": Post("chats", "/api/v1/external/files", 200, an_upload("/api/v1/external/files"), ("uuid",)),
}


@pytest.fixture
def family(table: str, bucket: str, monkeypatch: pytest.MonkeyPatch) -> Family:
    queue_url = str(aws.client("sqs").create_queue(QueueName="work")["QueueUrl"])
    for name, value in {"TABLE_NAME": table, "BUCKET_NAME": bucket, "WORK_QUEUE_URL": queue_url}.items():
        monkeypatch.setenv(name, value)
    return Family(table, bucket, queue_url, a_key(table, "acme", "*"), {})


@pytest.fixture(params=list(POSTS))
def post(request: pytest.FixtureRequest) -> Post:
    return POSTS[request.param]


def test_every_route_of_the_family_that_acts_is_tried_here() -> None:
    template = (Path(__file__).parents[2] / "template.yaml").read_text()
    routes = re.findall(r'Method: POST, Path: "?(/api/v1/(?:batches|chats|external)[^"\s]*)"?', template)
    # What acts on deliveries is tried in test_messages_deliveries.
    acting = [route for route in routes if "/deliveries/" not in route]
    assert sorted(acting) == sorted(post.resource for post in POSTS.values())


def test_a_request_sent_again_is_replayed_byte_for_byte_and_makes_nothing(family: Family, post: Post) -> None:
    gateway, send = family.gateway(post.function), post.send(family)
    before, queued = family.used(), family.queued()
    first = send(gateway.under("order-1"))
    assert (first.status, first.body["error_code"]) == (post.status, 0)
    assert "Idempotency-Replayed" not in first.headers
    there = family.rows(), family.blobs(), family.queued(), family.used()
    again = send(gateway.under("order-1"))
    assert (again.status, again.text) == (first.status, first.text)
    assert again.headers["Idempotency-Replayed"] == "true"
    assert (family.rows(), family.blobs(), family.queued(), family.used()) == there
    assert family.used() - before == post.units
    assert family.queued() - queued == (2 if post.resource == BATCHES else 0)


def test_what_a_function_did_before_it_died_is_found_and_not_done_again(
    family: Family, post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Died(BaseException):
        pass

    def die(*_: Any) -> None:
        raise Died

    gateway, send = family.gateway(post.function), post.send(family)
    before = family.used()
    there: list[Any] = []
    for _ in range(3):
        with monkeypatch.context() as patch:
            patch.setattr(DynamoClaims, "keep", die)
            with pytest.raises(Died):
                send(Gateway(gateway.function, gateway.key, "order-1", almost_over()))
        there.append((set(family.rows()), family.blobs()))
        time.sleep(0.01)
    answers = [send(gateway.under("order-1")), send(gateway.under("order-1"))]
    assert [answer.status for answer in answers] == [post.status] * 2
    assert [*there, (set(family.rows()), family.blobs())] == there[:1] * 4
    assert family.used() - before == post.units
    assert "Idempotency-Replayed" not in answers[0].headers
    assert answers[1].text == answers[0].text


def test_a_try_after_a_death_is_answered_like_the_one_that_died(
    family: Family, post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An answer that could not be kept is given all the same; the next try finds the work done."""

    def down(*_: Any) -> None:
        raise ConnectionError

    gateway, send = family.gateway(post.function), post.send(family)
    with monkeypatch.context() as patch:
        patch.setattr(DynamoClaims, "keep", down)
        first = send(Gateway(gateway.function, gateway.key, "order-1", almost_over()))
    time.sleep(0.01)
    again = send(gateway.under("order-1"))
    assert again.status == first.status == post.status
    assert {name: again.data[name] for name in post.kept} == {name: first.data[name] for name in post.kept}


def test_without_a_key_and_under_another_each_request_is_work_of_its_own(family: Family) -> None:
    gateway = family.gateway("agents")
    made = [gateway.under("a"), gateway.under("b"), gateway, gateway]
    assert len({each("POST", AGENTS, {"name": "Support"}).data["id"] for each in made}) == 4


def test_the_same_key_for_another_route_or_workspace_is_another_key(family: Family) -> None:
    sent = [post.send(family)(family.gateway(post.function).under("order-1")) for post in POSTS.values()]
    assert [answer.status for answer in sent] == [post.status for post in POSTS.values()]
    assert not any("Idempotency-Replayed" in answer.headers for answer in sent)
    other = Gateway(family.gateway("agents").function, a_key(family.table, "other", "*"), "order-1")
    made = other("POST", AGENTS, {"name": "Support"})
    assert (made.status, "Idempotency-Replayed" in made.headers) == (201, False)


def test_the_same_key_for_another_chat_is_another_key(family: Family) -> None:
    gateway = family.gateway("chats").under("order-1")
    answers = [gateway("POST", MESSAGES, {"message": "Hello"}, chat_id=family.chat()) for _ in range(2)]
    assert [answer.status for answer in answers] == [200, 200]
    assert answers[0].data["history_id"] != answers[1].data["history_id"]


def test_the_same_key_with_other_work_is_422(family: Family) -> None:
    gateway = family.gateway("agents").under("order-1")
    assert gateway("POST", AGENTS, {"name": "Support"}).status == 201
    reused = gateway("POST", AGENTS, {"name": "Sales"})
    assert (reused.status, reused.body["error_code"], reused.body["data"]) == (422, 10006, None)


def test_a_large_answer_is_replayed_too(family: Family) -> None:
    """An agent comes back with the texts of its documents: more than a row takes (400 KB, AWS limit)."""
    noise = "".join(f"{number * 7919 % 1_000_003:07d}" for number in range(140_000))
    body = {"name": "Support", "documents": [{"title": "Numbers", "text": noise}]}
    gateway = family.gateway("agents").under("order-1")
    first, again = gateway("POST", AGENTS, body), gateway("POST", AGENTS, body)
    assert (first.status, again.text) == (201, first.text)
    assert len(first.text) > 900_000
    assert again.headers["Idempotency-Replayed"] == "true"


def test_a_message_that_gets_no_answer_costs_nothing_and_frees_its_key(family: Family) -> None:
    chat_id, gateway = family.chat(), family.gateway("chats").under("order-1")
    body = {"message": "Read this.", "attached_file_uuids": [_new_id()]}
    assert gateway("POST", MESSAGES, body, chat_id=chat_id).status == 400
    assert family.used() == 0
    assert gateway("POST", MESSAGES, {"message": "Hello"}, chat_id=chat_id).status == 200
    assert family.used() == 1


def test_a_message_beyond_the_quota_is_402_and_leaves_nothing(family: Family) -> None:
    family.key = a_key(family.table, "acme", "*", monthly_quota=1)
    chat_id, gateway = family.chat(), family.gateway("chats")
    assert gateway("POST", MESSAGES, {"message": "One"}, chat_id=chat_id).status == 200
    refused = gateway.under("order-1")("POST", MESSAGES, {"message": "Two"}, chat_id=chat_id)
    assert (refused.status, refused.body["error_code"], refused.body["data"]) == (402, 10006, None)
    assert refused.body["message"] == "The monthly quota of 1 units has no room for 1: 1 are used."
    assert int(refused.headers["Retry-After"]) > 0
    assert len(gateway("GET", MESSAGES, chat_id=chat_id).data) == 1
    assert family.used() == 1


def test_what_changes_or_shows_something_without_making_it_takes_no_key(family: Family) -> None:
    chat_id, gateway = family.chat(), family.gateway("chats").under("order-1")
    renamed = [gateway("PUT", f"{CHATS}/{{chat_id}}", {"name": name}, chat_id=chat_id) for name in ("a", "b")]
    assert [json.loads(answer.text)["data"]["name"] for answer in renamed] == ["a", "b"]
    assert not any("Idempotency-Replayed" in answer.headers for answer in renamed)
