"""Webhook endpoints on the shelf: what is particular to them. What all resources share is tested with the shelf."""

from __future__ import annotations

from dataclasses import replace

import pytest
from factories import AT
from fakes.shelf import FakeShelf
from unit.webhooks.deliveries import an_endpoint

from batchwork.adapters import aws
from batchwork.adapters.dynamodb import keys
from batchwork.adapters.dynamodb.endpoint_health import DynamoEndpointHealth
from batchwork.adapters.dynamodb.shelf import DynamoShelf
from batchwork.adapters.dynamodb.webhook_endpoint_rows import WebhookEndpointCodec
from batchwork.domain.webhook_endpoint import WebhookEndpoint
from batchwork.ports.operations import Shelf


@pytest.fixture(params=["fake", "dynamodb"])
def shelf(request: pytest.FixtureRequest) -> Shelf[WebhookEndpoint]:
    if request.param == "fake":
        return FakeShelf()
    return DynamoShelf(request.getfixturevalue("table"), WebhookEndpointCodec())


@pytest.mark.parametrize(
    "endpoint",
    [
        an_endpoint(),
        an_endpoint(enabled=False, url="https://x.example/?q=%20", events=("media.uploaded",)),
        an_endpoint(enabled=False, switched_off=True),
        an_endpoint(
            style="extend",
            previous="wss_before",
            previous_until=AT,
            rotation="ticket-1",
            rate=60,
            name="Mine",
            headers={"Authorization": "Bearer x"},
            version="2026-02-09",
            url_threshold=0,
        ),
    ],
)
def test_an_endpoint_comes_back_as_it_was_added(shelf: Shelf[WebhookEndpoint], endpoint: WebhookEndpoint) -> None:
    assert shelf.add(endpoint)
    assert shelf.get("acme", endpoint.id) == endpoint
    assert shelf.page("acme", None, 10, lambda each: each.enabled).entries == [endpoint] * endpoint.enabled


def test_a_note_neither_keeps_a_change_from_being_written_nor_is_lost_in_it(table: str) -> None:
    shelf, health = DynamoShelf(table, WebhookEndpointCodec()), DynamoEndpointHealth(table)
    endpoint = an_endpoint()
    shelf.add(endpoint)
    noted = health.note("acme", endpoint.id, AT, succeeded=False)
    changed = replace(endpoint, url="https://moved.example.com/", revision=2)
    assert shelf.replace(changed)
    assert shelf.get("acme", endpoint.id) == changed
    assert health.get("acme", endpoint.id) == noted


def test_a_row_shows_no_secret_to_who_reads_its_attributes_and_names_no_event(table: str) -> None:
    shelf = DynamoShelf(table, WebhookEndpointCodec())
    endpoint = an_endpoint(secret="whsec_of-the-endpoint", previous="whsec_of-the-endpoint-before", previous_until=AT)
    shelf.add(endpoint)
    row = aws.client("dynamodb").get_item(TableName=table, Key=keys.resource("HOOK", "acme", endpoint.id))["Item"]
    assert "whsec_of-the-endpoint" not in str({name: value for name, value in row.items() if name != "packed"})
    assert "events" not in row
    assert "due_pk" not in row
