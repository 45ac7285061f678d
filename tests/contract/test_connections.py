"""Connections: the twin and the table keep the same promises."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from factories import AT
from fakes.connections import FakeConnections

from batchwork.adapters import aws
from batchwork.adapters.dynamodb.connections import DynamoConnections
from batchwork.domain.account import Connecting
from batchwork.ports.operations import Connections

LIFE = timedelta(minutes=15)
BEGUN = Connecting(platform="TWITTER", redirect_url="https://app.example/back", until=AT + LIFE)


@pytest.fixture(params=["fake", "dynamodb"])
def connections(request: pytest.FixtureRequest) -> Connections:
    if request.param == "fake":
        return FakeConnections()
    return DynamoConnections(request.getfixturevalue("table"), aws.client("dynamodb"))


def test_what_was_begun_comes_back_under_its_state(connections: Connections) -> None:
    connections.open("acme", "state", BEGUN)
    assert connections.get("acme", "state") == BEGUN
    assert connections.get("acme", "another") is None


def test_another_workspace_finds_no_state(connections: Connections) -> None:
    connections.open("acme", "state", BEGUN)
    assert connections.get("other", "state") is None
    assert not connections.use("other", "state", "ticket-1", AT)


def test_a_state_is_used_once_however_often_its_user_says_so(connections: Connections) -> None:
    connections.open("acme", "state", BEGUN)
    assert connections.use("acme", "state", "ticket-1", AT)
    assert connections.use("acme", "state", "ticket-1", AT)
    assert not connections.use("acme", "state", "ticket-2", AT)
    assert connections.get("acme", "state") == replace(BEGUN, used_by="ticket-1")


def test_a_state_that_was_never_given_cannot_be_used(connections: Connections) -> None:
    assert not connections.use("acme", "state", "ticket-1", AT)
    assert connections.get("acme", "state") is None


def test_a_state_runs_out_for_everybody_but_who_used_it_before(connections: Connections) -> None:
    connections.open("acme", "state", BEGUN)
    assert not connections.use("acme", "state", "ticket-1", AT + LIFE)
    assert connections.use("acme", "state", "ticket-1", AT + LIFE - timedelta(milliseconds=1))
    assert connections.use("acme", "state", "ticket-1", AT + LIFE)


def test_to_begin_again_does_not_open_a_state_that_was_used(connections: Connections) -> None:
    connections.open("acme", "state", BEGUN)
    connections.use("acme", "state", "ticket-1", AT)
    connections.open("acme", "state", BEGUN)
    assert not connections.use("acme", "state", "ticket-2", AT)


def test_a_row_goes_by_itself_after_it_ran_out(table: str) -> None:
    DynamoConnections(table, aws.client("dynamodb")).open("acme", "state", BEGUN)
    (row,) = aws.client("dynamodb").scan(TableName=table)["Items"]
    assert int(row["expires_at"]["N"]) >= int((AT + LIFE).timestamp())
