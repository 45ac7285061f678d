"""Webhooks as a receiver sees them: signed twice, repeated until taken, never late because of somebody else's."""

from __future__ import annotations

import hashlib
import hmac
import json
import socket
import time
from datetime import UTC, datetime

import pytest
from standardwebhooks.webhooks import Webhook

from journeys.client import Client, Stack
from local.receiver import Received, receiver

SECRET = "your-webhook-secret"


def verify_webhook(payload: bytes, signature: str, timestamp: str, secret: str) -> bool:
    """The seed's own verifier."""
    signed_payload = f"{timestamp}.".encode() + payload
    expected = hmac.new(secret.encode("utf-8"), signed_payload, hashlib.sha256).hexdigest()
    return hmac.compare_digest(f"sha256={expected}", signature)


def assert_signed(received: Received) -> None:
    headers = received.headers
    assert verify_webhook(received.body, headers["x-codeer-signature"], headers["x-codeer-timestamp"], SECRET)
    assert not verify_webhook(
        received.body + b" ", headers["x-codeer-signature"], headers["x-codeer-timestamp"], SECRET
    )
    Webhook(SECRET.encode()).verify(received.body, headers)
    assert abs(int(headers["x-codeer-timestamp"]) - datetime.now(UTC).timestamp()) < 60


def test_a_completed_batch_is_told_once_signed_in_both_ways(stack: Stack) -> None:
    client = Client(stack)
    with receiver() as hook:
        batch = client.wait(client.submit(12, webhook={"url": hook.url, "secret": SECRET})["id"])
        received = hook.arrivals.get(timeout=15)
        assert_signed(received)
        assert received.headers["content-type"] == "application/json"
        payload = json.loads(received.body)
        assert payload == {
            "event": "batch.completed",
            "timestamp": batch["completed_at"],
            "data": {
                "id": batch["id"],
                "status": "completed",
                "total_requests": 12,
                "completed_requests": 12,
                "failed_requests": 0,
            },
        }
        time.sleep(1)
        assert hook.arrivals.empty()


def test_a_cancelled_batch_is_told_only_to_who_asked(stack: Stack) -> None:
    client = Client(stack)
    with receiver() as asked, receiver() as silent:
        first = client.submit(300, webhook={"url": asked.url, "secret": SECRET, "events": ["cancelled"]})["id"]
        second = client.submit(300, webhook={"url": silent.url, "secret": SECRET})["id"]
        for batch in (first, second):
            client.ok("POST", f"/batches/{batch}/cancel", 202)
        assert json.loads(asked.arrivals.get(timeout=15).body)["event"] == "batch.cancelled"
        time.sleep(1)
        assert silent.arrivals.empty()


def test_a_webhook_without_a_secret_is_not_signed(stack: Stack) -> None:
    client = Client(stack)
    with receiver() as hook:
        client.submit(1, webhook={"url": hook.url})
        headers = hook.arrivals.get(timeout=15).headers
    assert "x-codeer-signature" not in headers
    assert "webhook-signature" not in headers
    assert headers["webhook-id"]


def test_a_failed_attempt_is_repeated_after_five_seconds_with_the_same_id_and_body_and_a_fresh_signature(
    stack: Stack,
) -> None:
    client = Client(stack)
    with receiver(status=500) as hook:
        client.submit(1, webhook={"url": hook.url, "secret": SECRET})
        first = hook.arrivals.get(timeout=15)
        at = time.monotonic()
        second = hook.arrivals.get(timeout=15)
        waited = time.monotonic() - at
    assert 4.5 <= waited <= 10
    assert first.body == second.body
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert first.headers["x-codeer-timestamp"] != second.headers["x-codeer-timestamp"]
    for received in (first, second):
        assert_signed(received)


def test_a_receiver_that_hangs_does_not_delay_another(stack: Stack) -> None:
    client = Client(stack)
    with socket.create_server(("127.0.0.1", 0), backlog=64) as hanging, receiver() as healthy:
        url = f"http://127.0.0.1:{hanging.getsockname()[1]}/never"  # takes connections and answers none
        for _ in range(12):
            client.wait(client.submit(1, webhook={"url": url})["id"])
        at = time.monotonic()
        client.submit(1, webhook={"url": healthy.url})
        healthy.arrivals.get(timeout=9)
        waited = time.monotonic() - at
        print(f"the healthy receiver had its webhook after {waited:.2f} s, beside twelve to one that hangs")
        assert waited < 5


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/hook",
        "https://169.254.169.254/latest/meta-data",
        "https://10.0.0.1/",
        "https://[::ffff:10.0.0.1]/",
        "https://2852039166/",
        "https://user:password@example.com/",
        "ftp://example.com/",
        "not a url",
    ],
)
def test_an_address_that_may_not_be_called_is_refused_at_submit(stack: Stack, url: str) -> None:
    body = {
        "agent_id": stack["agent_id"],
        "requests": [{"custom_id": "a", "message": "b"}],
        "webhook": {"url": url},
    }
    refused = Client(stack).refused("POST", "/batches", 400, 10006, json=body)
    assert [error["field"] for error in refused["data"]["errors"]] == ["webhook.url"]
