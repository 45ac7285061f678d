"""Limits as answers tell them (spec 00: two meanings of X-RateLimit-Reset; draft-ietf-httpapi-ratelimit-headers-10)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from batchwork.domain.limit import DAY, MINUTE, Allowance, Window, window_end
from batchwork.edge.limits import Reset, limit_headers, retry_after

AT = datetime(2026, 11, 22, 23, 59, 18, 250_000, tzinfo=UTC)


def an_allowance(at: datetime = AT, *, minute: int = 5, day: int = 1) -> Allowance:
    return Allowance(
        at,
        minute <= 30 and day <= 1000,
        Window("minute", MINUTE, 30, minute, window_end(at, MINUTE)),
        Window("day", DAY, 1000, day, window_end(at, DAY)),
    )


def test_the_reset_is_a_unix_time_or_the_seconds_left() -> None:
    at, left = limit_headers(an_allowance(), Reset.AT), limit_headers(an_allowance(), Reset.IN)
    assert at["X-RateLimit-Reset"] == str(int(datetime(2026, 11, 23, tzinfo=UTC).timestamp()))
    assert left["X-RateLimit-Reset"] == "42"
    assert {**at, "X-RateLimit-Reset": ""} == {**left, "X-RateLimit-Reset": ""}


def test_the_old_headers_tell_the_minute_and_the_new_ones_both_windows() -> None:
    assert limit_headers(an_allowance(minute=5, day=900), Reset.IN) == {
        "X-RateLimit-Limit": "30",
        "X-RateLimit-Remaining": "25",
        "X-RateLimit-Reset": "42",
        "RateLimit-Policy": '"minute";q=30;w=60, "day";q=1000;w=86400',
        "RateLimit": '"minute";r=25;t=42, "day";r=100;t=42',
    }


def test_nothing_left_is_zero_even_when_an_operator_lowered_the_limit() -> None:
    headers = limit_headers(an_allowance(minute=45), Reset.IN)
    assert headers["X-RateLimit-Remaining"] == "0"
    assert headers["RateLimit"].startswith('"minute";r=0;')


@pytest.mark.parametrize(("second", "left"), [(0, "60"), (1, "59"), (59, "1")])
def test_the_seconds_left_are_whole_and_never_zero(second: int, left: str) -> None:
    headers = limit_headers(an_allowance(AT.replace(second=second, microsecond=0)), Reset.IN)
    assert headers["X-RateLimit-Reset"] == left
    almost = limit_headers(an_allowance(AT.replace(second=59, microsecond=999_999)), Reset.IN)
    assert almost["X-RateLimit-Reset"] == "1"


@pytest.mark.parametrize(
    ("wait", "header"),
    [
        (timedelta(), "1"),
        (timedelta(milliseconds=1), "1"),
        (timedelta(seconds=1.01), "2"),
        (timedelta(days=1), "86400"),
    ],
)
def test_retry_after_is_whole_seconds_rounded_up(wait: timedelta, header: str) -> None:
    assert retry_after(wait) == header
