"""POST /api/v1/batches, whole: seed 002 and spec messages 3.2."""

from __future__ import annotations

import json
import re
from typing import Any
from uuid import uuid4

import pytest
from botocore.client import BaseClient
from functions.messages_api import MessagesApi, api  # noqa: F401 -- the fixture

UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
PATH = "/api/v1/batches"


def a_body(api: MessagesApi, **changes: Any) -> dict[str, Any]:  # noqa: F811 -- the fixture's value
    return {"agent_id": api.agent, "requests": [{"custom_id": "req-001", "message": "Hello"}]} | changes


def test_a_batch_is_accepted_in_the_seeds_words_and_order(api: MessagesApi) -> None:  # noqa: F811 -- the fixture
    requests = [{"custom_id": f"req-{number}", "message": f"Question {number}"} for number in range(2)]
    answer = api.call("POST", PATH, a_body(api, requests=requests))
    assert answer.status == 202
    assert list(answer.body) == ["data", "message", "error_code"]
    assert (answer.body["message"], answer.body["error_code"]) == (None, 0)
    assert list(answer.data) == [
        "id",
        "status",
        "agent_id",
        "total_requests",
        "completed_requests",
        "failed_requests",
        "created_at",
        "completed_at",
        "cancelled_at",
    ]
    assert UUID.fullmatch(answer.data["id"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", answer.data["created_at"])
    assert {name: answer.data[name] for name in list(answer.data)[1:6]} == {
        "status": "in_progress",
        "agent_id": api.agent,
        "total_requests": 2,
        "completed_requests": 0,
        "failed_requests": 0,
    }
    assert answer.data["completed_at"] is None
    assert answer.data["cancelled_at"] is None


def test_what_is_accepted_is_stored_whole_and_queued_chunk_by_chunk(api: MessagesApi) -> None:  # noqa: F811
    other = api.an_agent()
    request = {
        "custom_id": "a",
        "message": "Grüße 🙂",
        "agent_id": other,
        "external_user_id": "u",
        "name": "n",
        "attached_file_uuids": [str(uuid4())],
        "history_id": 12,
    }
    webhook = {"url": "https://your-server.com/hook", "events": ["cancelled"], "secret": "your-webhook-secret"}
    requests = [request, *({"custom_id": f"b{number}", "message": "m"} for number in range(14))]
    created = api.call("POST", PATH, a_body(api, requests=requests, webhook=webhook)).data
    batch = api.stored(created["id"])
    assert batch.family == "messages"
    assert batch.attributes == {"agent_id": api.agent, "version": 1, "first_id": 1}
    assert batch.webhook is not None
    assert (batch.webhook.events, batch.webhook.secret) == (("cancelled",), "your-webhook-secret")
    stored = [item.body for chunk in range(batch.cut.chunks) for item in api.batches.chunk(batch, chunk).items]
    assert stored == [{**request, "version": 1}, *requests[1:]]
    assert api.queued() == [
        {"workspace_id": api.workspace, "batch_id": batch.id, "chunk": chunk} for chunk in range(batch.cut.chunks)
    ]


def test_no_two_requests_of_a_workspace_share_a_chat_id(api: MessagesApi) -> None:  # noqa: F811 -- the fixture
    first, second = (api.stored(api.submit(total)["id"]).attributes["first_id"] for total in (5, 1))
    assert second == first + 2 * 5


def test_accepting_a_thousand_takes_five_calls_of_aws(
    api: MessagesApi,  # noqa: F811 -- the fixture
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    api.submit()
    calls: list[str] = []
    real = BaseClient._make_api_call  # type: ignore[attr-defined] # botocore's one way to AWS; stubs leave it out

    def counted(client: Any, operation: str, arguments: Any) -> Any:
        calls.append(operation)
        return real(client, operation, arguments)

    monkeypatch.setattr(BaseClient, "_make_api_call", counted)
    api.submit(1000)
    assert calls == ["BatchGetItem", "UpdateItem", "BatchWriteItem", "PutItem", "SendMessageBatch"]


def test_agents_that_are_unknown_unpublished_or_anothers_refuse_the_whole_batch(api: MessagesApi) -> None:  # noqa: F811
    foreign, draft, nobody = api.an_agent(api.a_workspace()), api.an_agent(published=False), str(uuid4())
    agents = [None, foreign, draft, api.agent, nobody]
    requests = [{"custom_id": str(n), "message": "m", "agent_id": agent} for n, agent in enumerate(agents)]
    answer = api.call("POST", PATH, a_body(api, agent_id=draft, requests=requests))
    assert (answer.status, answer.body["error_code"], answer.body["message"]) == (404, 10003, "Agent version not found")
    assert answer.fields == ["agent_id", "requests.1.agent_id", "requests.2.agent_id", "requests.4.agent_id"]
    assert api.queued() == []
    assert api.call("GET", PATH).data == []


def test_a_wrong_shape_is_422_and_tells_each_place(api: MessagesApi) -> None:  # noqa: F811 -- the fixture
    requests = [{"custom_id": "x" * 257, "message": "m"}, {"custom_id": "b", "history_id": 0, "message": "m"}]
    answer = api.call("POST", PATH, a_body(api, agent_id="nope", requests=requests))
    assert (answer.status, answer.body["error_code"]) == (422, 10006)
    assert answer.body["message"] == "Invalid request payload"
    assert sorted(answer.fields) == ["agent_id", "requests.0.custom_id", "requests.1.history_id"]
    assert list(answer.data["errors"][0]) == ["field", "message", "type"]


@pytest.mark.parametrize("total", [0, 1001])
def test_no_requests_and_one_too_many_are_422(api: MessagesApi, total: int) -> None:  # noqa: F811 -- the fixture
    requests = [{"custom_id": str(number), "message": "m"} for number in range(total)]
    answer = api.call("POST", PATH, a_body(api, requests=requests))
    assert (answer.status, answer.fields) == (422, ["requests"])


def test_duplicates_and_a_plain_webhook_are_400_together(api: MessagesApi) -> None:  # noqa: F811 -- the fixture
    requests = [{"custom_id": "same", "message": "m"}] * 2
    answer = api.call("POST", PATH, a_body(api, requests=requests, webhook={"url": "http://your-server.com/"}))
    assert (answer.status, answer.body["error_code"]) == (400, 10006)
    assert answer.fields == ["requests.1.custom_id", "webhook.url"]


@pytest.mark.parametrize("url", ["https://169.254.169.254/", "https://[::ffff:10.0.0.1]/", "https://127.0.0.1:8443/"])
def test_a_webhook_into_a_private_network_is_400(api: MessagesApi, url: str) -> None:  # noqa: F811 -- the fixture
    answer = api.call("POST", PATH, a_body(api, webhook={"url": url}))
    assert (answer.status, answer.fields) == (400, ["webhook.url"])


def test_a_local_stack_takes_a_plain_webhook_on_loopback(
    api: MessagesApi,  # noqa: F811 -- the fixture
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("ALLOW_LOOPBACK_EGRESS", "true")
    assert api.call("POST", PATH, a_body(api, webhook={"url": "http://127.0.0.1:9000/hook"})).status == 202


@pytest.mark.parametrize("body", ["", "{", "nonsense", "[" * 5000, None])
def test_a_body_that_is_no_json_is_400(api: MessagesApi, body: str | None) -> None:  # noqa: F811 -- the fixture
    answer = api.call("POST", PATH, body)
    assert (answer.status, answer.body["error_code"], answer.data) == (400, 10006, None)


def test_a_lone_surrogate_and_a_nul_are_422_at_their_place(api: MessagesApi) -> None:  # noqa: F811 -- the fixture
    for half in ("\\ud800", "\\u0000"):
        text = json.dumps(a_body(api)).replace("Hello", half)
        answer = api.call("POST", PATH, text)
        assert (answer.status, answer.fields) == (422, ["requests.0.message"])


def test_a_body_of_six_megabytes_is_413(api: MessagesApi) -> None:  # noqa: F811 -- the fixture
    answer = api.call("POST", PATH, a_body(api, padding="x" * 6_000_000))
    assert (answer.status, answer.body["error_code"]) == (413, 10006)


def test_a_form_is_415(api: MessagesApi) -> None:  # noqa: F811 -- the fixture
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = api.call("POST", PATH, "agent_id=1", headers=headers)
    assert (answer.status, answer.body["error_code"]) == (415, 10006)


def test_without_a_key_with_a_wrong_one_and_without_the_scope_it_is_403(api: MessagesApi) -> None:  # noqa: F811
    reader = api.a_key(scopes=["batches:read"])
    for key in ("-", "", "bw_x_y.z", reader[:-1], reader):
        answer = api.call("POST", PATH, a_body(api), key=key)
        assert (answer.status, answer.body["error_code"]) == (403, 10001)
    assert answer.body["message"] == "This API key lacks the scope batches:write."


def test_a_bearer_token_is_as_good_as_an_api_key_header(api: MessagesApi) -> None:  # noqa: F811 -- the fixture
    headers = {"Authorization": f"Bearer {api.key}"}
    assert api.call("POST", PATH, a_body(api), key="", headers=headers).status == 202
