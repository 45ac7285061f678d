"""POST /api/v1/batches, whole: seed 002 and spec messages 3.2."""

from __future__ import annotations

import json
import re
import time
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
from botocore.client import BaseClient
from functions.gateway import almost_over
from functions.messages_api import MessagesApi, api, badly, well  # noqa: F401 -- api: the fixture

from batchwork.adapters.dynamodb.usage import DynamoUsage
from batchwork.adapters.sqs import SqsWorkQueue
from batchwork.domain.usage import month_of

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


@pytest.fixture
def calls(api: MessagesApi, monkeypatch: pytest.MonkeyPatch) -> list[str]:  # noqa: F811 -- the fixture
    """The calls of AWS from now on; the function has served another workspace before."""
    api.call("POST", PATH, {}, key=api.a_key(api.a_workspace()))
    calls: list[str] = []
    real = BaseClient._make_api_call  # type: ignore[attr-defined] # botocore's one way to AWS; stubs leave it out

    def counted(client: Any, operation: str, arguments: Any) -> Any:
        calls.append(operation)
        return real(client, operation, arguments)

    monkeypatch.setattr(BaseClient, "_make_api_call", counted)
    return calls


def test_accepting_a_thousand_takes_six_calls_of_aws_and_five_in_a_burst(
    api: MessagesApi,  # noqa: F811 -- the fixture
    calls: list[str],
) -> None:
    limit, agents, integers = "UpdateItem", "BatchGetItem", "UpdateItem"
    rest = ["BatchWriteItem", "TransactWriteItems", "SendMessageBatch"]
    api.submit(1000)
    assert calls == ["BatchGetItem", limit, agents, integers, *rest], "with one call for the API key"
    calls.clear()
    for _ in range(3):
        api.submit(1000)
    assert calls == [limit, agents, *rest] * 3
    calls.clear()
    api.submit(1000)
    assert calls == [limit, agents, integers, *rest]


def test_an_idempotency_key_takes_two_calls_more_and_its_replay_two_in_all(
    api: MessagesApi,  # noqa: F811 -- the fixture
    calls: list[str],
) -> None:
    body, headers = a_body(api), {"Idempotency-Key": "order-1"}
    api.call("POST", PATH, body)
    calls.clear()
    api.call("POST", PATH, body, headers=headers)
    claim, keep = "PutItem", "UpdateItem"
    assert calls == [
        *("UpdateItem", claim, "BatchGetItem", "BatchWriteItem", "TransactWriteItems", "SendMessageBatch"),
        keep,
    ]
    calls.clear()
    assert api.call("POST", PATH, body, headers=headers).headers["Idempotency-Replayed"] == "true"
    assert calls == ["UpdateItem", claim]


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


# ── Metering: a unit an item, reserved as the batch is accepted (spec lookups 2.3) ──


def test_a_batch_of_n_is_n_units_and_its_id_is_that_of_its_charge(api: MessagesApi) -> None:  # noqa: F811
    first, second = api.submit(7), api.submit(12)
    assert api.used() == 19
    charges = list(DynamoUsage(api.table).charges(api.workspace, month_of(datetime.now(UTC))))
    assert {(charge.id, charge.units, charge.family) for charge in charges} == {
        (first["id"], 7, "messages"),
        (second["id"], 12, "messages"),
    }


def test_what_is_refused_costs_nothing(api: MessagesApi) -> None:  # noqa: F811 -- the fixture
    refused = [
        api.call("POST", PATH, a_body(api, requests=[])),
        api.call("POST", PATH, a_body(api, agent_id=str(uuid4()))),
        api.call("POST", PATH, a_body(api), key=api.a_key(scopes=["batches:read"])),
        api.call("POST", PATH, "{"),
        api.call("POST", PATH, a_body(api), headers={"Idempotency-Key": "k" * 256}),
        api.call("POST", PATH, a_body(api, padding="x" * 6_000_000)),
    ]
    assert [answer.status for answer in refused] == [422, 404, 403, 400, 400, 413]
    assert api.used() == 0


def test_items_that_fail_or_are_cancelled_stay_charged(api: MessagesApi) -> None:  # noqa: F811 -- the fixture
    batch = api.stored(api.submit(25)["id"])
    api.work(batch, 0, lambda index: badly(index) if index % 2 else well(index))
    assert api.call("POST", f"{PATH}/{batch.id}/cancel").status == 202
    assert api.used() == 25


@pytest.mark.parametrize("headers", [{}, {"Idempotency-Key": "order-1"}], ids=["bare", "keyed"])
def test_a_batch_beyond_the_quota_is_402_and_leaves_nothing(
    api: MessagesApi,  # noqa: F811 -- the fixture
    headers: dict[str, str],
) -> None:
    api.change(monthly_quota=10)
    kept = api.submit(7)
    api.queued()
    requests = [{"custom_id": f"req-{number}", "message": "m"} for number in range(4)]
    answer = api.call("POST", PATH, a_body(api, requests=requests), headers=headers)
    assert (answer.status, answer.body) == (
        402,
        {
            "data": None,
            "message": "The monthly quota of 10 units has no room for 4: 7 are used.",
            "error_code": 10006,
        },
    )
    assert 0 < int(answer.headers["Retry-After"]) <= 31 * 86_400
    assert [batch["id"] for batch in api.call("GET", PATH).data] == [kept["id"]]
    assert api.queued() == []
    assert api.used() == 7
    smaller = api.call("POST", PATH, a_body(api, requests=requests[:3]), headers=headers)
    assert smaller.status == 202, "the refusal freed the key, and what fits is taken"
    assert api.used() == 10


def test_a_plan_with_overage_is_counted_and_not_stopped(api: MessagesApi) -> None:  # noqa: F811 -- the fixture
    api.change(monthly_quota=3, overage=True)
    api.submit(5)
    assert api.used() == 5


# ── Once: the same request under one Idempotency-Key ──


def test_a_retried_submit_never_makes_a_second_batch(api: MessagesApi) -> None:  # noqa: F811 -- the fixture
    body, headers = a_body(api), {"Idempotency-Key": "order-1"}
    first, again = (api.call("POST", PATH, body, headers=headers) for _ in range(2))
    assert (again.status, again.body) == (202, first.body)
    assert again.headers["Idempotency-Replayed"] == "true"
    assert [batch["id"] for batch in api.call("GET", PATH).data] == [first.data["id"]]
    assert len(api.queued()) == 1
    assert api.used() == 1


def test_a_batch_accepted_by_a_function_that_died_is_found_and_not_made_again(
    api: MessagesApi,  # noqa: F811 -- the fixture
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Died(BaseException):
        pass

    def die(*_: Any) -> None:
        raise Died

    requests = [{"custom_id": "a", "message": "m", "agent_id": api.agent}]
    body, headers = a_body(api, requests=requests), {"Idempotency-Key": "order-1"}
    with monkeypatch.context() as patch:
        patch.setattr(SqsWorkQueue, "send", die)
        with pytest.raises(Died):
            api.call("POST", PATH, body, headers=headers, context=almost_over())
    time.sleep(0.01)
    newer, version = api.agents.update(api.workspace, api.agent, {"system_prompt": "Changed meanwhile."})
    api.agents.publish(api.workspace, newer.id, version.id)
    again = api.call("POST", PATH, body, headers=headers)
    assert again.status == 202
    assert [batch["id"] for batch in api.call("GET", PATH).data] == [again.data["id"]]
    batch = api.stored(again.data["id"])
    assert batch.attributes["version"] == 1
    assert [item.body["version"] for item in api.batches.chunk(batch, 0).items] == [1]
    assert [message["batch_id"] for message in api.queued()] == [again.data["id"]]
    assert api.used() == 1


def test_a_corrected_request_may_use_the_key_of_a_refused_one(api: MessagesApi) -> None:  # noqa: F811
    headers = {"Idempotency-Key": "order-1"}
    assert api.call("POST", PATH, a_body(api, agent_id=str(uuid4())), headers=headers).status == 404
    assert api.call("POST", PATH, a_body(api), headers=headers).status == 202
    reused = api.call("POST", PATH, a_body(api, requests=[{"custom_id": "b", "message": "m"}]), headers=headers)
    assert (reused.status, reused.body["error_code"]) == (422, 10006)
    assert api.used() == 1
