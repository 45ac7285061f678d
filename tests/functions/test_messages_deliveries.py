"""What the webhook of a batch was told, and telling it again, through the function that serves it."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from functions.messages_api import BASE, MessagesApi, api  # noqa: F401 -- api: the fixture
from unit.webhooks.deliveries import a_delivery, a_told_delivery, an_attempt

from batchwork.adapters import aws
from batchwork.adapters.dynamodb.deliveries import DynamoDeliveries
from batchwork.domain.webhook import Delivery, DeliveryStatus

SECRET = "secret-of-the-webhook"


@pytest.fixture
def queue_url(api: MessagesApi, monkeypatch: pytest.MonkeyPatch) -> str:  # noqa: F811 -- the fixture
    url = str(aws.client("sqs").create_queue(QueueName="deliveries")["QueueUrl"])
    monkeypatch.setenv("DELIVERY_QUEUE_URL", url)
    return url


def told(api: MessagesApi, batch: Any, minute: int = 0, **changes: Any) -> Delivery:  # noqa: F811 -- the fixture
    """Keep a delivery about a batch, which failed unless it says otherwise."""
    status = changes.pop("status", DeliveryStatus.FAILED)
    made = a_delivery(workspace_id=api.workspace, subject=batch["id"], secret=SECRET, **changes)
    delivery = replace(made, created_at=made.created_at + timedelta(minutes=minute))
    store = DynamoDeliveries(api.table)
    assert store.put(delivery)
    return delivery if status is DeliveryStatus.PENDING else store.record(delivery, an_attempt(), status, None)


def path_of(batch: Any, delivery: Delivery | None = None, rest: str = "") -> str:
    return f"/api/v1/batches/{batch['id']}/deliveries" + (f"/{delivery.id}{rest}" if delivery else "")


@pytest.mark.usefixtures("queue_url")
def test_deliveries_are_listed_newest_first_in_the_familys_envelope(api: MessagesApi) -> None:  # noqa: F811
    batch = api.submit()
    assert api.call("GET", path_of(batch)).data == []
    made = [told(api, batch, minute) for minute in range(3)]
    told(api, batch, 3, status=DeliveryStatus.PENDING)
    told(api, api.submit())
    answer = api.call("GET", path_of(batch), query={"status": "failed", "limit": "2"})
    assert list(answer.body) == ["data", "pagination", "message", "error_code"]
    assert [each["id"] for each in answer.data] == [made[2].id, made[1].id]
    pages = answer.body["pagination"]
    assert (pages["total_records"], pages["next_page"]) == (
        3, f"{BASE}{path_of(batch)}?offset=2&limit=2&status=failed",
    )  # fmt: skip
    assert answer.data[0] == {
        "id": made[2].id,
        "batch_id": batch["id"],
        "event": "batch.completed",
        "status": "failed",
        "url": made[2].url,
        "replay_of": None,
        "attempts": [
            {
                "number": 1,
                "started_at": "2026-01-15T10:30:00Z",
                "latency_ms": 120,
                "status_code": 500,
                "error": "HTTP status 500",
            }
        ],
        "created_at": "2026-01-15T10:32:00Z",
        "next_attempt_at": None,
    }
    assert api.call("GET", path_of(batch)).data[0]["next_attempt_at"] is not None
    assert api.call("GET", path_of(batch), query={"status": "lost"}).status == 422


@pytest.mark.usefixtures("queue_url")
def test_a_delivery_is_shown_with_what_was_told_and_never_its_secret(
    api: MessagesApi,  # noqa: F811 -- the fixture
    capsys: pytest.CaptureFixture[str],
) -> None:
    batch = api.submit()
    delivery = told(api, batch)
    answer = api.call("GET", path_of(batch, delivery))
    assert answer.data == api.call("GET", path_of(batch)).data[0] | {"body": delivery.body.decode()}
    assert SECRET not in str(answer.body) + "".join(capsys.readouterr())


def test_a_replay_is_a_new_delivery_that_is_queued_once_a_key(
    api: MessagesApi,  # noqa: F811 -- the fixture
    queue_url: str,
) -> None:
    batch = api.submit()
    delivery = told(api, batch)
    named = {"Idempotency-Key": "order-1"}
    first, again = (api.call("POST", path_of(batch, delivery, "/replay"), headers=named) for _ in range(2))
    assert first.status == 202
    assert first.body == again.body
    assert (first.data["replay_of"], first.data["status"], first.data["attempts"]) == (delivery.id, "pending", [])
    (message,) = aws.client("sqs").receive_message(QueueUrl=queue_url, MaxNumberOfMessages=10)["Messages"]
    assert json.loads(message["Body"])["delivery_id"] == first.data["id"]
    kept = DynamoDeliveries(api.table).get(api.workspace, first.data["id"])
    assert kept is not None
    assert (kept.event_id, kept.body, kept.secret, kept.url) == (
        delivery.event_id, delivery.body, SECRET, delivery.url,
    )  # fmt: skip


def test_what_waits_for_its_next_attempt_has_it_now_unless_that_is_being_made(
    api: MessagesApi,  # noqa: F811 -- the fixture
    queue_url: str,
) -> None:
    batch = api.submit()
    store = DynamoDeliveries(api.table)
    now = datetime.now(UTC)
    pending = told(api, batch, status=DeliveryStatus.PENDING)
    store.record(pending, an_attempt(), DeliveryStatus.PENDING, now + timedelta(hours=8))
    answer = api.call("POST", path_of(batch, pending, "/replay"))
    assert (answer.status, answer.data["id"], len(answer.data["attempts"])) == (202, pending.id, 1)
    (message,) = aws.client("sqs").receive_message(QueueUrl=queue_url, MaxNumberOfMessages=10)["Messages"]
    assert json.loads(message["Body"]) == {
        "workspace_id": api.workspace, "delivery_id": pending.id, "attempt": 2, "waits": 0,
    }  # fmt: skip
    kept = store.get(api.workspace, pending.id)
    assert kept is not None
    assert kept.due_at - kept.next_attempt_at == timedelta(minutes=1)  # type: ignore[operator] # it has one
    assert store.begin(kept, 2, now + timedelta(hours=1), now)
    refused = api.call("POST", path_of(batch, pending, "/replay"))
    assert (refused.status, refused.body["message"]) == (
        409, "An attempt of this delivery is being made right now; see what comes of it",
    )  # fmt: skip


@pytest.mark.usefixtures("queue_url")
def test_what_is_not_the_batchs_is_not_found(api: MessagesApi) -> None:  # noqa: F811 -- the fixture
    batch, other = api.submit(), api.submit()
    delivery = told(api, batch)
    to_endpoint = replace(a_told_delivery(), workspace_id=api.workspace, subject=batch["id"], id=str(uuid4()))
    assert DynamoDeliveries(api.table).put(to_endpoint)
    assert [each["id"] for each in api.call("GET", path_of(batch)).data] == [delivery.id]
    for path in (
        path_of(other, delivery),
        path_of(batch, to_endpoint),
        path_of(batch, replace(delivery, id="none")),
        path_of({"id": str(uuid4())}, delivery),
    ):
        assert api.call("GET", path).status == api.call("POST", f"{path}/replay").status == 404
    assert api.call("GET", path_of({"id": str(uuid4())})).status == 404
    stranger = api.a_key(api.a_workspace())
    assert api.call("GET", path_of(batch), key=stranger).status == 404


@pytest.mark.usefixtures("queue_url")
def test_looking_and_telling_again_need_scopes_of_their_own(api: MessagesApi) -> None:  # noqa: F811 -- the fixture
    batch = api.submit()
    delivery = told(api, batch)
    reader, writer = (api.a_key(scopes=[scope]) for scope in ("batches:read", "batches:write"))
    assert api.call("GET", path_of(batch), key=reader).status == 200
    assert api.call("POST", path_of(batch, delivery, "/replay"), key=reader).status == 403
    assert api.call("GET", path_of(batch, delivery), key=writer).status == 403
    assert api.call("POST", path_of(batch, delivery, "/replay"), key=writer).status == 202
