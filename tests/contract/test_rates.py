"""RateStore: what the fake and the table must both do, and how large a row of the table gets."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from factories import a_caller
from fakes.rates import FakeRates

from batchwork.adapters import aws
from batchwork.adapters.dynamodb.rates import DynamoRates
from batchwork.domain.limit import Taken
from batchwork.domain.plan import CHANGEABLE, PLANS, Plan
from batchwork.domain.workspace import ApiKey
from batchwork.ports.identity import RateStore

NOON = datetime(2026, 11, 22, 12, 0, 30, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
TERMS = replace(PLANS["free"], per_minute=3, per_day=5)
KEY = a_caller().key


@pytest.fixture(params=["fake", "table"])
def rates(request: pytest.FixtureRequest) -> RateStore:
    if request.param == "fake":
        return FakeRates()
    return DynamoRates(request.getfixturevalue("table"))


def test_requests_pass_until_their_minute_is_full(rates: RateStore) -> None:
    taken = [rates.take(KEY, TERMS, NOON) for _ in range(5)]
    assert taken == [Taken(True, n, n) for n in (1, 2, 3)] + [Taken(False, 3, 3)] * 2


def test_a_refused_request_counts_in_neither_window(rates: RateStore) -> None:
    for _ in range(50):
        rates.take(KEY, TERMS, NOON)
    assert rates.take(KEY, TERMS, NOON + MINUTE) == Taken(True, 1, 4)


def test_a_minute_begins_anew_and_the_day_goes_on_until_it_is_full(rates: RateStore) -> None:
    taken = [rates.take(KEY, TERMS, NOON + n * MINUTE) for n in range(7)]
    assert taken == [Taken(True, 1, n) for n in (1, 2, 3, 4, 5)] + [Taken(False, 0, 5)] * 2


def test_a_day_begins_anew_at_midnight(rates: RateStore) -> None:
    late = datetime(2026, 11, 22, 23, 59, 59, tzinfo=UTC)
    for n in range(5):
        rates.take(KEY, TERMS, late - n * MINUTE)
    assert not rates.take(KEY, TERMS, late).passed
    assert rates.take(KEY, TERMS, late + timedelta(seconds=1)) == Taken(True, 1, 1)


@pytest.mark.parametrize("late", [1, 2])
def test_a_function_whose_clock_is_late_finds_the_minute_as_full_as_it_was(rates: RateStore, late: int) -> None:
    terms = replace(TERMS, per_day=100)
    for _ in range(3):
        rates.take(KEY, terms, NOON)
    for _ in range(2):
        rates.take(KEY, terms, NOON + late * MINUTE)
    assert rates.take(KEY, terms, NOON) == Taken(False, 3, 5)


def test_every_key_has_counts_of_its_own(rates: RateStore) -> None:
    for _ in range(3):
        rates.take(KEY, TERMS, NOON)
    assert rates.take(a_caller(key_id="k2").key, TERMS, NOON) == Taken(True, 1, 1)
    assert rates.take(a_caller(workspace_id="other").key, TERMS, NOON) == Taken(True, 1, 1)


def test_limits_that_an_operator_changes_hold_from_the_next_request_on(rates: RateStore) -> None:
    for _ in range(3):
        rates.take(KEY, TERMS, NOON)
    assert rates.take(KEY, replace(TERMS, per_minute=4), NOON) == Taken(True, 4, 4)
    assert rates.take(KEY, replace(TERMS, per_minute=2), NOON) == Taken(False, 4, 4)


@pytest.mark.parametrize("none", ["per_minute", "per_day"])
def test_a_limit_of_nothing_admits_not_even_the_first(rates: RateStore, none: str) -> None:
    assert rates.take(KEY, replace(TERMS, **{none: 0}), NOON) == Taken(False, 0, 0)  # type: ignore[arg-type] # one of two


# ── the table's row ──


def test_a_request_costs_one_write_also_when_a_window_begins(table: str) -> None:
    dynamodb = aws.client("dynamodb")
    calls: list[str] = []
    dynamodb.meta.events.register("before-call.dynamodb", lambda model, **_: calls.append(model.name))
    store = DynamoRates(table, dynamodb)
    for n in (0, 0, 1, 2, 30, 24 * 60):
        store.take(KEY, TERMS, NOON + n * MINUTE)
    assert calls == ["UpdateItem"] * 6


def test_the_counts_of_past_minutes_are_removed_and_the_row_goes_two_days_later(table: str) -> None:
    store = DynamoRates(table)
    for n in (0, 1, 2, 3, 4):
        store.take(KEY, PLANS["pro"], NOON + n * MINUTE)
    (row,) = aws.client("dynamodb").scan(TableName=table)["Items"]
    assert row["pk"]["S"] == "RATE#acme#k1"
    assert row["sk"]["S"] == "DAY#2026-11-22"
    assert int(row["expires_at"]["N"]) == int((NOON + 4 * MINUTE + timedelta(days=2)).timestamp())
    counts = {name: value["N"] for name, value in row.items() if name not in {"pk", "sk", "expires_at"}}
    assert counts == {"passed": "5", "m2d2": "1", "m2d3": "1", "m2d4": "1"}


class Row:
    """Stands in for the client: applies what update expressions of DynamoRates do to the names of a row's attributes."""

    def __init__(self) -> None:
        self.names: set[str] = set()
        self.widest = 0

    def update_item(self, *, Key: Any, UpdateExpression: str, **_: Any) -> Any:  # noqa: N803 -- the API's names
        found = re.fullmatch(r"SET (\w+) = :\w+ ADD (.+?)(?: REMOVE (.+))?", UpdateExpression)
        assert found is not None
        self.names |= {*Key, found[1], *re.findall(r"(\w+) :one", found[2])}
        self.names -= set((found[3] or "").split(", "))
        self.widest = max(self.widest, self.size(Key))
        return {"Attributes": {}}

    def size(self, key: Any) -> int:
        """Return the bytes (AWS: names in UTF-8, a byte for two digits and one more) with counts as large as can be."""
        texts = sum(len(value["S"]) for value in key.values())
        digits = {"expires_at": 10, "passed": len(str(CHANGEABLE["per_day"]))}
        numbers = self.names - set(key)
        most = len(str(CHANGEABLE["per_minute"]))
        return texts + sum(map(len, self.names)) + sum((digits.get(name, most) + 1) // 2 + 1 for name in numbers)


def scattered(seed: int) -> Iterable[int]:
    return sorted(random.Random(seed).sample(range(1440), 40 * (seed + 1)))


def bursts(length: int, cycle: int) -> Iterable[int]:
    return (minute for minute in range(1440) if minute % cycle < length)


TRAFFIC: dict[str, Callable[[], Iterable[int]]] = {
    "every minute": lambda: range(1440),
    "every 41 minutes, each just out of the next one's reach": lambda: range(0, 1440, 41),
    # Of every 43 is the worst: the next three come just when they no longer remove the last.
    **{f"three minutes out of every {cycle}": partial(bursts, 3, cycle) for cycle in range(4, 60)},
    "two minutes out of every 42": partial(bursts, 2, 42),
    "four minutes out of every 44": partial(bursts, 4, 44),
    **{f"scattered {seed}": partial(scattered, seed) for seed in range(8)},
}


@pytest.mark.parametrize("traffic", list(TRAFFIC))
def test_a_row_stays_below_one_write_unit_whatever_the_days_traffic(traffic: str) -> None:
    """Breaks when rates._PAST ends sooner, such as range(3, 13): three minutes of every 15 make 2 KB."""
    row = Row()
    store = DynamoRates("table", row)  # type: ignore[arg-type] # a stand-in
    key: ApiKey = replace(KEY, id="k" * 32, workspace_id="w" * 32)
    terms: Plan = PLANS["enterprise"]
    for minute in TRAFFIC[traffic]():
        store.take(key, terms, NOON.replace(hour=minute // 60, minute=minute % 60))
    assert 100 < row.widest < 1024
