"""The delivery queue over moto: what of many messages cannot be queued is told."""

from __future__ import annotations

import json
from typing import Any

import pytest
from unit.webhooks.deliveries import a_told_delivery

from batchwork.adapters import aws
from batchwork.adapters.sqs import MessagesNotQueuedError, SqsDeliveryQueue


@pytest.fixture
def url(table: str) -> str:  # the table's fixture is what mocks AWS
    assert table
    return str(aws.client("sqs").create_queue(QueueName="deliveries")["QueueUrl"])


def messages(url: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    while batch := aws.client("sqs").receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
        found += [json.loads(each["Body"]) for each in batch]
    return found


def test_many_deliveries_are_queued_ten_a_request_each_as_one_is(url: str) -> None:
    sqs = aws.client("sqs")
    asked: list[Any] = []
    sqs.meta.events.register("provide-client-params.sqs.*", lambda params, **_: asked.append(params))
    queue = SqsDeliveryQueue(url, sqs)
    told = [a_told_delivery() for _ in range(23)]
    queue.send_many(told)
    assert [len(each["Entries"]) for each in asked] == [10, 10, 3]
    many = messages(url)
    assert sorted(each["delivery_id"] for each in many) == sorted(each.id for each in told)
    queue.send(told[0])
    assert messages(url) == [each for each in many if each["delivery_id"] == told[0].id]
    group = asked[-1]["MessageGroupId"]
    assert {entry["MessageGroupId"] for each in asked[:3] for entry in each["Entries"]} == {group}
    queue.send_many([])
    assert len(asked) == 4


def test_a_message_that_is_refused_is_an_error(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    sqs = aws.client("sqs")
    refused = {"Successful": [], "Failed": [{"Id": "0", "SenderFault": False, "Code": "Throttled"}]}
    monkeypatch.setattr(sqs, "send_message_batch", lambda **_: refused)
    with pytest.raises(MessagesNotQueuedError, match="Throttled"):
        SqsDeliveryQueue(url, sqs).send_many([a_told_delivery()])
