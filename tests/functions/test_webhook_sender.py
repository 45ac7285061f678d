from __future__ import annotations

import hashlib
import hmac
import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import ModuleType
from typing import Any

import pytest
from fakes.egress import Sent
from fakes.receiver import Receiver, a_receiver
from functions.loading import load_function
from standardwebhooks import Webhook
from unit.webhooks.deliveries import a_delivery, a_told_delivery, an_attempt, an_endpoint
from unit.webhooks.test_signature import verify_webhook

from batchwork.adapters import aws
from batchwork.adapters.dynamodb import keys
from batchwork.adapters.dynamodb.deliveries import DynamoDeliveries
from batchwork.adapters.dynamodb.endpoint_health import DynamoEndpointHealth
from batchwork.adapters.dynamodb.shelf import DynamoShelf
from batchwork.adapters.dynamodb.webhook_endpoint_rows import WebhookEndpointCodec
from batchwork.adapters.packing import bucket as opened
from batchwork.adapters.payloads import S3Bodies
from batchwork.adapters.sqs import SqsDeliveryQueue
from batchwork.domain.webhook import MAX_INLINE, Delivery, DeliveryStatus, PayloadRef, Recovery
from batchwork.domain.webhook_endpoint import WebhookEndpoint

SECRET = "your-webhook-secret"


@pytest.fixture
def queue(table: str) -> str:
    return str(aws.client("sqs").create_queue(QueueName="deliveries")["QueueUrl"])


@pytest.fixture
def sender(table: str, bucket: str, queue: str, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.setenv("TABLE_NAME", table)
    monkeypatch.setenv("BUCKET_NAME", bucket)
    monkeypatch.setenv("DELIVERY_QUEUE_URL", queue)
    monkeypatch.setenv("ALLOW_LOOPBACK_EGRESS", "true")
    return load_function("webhook_sender")


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with a_receiver() as running:
        yield running


def put(table: str, delivery: Delivery) -> Delivery:
    assert DynamoDeliveries(table).put(delivery)
    return delivery


def stored(table: str, delivery: Delivery) -> Delivery:
    found = DynamoDeliveries(table).get(delivery.workspace_id, delivery.id)
    assert found is not None
    return found


def event(*deliveries: Delivery, attempt: int | None = None) -> dict[str, Any]:
    bodies = [
        {"workspace_id": d.workspace_id, "delivery_id": d.id, "attempt": attempt or len(d.attempts) + 1}
        for d in deliveries
    ]
    return {
        "Records": [
            {"messageId": f"m-{n}", "body": json.dumps(body), "eventSource": "aws:sqs"} for n, body in enumerate(bodies)
        ]
    }


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_a_delivery_arrives_signed_and_is_recorded(
    capsys: pytest.CaptureFixture[str],
    sender: ModuleType,
    table: str,
    receiver: Receiver,
) -> None:
    delivery = put(table, a_delivery(url=receiver.url + "/webhooks/codeer?x=1"))
    assert sender.handler(event(delivery), None) == {"batchItemFailures": []}
    (seen,) = receiver.seen
    assert (seen.path, seen.body) == ("/webhooks/codeer?x=1", delivery.body)
    assert seen.headers["content-type"] == "application/json"
    assert verify_webhook(seen.body, seen.headers["x-codeer-signature"], seen.headers["x-codeer-timestamp"], SECRET)
    assert Webhook(SECRET.encode()).verify(seen.body, seen.headers)
    assert stored(table, delivery).status is DeliveryStatus.DELIVERED
    (line,) = lines(capsys)
    assert (line["records"], line["failed"], line["outcomes"]) == (1, 0, {"delivered": 1})


def test_a_failed_attempt_comes_back_through_the_queue_after_its_wait(
    sender: ModuleType,
    table: str,
    queue: str,
    receiver: Receiver,
) -> None:
    receiver.reaction = lambda _: (500, {}, b"")
    delivery = put(table, a_delivery(url=receiver.url + "/"))
    assert sender.handler(event(delivery), None) == {"batchItemFailures": []}
    sqs = aws.client("sqs")
    assert "Messages" not in sqs.receive_message(QueueUrl=queue)
    counts = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["ApproximateNumberOfMessagesDelayed"])
    assert counts["Attributes"]["ApproximateNumberOfMessagesDelayed"] == "1"
    assert [attempt.status for attempt in stored(table, delivery).attempts] == [500]


def test_the_records_of_one_invocation_are_sent_at_the_same_time(
    sender: ModuleType,
    table: str,
    receiver: Receiver,
) -> None:
    together = threading.Barrier(10)  # broken, and so answered 500, unless all ten are in flight at once

    def meet(_: Sent) -> tuple[int, dict[str, str], bytes]:
        try:
            together.wait(8)
        except threading.BrokenBarrierError:
            return 500, {}, b""
        return 200, {}, b""

    receiver.reaction = meet
    deliveries = [put(table, a_delivery(url=f"{receiver.url}/{n}")) for n in range(10)]
    assert sender.handler(event(*deliveries), None) == {"batchItemFailures": []}
    assert {stored(table, delivery).status for delivery in deliveries} == {DeliveryStatus.DELIVERED}


def test_only_records_that_failed_unexpectedly_are_handed_back(
    capsys: pytest.CaptureFixture[str],
    sender: ModuleType,
    table: str,
    receiver: Receiver,
) -> None:
    refused = a_receiver(lambda _: (500, {}, b""))
    with refused as failing:
        records = event(put(table, a_delivery(url=receiver.url + "/")), put(table, a_delivery(url=failing.url + "/")))[
            "Records"
        ]
        records.insert(1, {"messageId": "m-broken", "body": "{"})
        answer = sender.handler({"Records": records}, None)
    assert answer == {"batchItemFailures": [{"itemIdentifier": "m-broken"}]}
    last = lines(capsys)[-1]
    assert (last["failed"], last["outcomes"]) == (1, {"delivered": 1, "pending": 1})


def test_a_message_that_comes_twice_is_sent_once(sender: ModuleType, table: str, receiver: Receiver) -> None:
    delivery = put(table, a_delivery(url=receiver.url + "/"))
    for _ in range(2):
        assert sender.handler(event(delivery), None) == {"batchItemFailures": []}
    assert len(receiver.seen) == 1


def test_an_exhausted_delivery_is_counted_for_the_alarm(
    capsys: pytest.CaptureFixture[str],
    sender: ModuleType,
    table: str,
    receiver: Receiver,
) -> None:
    receiver.reaction = lambda _: (500, {}, b"")
    attempts = tuple(an_attempt(number=number) for number in range(1, 11))
    delivery = put(table, a_delivery(url=receiver.url + "/", attempts=attempts))
    sender.handler(event(delivery), None)
    assert stored(table, delivery).status is DeliveryStatus.FAILED
    (metric,) = [line for line in lines(capsys) if "_aws" in line]
    assert metric["WebhookDeliveriesExhausted"] == [1.0]
    assert metric["_aws"]["CloudWatchMetrics"][0]["Namespace"] == "Batchwork"


def test_loopback_and_plain_http_are_refused_where_they_are_not_allowed(
    table: str,
    queue: str,
    receiver: Receiver,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TABLE_NAME", table)
    monkeypatch.setenv("BUCKET_NAME", "bucket")
    monkeypatch.setenv("DELIVERY_QUEUE_URL", queue)
    monkeypatch.delenv("ALLOW_LOOPBACK_EGRESS", raising=False)
    sender = load_function("webhook_sender")
    plain = put(table, a_delivery(url=receiver.url + "/"))
    secure = put(table, a_delivery(url=receiver.url.replace("http:", "https:") + "/"))
    sender.handler(event(plain, secure), None)
    assert stored(table, plain).attempts[0].error == "refused: the URL must be an HTTPS URL"
    assert stored(table, secure).attempts[0].error == "refused: 127.0.0.1 is a loopback address"
    assert receiver.seen == []


def test_nothing_secret_and_nothing_of_the_body_is_logged(
    capsys: pytest.CaptureFixture[str],
    sender: ModuleType,
    table: str,
    receiver: Receiver,
) -> None:
    receiver.reaction = lambda sent: (500, {}, b"answer-of-the-receiver")
    delivery = put(table, a_delivery(url=receiver.url + "/path-of-a-customer", body=b'{"event":"content"}'))
    records = event(delivery)["Records"] + [{"messageId": "m-9", "body": '{"content": "broken'}]
    sender.handler({"Records": records}, None)
    seen = receiver.seen[0].headers
    logged = "".join(capsys.readouterr())
    for text in (SECRET, seen["webhook-signature"], seen["x-codeer-signature"], "content", "path-of-a", "answer-of"):
        assert text not in logged


# ── Webhook endpoints ──


def an_endpoint_of(table: str, **changes: Any) -> WebhookEndpoint:
    endpoint = an_endpoint(**changes)
    assert DynamoShelf(table, WebhookEndpointCodec()).add(endpoint)
    return endpoint


def test_a_delivery_to_an_endpoint_goes_where_that_is_now_signed_with_its_secret(
    capsys: pytest.CaptureFixture[str], sender: ModuleType, table: str, receiver: Receiver
) -> None:
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    before = an_endpoint(url="https://before.example.com/", secret=secret)
    delivery = put(table, a_told_delivery(endpoint=before))
    endpoint = an_endpoint_of(table, url=receiver.url + "/path-of-a-customer", secret=secret)
    assert sender.handler(event(delivery), None) == {"batchItemFailures": []}
    (seen,) = receiver.seen
    assert (seen.path, seen.body) == ("/path-of-a-customer", delivery.body)
    digest = hmac.new(secret.encode(), seen.body, hashlib.sha256).hexdigest()
    assert seen.headers["x-voxburst-signature"] == f"sha256={digest}"
    assert seen.headers["x-voxburst-event"] == "post.created"
    assert Webhook(secret).verify(seen.body, seen.headers)
    assert stored(table, delivery).status is DeliveryStatus.DELIVERED
    noted = DynamoEndpointHealth(table).get("acme", endpoint.id)
    assert (noted.failures, noted.last_delivery_at) == (0, stored(table, delivery).attempts[0].started_at)
    logged = "".join(capsys.readouterr())
    for text in (secret, "path-of-a", seen.headers["x-voxburst-signature"]):
        assert text not in logged


def test_an_endpoint_that_fails_is_noted_and_its_delivery_comes_back_after_a_minute(
    sender: ModuleType, table: str, queue: str, receiver: Receiver
) -> None:
    receiver.reaction = lambda _: (500, {}, b"")
    endpoint = an_endpoint_of(table, url=receiver.url + "/")
    delivery = put(table, a_told_delivery(endpoint=endpoint))
    sender.handler(event(delivery), None)
    (attempt,) = stored(table, delivery).attempts
    assert attempt.status == 500
    assert stored(table, delivery).due_at - attempt.started_at >= timedelta(
        minutes=2
    )  # the queue's minute, and a margin
    noted = DynamoEndpointHealth(table).get("acme", endpoint.id)
    assert (noted.failures, noted.failing_since) == (1, attempt.started_at)


@pytest.mark.parametrize("left", ["deleted", "disabled"])
def test_a_delivery_whose_endpoint_is_gone_or_off_ends_without_a_request(
    sender: ModuleType, table: str, receiver: Receiver, left: str
) -> None:
    if left == "disabled":
        an_endpoint_of(table, url=receiver.url + "/", enabled=False)
    delivery = put(table, a_told_delivery(endpoint=an_endpoint(url=receiver.url + "/")))
    assert sender.handler(event(delivery), None) == {"batchItemFailures": []}
    assert receiver.seen == []
    ended = stored(table, delivery)
    assert ended.status is DeliveryStatus.FAILED
    assert left in str(ended.attempts[0].error)
    assert DynamoDeliveries(table).due(ended.due_at + timedelta(days=1), 10) == []


def test_an_endpoint_that_failed_for_too_long_is_switched_off_told_of_and_counted(
    capsys: pytest.CaptureFixture[str], sender: ModuleType, table: str, receiver: Receiver
) -> None:
    receiver.reaction = lambda _: (500, {}, b"")
    endpoint = an_endpoint_of(table, url=receiver.url + "/")
    long_ago = datetime.now(UTC) - timedelta(days=5, minutes=1)
    DynamoEndpointHealth(table).note("acme", endpoint.id, long_ago, succeeded=False)
    delivery = put(table, a_told_delivery(endpoint=endpoint))
    sender.handler(event(delivery), None)
    off = DynamoShelf(table, WebhookEndpointCodec()).get("acme", endpoint.id)
    assert off is not None
    assert (off.enabled, off.revision, off.url, off.secret) == (False, 2, endpoint.url, endpoint.secret)
    assert stored(table, delivery).status is DeliveryStatus.PENDING
    row = aws.client("dynamodb").get_item(TableName=table, Key=keys.resource("HOOK", "acme", endpoint.id))["Item"]
    assert row["events"] == {"S": "endpoint.disabled"}
    (metric,) = [line for line in lines(capsys) if "_aws" in line]
    assert metric["WebhookEndpointsDisabled"] == [1.0]
    sender.handler(event(delivery, attempt=2), None)
    assert not [line for line in lines(capsys) if "WebhookEndpointsDisabled" in line]


# ── What an endpoint asks for besides ──


def test_a_large_body_and_a_payload_by_url_come_from_the_bucket(
    capsys: pytest.CaptureFixture[str], sender: ModuleType, table: str, bucket: str, receiver: Receiver
) -> None:
    endpoint = an_endpoint_of(table, url=receiver.url + "/", style="extend", secret="wss_secret", headers={"X-Me": "1"})
    large = a_told_delivery(endpoint=endpoint, body=b"x" * (MAX_INLINE + 1), version="2026-02-09")
    by_url = a_told_delivery(endpoint=endpoint, body=b'{"id":"run"}', payload=PayloadRef("run"), version="2026-02-09")
    store = DynamoDeliveries(table, None, None, S3Bodies(opened(bucket)))
    for delivery in (large, by_url):
        assert store.put(delivery)
    assert sender.handler(event(large, by_url), None) == {"batchItemFailures": []}
    seen = {len(each.body) > 1000: each for each in receiver.seen}
    assert seen[True].body == large.body
    payload = json.loads(seen[False].body)["payload"]
    assert (payload["object"], payload["id"]) == ("signed_data_url", "run")
    assert f"payloads/acme/{by_url.id}" in payload["data"]
    for each in receiver.seen:
        signed = f"v0:{each.headers['x-extend-request-timestamp']}:".encode() + each.body
        digest = hmac.new(b"wss_secret", signed, hashlib.sha256).hexdigest()
        assert each.headers["x-extend-request-signature"] == digest
        assert (each.headers["x-extend-api-version"], each.headers["x-me"]) == ("2026-02-09", "1")
    logged = "".join(capsys.readouterr())
    assert payload["data"] not in logged
    assert "wss_secret" not in logged


def test_what_is_beyond_an_endpoints_rate_comes_back_through_the_queue(
    sender: ModuleType, table: str, queue: str, receiver: Receiver
) -> None:
    endpoint = an_endpoint_of(table, url=receiver.url + "/", rate=1)
    told = [put(table, a_told_delivery(endpoint=endpoint)) for _ in range(3)]
    for delivery in told:
        assert sender.handler(event(delivery), None) == {"batchItemFailures": []}
    assert 1 <= len(receiver.seen) <= 2  # the minute may have ended between
    waiting = stored(table, told[2])
    assert (waiting.status, waiting.attempts) == (DeliveryStatus.PENDING, ())
    assert waiting.turn_at is not None
    counts = aws.client("sqs").get_queue_attributes(QueueUrl=queue, AttributeNames=["All"])["Attributes"]
    assert int(counts["ApproximateNumberOfMessagesDelayed"]) == 3 - len(receiver.seen)


def test_a_recovery_makes_what_failed_again(sender: ModuleType, table: str, queue: str, receiver: Receiver) -> None:
    endpoint = an_endpoint_of(table, url=receiver.url + "/")
    failed = [put(table, a_told_delivery(endpoint=endpoint)) for _ in range(3)]
    store = DynamoDeliveries(table)
    for delivery in failed:
        store.record(delivery, an_attempt(), DeliveryStatus.FAILED, None)
    at = datetime.now(UTC)
    recovery = Recovery(
        id="t-1", workspace_id="acme", endpoint_id=endpoint.id, since=failed[0].created_at, until=at + timedelta(days=1)
    )
    SqsDeliveryQueue(queue).recover(replace(recovery, after="9999999999999_x"))
    (message,) = aws.client("sqs").receive_message(QueueUrl=queue)["Messages"]
    record = {"messageId": "m-1", "body": message["Body"]}
    assert sender.handler({"Records": [record, {**record, "messageId": "m-2"}]}, None) == {"batchItemFailures": []}
    made = [each for each in store.find("acme", None, 10) if each.replay_of]
    assert sorted(each.replay_of or "" for each in made) == sorted(each.id for each in failed)
    assert sender.handler(event(*made), None) == {"batchItemFailures": []}
    assert len(receiver.seen) == 3
    row = aws.client("dynamodb").get_item(TableName=table, Key=keys.delivery("acme", made[0].id))["Item"]
    assert "expires_at" in row
