"""Webhook subscriptions on the shelf: what is particular to them. What all resources share is tested with the shelf."""

from __future__ import annotations

import pytest
from fakes.shelf import FakeShelf
from unit.webhooks.test_tell import a_subscription

from batchwork.adapters import aws
from batchwork.adapters.dynamodb import keys
from batchwork.adapters.dynamodb.shelf import DynamoShelf
from batchwork.adapters.dynamodb.webhook_subscription_rows import WebhookSubscriptionCodec
from batchwork.domain.webhook_endpoint import WebhookSubscription
from batchwork.ports.operations import Shelf


@pytest.fixture(params=["fake", "dynamodb"])
def shelf(request: pytest.FixtureRequest) -> Shelf[WebhookSubscription]:
    if request.param == "fake":
        return FakeShelf()
    return DynamoShelf(request.getfixturevalue("table"), WebhookSubscriptionCodec())


@pytest.mark.parametrize(
    "subscription",
    [
        a_subscription("wh_c1", "workflow_run.completed"),
        a_subscription("wh_c1", "workflow_run.failed", "workflow_run.completed", resource_id="workflow_ab12"),
    ],
)
def test_a_subscription_comes_back_as_it_was_added(
    shelf: Shelf[WebhookSubscription], subscription: WebhookSubscription
) -> None:
    assert shelf.add(subscription)
    assert shelf.get("acme", subscription.id) == subscription
    assert shelf.page("acme", None, 10, lambda _: True).entries == [subscription]
    assert shelf.get("other", subscription.id) is None


def test_a_row_is_neither_an_event_nor_due(table: str) -> None:
    subscription = a_subscription("wh_c1", "workflow_run.completed")
    DynamoShelf(table, WebhookSubscriptionCodec()).add(subscription)
    row = aws.client("dynamodb").get_item(TableName=table, Key=keys.resource("HOOKSUB", "acme", subscription.id))[
        "Item"
    ]
    assert row["kind"] == {"S": "HOOKSUB"}
    assert not {"events", "due_pk", "due_at"} & row.keys()
