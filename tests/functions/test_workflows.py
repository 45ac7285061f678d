"""Workflows through the function that serves them, in the dialects of the published clients (spec workflow runs 4.6)."""

from __future__ import annotations

from typing import Any

import pytest
from functions.gateway import a_key
from functions.loading import load_function
from functions.workflow_api import WorkflowApi

NEW = "2026-02-09"
SCOPES = ("workflows:read", "workflows:write")
STEPS: list[dict[str, Any]] = [
    {"name": "trigger", "type": "TRIGGER", "next": [{"step": "parse"}]},
    {"name": "parse", "type": "PARSE", "next": [{"step": "look"}]},
    {"name": "look", "type": "HUMAN_REVIEW"},
]
UNKNOWN = "workflow_" + "z" * 23


@pytest.fixture
def call(table: str, bucket: str, monkeypatch: pytest.MonkeyPatch) -> WorkflowApi:
    monkeypatch.setenv("TABLE_NAME", table)
    monkeypatch.setenv("BUCKET_NAME", bucket)
    return WorkflowApi(load_function("workflows"), a_key(table, "acme", *SCOPES))


@pytest.fixture
def new(call: WorkflowApi) -> WorkflowApi:
    return call.speaking(NEW)


def made(call: WorkflowApi, name: str = "Invoices", **fields: Any) -> Any:
    answer = call.speaking(NEW)("POST", "/workflows", {"name": name, **fields})
    assert answer.status == 200, answer.text
    return answer.body


def test_a_workflow_lives_its_life_in_the_dialect_of_2026(new: WorkflowApi) -> None:
    workflow = made(new, steps=STEPS)
    path = f"/workflows/{workflow['id']}"
    assert (workflow["object"], workflow["name"]) == ("workflow", "Invoices")
    assert workflow["draftVersion"]["version"] == "draft"
    assert workflow["draftVersion"]["steps"] == STEPS
    assert new("GET", path).body == workflow
    changed = new(
        "POST", path, {"name": "All invoices", "steps": [*STEPS[:1], {"name": "parse", "type": "PARSE"}]}
    ).body
    assert (changed["name"], len(changed["draftVersion"]["steps"])) == ("All invoices", 2)
    version = new("POST", f"{path}/versions", {"name": "first", "steps": STEPS}).body
    assert (version["object"], version["version"], version["name"]) == ("workflow_version", "1", "first")
    assert version["steps"] == STEPS
    for name in ("1", "latest", version["id"]):
        assert new("GET", f"{path}/versions/{name}").body == version
    assert new("GET", f"{path}/versions/draft").body == new("GET", path).body["draftVersion"]
    listed = new("GET", f"{path}/versions").body
    assert (listed["object"], [each["version"] for each in listed["data"]]) == ("list", ["draft", "1"])
    assert "nextPageToken" not in listed
    assert "steps" not in listed["data"][1]
    lines = new("GET", "/workflows").body
    assert [(each["id"], each["name"]) for each in lines["data"]] == [(workflow["id"], "All invoices")]
    assert "draftVersion" not in lines["data"][0]


@pytest.mark.parametrize("version", [None, "2024-12-23", "2025-04-21"])
@pytest.mark.parametrize("prefix", ["", "/v1"])
def test_the_older_dialects_answer_with_success(call: WorkflowApi, version: str | None, prefix: str) -> None:
    call = WorkflowApi(call.function, call.key, version, prefix=prefix)
    answer = call("POST", "/workflows", {"name": "Invoices"}).body
    workflow_id = answer["workflow"]["id"]
    short = {"object": "workflow", "id": workflow_id, "name": "Invoices", "version": "draft"}
    assert answer == {"success": True, "workflow": short}
    shown = call("GET", f"/workflows/{workflow_id}").body
    assert shown["success"] is True
    assert shown["workflow"].items() >= short.items()
    deployed = call("POST", f"/workflows/{workflow_id}/versions").body
    assert (deployed["success"], deployed["workflowVersion"]["version"]) == (True, "1")
    assert call("GET", f"/workflows/{workflow_id}").body["workflow"]["version"] == "1"
    listed = call("GET", "/workflows").body
    assert (listed["success"], [each["id"] for each in listed["workflows"]]) == (True, [workflow_id])
    versions = call("GET", f"/workflows/{workflow_id}/versions", sortDir="asc").body["workflowVersions"]
    assert [each["version"] for each in versions] == ["1", "draft"]


def test_lists_go_on_by_their_tokens_and_those_of_other_lists_are_refused(new: WorkflowApi) -> None:
    names = [made(new, f"w{number}")["name"] for number in range(5)]
    seen, query = list[str](), {"sortBy": "createdAt", "sortDir": "asc", "maxPageSize": "2"}
    page = new("GET", "/workflows", **query).body
    first = page["nextPageToken"]
    while True:
        seen += [each["name"] for each in page["data"]]
        if "nextPageToken" not in page:
            break
        page = new("GET", "/workflows", **query, nextPageToken=page["nextPageToken"]).body
    assert seen == names
    for wrong in ({"sortDir": "desc"}, {"sortBy": "updatedAt"}):
        refused = new("GET", "/workflows", **{**query, **wrong}, nextPageToken=first)
        assert (refused.status, "nextPageToken" in refused.body["message"]) == (400, True)
    assert new("GET", "/workflows", nextPageToken=first[:-2] + "xx", **query).status == 400


@pytest.mark.parametrize(
    ("query", "place"),
    [
        ({"sortBy": "name"}, "sortBy"),
        ({"sortDir": "up"}, "sortDir"),
        ({"maxPageSize": "0"}, "maxPageSize"),
        ({"maxPageSize": "1001"}, "maxPageSize"),
        ({"maxPageSize": "x"}, "maxPageSize"),
        ({"nextPageToken": "x"}, "nextPageToken"),
        ({"nextPageToken": "ä"}, "nextPageToken"),
        ({"nextPageToken": "W10"}, "nextPageToken"),
    ],
)
def test_what_is_wrong_with_a_query_is_named(call: WorkflowApi, query: dict[str, str], place: str) -> None:
    answer = call("GET", "/workflows", **query)
    assert (answer.status, answer.body["success"]) == (400, False)
    assert place in answer.body["error"]


@pytest.mark.parametrize(
    ("body", "place"),
    [
        ({}, "name"),
        ({"name": ""}, "name"),
        ({"name": "x" * 256}, "name"),
        ({"name": 7}, "name"),
        ({"name": "a\0b"}, "name"),
        ({"name": "a", "steps": {}}, "steps"),
        ({"name": "a", "steps": []}, "steps"),
        ({"name": "a", "steps": ["x"]}, "steps[0]"),
        ({"name": "a", "steps": [{"name": "a", "type": "NONE"}]}, "steps[0].type"),
        ({"name": "a", "steps": [*STEPS, STEPS[2]]}, "steps[3].name"),
    ],
)
def test_what_is_wrong_with_a_workflow_is_named(new: WorkflowApi, body: Any, place: str) -> None:
    answer = new("POST", "/workflows", body)
    assert (answer.status, answer.body["code"], answer.body["retryable"]) == (400, "INVALID_REQUEST", False)
    assert place in answer.body["message"]
    assert new("GET", "/workflows").body["data"] == []


@pytest.mark.parametrize("raw", [b"", b"{", b"[]", b'{"name": "a", "steps": [{"config": {"a": 1e999}}]}'])
def test_a_body_that_cannot_be_read_is_refused(call: WorkflowApi, raw: bytes) -> None:
    assert call.send("POST", "/workflows", raw, {"content-type": "application/json"}, {}).status == 400


def test_steps_are_checked_when_they_are_changed_and_deployed(new: WorkflowApi) -> None:
    path = f"/workflows/{made(new)['id']}"
    for below in ("", "/versions"):
        answer = new("POST", path + below, {"steps": [{"name": "a", "type": "NONE"}]})
        assert (answer.status, "steps[0].type" in answer.body["message"]) == (400, True)
    assert [each["version"] for each in new("GET", f"{path}/versions").body["data"]] == ["draft"]


def test_a_draft_that_lacks_a_configuration_is_kept_and_not_deployed(new: WorkflowApi) -> None:
    steps = [
        *STEPS[:1],
        {"name": "parse", "type": "PARSE", "next": [{"step": "kind"}]},
        {"name": "kind", "type": "CLASSIFY"},
    ]
    path = f"/workflows/{made(new, steps=steps)['id']}"
    refused = new("POST", f"{path}/versions", {})
    assert (refused.status, "steps[2]" in refused.body["message"]) == (400, True)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", f"/workflows/{UNKNOWN}"),
        ("GET", "/workflows/nonsense"),
        ("POST", f"/workflows/{UNKNOWN}"),
        ("POST", f"/workflows/{UNKNOWN}/versions"),
        ("GET", f"/workflows/{UNKNOWN}/versions"),
        ("GET", f"/workflows/{UNKNOWN}/versions/1"),
        ("GET", "/workflows/a/b/c/d"),
        ("GET", "/workflows/"),
        ("POST", f"/workflows/{UNKNOWN}/deploy"),
    ],
)
def test_what_is_not_there_is_not_found(call: WorkflowApi, method: str, path: str) -> None:
    body: Any = {} if method == "POST" else None
    assert call(method, path, body).status == 404
    assert call.speaking(NEW)(method, path, body).body["code"] == "NOT_FOUND"


def test_another_workspaces_workflow_is_not_found(call: WorkflowApi, table: str) -> None:
    workflow = made(call)
    other = WorkflowApi(call.function, a_key(table, "other", *SCOPES))
    path = f"/workflows/{workflow['id']}"
    calls: list[tuple[str, str, Any]] = [("GET", "", None), ("POST", "", {"name": "Mine"}), ("POST", "/versions", {})]
    for method, below, body in calls:
        assert other(method, path + below, body).status == 404
    assert other("GET", "/workflows").body["workflows"] == []


@pytest.mark.parametrize(("scope", "method"), [("workflows:write", "GET"), ("workflows:read", "POST")])
def test_who_may_not_is_told(call: WorkflowApi, table: str, scope: str, method: str) -> None:
    limited = WorkflowApi(call.function, a_key(table, "acme", scope), NEW)
    answer = limited(method, "/workflows", {"name": "a"} if method == "POST" else None)
    assert (answer.status, answer.body["code"]) == (403, "FORBIDDEN")
    assert "permission" in answer.body["message"]


def test_one_key_makes_and_deploys_once(new: WorkflowApi) -> None:
    first, again = (new.under("make")("POST", "/workflows", {"name": "Once"}) for _ in range(2))
    assert first.text == again.text
    assert again.headers["Idempotency-Replayed"] == "true"
    path = f"/workflows/{first.body['id']}/versions"
    deployed = [new.under("deploy")("POST", path, {}).body["version"] for _ in range(3)]
    assert deployed == ["1", "1", "1"]


def test_who_goes_on_after_a_dead_try_deploys_the_same_version(
    new: WorkflowApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = f"/workflows/{made(new)['id']}/versions"
    version = new.under("deploy").dying(monkeypatch, lambda call: call("POST", path, {})).body
    again = new.under("deploy")("POST", path, {})
    assert (again.body, "Idempotency-Replayed" in again.headers) == (version, False)
    assert [each["version"] for each in new("GET", path).body["data"]] == ["draft", "1"]
