"""Webhook endpoints, subscriptions and deliveries through the function that serves them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from fakes.receiver import a_receiver
from functions.gateway import a_key
from functions.loading import load_function
from functions.workflow_api import WorkflowApi
from unit.workflow_webhooks.told import a_workflow

from batchwork.adapters import aws
from batchwork.adapters.dynamodb import keys
from batchwork.adapters.dynamodb.shelf import DynamoShelf
from batchwork.adapters.dynamodb.workflow_rows import WorkflowCodec

SCOPES = ("webhooks:read", "webhooks:write")
ENDPOINT: dict[str, Any] = {
    "url": "https://hooks.example.com/extend",
    "name": "Receiver",
    "enabledEvents": ["workflow.created"],
    "apiVersion": "2026-02-09",
}


@pytest.fixture
def queue(table: str) -> str:
    return str(aws.client("sqs").create_queue(QueueName="deliveries")["QueueUrl"])


@pytest.fixture
def call(table: str, bucket: str, queue: str, monkeypatch: pytest.MonkeyPatch) -> WorkflowApi:
    told = {"TABLE_NAME": table, "BUCKET_NAME": bucket, "DELIVERY_QUEUE_URL": queue, "ALLOW_LOOPBACK_EGRESS": "true"}
    for name, value in told.items():
        monkeypatch.setenv(name, value)
    DynamoShelf(table, WorkflowCodec()).add(a_workflow())
    return WorkflowApi(load_function("workflow_webhooks"), a_key(table, "acme", *SCOPES), "2026-02-09")


def messages(queue: str) -> list[dict[str, Any]]:
    found = aws.client("sqs").receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", [])
    return [json.loads(message["Body"]) for message in found]


def made(call: WorkflowApi, **changes: Any) -> Any:
    answer = call("POST", "/webhook_endpoints", ENDPOINT | changes)
    assert answer.status == 200, answer.text
    return answer.body


def test_endpoints_and_subscriptions_live_their_lives(call: WorkflowApi) -> None:
    endpoint = made(call)
    asked = {
        "webhookEndpointId": endpoint["id"],
        "resourceType": "workflow",
        "resourceId": a_workflow().id,
        "enabledEvents": ["workflow_run.completed"],
    }
    subscription = call("POST", "/webhook_subscriptions", asked).body
    assert call("GET", "/webhook_subscriptions").body["data"] == [subscription]
    changed = call("POST", f"/webhook_endpoints/{endpoint['id']}", {"status": "disabled"}).body
    assert changed["status"] == "disabled"
    assert call("GET", f"/webhook_endpoints/{endpoint['id']}").body == changed
    assert call("DELETE", f"/webhook_endpoints/{endpoint['id']}").body == {"id": endpoint["id"]}
    assert call("GET", "/webhook_subscriptions").body["data"] == []
    gone = call("GET", f"/webhook_subscriptions/{subscription['id']}")
    assert (gone.status, gone.body["code"]) == (404, "NOT_FOUND")


@pytest.mark.parametrize("prefix", ["", "/v1"])
def test_the_seeds_dialect_is_spoken_without_a_header(call: WorkflowApi, prefix: str) -> None:
    older = WorkflowApi(call.function, call.key, prefix=prefix)
    endpoint = older("POST", "/webhook_endpoints", ENDPOINT).body
    assert endpoint["success"] is True
    listed = older("GET", "/webhook_endpoints").body["webhookEndpoints"]
    assert [each["id"] for each in listed] == [endpoint["webhookEndpoint"]["id"]]
    refused = older("POST", "/webhook_endpoints", {**ENDPOINT, "url": "http://10.0.0.1/"})
    assert (refused.status, refused.body["success"]) == (400, False)
    assert "url: " in refused.body["error"]


def test_a_trial_reaches_the_receiver_and_stands_in_the_log_from_which_it_is_replayed(
    call: WorkflowApi, queue: str, table: str
) -> None:
    with a_receiver() as receiver:
        endpoint = made(call, url=f"{receiver.url}/hook")
        path = f"/webhook_endpoints/{endpoint['id']}"
        tried = call("POST", f"{path}/test", {"eventType": "workflow_run.completed"}).body
        assert tried["status"] == "delivered"
        (got,) = receiver.seen
        assert json.loads(got.body)["eventType"] == "workflow_run.completed"
    assert [each["id"] for each in call("GET", f"{path}/deliveries").body["data"]] == [tried["id"]]
    shown = call("GET", f"{path}/deliveries/{tried['id']}").body
    assert json.loads(shown["body"])["eventId"] == tried["eventId"]
    replayed = call("POST", f"{path}/deliveries/{tried['id']}/replay").body
    (message,) = messages(queue)
    assert (message["delivery_id"], replayed["replayOf"]) == (replayed["id"], tried["id"])
    row = aws.client("dynamodb").get_item(TableName=table, Key=keys.delivery("acme", replayed["id"]))["Item"]
    assert "expires_at" in row
    recovery = call("POST", f"{path}/recover", {"since": "2026-01-01T00:00:00Z"}).body
    assert recovery["webhookEndpointId"] == endpoint["id"]
    # It waits until the index holds what failed just now.
    name = "ApproximateNumberOfMessagesDelayed"
    told = aws.client("sqs").get_queue_attributes(QueueUrl=queue, AttributeNames=[name])["Attributes"]
    assert told[name] == "1"


def test_reading_and_writing_need_their_scopes(call: WorkflowApi, table: str) -> None:
    endpoint = made(call)["id"]
    reader = WorkflowApi(call.function, a_key(table, "acme", "webhooks:read"), "2026-02-09")
    writer = WorkflowApi(call.function, a_key(table, "acme", "webhooks:write"), "2026-02-09")
    for path in (
        f"/webhook_endpoints/{endpoint}",
        "/webhook_subscriptions",
        f"/webhook_endpoints/{endpoint}/deliveries",
    ):
        assert reader("GET", path).status == 200
        assert writer("GET", path).status == 403
    for path in ("/webhook_endpoints", f"/webhook_endpoints/{endpoint}/rotate_secret", "/webhook_subscriptions"):
        refused = reader("POST", path, {})
        assert (refused.status, refused.body["code"]) == (403, "FORBIDDEN")
    assert writer("POST", f"/webhook_endpoints/{endpoint}/rotate_secret").status == 200


def test_another_workspace_finds_nothing(call: WorkflowApi, table: str) -> None:
    endpoint = made(call)["id"]
    other = WorkflowApi(call.function, a_key(table, "other", *SCOPES), "2026-02-09")
    assert other("GET", "/webhook_endpoints").body["data"] == []
    for method, path in (
        ("GET", f"/webhook_endpoints/{endpoint}"),
        ("DELETE", f"/webhook_endpoints/{endpoint}"),
        ("GET", f"/webhook_endpoints/{endpoint}/deliveries"),
        ("POST", f"/webhook_endpoints/{endpoint}/rotate_secret"),
    ):
        assert other(method, path).status == 404
    assert call("GET", f"/webhook_endpoints/{endpoint}").status == 200


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("PUT", "/webhook_endpoints"),
        ("GET", "/webhook_endpoints/wh_c1/nothing"),
        ("DELETE", "/webhook_subscriptions"),
        ("GET", "/webhook_subscriptions/a/b"),
        ("GET", "/webhook_endpoints//deliveries"),
    ],
)
def test_what_is_no_route_is_not_found(call: WorkflowApi, method: str, path: str) -> None:
    answer = call(method, path)
    assert (answer.status, answer.body["code"]) == (404, "NOT_FOUND")


def test_a_try_whose_answer_was_lost_is_found_again_under_its_key(
    call: WorkflowApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    named = call.under("make-it")
    first = named.dying(monkeypatch, lambda api: api("POST", "/webhook_endpoints", ENDPOINT))
    again = named("POST", "/webhook_endpoints", ENDPOINT)
    assert again.body == first.body
    assert len(call("GET", "/webhook_endpoints").body["data"]) == 1


def test_nothing_of_a_secret_or_a_header_reaches_the_log(call: WorkflowApi, capsys: pytest.CaptureFixture[str]) -> None:
    headers = {"Authorization": "Bearer of-the-receiver"}
    endpoint = made(call, advancedOptions={"headers": headers})
    call("POST", f"/webhook_endpoints/{endpoint['id']}/rotate_secret")
    call("POST", "/webhook_endpoints", {**ENDPOINT, "advancedOptions": {"headers": {"Host": "of-the-receiver"}}})
    logged = "".join(capsys.readouterr())
    assert logged
    for text in ("of-the-receiver", endpoint["signingSecret"], "wss_"):
        assert text not in logged
