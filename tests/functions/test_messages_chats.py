"""/api/v1/chats and the uploads over API Gateway (spec messages 3.4, 3.5)."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any
from uuid import uuid4

import pytest
from contract.conftest import bucket, in_moto, table  # noqa: F401 -- fixtures
from functions.gateway import Gateway, a_key
from functions.loading import load_function

from batchwork.adapters import aws
from batchwork.adapters.clock import SystemClock
from batchwork.adapters.dynamodb.agents import DynamoAgents
from batchwork.adapters.packing import Packer
from batchwork.adapters.s3 import S3Blobs
from batchwork.domain.agent import Agent, Document, ProviderChoice
from batchwork.use_cases.agents import Agents, Draft

CHATS = "/api/v1/chats"
CHAT = f"{CHATS}/{{chat_id}}"
MESSAGES = f"{CHAT}/messages"
UPLOAD = f"{CHATS}/upload-file"
HOURS = "Our business hours are Monday to Friday, 9 AM to 6 PM EST."
AgentMaker = Callable[..., Agent]


@pytest.fixture
def function(table: str, bucket: str, monkeypatch: pytest.MonkeyPatch) -> ModuleType:  # noqa: F811 -- fixtures
    monkeypatch.setenv("TABLE_NAME", table)
    monkeypatch.setenv("BUCKET_NAME", bucket)
    monkeypatch.setenv("ALLOW_LOOPBACK_EGRESS", "true")
    return load_function("messages_chats")


@pytest.fixture
def call(function: ModuleType, table: str) -> Gateway:  # noqa: F811 -- a fixture
    return Gateway(function, a_key(table, "acme", "chats:read", "chats:write", "agents:write"))


@pytest.fixture
def other(function: ModuleType, table: str) -> Gateway:  # noqa: F811 -- a fixture
    return Gateway(function, a_key(table, "other", "chats:read", "chats:write", "agents:write"))


@pytest.fixture
def an_agent(table: str, bucket: str) -> AgentMaker:  # noqa: F811 -- fixtures
    agents = Agents(DynamoAgents(table, Packer(lambda: S3Blobs(bucket))), SystemClock(), lambda: str(uuid4()))

    def make(workspace_id: str = "acme", *, published: bool = True, provider: ProviderChoice | None = None) -> Agent:
        documents = (Document("FAQ", f"# Business hours\n{HOURS}"),)
        draft = Draft(name="Support", documents=documents, provider=provider or ProviderChoice(type="knowledge"))
        agent, version = agents.create(workspace_id, draft)
        return agents.publish(workspace_id, agent.id, version.id) if published else agent

    return make


@pytest.fixture
def chat(call: Gateway, an_agent: AgentMaker) -> int:
    return int(call("POST", CHATS, {"name": "Returns", "agent_id": an_agent().id}).data["id"])


def test_a_chat_is_started_with_an_integer_id(call: Gateway, an_agent: AgentMaker) -> None:
    agent = an_agent()
    started = call("POST", CHATS, {"name": "Returns", "agent_id": agent.id, "external_user_id": "user_123"})
    assert (started.status, started.body["message"], started.body["error_code"]) == (201, None, 0)
    assert isinstance(started.data["id"], int)
    assert started.data["name"] == "Returns"
    assert started.data["meta"] == {"external_user_id": "user_123", "conversation_agent_id": agent.id}
    assert len(started.data["created_at"]) == len("2024-01-15T10:30:00Z")
    assert call("GET", CHAT, chat_id=started.data["id"]).data == started.data
    assert call("GET", MESSAGES, chat_id=started.data["id"]).data == []


def test_a_chat_with_an_agent_that_is_not_published_is_refused(call: Gateway, an_agent: AgentMaker) -> None:
    for agent_id in (an_agent(published=False).id, an_agent("other").id, str(uuid4())):
        refused = call("POST", CHATS, {"name": "Returns", "agent_id": agent_id})
        assert (refused.status, refused.body["error_code"]) == (404, 10003)
        assert refused.body["message"] == "Agent version not found"


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({}, ["name", "agent_id"]),
        ({"name": "x" * 257, "agent_id": "x"}, ["name", "agent_id"]),
        ({"name": "", "agent_id": 7, "external_user_id": "x" * 256}, ["name", "agent_id", "external_user_id"]),
    ],
)
def test_a_chat_of_the_wrong_shape_is_told_where(call: Gateway, body: object, fields: list[str]) -> None:
    refused = call("POST", CHATS, body)
    assert (refused.status, refused.body["error_code"], refused.fields) == (422, 10006, fields)


def test_a_message_is_answered_from_the_agents_documents_and_kept(call: Gateway, chat: int) -> None:
    asked = call("POST", MESSAGES, {"message": "What are your business hours?"}, chat_id=chat)
    assert asked.status == 200
    assert HOURS in asked.data["response_content"]
    assert asked.data["history_id"] == chat
    assert isinstance(asked.data["conversation_id"], int)
    assert set(asked.data["response_usage"]) == {
        *("tool_calls", "total_calls", "total_tokens", "main_response"),
        *("total_prompt_tokens", "total_completion_tokens"),
    }
    listed = call("GET", MESSAGES, chat_id=chat)
    assert listed.data == [asked.data]
    assert listed.body["pagination"]["total_records"] == 1


def test_messages_are_listed_oldest_first_and_in_pages(call: Gateway, chat: int) -> None:
    for number in range(3):
        call("POST", MESSAGES, {"message": f"Question {number}"}, chat_id=chat)
    page = call("GET", MESSAGES, query={"limit": "2"}, chat_id=chat)
    assert [turn["message"] for turn in page.data] == ["Question 0", "Question 1"]
    assert page.body["pagination"]["next_page"] == f"https://api.example.com{CHATS}/{chat}/messages?offset=2&limit=2"
    rest = call("GET", MESSAGES, query={"limit": "2", "offset": "2"}, chat_id=chat)
    assert [turn["message"] for turn in rest.data] == ["Question 2"]
    assert rest.body["pagination"]["next_page"] is None


def test_chats_are_listed_newest_first_and_in_pages(call: Gateway, an_agent: AgentMaker) -> None:
    agent_id = an_agent().id
    ids = [call("POST", CHATS, {"name": f"Chat {n}", "agent_id": agent_id}).data["id"] for n in range(20)]
    page = call("GET", CHATS, query={"limit": "5", "offset": "5"})
    assert [chat["id"] for chat in page.data] == ids[::-1][5:10]
    assert page.body["pagination"]["total_records"] == 20
    assert len(call("GET", CHATS).data) == 20


def test_a_chat_is_renamed(call: Gateway, chat: int) -> None:
    renamed = call("PUT", CHAT, {"name": "Exchange"}, chat_id=chat)
    assert (renamed.status, renamed.data["name"], renamed.data["id"]) == (200, "Exchange", chat)
    assert call("GET", CHATS).data == [renamed.data]
    assert call("PUT", CHAT, {"name": ""}, chat_id=chat).fields == ["name"]


@pytest.mark.parametrize("wrong", ["0", "999999", "-1", "x", "1.0", "9" * 40, "１"])
def test_an_id_that_names_no_chat_is_not_found(call: Gateway, wrong: str) -> None:
    for answered in (
        call("GET", CHAT, chat_id=wrong),
        call("PUT", CHAT, {"name": "x"}, chat_id=wrong),
        call("GET", MESSAGES, chat_id=wrong),
        call("POST", MESSAGES, {"message": "x"}, chat_id=wrong),
    ):
        assert (answered.status, answered.body["error_code"], answered.body["message"]) == (
            404,
            10003,
            "Chat not found",
        )


def test_another_workspaces_chats_do_not_exist(call: Gateway, other: Gateway, chat: int, an_agent: AgentMaker) -> None:
    agent_id = an_agent("other").id
    for answered in (
        other("GET", CHAT, chat_id=chat),
        other("PUT", CHAT, {"name": "mine"}, chat_id=chat),
        other("GET", MESSAGES, chat_id=chat),
        other("POST", MESSAGES, {"message": "x", "agent_id": agent_id}, chat_id=chat),
    ):
        assert answered.status == 404
    assert other("GET", CHATS).data == []
    assert call("GET", CHAT, chat_id=chat).data["name"] == "Returns"


def test_another_agent_may_answer_but_not_another_workspaces(call: Gateway, chat: int, an_agent: AgentMaker) -> None:
    own, foreign = an_agent().id, an_agent("other").id
    assert call("POST", MESSAGES, {"message": "x", "agent_id": own}, chat_id=chat).data["agent_id"] == own
    assert call("POST", MESSAGES, {"message": "x", "agent_id": foreign}, chat_id=chat).status == 404


def test_streaming_is_refused_clearly(call: Gateway, chat: int) -> None:
    refused = call("POST", MESSAGES, {"message": "x", "stream": True}, chat_id=chat)
    assert (refused.status, refused.body["error_code"], refused.fields) == (400, 10006, ["stream"])
    assert call("POST", MESSAGES, {"message": "x", "stream": False}, chat_id=chat).status == 200


def test_a_provider_that_cannot_be_reached_may_be_asked_again(call: Gateway, an_agent: AgentMaker) -> None:
    # Nothing listens on the discard port of this machine.
    silent = ProviderChoice(type="openai", settings={"base_url": "http://127.0.0.1:9/v1", "model": "m"})
    chat = call("POST", CHATS, {"name": "x", "agent_id": an_agent(provider=silent).id}).data["id"]
    failed = call("POST", MESSAGES, {"message": "TOPSECRET"}, chat_id=chat)
    assert (failed.status, failed.body["error_code"], failed.body["data"]) == (503, 10005, None)
    assert "TOPSECRET" not in failed.body["message"]
    assert call("GET", MESSAGES, chat_id=chat).data == []


def test_an_attached_file_is_read_by_the_agent(call: Gateway, chat: int) -> None:
    text = b"# Giraffe\nThe giraffe in the lobby is called Melman.\n"
    uploaded = call.upload(UPLOAD, {"file": ("animals.txt", text, "text/plain")})
    assert uploaded.status == 200
    assert set(uploaded.data) == {"original_name", "content_type", "size", "file_url", "uuid", "scope"}
    assert (uploaded.data["original_name"], uploaded.data["size"], uploaded.data["scope"]) == (
        "animals.txt",
        len(text),
        "chat",
    )
    body = {"message": "What is the giraffe called?", "attached_file_uuids": [uploaded.data["uuid"]]}
    asked = call("POST", MESSAGES, body, chat_id=chat)
    assert "Melman" in asked.data["response_content"]
    assert asked.data["attached_file_uuids"] == [uploaded.data["uuid"]]


def test_files_that_are_not_there_are_named(call: Gateway, other: Gateway, chat: int) -> None:
    foreign = other.upload(UPLOAD, {"file": ("a.txt", b"text", "text/plain")}).data["uuid"]
    body = {"message": "x", "attached_file_uuids": [foreign, str(uuid4())]}
    refused = call("POST", MESSAGES, body, chat_id=chat)
    assert (refused.status, refused.fields) == (400, ["attached_file_uuids.0", "attached_file_uuids.1"])


def test_a_management_upload_is_persistent_unless_it_says_otherwise(call: Gateway) -> None:
    form = {"file": ("a.txt", b"text", "text/plain")}
    top = "/api/v1/external/files"
    assert call.upload(top, form).data["scope"] == "persistent"
    assert call.upload(top, form, {"scope": "persistent"}).data["scope"] == "persistent"
    assert call.upload(top, form, {"scope": "chat"}).data["scope"] == "chat"
    assert call.upload(top, form, {"scope": "world"}).fields == ["scope"]


@pytest.mark.parametrize(
    ("form", "status", "fields"),
    [
        ({"file": ("a.txt", b"", "text/plain")}, 400, ["file"]),
        ({"file": ("a.pdf", b"<html>", "application/pdf")}, 400, ["file"]),
        ({"file": ("a.png", b"\x89PNG", "image/png")}, 400, ["file"]),
        ({"other": ("a.txt", b"text", "text/plain")}, 422, ["file"]),
    ],
)
def test_an_upload_that_is_no_use_is_refused(call: Gateway, form: object, status: int, fields: list[str]) -> None:
    refused = call.upload(UPLOAD, form)
    assert (refused.status, refused.body["error_code"], refused.fields) == (status, 10006, fields)


def test_an_upload_that_is_no_form_or_too_large_is_refused(call: Gateway) -> None:
    assert call("POST", UPLOAD, {"file": "text"}).status == 415
    assert call.upload(UPLOAD, {"file": ("a.txt", b"x" * 6_000_000, "text/plain")}).status == 413


def test_a_large_file_goes_straight_to_the_bucket(call: Gateway, chat: int, bucket: str) -> None:  # noqa: F811
    body = {"name": "animals.txt", "content_type": "text/plain", "size": 40}
    announced = call("POST", f"{UPLOAD}/presigned", body)
    assert announced.status == 200
    assert set(announced.data) == {"uuid", "url", "fields", "expires_in", "max_size"}
    assert announced.data["max_size"] == 20 * 1024 * 1024
    question = {"message": "What is the giraffe called?", "attached_file_uuids": [announced.data["uuid"]]}
    assert call("POST", MESSAGES, question, chat_id=chat).fields == ["attached_file_uuids.0"]
    text = b"# Giraffe\nThe giraffe in the lobby is called Melman.\n"
    aws.client("s3").put_object(Bucket=bucket, Key=announced.data["fields"]["key"], Body=text)
    assert "Melman" in call("POST", MESSAGES, question, chat_id=chat).data["response_content"]


def test_a_file_over_the_limit_of_presigned_uploads_is_refused(call: Gateway) -> None:
    body = {"name": "a.pdf", "content_type": "application/pdf", "size": 100 * 1024 * 1024 + 1}
    assert call("POST", f"{UPLOAD}/presigned", body).fields == ["size"]
    assert call("POST", f"{UPLOAD}/presigned", {**body, "size": 5, "content_type": "video/mp4"}).status == 400


def test_reading_and_writing_need_their_scopes(function: ModuleType, table: str, call: Gateway, chat: int) -> None:  # noqa: F811
    nothing, reader = Gateway(function, a_key(table, "acme")), Gateway(function, a_key(table, "acme", "chats:read"))
    routes: list[tuple[str, dict[str, Any]]] = [(CHATS, {}), (CHAT, {"chat_id": chat}), (MESSAGES, {"chat_id": chat})]
    for resource, ids in routes:
        assert reader("GET", resource, **ids).status == 200
        assert nothing("GET", resource, **ids).status == 403
    form = {"file": ("a.txt", b"text", "text/plain")}
    for refused in (
        reader("POST", CHATS, {"name": "x", "agent_id": str(uuid4())}),
        reader("PUT", CHAT, {"name": "x"}, chat_id=chat),
        reader("POST", MESSAGES, {"message": "x"}, chat_id=chat),
        reader.upload(UPLOAD, form),
        reader.upload("/api/v1/external/files", form),
        reader("POST", f"{UPLOAD}/presigned", {"name": "a.txt", "content_type": "text/plain"}),
        Gateway(function, None)("GET", CHATS),
    ):
        assert (refused.status, refused.body["error_code"]) == (403, 10001)


@pytest.mark.parametrize(
    ("message", "field"), [("", "message"), ("a\0b", "message"), (None, "message"), (7, "message")]
)
def test_a_message_must_be_text(call: Gateway, chat: int, message: object, field: str) -> None:
    assert call("POST", MESSAGES, {"message": message}, chat_id=chat).fields == [field]


def test_nothing_of_a_chat_reaches_the_log(call: Gateway, chat: int, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    call("POST", MESSAGES, {"message": "TOPSECRET question"}, chat_id=chat)
    call.upload(UPLOAD, {"file": ("TOPSECRET.txt", b"TOPSECRET", "text/plain")})
    logged = capsys.readouterr().out
    assert len(logged.splitlines()) == 2
    assert "TOPSECRET" not in logged
