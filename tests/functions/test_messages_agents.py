"""/api/v1/external/agents over API Gateway (spec messages 3.3)."""

from __future__ import annotations

import json
from types import ModuleType
from typing import Any
from uuid import uuid4

import pytest
from contract.conftest import bucket, in_moto, table  # noqa: F401 -- fixtures
from functions.gateway import Gateway, a_key
from functions.loading import load_function

AGENTS = "/api/v1/external/agents"
AGENT = f"{AGENTS}/{{agent_id}}"
VERSIONS = f"{AGENT}/versions"
VERSION = f"{VERSIONS}/{{version_id}}"
BODY = {
    "name": "Support",
    "system_prompt": "Be kind.",
    "unified_tools": [{"type": "search"}],
    "primary_object_ids": ["object-1"],
    "attachment_ids": [],
    "use_search": True,
    "suggested_questions": ["When are you open?"],
    "description": "Answers questions",
    "llm_model": "gemini-2.5-flash",
    "documents": [{"title": "FAQ", "text": "We open at nine."}],
}


@pytest.fixture
def function(table: str, bucket: str, monkeypatch: pytest.MonkeyPatch) -> ModuleType:  # noqa: F811 -- fixtures
    monkeypatch.setenv("TABLE_NAME", table)
    monkeypatch.setenv("BUCKET_NAME", bucket)
    return load_function("messages_agents")


@pytest.fixture
def call(function: ModuleType, table: str) -> Gateway:  # noqa: F811 -- a fixture
    return Gateway(function, a_key(table, "acme", "agents:read", "agents:write"))


@pytest.fixture
def other(function: ModuleType, table: str) -> Gateway:  # noqa: F811 -- a fixture
    return Gateway(function, a_key(table, "other", "agents:read", "agents:write"))


def publish(call: Gateway, agent: Any, colon: str = ":") -> Any:
    return call("POST", VERSION, agent_id=agent["id"], version_id=f"{agent['version']['id']}{colon}publish")


def test_an_agent_is_created_as_a_draft_with_everything_given(call: Gateway) -> None:
    created = call("POST", AGENTS, BODY)
    assert (created.status, created.body["message"], created.body["error_code"]) == (201, None, 0)
    agent = created.data
    assert agent["workspace_id"] == "acme"
    assert (agent["publish_state"], agent["agent_type"]) == ("private", "basic")
    assert (agent["latest_version_number"], agent["published_version_number"]) == (1, None)
    version = agent["version"]
    assert {name: version[name] for name in BODY} == BODY
    assert (version["version_number"], version["status"], version["was_published"]) == (1, "draft", False)
    assert version["provider"] == {"type": "knowledge"}
    assert call("GET", AGENT, agent_id=agent["id"]).data == agent
    assert call("GET", AGENT, agent_id=agent["id"].upper()).data == agent


def test_a_name_is_enough(call: Gateway) -> None:
    assert call("POST", AGENTS, {"name": "x", "unknown_field": 1}).status == 201


@pytest.mark.parametrize("colon", [":", "%3A", "%3a"])
def test_a_version_is_published_by_its_path(call: Gateway, colon: str) -> None:
    agent = call("POST", AGENTS, BODY).data
    published = publish(call, agent, colon)
    assert published.status == 200
    assert (published.data["published_version_number"], published.data["publish_state"]) == (1, "in_organization")
    assert (published.data["version"]["status"], published.data["version"]["was_published"]) == ("published", True)


def test_a_post_to_a_version_without_a_verb_is_no_route(call: Gateway) -> None:
    agent = call("POST", AGENTS, BODY).data
    answered = call("POST", VERSION, agent_id=agent["id"], version_id=agent["version"]["id"])
    assert (answered.status, answered.body["error_code"]) == (404, 10003)
    assert call("GET", AGENT, agent_id=agent["id"]).data["published_version_number"] is None


def test_an_update_makes_a_draft_beside_the_published_version(call: Gateway) -> None:
    agent = call("POST", AGENTS, BODY).data
    publish(call, agent)
    updated = call("PATCH", AGENT, {"system_prompt": "Be brief.", "description": None}, agent_id=agent["id"])
    assert updated.status == 200
    assert (updated.data["latest_version_number"], updated.data["published_version_number"]) == (2, 1)
    version = updated.data["version"]
    assert (version["system_prompt"], version["description"], version["name"]) == ("Be brief.", None, "Support")
    assert version["documents"] == BODY["documents"]
    versions = call("GET", VERSIONS, agent_id=agent["id"])
    assert [(v["version_number"], v["status"]) for v in versions.data] == [(2, "draft"), (1, "published")]
    assert versions.body["pagination"]["total_records"] == 2
    first = call("GET", VERSION, agent_id=agent["id"], version_id=agent["version"]["id"])
    assert (first.data["system_prompt"], first.data["documents"]) == ("Be kind.", BODY["documents"])


def test_lists_show_published_agents_or_all_of_them(call: Gateway) -> None:
    published = call("POST", AGENTS, BODY).data
    publish(call, published)
    call("PATCH", AGENT, {"name": "Support, soon"}, agent_id=published["id"])
    draft = call("POST", AGENTS, {"name": "Draft"}).data
    assert [(a["id"], a["name"]) for a in call("GET", AGENTS).data] == [(published["id"], "Support")]
    everything = call("GET", f"{AGENTS}/all")
    assert {a["id"] for a in everything.data} == {published["id"], draft["id"]}
    assert everything.body["pagination"]["total_records"] == 2
    page = call("GET", f"{AGENTS}/all", query={"limit": "1", "offset": "1"})
    assert len(page.data) == 1
    assert page.body["pagination"]["prev_page"] == f"https://api.example.com{AGENTS}/all?offset=0&limit=1"


def test_published_agents_have_the_shape_of_the_chat_routes(call: Gateway) -> None:
    agent = call("POST", AGENTS, BODY).data
    publish(call, agent)
    (shown,) = call("GET", "/api/v1/chats/published-agents").data
    assert set(shown) == {
        *("id", "name", "description", "workspace_id", "publish_state", "agent_type", "created_at", "updated_at"),
        *("system_prompt", "unified_tools", "suggested_questions", "use_search", "meta", "llm_model"),
        *("latest_version_number", "published_version_number"),
    }
    assert (shown["id"], shown["system_prompt"], shown["llm_model"]) == (agent["id"], "Be kind.", "gemini-2.5-flash")
    assert shown["created_at"].endswith("Z")
    assert len(shown["created_at"]) == len("2024-01-15T10:30:00Z")


def test_another_workspaces_agents_do_not_exist(call: Gateway, other: Gateway) -> None:
    agent = call("POST", AGENTS, BODY).data
    publish(call, agent)
    ids = {"agent_id": agent["id"], "version_id": agent["version"]["id"]}
    for answered in (
        other("GET", AGENT, agent_id=ids["agent_id"]),
        other("PATCH", AGENT, {"name": "mine"}, agent_id=ids["agent_id"]),
        other("GET", VERSIONS, agent_id=ids["agent_id"]),
        other("GET", VERSION, **ids),
        publish(other, agent),
    ):
        assert (answered.status, answered.body["error_code"]) == (404, 10003)
    assert other("GET", AGENTS).data == []
    assert other("GET", f"{AGENTS}/all").data == []
    assert other("GET", "/api/v1/chats/published-agents").data == []
    assert call("GET", AGENT, agent_id=agent["id"]).data["name"] == "Support"


@pytest.mark.parametrize(
    "wrong", ["x", "../agents", "1", "00000000-0000-4000-8000-00000000000g", "d6ab2045-d0b5-42bb-a683-68aa459035d7"]
)
def test_an_id_that_names_nothing_is_not_found(call: Gateway, wrong: str) -> None:
    assert call("GET", AGENT, agent_id=wrong).status == 404
    agent = call("POST", AGENTS, BODY).data
    assert call("GET", VERSION, agent_id=agent["id"], version_id=wrong).status == 404
    assert call("POST", VERSION, agent_id=agent["id"], version_id=f"{wrong}:publish").status == 404


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"name": None}, "name"),
        ({"name": ""}, "name"),
        ({"name": "x" * 257}, "name"),
        ({"name": "a\0b"}, "name"),
        ({"name": 7}, "name"),
        ({"suggested_questions": ["a", "b", "c", "d"]}, "suggested_questions"),
        ({"suggested_questions": ["x" * 201]}, "suggested_questions.0"),
        ({"attachment_ids": ["not-a-uuid"]}, "attachment_ids.0"),
        ({"unified_tools": ["search"]}, "unified_tools.0"),
        ({"unified_tools": [{"text": "x" * 100_001}]}, "unified_tools"),
        ({"documents": [{"title": "FAQ"}]}, "documents.0.text"),
        ({"documents": [{"title": "FAQ", "text": "x" * 1_000_001}]}, "documents"),
        ({"use_search": "yes"}, "use_search"),
        ({"provider": {"type": "oracle"}}, "provider"),
        ({"provider": {"type": "knowledge", "temprature": 1}}, "provider.temprature"),
        ({"provider": {"type": "bedrock"}}, "provider.model"),
        ({"provider": {"type": "bedrock", "model": "m", "region": "evil.example/"}}, "provider.region"),
        ({"provider": {"type": "openai", "model": "m"}}, "provider.base_url"),
    ],
)
def test_a_body_of_the_wrong_shape_is_told_where(call: Gateway, changes: dict[str, Any], field: str) -> None:
    refused = call("POST", AGENTS, {**BODY, **changes})
    assert (refused.status, refused.body["error_code"], refused.body["message"]) == (
        422,
        10006,
        "Invalid request payload",
    )
    assert refused.fields == [field]
    assert call("GET", f"{AGENTS}/all").data == []


def test_everything_wrong_is_told_at_once(call: Gateway) -> None:
    refused = call("POST", AGENTS, {"suggested_questions": [""], "use_search": 1, "description": "\0"})
    assert set(refused.fields) == {"name", "suggested_questions.0", "use_search", "description"}


@pytest.mark.parametrize(
    "raw",
    [
        *(b"", b"{", b"[1", b"\xff", b"[" * 100_000),
        b'{"name": "x", "unified_tools": [{"weight": NaN}]}',
        b'{"name": "x", "unified_tools": [{"weight": 1e999}]}',
        b'{"name": "x", "ignored": -Infinity}',
    ],
    ids=["empty", "open", "cut", "bytes", "deep", "nan", "huge", "infinity"],
)
def test_a_body_that_is_no_json_is_refused(call: Gateway, raw: bytes) -> None:
    refused = call.send("POST", AGENTS, raw, {"content-type": "application/json"}, None, {})
    assert (refused.status, refused.body["error_code"]) == (400, 10006)


def test_half_a_surrogate_pair_is_refused_where_it_stands(call: Gateway) -> None:
    refused = call("POST", AGENTS, b'{"name": "\\ud800"}')
    assert (refused.status, refused.fields) == (422, ["name"])


def test_a_change_of_nothing_is_refused(call: Gateway) -> None:
    agent = call("POST", AGENTS, BODY).data
    assert call("PATCH", AGENT, {}, agent_id=agent["id"]).status == 422
    assert call("PATCH", AGENT, {"name": None}, agent_id=agent["id"]).fields == ["name"]
    assert call("GET", AGENT, agent_id=agent["id"]).data["latest_version_number"] == 1


def test_a_lambda_provider_is_the_operators_choice(call: Gateway) -> None:
    provider = {"type": "lambda", "function_arn": "arn:aws:lambda:us-east-1:123456789012:function:f"}
    refused = call("POST", AGENTS, {**BODY, "provider": provider})
    assert (refused.status, refused.body["error_code"]) == (403, 10001)
    agent = call("POST", AGENTS, BODY).data
    assert call("PATCH", AGENT, {"provider": provider}, agent_id=agent["id"]).status == 403


def test_a_provider_that_customers_may_not_choose_is_named(call: Gateway) -> None:
    provider = {
        "type": "openai",
        "base_url": "https://169.254.169.254/v1",
        "model": "m",
        "key_ref": "secretsmanager:batchwork/other/key",
    }
    refused = call("POST", AGENTS, {**BODY, "provider": provider})
    assert (refused.status, refused.fields) == (400, ["provider.key_ref", "provider.base_url"])
    assert "batchwork/other" not in json.dumps(refused.body)


def test_a_provider_of_ones_own_comes_back_as_given(call: Gateway) -> None:
    provider = {
        "type": "openai",
        "base_url": "https://models.example.org/v1",
        "model": "m",
        "key_ref": "secretsmanager:batchwork/acme/key",
        "temperature": 0.5,
    }
    assert call("POST", AGENTS, {**BODY, "provider": provider}).data["version"]["provider"] == provider


def test_unknown_attachments_are_named(call: Gateway) -> None:
    refused = call("POST", AGENTS, {**BODY, "attachment_ids": [str(uuid4())]})
    assert (refused.status, refused.body["error_code"], refused.fields) == (400, 10006, ["attachment_ids.0"])


def test_reading_and_writing_need_their_scopes(function: ModuleType, table: str, call: Gateway) -> None:  # noqa: F811
    agent = call("POST", AGENTS, BODY).data
    nothing = Gateway(function, a_key(table, "acme"))
    reader = Gateway(function, a_key(table, "acme", "agents:read"))
    for resource, ids in {
        AGENTS: {},
        f"{AGENTS}/all": {},
        AGENT: {"agent_id": agent["id"]},
        VERSIONS: {"agent_id": agent["id"]},
        VERSION: {"agent_id": agent["id"], "version_id": agent["version"]["id"]},
        "/api/v1/chats/published-agents": {},
    }.items():
        assert reader("GET", resource, **ids).status == 200
        refused = nothing("GET", resource, **ids)
        assert (refused.status, refused.body["error_code"]) == (403, 10001)
    assert reader("POST", AGENTS, BODY).status == 403
    assert reader("PATCH", AGENT, BODY, agent_id=agent["id"]).status == 403
    assert publish(reader, agent).status == 403
    assert Gateway(function, None)("GET", AGENTS).status == 403


def test_nothing_of_an_agent_reaches_the_log(call: Gateway, capsys: pytest.CaptureFixture[str]) -> None:
    call("POST", AGENTS, {**BODY, "system_prompt": "TOPSECRET prompt"})
    call("POST", AGENTS, {**BODY, "system_prompt": "TOPSECRET prompt", "use_search": "TOPSECRET"})
    logged = capsys.readouterr().out
    assert len(logged.splitlines()) == 2
    assert "TOPSECRET" not in logged
