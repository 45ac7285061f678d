from __future__ import annotations

import base64
import json
from dataclasses import replace
from datetime import timedelta
from types import ModuleType
from typing import Any

import pytest
from factories import AT
from functions.gateway import Context
from functions.loading import load_function
from unit.operations.test_events import A_FILE, AN_ACCOUNT, a_post
from unit.webhooks.deliveries import an_endpoint

from batchwork.adapters import aws
from batchwork.adapters.dynamodb import keys
from batchwork.adapters.dynamodb.deliveries import DynamoDeliveries
from batchwork.adapters.dynamodb.resource_rows import AccountCodec, MediaCodec, PostCodec
from batchwork.adapters.dynamodb.shelf import DynamoShelf
from batchwork.adapters.dynamodb.webhook_endpoint_rows import WebhookEndpointCodec
from batchwork.domain.resource import Resource
from batchwork.domain.webhook import Delivery
from batchwork.domain.webhook_endpoint import WebhookEndpoint

CODECS: dict[str, Any] = {codec.kind: codec for codec in (PostCodec(), AccountCodec(), MediaCodec())}
SOON = Context(timedelta(seconds=60))


@pytest.fixture
def queue(table: str) -> str:
    return str(aws.client("sqs").create_queue(QueueName="deliveries")["QueueUrl"])


@pytest.fixture
def teller(table: str, queue: str, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.setenv("TABLE_NAME", table)
    monkeypatch.setenv("DELIVERY_QUEUE_URL", queue)
    monkeypatch.setenv("RETENTION_DAYS", "30")
    return load_function("resource_events")


def subscribe(table: str, *endpoints: WebhookEndpoint) -> None:
    for endpoint in endpoints:
        assert DynamoShelf(table, WebhookEndpointCodec()).add(endpoint)


def written(table: str, kind: str, resource: Resource, *names: str) -> dict[str, Any]:
    """Write a resource and return its row as the stream's NewImage has it: JSON, in which bytes are base64."""
    assert DynamoShelf(table, CODECS[kind]).add(resource, *names)
    key = keys.resource(kind, resource.workspace_id, resource.id)
    row = aws.client("dynamodb").get_item(TableName=table, Key=key)["Item"]
    image: dict[str, Any] = json.loads(json.dumps(row, default=lambda raw: base64.b64encode(raw).decode()))
    return image


def records(*images: dict[str, Any]) -> dict[str, Any]:
    return {
        "Records": [
            {"eventName": "INSERT", "dynamodb": {"SequenceNumber": f"{number}00", "NewImage": image}}
            for number, image in enumerate(images, start=1)
        ]
    }


def deliveries(table: str, workspace_id: str = "acme") -> list[Delivery]:
    return DynamoDeliveries(table).find(workspace_id, None, 1000)


def messages(queue: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    sqs = aws.client("sqs")
    while batch := sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages"):
        found += [json.loads(message["Body"]) for message in batch]
    return found


def test_a_write_is_told_to_the_endpoints_that_want_it_and_queued(
    capsys: pytest.CaptureFixture[str], teller: ModuleType, table: str, queue: str
) -> None:
    subscribe(table, an_endpoint(id="wh_c1"), an_endpoint(id="wh_c2", events=("media.uploaded",)))
    image = written(table, "POST", a_post(), "post.created")
    assert teller.handler(records(image), SOON) == {"batchItemFailures": []}
    (delivery,) = deliveries(table)
    assert (delivery.endpoint_id, delivery.event_type, delivery.subject) == ("wh_c1", "post.created", "post_c1")
    payload = json.loads(delivery.body)
    assert (payload["id"], payload["type"]) == (delivery.event_id, "post.created")
    assert payload["data"]["content"] == "Grüße ✓"
    assert messages(queue) == [{"workspace_id": "acme", "delivery_id": delivery.id, "attempt": 1, "waits": 0}]
    line = json.loads(capsys.readouterr().out)
    assert (line["records"], line["deliveries"]) == (1, 1)


@pytest.mark.parametrize(
    ("kind", "resource", "names"),
    [
        ("POST", a_post(), ("post.created", "post.published")),
        ("ACCOUNT", AN_ACCOUNT, ("account.disconnected",)),
        ("MEDIA", A_FILE, ("media.uploaded",)),
    ],
)
def test_every_kind_of_resource_is_told_of_with_every_event_that_its_write_was(
    teller: ModuleType, table: str, kind: str, resource: Resource, names: tuple[str, ...]
) -> None:
    subscribe(table, an_endpoint(events=names))
    teller.handler(records(written(table, kind, resource, *names)), SOON)
    assert {each.event_type for each in deliveries(table)} == set(names)
    assert {each.subject for each in deliveries(table)} == {resource.id}


def test_a_record_that_comes_twice_makes_one_delivery(teller: ModuleType, table: str, queue: str) -> None:
    subscribe(table, an_endpoint())
    image = written(table, "POST", a_post(), "post.created")
    for _ in range(2):
        assert teller.handler(records(image), SOON) == {"batchItemFailures": []}
    assert len(deliveries(table)) == 1
    assert {message["attempt"] for message in messages(queue)} == {1}


def test_an_endpoint_made_just_before_the_event_is_told_of_it_by_a_warm_function(
    teller: ModuleType, table: str
) -> None:
    teller.handler(records(written(table, "POST", a_post(), "post.created")), SOON)
    assert deliveries(table) == []
    subscribe(table, an_endpoint())
    teller.handler(records(written(table, "POST", a_post(id="post_c2"), "post.created")), SOON)
    assert [each.subject for each in deliveries(table)] == ["post_c2"]


def test_many_records_of_many_workspaces_are_told_each_to_its_own(teller: ModuleType, table: str) -> None:
    subscribe(table, an_endpoint(id="wh_c1"), an_endpoint(id="wh_c2", workspace_id="other"))
    images = [
        written(
            table, "POST", a_post(id=f"post_c{number}", workspace_id="acme" if number % 2 else "other"), "post.created"
        )
        for number in range(20)
    ]
    assert teller.handler(records(*images), SOON) == {"batchItemFailures": []}
    for workspace, rest in (("acme", 1), ("other", 0)):
        told = deliveries(table, workspace)
        assert {each.subject for each in told} == {f"post_c{number}" for number in range(20) if number % 2 == rest}


def test_what_fails_is_named_with_the_first_record_and_nothing_of_it_is_logged(
    capsys: pytest.CaptureFixture[str], teller: ModuleType, table: str
) -> None:
    subscribe(table, an_endpoint())
    good = [written(table, "POST", a_post(id=f"post_c{n}"), "post.created") for n in range(3)]
    broken = {**good[1], "packed": {"B": base64.b64encode(b"content-of-a-customer").decode()}}
    answer = teller.handler(records(good[0], broken, good[2]), SOON)
    assert answer == {"batchItemFailures": [{"itemIdentifier": "200"}]}
    assert "post_c0" in {each.subject for each in deliveries(table)}
    assert "content-of-a-customer" not in capsys.readouterr().out
    teller.handler(records(good[1], good[2]), SOON)
    assert len(deliveries(table)) == 3


def test_what_there_is_no_time_for_comes_again(teller: ModuleType, table: str) -> None:
    subscribe(table, an_endpoint())
    image = written(table, "POST", a_post(), "post.created")
    answer = teller.handler(records(image), Context(timedelta(seconds=10)))
    assert answer == {"batchItemFailures": [{"itemIdentifier": "100"}]}
    assert deliveries(table) == []


def test_a_delivery_expires_with_the_retention(teller: ModuleType, table: str) -> None:
    subscribe(table, an_endpoint())
    teller.handler(records(written(table, "POST", a_post(), "post.created")), SOON)
    (delivery,) = deliveries(table)
    row = aws.client("dynamodb").get_item(TableName=table, Key=keys.delivery("acme", delivery.id))["Item"]
    assert row["expires_at"] == {"N": str(int((delivery.created_at + timedelta(days=30)).timestamp()))}


def test_neither_a_secret_nor_a_posts_content_is_logged(
    capsys: pytest.CaptureFixture[str], teller: ModuleType, table: str
) -> None:
    subscribe(table, an_endpoint(secret="whsec_of-the-endpoint", url="https://hooks.example.com/path-of-a-customer"))
    teller.handler(
        records(written(table, "POST", replace(a_post(), content="content-of-a-post"), "post.created")), SOON
    )
    assert len(deliveries(table)) == 1
    assert deliveries(table)[0].created_at > AT
    logged = "".join(capsys.readouterr())
    for text in ("whsec_of", "path-of-a", "content-of"):
        assert text not in logged
