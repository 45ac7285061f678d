"""Turns at endpoints: at most so many a minute, each given once, none later than a message can be delayed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError
from fakes.endpoint_pace import FakeEndpointPace

from batchwork.adapters import aws
from batchwork.adapters.dynamodb import keys
from batchwork.adapters.dynamodb.endpoint_pace import DynamoEndpointPace, TurnsContendedError
from batchwork.domain.webhook import LONGEST_DELAY
from batchwork.ports.webhooks import EndpointPace

#: Twenty seconds into a minute.
NOW = datetime(2026, 4, 9, 12, 0, 20, tzinfo=UTC)


@pytest.fixture(params=["fake", "dynamodb"])
def pace(request: pytest.FixtureRequest) -> EndpointPace:
    return FakeEndpointPace() if request.param == "fake" else DynamoEndpointPace(request.getfixturevalue("table"))


def taken(pace: EndpointPace, number: int, rate: int = 2, now: datetime = NOW) -> list[int | None]:
    """Return the waits of so many turns, in seconds."""
    waits = [pace.take("acme", "wh_c1", rate, now) for _ in range(number)]
    return [None if wait is None else round(wait.total_seconds()) for wait in waits]


def test_a_minute_has_as_many_turns_as_the_rate_and_the_next_ones_have_the_rest(pace: EndpointPace) -> None:
    assert taken(pace, 5) == [None, None, 40, 40, 100]
    assert taken(pace, 1) == [100]


def test_a_minute_that_has_begun_meanwhile_gives_what_is_left_of_it(pace: EndpointPace) -> None:
    taken(pace, 3)
    assert taken(pace, 2, now=NOW + timedelta(minutes=1)) == [None, 40]
    assert taken(pace, 3, now=NOW + timedelta(hours=1)) == [None, None, 40]


def test_no_turn_is_given_that_is_later_than_a_message_can_be_delayed(pace: EndpointPace) -> None:
    waits = taken(pace, 16, rate=1)
    assert waits == [None, *(40 + 60 * minute for minute in range(15))]
    refused = taken(pace, 3, rate=1)
    assert refused == [940] * 3
    assert refused[0] is not None
    assert timedelta(seconds=refused[0]) > LONGEST_DELAY
    # They took none: a minute later one more is to be had.
    assert taken(pace, 2, rate=1, now=NOW + timedelta(minutes=1)) == [880, 940]


def test_another_rate_holds_from_the_next_turn_on(pace: EndpointPace) -> None:
    taken(pace, 2)
    assert taken(pace, 1, rate=3) == [None]
    assert taken(pace, 2, rate=1) == [40, 100]


def test_endpoints_and_workspaces_have_turns_of_their_own(pace: EndpointPace) -> None:
    assert pace.take("acme", "wh_c1", 1, NOW) is None
    assert pace.take("acme", "wh_c2", 1, NOW) is None
    assert pace.take("other", "wh_c1", 1, NOW) is None
    assert pace.take("acme", "wh_c1", 1, NOW) is not None


def test_the_row_of_an_endpoint_goes_when_nothing_is_sent_to_it(table: str) -> None:
    DynamoEndpointPace(table).take("acme", "wh_c1", 1, NOW)
    row = aws.client("dynamodb").get_item(TableName=table, Key=keys.endpoint_pace("acme", "wh_c1"))["Item"]
    assert int(row["expires_at"]["N"]) == int((NOW + timedelta(days=1)).timestamp())


class Overtaken:
    """A table in which somebody else is faster before a minute is begun, so often."""

    def __init__(self, table: str, times: int) -> None:
        self._dynamodb = aws.client("dynamodb")
        self._other = DynamoEndpointPace(table)
        self._left = times

    def update_item(self, **asked: Any) -> Any:
        if "#minute = :minute" in asked["UpdateExpression"] and self._left:
            self._left -= 1
            self._other.take("acme", "wh_c1", 1, NOW)
        return self._dynamodb.update_item(**asked)


def test_who_is_overtaken_takes_the_turn_after(table: str) -> None:
    raced: Any = Overtaken(table, 1)
    assert DynamoEndpointPace(table, raced).take("acme", "wh_c1", 1, NOW) == timedelta(seconds=40)


def test_who_is_overtaken_again_and_again_gives_up_and_the_message_comes_again(table: str) -> None:
    raced: Any = Overtaken(table, 100)
    with pytest.raises(TurnsContendedError):
        DynamoEndpointPace(table, raced).take("acme", "wh_c1", 1, NOW)


def test_an_error_that_is_no_condition_passes_through(in_moto: None) -> None:
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        DynamoEndpointPace("no-such-table").take("acme", "wh_c1", 1, NOW)
