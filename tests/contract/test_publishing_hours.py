"""PublishingHours: the twin and the table keep the same promises."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from fakes.hours import FakeHours

from batchwork.adapters import aws
from batchwork.adapters.dynamodb.hours import DynamoHours
from batchwork.ports.operations import PublishingHours

NOW = datetime(2026, 4, 9, 12, 20, 30, tzinfo=UTC)
HOUR = timedelta(hours=1)
NEXT = datetime(2026, 4, 9, 13, tzinfo=UTC)


@pytest.fixture(params=["fake", "dynamodb"])
def hours(request: pytest.FixtureRequest) -> PublishingHours:
    if request.param == "fake":
        return FakeHours()
    return DynamoHours(request.getfixturevalue("table"), aws.client("dynamodb"))


def test_the_first_hour_is_the_next_full_one(hours: PublishingHours) -> None:
    assert hours.take("acme", NOW) == NEXT


def test_each_hour_is_given_once(hours: PublishingHours) -> None:
    assert [hours.take("acme", NOW) for _ in range(4)] == [NEXT + n * HOUR for n in range(4)]


def test_an_hour_that_begins_now_is_over(hours: PublishingHours) -> None:
    assert hours.take("acme", NEXT) == NEXT + HOUR


def test_hours_that_went_by_are_not_given(hours: PublishingHours) -> None:
    hours.take("acme", NOW)
    assert hours.take("acme", NOW + 48 * HOUR) == NEXT + 48 * HOUR


def test_each_workspace_has_hours_of_its_own(hours: PublishingHours) -> None:
    assert hours.take("acme", NOW) == hours.take("other", NOW) == NEXT
