"""Webhook endpoints through the function that serves them: wired to the table, tried at a receiver that is really there."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterator
from types import ModuleType

import pytest
from fakes.receiver import Receiver, a_receiver
from functions.gateway import Gateway, a_key
from functions.loading import load_function
from standardwebhooks import Webhook

from batchwork.adapters import aws
from batchwork.adapters.dynamodb import keys
from batchwork.adapters.dynamodb.deliveries import DynamoDeliveries

SCOPES = ("webhooks:read", "webhooks:write")


@pytest.fixture
def function(table: str, bucket: str, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    for name, value in {
        "TABLE_NAME": table,
        "BUCKET_NAME": bucket,
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
