"""Counting requests against a key's minute and day."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from factories import a_caller
from fakes.clock import FakeClock
from fakes.rates import FakeRates

from batchwork.domain.limit import DAY, MINUTE, window_end
from batchwork.use_cases.limit import REMEMBERED, LimitRequests

SECOND = timedelta(seconds=1)
#: Twenty seconds into a minute.
START = datetime(2026, 11, 22, 12, 0, 20, tzinfo=UTC)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(START)


@pytest.fixture
def rates() -> FakeRates:
    return FakeRates()


@pytest.fixture
def limit(rates: FakeRates, clock: FakeClock) -> LimitRequests:
    return LimitRequests(rates, clock)


def test_a_request_is_told_how_both_limits_stand(limit: LimitRequests) -> None:
    limit(a_caller())
    allowance = limit(a_caller())
    assert (allowance.at, allowance.passed) == (START, True)
    minute, day = allowance.minute, allowance.day
    assert (minute.name, minute.length, minute.limit, minute.used, minute.remaining) == ("minute", MINUTE, 30, 2, 28)
    assert (day.name, day.length, day.limit, day.used, day.remaining) == ("day", DAY, 1_000, 2, 998)
    assert minute.ends_at == datetime(2026, 11, 22, 12, 1, tzinfo=UTC)
    assert day.ends_at == datetime(2026, 11, 23, tzinfo=UTC)


def test_as_many_requests_pass_as_the_plan_says_and_the_next_minute_is_another(
    limit: LimitRequests, clock: FakeClock
) -> None:
    assert [limit(a_caller()).passed for _ in range(32)] == [True] * 30 + [False] * 2
    refused = limit(a_caller())
    assert (refused.refusing, refused.minute.remaining) == (refused.minute, 0)
    clock.pass_(timedelta(seconds=39))
    assert not limit(a_caller()).passed
    clock.pass_(SECOND)
    assert limit(a_caller()).passed


def test_a_full_day_refuses_though_the_minute_has_room_and_says_so(limit: LimitRequests, clock: FakeClock) -> None:
    caller = a_caller(per_day=5)
    for _ in range(5):
        assert limit(caller).passed
        clock.pass_(MINUTE)
    refused = limit(caller)
    assert (refused.passed, refused.refusing) == (False, refused.day)
    assert (refused.minute.remaining, refused.day.remaining) == (30, 0)
    clock.pass_(timedelta(hours=12))
    assert limit(caller).passed


def test_a_day_that_is_full_together_with_the_minute_is_named_since_it_ends_later(limit: LimitRequests) -> None:
    caller = a_caller(per_minute=3, per_day=3)
    for _ in range(3):
        limit(caller)
    refused = limit(caller)
    assert refused.refusing == refused.day


def test_who_hammers_against_a_full_minute_costs_no_write(
    limit: LimitRequests, rates: FakeRates, clock: FakeClock
) -> None:
    caller = a_caller(per_minute=2)
    for _ in range(50):
        limit(caller)
    assert rates.calls == 3
    clock.pass_(timedelta(seconds=10))
    refused = limit(caller)
    assert (refused.at, refused.passed, refused.minute.used, rates.calls) == (clock.now(), False, 2, 3)
    clock.pass_(timedelta(seconds=30))
    assert limit(caller).passed
    assert rates.calls == 4


def test_who_hammers_against_a_full_day_costs_one_write_a_minute_and_passes_the_next_day(
    limit: LimitRequests, rates: FakeRates, clock: FakeClock
) -> None:
    clock.at = datetime(2026, 11, 22, 23, 58, 30, tzinfo=UTC)
    caller = a_caller(per_day=1)
    assert limit(caller).passed
    for _ in range(89):
        clock.pass_(SECOND)
        assert limit(caller).refusing.name == "day"
    assert rates.calls == 3
    clock.pass_(SECOND)
    assert limit(caller).passed


def test_a_refusal_is_that_keys_alone(limit: LimitRequests) -> None:
    for _ in range(3):
        limit(a_caller(per_minute=2))
    assert limit(a_caller(per_minute=2, key_id="k2")).passed
    assert limit(a_caller(per_minute=2, workspace_id="other")).passed


def test_a_remembered_refusal_is_forgotten_when_an_operator_changes_the_limits(limit: LimitRequests) -> None:
    for _ in range(3):
        limit(a_caller(per_minute=2))
    allowance = limit(a_caller(per_minute=5))
    assert (allowance.passed, allowance.minute.remaining) == (True, 2)


def test_only_so_many_refusals_are_remembered_and_all_hold(limit: LimitRequests, rates: FakeRates) -> None:
    callers = [a_caller(key_id=f"k{n}", per_minute=0) for n in range(REMEMBERED + 5)]
    for caller in callers:
        assert not limit(caller).passed
    assert len(limit._refusals.seen) == REMEMBERED
    calls = rates.calls
    assert not limit(callers[-1]).passed
    assert rates.calls == calls
    assert not limit(callers[0]).passed
    assert rates.calls == calls + 1


def test_a_limit_below_what_is_used_leaves_nothing_and_never_less(limit: LimitRequests) -> None:
    for _ in range(5):
        limit(a_caller())
    refused = limit(a_caller(per_minute=3))
    assert (refused.passed, refused.minute.used, refused.minute.remaining) == (False, 5, 0)


@pytest.mark.parametrize("length", [MINUTE, DAY], ids=["minute", "day"])
def test_windows_follow_each_other_without_a_gap(length: timedelta) -> None:
    end = window_end(START, length)
    assert START < end <= START + length
    assert window_end(end - timedelta(microseconds=1), length) == end
    assert window_end(end, length) == end + length


def test_what_an_allowance_says_of_a_window_is_fixed(limit: LimitRequests) -> None:
    allowance = limit(a_caller())
    assert replace(allowance.minute, used=31).remaining == 0
