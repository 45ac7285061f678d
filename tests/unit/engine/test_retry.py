from __future__ import annotations

from datetime import timedelta

import pytest
from engine import failing
from hypothesis import given
from hypothesis import strategies as st

from batchwork.domain.retry import RetryPolicy


def test_an_item_is_tried_three_times_in_all() -> None:
    policy = RetryPolicy()
    assert policy.wait(failing(retryable=True), 1, 0.5) is not None
    assert policy.wait(failing(retryable=True), 2, 0.5) is not None
    assert policy.wait(failing(retryable=True), 3, 0.5) is None


def test_a_failure_that_is_final_is_not_tried_again() -> None:
    assert RetryPolicy().wait(failing(400), 1, 0.5) is None


@pytest.mark.parametrize("attempts", [1, 2])
@given(chance=st.floats(0, 1, exclude_max=True))
def test_backoff_doubles_and_jitter_takes_off_at_most_half(attempts: int, chance: float) -> None:
    full = timedelta(seconds=2) * 2 ** (attempts - 1)
    wait = RetryPolicy().wait(failing(retryable=True), attempts, chance)
    assert wait is not None
    assert full / 2 <= wait <= full


def test_what_the_far_side_asks_to_wait_is_the_least_wait_and_sqs_bounds_it() -> None:
    policy = RetryPolicy()
    assert policy.wait(failing(retryable=True, retry_after=timedelta(seconds=40)), 1, 0) == timedelta(seconds=40)
    assert policy.wait(failing(retryable=True, retry_after=timedelta(hours=2)), 1, 0) == timedelta(minutes=15)
