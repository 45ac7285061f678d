from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from botocore.exceptions import ClientError
from factories import AT
from fakes.endpoint_health import FakeEndpointHealth

from batchwork.adapters import aws
from batchwork.adapters.dynamodb import keys
from batchwork.adapters.dynamodb.endpoint_health import DynamoEndpointHealth
from batchwork.domain.webhook_endpoint import Health
from batchwork.ports.webhooks import EndpointHealth

ONE, TWO = "wh_c1", "wh_c2"


@pytest.fixture(params=["fake", "dynamodb"])
def health(request: pytest.FixtureRequest) -> EndpointHealth:
    if request.param == "fake":
        return FakeEndpointHealth()
    return DynamoEndpointHealth(request.getfixturevalue("table"))


def note(health: EndpointHealth, *outcomes: bool, endpoint: str = ONE, workspace: str = "acme") -> Health:
    """Note attempts, one a minute."""
    for minute, succeeded in enumerate(outcomes):
        noted = health.note(workspace, endpoint, AT + timedelta(minutes=minute), succeeded=succeeded)
    return noted


def at(minute: int) -> datetime:
    return AT + timedelta(minutes=minute)


@pytest.mark.parametrize(
    ("outcomes", "expected"),
    [
        ((True,), Health(last_delivery_at=at(0))),
        ((False,), Health(last_delivery_at=at(0), failures=1, failing_since=at(0))),
        ((False, False, False), Health(last_delivery_at=at(2), failures=3, failing_since=at(0))),
        ((False, False, True), Health(last_delivery_at=at(2))),
        ((False, True, False), Health(last_delivery_at=at(2), failures=1, failing_since=at(2))),
    ],
)
def test_a_note_returns_how_it_went_so_far_and_that_is_what_is_read(
    health: EndpointHealth, outcomes: tuple[bool, ...], expected: Health
) -> None:
    assert note(health, *outcomes) == expected
    assert health.get("acme", ONE) == expected
    assert health.of_workspace("acme") == {ONE: expected}


def test_an_endpoint_without_notes_has_neither_deliveries_nor_failures(health: EndpointHealth) -> None:
    assert health.get("acme", ONE) == Health()
    assert health.of_workspace("acme") == {}


def test_endpoints_and_workspaces_are_noted_apart(health: EndpointHealth) -> None:
    note(health, False)
    note(health, True, endpoint=TWO)
    note(health, False, False, workspace="other")
    assert {name: each.failures for name, each in health.of_workspace("acme").items()} == {ONE: 1, TWO: 0}
    assert {name: each.failures for name, each in health.of_workspace("other").items()} == {ONE: 2}
    assert health.of_workspace("acm") == {}


def test_clearing_forgets_the_failures_and_keeps_when_the_last_attempt_was(health: EndpointHealth) -> None:
    note(health, False, False)
    health.clear("acme", ONE)
    assert health.get("acme", ONE) == Health(last_delivery_at=at(1))
    assert note(health, False) == Health(last_delivery_at=at(0), failures=1, failing_since=at(0))


def test_clearing_what_has_no_notes_leaves_none(table: str) -> None:
    health = DynamoEndpointHealth(table)
    health.clear("acme", ONE)
    assert health.of_workspace("acme") == {}
    assert aws.client("dynamodb").scan(TableName=table)["Items"] == []


def test_a_row_goes_by_itself_long_after_the_last_attempt_and_names_no_event(table: str) -> None:
    noted_at = datetime(2026, 1, 1, tzinfo=UTC)
    DynamoEndpointHealth(table).note("acme", ONE, noted_at, succeeded=False)
    row = aws.client("dynamodb").get_item(TableName=table, Key=keys.endpoint_health("acme", ONE))["Item"]
    assert row["expires_at"] == {"N": str(int((noted_at + timedelta(days=400)).timestamp()))}
    assert row["kind"] == {"S": "HOOKSTATS"}
    assert "events" not in row


def test_an_error_that_is_no_condition_passes_through(in_moto: None) -> None:
    health = DynamoEndpointHealth("no-such-table")
    for call in (
        lambda: health.get("acme", ONE),
        lambda: health.of_workspace("acme"),
        lambda: health.note("acme", ONE, AT, succeeded=True),
        lambda: health.clear("acme", ONE),
    ):
        with pytest.raises(ClientError, match="ResourceNotFoundException"):
            call()
