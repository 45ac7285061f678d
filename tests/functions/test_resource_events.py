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
from unit.webhooks.test_tell import a_subscription
from unit.workflow_webhooks.told import a_run, a_step, a_workflow, extend_endpoint

from batchwork.adapters import aws, packing
from batchwork.adapters.dynamodb import keys
from batchwork.adapters.dynamodb.deliveries import DynamoDeliveries
from batchwork.adapters.dynamodb.resource_rows import AccountCodec, MediaCodec, PostCodec
from batchwork.adapters.dynamodb.runs import DynamoRuns
from batchwork.adapters.dynamodb.shelf import DynamoShelf
from batchwork.adapters.dynamodb.webhook_endpoint_rows import WebhookEndpointCodec
from batchwork.adapters.dynamodb.webhook_subscription_rows import WebhookSubscriptionCodec
from batchwork.adapters.dynamodb.workflow_rows import WorkflowCodec
from batchwork.domain.resource import Resource
from batchwork.domain.run import Run
from batchwork.domain.webhook import Delivery
from batchwork.domain.webhook_endpoint import WebhookEndpoint

CODECS: dict[str, Any] = {
    codec.kind: codec for codec in (PostCodec(), AccountCodec(), MediaCodec(), WorkflowCodec(), WebhookEndpointCodec())
}
SOON = Context(timedelta(seconds=60))


@pytest.fixture
def queue(table: str) -> str:
    return str(aws.client("sqs").create_queue(QueueName="deliveries")["QueueUrl"])


@pytest.fixture
def teller(table: str, bucket: str, queue: str, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.setenv("TABLE_NAME", table)
    monkeypatch.setenv("BUCKET_NAME", bucket)
    monkeypatch.setenv("DELIVERY_QUEUE_URL", queue)
    monkeypatch.setenv("RETENTION_DAYS", "30")
    return load_function("resource_events")


def subscribe(table: str, *endpoints: WebhookEndpoint) -> None:
    for endpoint in endpoints:
        assert DynamoShelf(table, WebhookEndpointCodec()).add(endpoint)


def written(table: str, kind: str, resource: Resource, *names: str) -> dict[str, Any]:
    """Write a resource and return its row as the stream's NewImage has it: JSON, in which bytes are base64."""
    assert DynamoShelf(table, CODECS[kind]).add(resource, *names)
    return image_of(table, keys.resource(kind, resource.workspace_id, resource.id))


def ended(table: str, bucket: str, run: Run, *names: str) -> dict[str, Any]:
    """Write a run's row and return it as the stream's NewImage has it."""
    place = run.place
    assert DynamoRuns(table, packing.bucket(bucket)).add(run, AT + timedelta(days=30), *names)
    return image_of(table, keys.run(place.workspace_id, place.batch_id, place.index))


def ask(table: str, endpoint_id: str, *events: str, workspace_id: str = "acme") -> None:
    """Subscribe an endpoint to the workflow of the runs."""
    asked = a_subscription(endpoint_id, *events, resource_id=a_run().flow.workflow_id, workspace_id=workspace_id)
    assert DynamoShelf(table, WebhookSubscriptionCodec()).add(asked)


def image_of(table: str, key: keys.Key) -> dict[str, Any]:
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


# ── Runs, workflows and endpoints ──


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch, teller: ModuleType) -> list[str]:
    """Every call of DynamoDB that the function makes from now on, in order."""
    calls: list[str] = []

    def counted(operation: str) -> None:
        ask = getattr(teller.dynamodb, operation)

        def counting(**given: Any) -> Any:
            calls.append(operation)
            return ask(**given)

        monkeypatch.setattr(teller.dynamodb, operation, counting)

    for operation in ("query", "get_item", "put_item", "batch_get_item"):
        counted(operation)
    return calls


def test_a_run_that_ended_is_told_to_who_subscribed_to_its_workflow(
    teller: ModuleType, table: str, bucket: str, queue: str
) -> None:
    subscribe(table, extend_endpoint("wh_c1"), extend_endpoint("wh_c2"), extend_endpoint("wh_c3", "2025-04-21"))
    ask(table, "wh_c1", "workflow_run.completed", "workflow_run.step_run.processed")
    ask(table, "wh_c3", "workflow_run.completed")
    run = a_run(steps=(a_step(0), a_step(1)))
    names = ("workflow_run.completed", *(f"workflow_run.step_run.processed:{number}" for number in range(2)))
    assert teller.handler(records(ended(table, bucket, run, *names)), SOON) == {"batchItemFailures": []}
    told = sorted((each.endpoint_id, each.version, each.event_type) for each in deliveries(table))
    assert told == [
        ("wh_c1", "2026-02-09", "workflow_run.completed"),
        ("wh_c1", "2026-02-09", "workflow_run.step_run.processed"),
        ("wh_c1", "2026-02-09", "workflow_run.step_run.processed"),
        ("wh_c3", "2025-04-21", "workflow_run.completed"),
    ]
    assert {each.style for each in deliveries(table)} == {"extend"}
    assert len({each.event_id for each in deliveries(table)}) == 3
    assert len(messages(queue)) == 4
    whole = [json.loads(each.body) for each in deliveries(table) if each.event_type == "workflow_run.completed"]
    for each in whole:
        assert each["payload"]["metadata"] == {"n": 1, "ü": "✓"}
        assert each["payload"]["batchId"] == run.batch_id


def test_a_run_whose_document_stands_in_the_bucket_is_told_whole(teller: ModuleType, table: str, bucket: str) -> None:
    subscribe(table, extend_endpoint("wh_c1"))
    ask(table, "wh_c1", "workflow_run.completed")
    text = "".join(chr(0x4E00 + number % 20000) for number in range(9000))
    image = ended(table, bucket, a_run(metadata={"text": text}), "workflow_run.completed")
    assert "packed" not in image
    teller.handler(records(image), SOON)
    (delivery,) = deliveries(table)
    assert json.loads(delivery.body)["payload"]["metadata"] == {"text": text}


def test_a_large_payload_goes_to_the_bucket_where_its_endpoint_wants_a_url(
    teller: ModuleType, table: str, bucket: str
) -> None:
    subscribe(table, extend_endpoint("wh_c1", url_threshold=100))
    ask(table, "wh_c1", "workflow_run.completed")
    run = a_run()
    teller.handler(records(ended(table, bucket, run, "workflow_run.completed")), SOON)
    (delivery,) = deliveries(table)
    assert delivery.payload is not None
    assert (delivery.body, delivery.payload.id) == (b"", run.id)
    kept = aws.client("s3").get_object(Bucket=bucket, Key=delivery.blob or "")["Body"].read()
    assert json.loads(kept)["id"] == run.id


def test_a_hundred_runs_that_ended_where_nobody_listens_are_one_query(
    teller: ModuleType, asked: list[str], table: str, bucket: str
) -> None:
    images = [ended(table, bucket, a_run(index=index), "workflow_run.completed") for index in range(100)]
    asked.clear()
    assert teller.handler(records(*images), SOON) == {"batchItemFailures": []}
    assert asked == ["query"]


def test_a_hundred_runs_that_ended_where_nobody_asked_for_them_are_two_queries(
    teller: ModuleType, asked: list[str], table: str, bucket: str
) -> None:
    subscribe(table, extend_endpoint("wh_c1"))
    ask(table, "wh_c1", "workflow_run.failed")
    images = [ended(table, bucket, a_run(index=index), "workflow_run.completed") for index in range(100)]
    asked.clear()
    assert teller.handler(records(*images), SOON) == {"batchItemFailures": []}
    assert asked == ["query", "query"]


def test_workflows_and_endpoints_that_were_switched_off_are_told_in_the_words_of_their_family(
    teller: ModuleType, table: str
) -> None:
    every = ("workflow.created", "webhook_endpoint.disabled", "webhook.disabled")
    subscribe(table, an_endpoint(id="wh_c1", events=every), extend_endpoint("wh_c2", events=every))
    images = [
        written(table, "FLOW", a_workflow(), "workflow.created"),
        written(table, "HOOK", an_endpoint(id="wh_off1", enabled=False), "endpoint.disabled"),
        written(table, "HOOK", extend_endpoint("wh_off2", enabled=False), "endpoint.disabled"),
    ]
    assert teller.handler(records(*images), SOON) == {"batchItemFailures": []}
    assert {(each.event_type, each.subject) for each in deliveries(table) if each.endpoint_id == "wh_c2"} == {
        ("workflow.created", a_workflow().id),
        ("webhook_endpoint.disabled", "wh_off2"),
    }
    (other,) = (each for each in deliveries(table) if each.endpoint_id == "wh_c1")
    assert (other.event_type, other.subject, other.style) == ("webhook.disabled", "wh_off1", "voxburst")
