"""Webhook endpoints through the function that serves them: wired to the table, tried at a receiver that is really there."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import ModuleType
from typing import Any

import pytest
from contract.conftest import BUCKET
from fakes.receiver import Receiver, a_receiver
from functions.gateway import Gateway, a_key
from functions.loading import load_function
from standardwebhooks import Webhook
from unit.webhooks.deliveries import a_told_delivery, an_attempt

from batchwork.adapters import aws
from batchwork.adapters.dynamodb import keys
from batchwork.adapters.dynamodb.deliveries import DynamoDeliveries
from batchwork.adapters.dynamodb.shelf import DynamoShelf
from batchwork.adapters.dynamodb.webhook_endpoint_rows import WebhookEndpointCodec
from batchwork.adapters.packing import bucket as opened
from batchwork.adapters.payloads import S3Bodies
from batchwork.domain.webhook import MAX_INLINE, Delivery, DeliveryStatus

SCOPES = ("webhooks:read", "webhooks:write")


@pytest.fixture
def function(table: str, bucket: str, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    for name, value in {
        "TABLE_NAME": table,
        "BUCKET_NAME": bucket,
        "DELIVERY_QUEUE_URL": aws.client("sqs").create_queue(QueueName="deliveries")["QueueUrl"],
        "ALLOW_LOOPBACK_EGRESS": "true",
        "RETENTION_DAYS": "30",
    }.items():
        monkeypatch.setenv(name, value)
    return load_function("operations_resources")


@pytest.fixture
def call(function: ModuleType, table: str) -> Gateway:
    return Gateway(function, a_key(table, "acme", *SCOPES))


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with a_receiver() as running:
        yield running


def test_an_endpoint_lives_its_life(call: Gateway) -> None:
    made = call("POST", "/v1/webhooks", {"url": "https://example.com/", "events": ["post.created"]})
    assert made.status == 201
    webhook = made.body
    assert webhook["secret"].startswith("whsec_")
    shown = {name: value for name, value in webhook.items() if name != "secret"}
    path = f"/v1/webhooks/{webhook['id']}"
    assert call("GET", path).body == shown
    listed = call("GET", "/v1/webhooks").body
    assert (listed["data"], listed["webhooks"]) == ([shown], [shown | {"active": True}])
    changed = call("PATCH", path, {"enabled": False, "url": "https://example.com/2"})
    assert changed.body == shown | {"enabled": False, "url": "https://example.com/2"} == call("GET", path).body
    gone = call("DELETE", path)
    assert (gone.status, gone.text) == (204, "")
    assert call("GET", path).status == call("DELETE", path).status == 404


def test_the_same_key_shows_the_same_secret(call: Gateway) -> None:
    body = {"url": "https://example.com/", "events": ["post.created"]}
    first, again = (call.under("order-1")("POST", "/v1/webhooks", body) for _ in range(2))
    assert first.text == again.text
    assert again.headers["Idempotency-Replayed"] == "true"
    assert len(call("GET", "/v1/webhooks").body["data"]) == 1


def test_reading_and_writing_need_scopes_of_their_own(function: ModuleType, table: str) -> None:
    body = {"url": "https://example.com/", "events": ["post.created"]}
    reader = Gateway(function, a_key(table, "acme", "webhooks:read", "posts:write"))
    assert reader("POST", "/v1/webhooks", body).status == 403
    assert reader("POST", "/v1/webhooks/test", {"webhookId": "wh_c1"}).status == 403
    assert reader("GET", "/v1/webhooks").status == 200
    writer = Gateway(function, a_key(table, "acme", "webhooks:write"))
    assert writer("GET", "/v1/webhooks").status == 403
    assert writer("POST", "/v1/webhooks", body).status == 201


def test_an_endpoint_is_tried_and_the_trial_is_kept_like_any_delivery(
    call: Gateway, table: str, receiver: Receiver, capsys: pytest.CaptureFixture[str]
) -> None:
    receiver.reaction = lambda _: (200, {}, b"answer-of-the-receiver")
    webhook = call("POST", "/v1/webhooks", {"url": f"{receiver.url}/path-of-a", "events": ["post.created"]}).body
    tried = call("POST", "/v1/webhooks/test", {"webhookId": webhook["id"]})
    assert tried.status == 200
    told = tried.data
    assert (told["success"], told["statusCode"], told["responseBody"]) == (True, 200, "answer-of-the-receiver")
    (seen,) = receiver.seen
    digest = hmac.new(webhook["secret"].encode(), seen.body, hashlib.sha256).hexdigest()
    assert seen.headers["x-voxburst-signature"] == f"sha256={digest}"
    assert (seen.headers["x-voxburst-event"], seen.headers["x-voxburst-delivery-id"]) == ("webhook.test", told["id"])
    assert Webhook(webhook["secret"]).verify(seen.body, seen.headers)
    payload = json.loads(seen.body)
    assert (payload["type"], payload["data"]["id"]) == ("webhook.test", webhook["id"])
    (kept,) = DynamoDeliveries(table).find("acme", webhook["id"], 10)
    assert (kept.id, kept.endpoint_id, len(kept.attempts)) == (told["id"], webhook["id"], 1)
    row = aws.client("dynamodb").get_item(TableName=table, Key=keys.delivery("acme", kept.id))["Item"]
    assert "expires_at" in row
    assert "due_pk" not in row
    assert call("GET", f"/v1/webhooks/{webhook['id']}").body["lastDeliveryAt"] is not None
    logged = "".join(capsys.readouterr())
    for text in (webhook["secret"], "answer-of", "path-of-a", seen.headers["webhook-signature"]):
        assert text not in logged


# ── Deliveries, and secrets ──


def told(table: str, webhook: Any, **changes: Any) -> Delivery:
    """Keep a delivery to an endpoint that has failed."""
    endpoint = DynamoShelf(table, WebhookEndpointCodec()).get("acme", webhook["id"])
    assert endpoint is not None
    store = DynamoDeliveries(table, bodies=S3Bodies(opened(BUCKET)))
    delivery = replace(a_told_delivery(endpoint=endpoint, **changes), created_at=datetime.now(UTC))
    assert store.put(delivery)
    return store.record(delivery, an_attempt(), DeliveryStatus.FAILED, None)


def queued() -> list[dict[str, Any]]:
    sqs = aws.client("sqs")
    url = sqs.get_queue_url(QueueName="deliveries")["QueueUrl"]
    found = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
    return [json.loads(each["Body"]) for each in found]


@pytest.fixture
def webhook(call: Gateway) -> Any:
    return call("POST", "/v1/webhooks", {"url": "https://example.com/", "events": ["post.created"]}).body


def test_the_log_of_an_endpoint_is_read_page_by_page_and_each_delivery_with_what_was_told(
    call: Gateway, table: str, webhook: Any
) -> None:
    made = [told(table, webhook).id for _ in range(3)]
    log = f"/v1/webhooks/{webhook['id']}/deliveries"
    first = call("GET", log, query={"limit": "2", "status": "FAILED"}).body
    assert first["pagination"]["hasMore"]
    after = {"limit": "2", "status": "failed", "cursor": first["pagination"]["nextCursor"]}
    rest = call("GET", log, query=after).body
    assert not rest["pagination"]["hasMore"]
    assert sorted(each["id"] for each in first["data"] + rest["data"]) == sorted(made)
    assert call("GET", log, query={"status": "delivered"}).body["data"] == []
    assert call("GET", log, query={"since": "2999-01-01T00:00:00Z"}).body["data"] == []
    shown = call("GET", f"{log}/{made[0]}").body
    (listed,) = [each for each in first["data"] + rest["data"] if each["id"] == made[0]]
    assert shown == listed | {"body": a_told_delivery().body.decode(), "bodyUrl": None}
    assert (shown["status"], shown["attempts"][0]["statusCode"], shown["nextAttemptAt"]) == ("failed", 500, None)


def test_a_large_body_is_shown_by_a_url(call: Gateway, table: str, webhook: Any) -> None:
    delivery = told(table, webhook, body=b"x" * (MAX_INLINE + 1))
    shown = call("GET", f"/v1/webhooks/{webhook['id']}/deliveries/{delivery.id}").body
    assert shown["body"] is None
    assert f"payloads/acme/{delivery.id}" in shown["bodyUrl"]


def test_a_delivery_is_replayed_once_a_key_and_a_disabled_endpoint_is_not_sent_to(
    call: Gateway, table: str, webhook: Any
) -> None:
    delivery = told(table, webhook)
    path = f"/v1/webhooks/{webhook['id']}/deliveries/{delivery.id}/replay"
    first, again = (call.under("order-1")("POST", path) for _ in range(2))
    assert (first.status, first.text) == (202, again.text)
    assert (first.body["replayOf"], first.body["status"], first.body["eventId"]) == (
        delivery.id, "pending", delivery.event_id,
    )  # fmt: skip
    (message,) = queued()
    assert (message["delivery_id"], message["attempt"]) == (first.body["id"], 1)
    at_once = call("POST", f"/v1/webhooks/{webhook['id']}/deliveries/{first.body['id']}/replay")
    assert (at_once.status, at_once.body["id"]) == (202, first.body["id"])
    made = DynamoDeliveries(table).get("acme", first.body["id"])
    assert made is not None
    now = datetime.now(UTC)
    assert DynamoDeliveries(table).begin(made, 1, now + timedelta(hours=1), now)
    under_way = call("POST", f"/v1/webhooks/{webhook['id']}/deliveries/{first.body['id']}/replay")
    assert (under_way.status, under_way.body["error"]["code"]) == (409, "CONFLICT")
    call("PATCH", f"/v1/webhooks/{webhook['id']}", {"enabled": False})
    off = call("POST", path)
    assert off.status == 409
    assert "enable it first" in off.body["error"]["message"]
    assert call("POST", f"/v1/webhooks/{webhook['id']}/recover", {"since": "2026-01-01T00:00:00Z"}).status == 409


def test_a_recovery_is_queued_for_the_sender(call: Gateway, webhook: Any, table: str) -> None:
    path = f"/v1/webhooks/{webhook['id']}/recover"
    answer = call("POST", path, {"since": "2026-01-01T00:00:00Z"})
    assert answer.status == 202
    assert answer.body["since"] == "2026-01-01T00:00:00.000Z"
    attributes = aws.client("sqs").get_queue_attributes(
        QueueUrl=aws.client("sqs").get_queue_url(QueueName="deliveries")["QueueUrl"], AttributeNames=["All"]
    )["Attributes"]
    assert attributes["ApproximateNumberOfMessagesDelayed"] == "1"
    for since in ("yesterday", "2999-01-01T00:00:00Z", 5):
        assert call("POST", path, {"since": since}).status == 400
    assert call("POST", path, {}).status == 400


def test_a_secret_is_rotated_and_shown_once(call: Gateway, webhook: Any, table: str) -> None:
    path = f"/v1/webhooks/{webhook['id']}"
    first, again = (call.under("order-2")("POST", f"{path}/rotate-secret") for _ in range(2))
    assert (first.status, first.text) == (200, again.text)
    assert first.body["secret"] != webhook["secret"]
    shown = call("GET", path).body
    assert "secret" not in shown
    assert shown["previousSecretUntil"] == first.body["previousSecretUntil"] is not None
    assert call("POST", f"{path}/rotate-secret", {"overlapSeconds": 60}).status == 409
    assert call("POST", f"{path}/rotate-secret", {"overlapSeconds": 604_801}).status == 400
    at_once = call("POST", f"{path}/rotate-secret", {"overlapSeconds": 0})
    assert (at_once.status, at_once.body["previousSecretUntil"]) == (200, None)


def test_a_rate_is_set_and_taken_away(call: Gateway) -> None:
    body = {"url": "https://example.com/", "events": ["post.created"], "rateLimit": 60}
    made = call("POST", "/v1/webhooks", body).body
    path = f"/v1/webhooks/{made['id']}"
    assert made["rateLimit"] == call("GET", path).body["rateLimit"] == 60
    assert call("PATCH", path, {"enabled": True}).body["rateLimit"] == 60
    assert call("PATCH", path, {"rateLimit": None}).body["rateLimit"] is None
    for wrong in (0, 6001, "60", 1.5):
        assert call("PATCH", path, {"rateLimit": wrong}).status == 400


def test_what_lies_below_an_endpoint_needs_its_scopes_and_is_its_own(
    function: ModuleType, table: str, call: Gateway, webhook: Any
) -> None:
    delivery = told(table, webhook)
    other = call("POST", "/v1/webhooks", {"url": "https://example.com/", "events": ["post.created"]}).body
    log = f"/v1/webhooks/{webhook['id']}/deliveries"
    reader = Gateway(function, a_key(table, "acme", "webhooks:read"))
    stranger = Gateway(function, a_key(table, "other", *SCOPES))
    assert reader("GET", log).status == 200
    for path in (f"{log}/{delivery.id}/replay", f"/v1/webhooks/{webhook['id']}/rotate-secret"):
        assert reader("POST", path).status == 403
        assert stranger("POST", path).status == 404
    assert stranger("GET", log).status == stranger("GET", f"{log}/{delivery.id}").status == 404
    assert call("GET", f"/v1/webhooks/{other['id']}/deliveries/{delivery.id}").status == 404
    assert call("POST", f"/v1/webhooks/{other['id']}/deliveries/{delivery.id}/replay").status == 404
    assert call("GET", f"{log}/none").status == 404
    assert call("GET", log, query={"cursor": "x"}).status == 400
