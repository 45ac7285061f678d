from __future__ import annotations

from datetime import timedelta

import pytest
from factories import AT
from unit.webhooks.deliveries import a_delivery

from batchwork.domain.webhook import DeliveryStatus, NextStep, step_after

#: Issue 2: at once, then after 5 s, 30 s, 5 min, 30 min, 2 h, 5 h, 10 h, 14 h, 20 h, 24 h.
SECONDS = [5, 30, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400]


@pytest.mark.parametrize(("number", "seconds"), list(enumerate(SECONDS, start=1)))
def test_a_failed_attempt_is_followed_on_schedule(number: int, seconds: int) -> None:
    assert step_after(number, 500, None, 0.0) == NextStep(DeliveryStatus.PENDING, timedelta(seconds=seconds))


@pytest.mark.parametrize(("number", "seconds"), list(enumerate(SECONDS, start=1)))
def test_jitter_adds_up_to_a_tenth_and_never_shortens_a_wait(number: int, seconds: int) -> None:
    middle, longest = (step_after(number, None, None, chance).wait for chance in (0.5, 0.999999))
    assert middle == timedelta(seconds=seconds * 1.05)
    assert longest is not None
    assert timedelta(seconds=seconds * 1.05) < longest <= timedelta(seconds=seconds * 1.1)


def test_the_eleventh_failed_attempt_is_the_last() -> None:
    assert step_after(11, 503, timedelta(seconds=5), 0.5) == NextStep(DeliveryStatus.FAILED)


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
@pytest.mark.parametrize("number", [1, 11])
def test_any_2xx_delivers(status: int, number: int) -> None:
    assert step_after(number, status, None, 0.5) == NextStep(DeliveryStatus.DELIVERED)


def test_410_stops_at_once() -> None:
    assert step_after(1, 410, timedelta(seconds=5), 0.5) == NextStep(DeliveryStatus.FAILED)


@pytest.mark.parametrize("status", [None, 100, 199, 300, 301, 302, 304, 307, 308, 400, 401, 404, 429, 500, 503])
def test_anything_else_is_tried_again_a_redirect_too(status: int | None) -> None:
    assert step_after(1, status, None, 0.0) == NextStep(DeliveryStatus.PENDING, timedelta(seconds=5))


def test_retry_after_is_the_least_wait() -> None:
    assert step_after(1, 503, timedelta(minutes=7), 0.9).wait == timedelta(minutes=7)


def test_a_retry_after_below_the_schedule_changes_nothing() -> None:
    assert step_after(3, 429, timedelta(seconds=1), 0.0).wait == timedelta(minutes=5)


def test_a_retry_after_of_weeks_counts_as_24_hours() -> None:
    assert step_after(1, 503, timedelta(days=40), 0.0).wait == timedelta(hours=24)


def test_waits_up_to_15_minutes_are_the_queues_and_the_sweeper_looks_a_minute_later() -> None:
    step = NextStep(DeliveryStatus.PENDING, timedelta(minutes=15))
    assert step.delay == timedelta(minutes=15)
    assert step.due_at(AT) == AT + timedelta(minutes=16)


def test_longer_waits_are_the_sweepers_alone() -> None:
    step = NextStep(DeliveryStatus.PENDING, timedelta(minutes=15, seconds=1))
    assert step.delay is None
    assert step.due_at(AT) == AT + timedelta(minutes=15, seconds=1)


def test_an_end_has_no_next_attempt() -> None:
    assert NextStep(DeliveryStatus.FAILED).delay is None
    assert NextStep(DeliveryStatus.FAILED).due_at(AT) is None


#: Spec operations 1.9: at once, then after 1 min, 5 min, 30 min, 2 h, 12 h.
VOXBURST = [60, 300, 1800, 7200, 43200]


@pytest.mark.parametrize(("number", "seconds"), list(enumerate(VOXBURST, start=1)))
def test_the_operations_family_has_a_schedule_of_its_own(number: int, seconds: int) -> None:
    schedule = a_delivery(style="voxburst").schedule
    assert step_after(number, 500, None, 0.0, schedule) == NextStep(DeliveryStatus.PENDING, timedelta(seconds=seconds))


def test_its_sixth_failed_attempt_is_the_last() -> None:
    schedule = a_delivery(style="voxburst").schedule
    assert step_after(6, None, timedelta(seconds=5), 0.5, schedule) == NextStep(DeliveryStatus.FAILED)
    assert step_after(6, 500, None, 0.0, a_delivery(style="codeer").schedule).status is DeliveryStatus.PENDING


#: Spec workflow runs 4.9: at once, then after 1 min, 5 min, 30 min, 2 h, 8 h.
EXTEND = [60, 300, 1800, 7200, 28800]


@pytest.mark.parametrize(("number", "seconds"), list(enumerate(EXTEND, start=1)))
def test_the_workflow_runs_family_has_a_schedule_of_its_own(number: int, seconds: int) -> None:
    schedule = a_delivery(style="extend").schedule
    assert step_after(number, 500, None, 0.0, schedule) == NextStep(DeliveryStatus.PENDING, timedelta(seconds=seconds))
    assert step_after(6, 500, None, 0.0, schedule) == NextStep(DeliveryStatus.FAILED)
