"""Limits, quotas and Idempotency-Keys under many threads, on a real engine: they admit exactly what they should.

Below HTTP, so that all threads meet in the same row at the same time; over HTTP see test_limits.py and test_same_key.py.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar
from uuid import uuid4

import botocore.session
import pytest
from botocore.config import Config
from factories import a_batch, a_caller, a_charge, a_claim, charge_for, items_of

from batchwork.adapters.dynamodb.batches import DynamoBatches
from batchwork.adapters.dynamodb.claims import DynamoClaims
from batchwork.adapters.dynamodb.rates import DynamoRates
from batchwork.adapters.dynamodb.usage import DynamoUsage
from batchwork.adapters.packing import Packer
from batchwork.domain.errors import QuotaExceeded
from batchwork.domain.idempotency import Answered, Claim, Prior
from batchwork.domain.plan import CHANGEABLE, PLANS
from journeys.client import Stack

T = TypeVar("T")

THREADS = 50
NOW = datetime(2026, 11, 22, 12, 0, 30, tzinfo=UTC)
MONTH = "2026-11"
HOLD = timedelta(seconds=29)
NO_BLOBS = Packer(lambda: pytest.fail("nothing here is large"))


@pytest.fixture(scope="module")
def dynamodb(stack: Stack) -> Iterator[Any]:
    access = stack["aws"]
    client = botocore.session.Session().create_client(
        "dynamodb",
        endpoint_url=access["endpoint_url"],
        region_name=access["AWS_DEFAULT_REGION"],
        aws_access_key_id=access["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=access["AWS_SECRET_ACCESS_KEY"],
        config=Config(max_pool_connections=THREADS),
    )
    yield client
    client.close()


@pytest.fixture
def table(stack: Stack) -> str:
    name: str = stack["outputs"]["TableName"]
    return name


@pytest.fixture
def workspace() -> str:
    """Name a workspace that nobody else counts in."""
    return f"races{uuid4().hex[:12]}"


def at_once(act: Callable[[int], T]) -> list[T]:
    """Return what an act returned to each of many threads that begin it together."""
    barrier = threading.Barrier(THREADS)

    def begin(number: int) -> T:
        barrier.wait(30)
        return act(number)

    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(begin, range(THREADS)))


def total(usage: DynamoUsage, workspace: str) -> int:
    """Return a month's units, which its ledger must add up to."""
    used = usage.used(workspace, MONTH)
    assert sum(charge.units for charge in usage.charges(workspace, MONTH)) == used
    return used


# ── rate limits ──


@pytest.mark.parametrize("window", ["minute", "day"])
def test_exactly_as_many_requests_pass_as_a_limit_says(table: str, dynamodb: Any, workspace: str, window: str) -> None:
    """Breaks when DynamoRates.take reads the counts before it adds to them, or drops one of its conditions."""
    limits = {"per_minute": 30} if window == "minute" else {"per_minute": CHANGEABLE["per_minute"], "per_day": 30}
    terms, key = replace(PLANS["free"], **limits), a_caller(workspace_id=workspace).key  # type: ignore[arg-type] # numbers
    rates = DynamoRates(table, dynamodb)
    taken = at_once(lambda _: rates.take(key, terms, NOW))
    assert sorted(each.day for each in taken if each.passed) == list(range(1, 31))
    refused = [each for each in taken if not each.passed]
    assert len(refused) == 20
    assert {(each.minute, each.day) for each in refused} == {(30, 30)}


def test_requests_of_two_minutes_fill_each_on_its_own_and_the_day_together(
    table: str, dynamodb: Any, workspace: str
) -> None:
    terms, key = replace(PLANS["free"], per_minute=15, per_day=27), a_caller(workspace_id=workspace).key
    rates = DynamoRates(table, dynamodb)
    taken = at_once(lambda number: rates.take(key, terms, NOW + number % 2 * timedelta(minutes=1)))
    passed = [sum(each.passed for each in taken[minute::2]) for minute in (0, 1)]
    assert sum(passed) == 27
    assert max(passed) <= 15


# ── quotas ──


def test_a_quota_is_filled_as_far_as_whole_requests_fit_and_never_overrun(
    table: str, dynamodb: Any, workspace: str
) -> None:
    """Breaks when DynamoUsage.reserve compares the month's units before it adds to them."""
    usage = DynamoUsage(table, dynamodb)

    def reserve(_: int) -> int | None:
        try:
            usage.reserve(a_charge(workspace_id=workspace, units=7, at=NOW, ceiling=100))
        except QuotaExceeded as refusal:
            used: int = refusal.facts["used"]
            return used
        return None

    assert at_once(reserve).count(None) == 14
    assert total(usage, workspace) == 98


def test_units_given_back_while_others_are_taken_are_neither_lost_nor_given_twice(
    table: str, dynamodb: Any, workspace: str
) -> None:
    """Breaks when DynamoUsage.release takes units off a month without deleting their ledger entry."""
    usage = DynamoUsage(table, dynamodb)
    kept = [a_charge(workspace_id=workspace, units=2, at=NOW) for _ in range(5)]
    for charge in kept:
        usage.reserve(charge)

    def reserve_and_release(number: int) -> None:
        charge = a_charge(workspace_id=workspace, units=7, at=NOW, ceiling=60)
        with suppress(QuotaExceeded):
            usage.reserve(charge)
        usage.release(charge)
        usage.release(kept[number % 5])

    at_once(reserve_and_release)
    assert total(usage, workspace) == 0


def test_one_charge_that_many_reserve_counts_once(table: str, dynamodb: Any, workspace: str) -> None:
    usage = DynamoUsage(table, dynamodb)
    charge = a_charge(workspace_id=workspace, units=7, at=NOW, ceiling=7)
    at_once(lambda _: usage.reserve(charge))
    assert total(usage, workspace) == 7


def test_a_month_that_is_reconciled_while_it_is_charged_ends_as_its_ledger_says(
    table: str, dynamodb: Any, workspace: str
) -> None:
    """Breaks when DynamoUsage.adjust sets the units without the condition on what was seen."""
    usage = DynamoUsage(table, dynamodb)
    usage.adjust(workspace, MONTH, seen=0, counted=1000)  # a count that is wrong from the start
    adjusted: list[bool] = []

    def charge_or_adjust(number: int) -> None:
        if number % 5:
            usage.reserve(a_charge(workspace_id=workspace, units=7, at=NOW))
            return
        seen = usage.used(workspace, MONTH)
        counted = sum(charge.units for charge in usage.charges(workspace, MONTH))
        adjusted.append(usage.adjust(workspace, MONTH, seen, counted))

    at_once(charge_or_adjust)
    if not any(adjusted):
        charge_or_adjust(0)
    assert total(usage, workspace) == 40 * 7


# ── batches ──


def test_one_batch_that_many_try_to_store_is_stored_and_charged_once(table: str, dynamodb: Any, workspace: str) -> None:
    """Breaks when DynamoBatches.create drops the header's condition, or charges apart from the header."""
    store = DynamoBatches(table, NO_BLOBS, timedelta(days=30), dynamodb)
    batch = a_batch(workspace_id=workspace, created_at=NOW)
    stored = at_once(lambda _: store.create(batch, items_of(batch), NOW, charge_for(batch, ceiling=20)))
    assert sum(stored) == 1
    assert total(DynamoUsage(table, dynamodb), workspace) == batch.total


def test_batches_that_share_what_is_left_of_a_quota_are_stored_only_as_far_as_it_goes(
    table: str, dynamodb: Any, workspace: str
) -> None:
    store = DynamoBatches(table, NO_BLOBS, timedelta(days=30), dynamodb)

    def create(_: int) -> bool:
        batch = a_batch(workspace_id=workspace, total=7, created_at=NOW)
        try:
            return store.create(batch, items_of(batch), NOW, charge_for(batch, ceiling=100))
        except QuotaExceeded:
            assert store.get(batch.ref) is None
            return False

    assert sum(at_once(create)) == 14
    assert total(DynamoUsage(table, dynamodb), workspace) == 98
    assert store.find(workspace, "messages", None, 0, 50).total == 14


# ── Idempotency-Keys ──


def test_one_key_that_many_claim_is_one_requests(table: str, dynamodb: Any, workspace: str) -> None:
    """Breaks when DynamoClaims.claim writes without its condition."""
    store = DynamoClaims(table, NO_BLOBS, dynamodb)
    found = at_once(lambda _: store.claim(a_claim(workspace_id=workspace, at=NOW), NOW))
    (claim,) = [each for each in found if isinstance(each, Claim)]
    assert not claim.ticket.again
    assert [each for each in found if isinstance(each, Prior)] == [Prior(body="the-body", until=claim.until)] * 49


def test_a_dead_ones_key_that_many_take_over_is_one_requests(table: str, dynamodb: Any, workspace: str) -> None:
    """Breaks when DynamoClaims.claim takes over without the condition on the dead one's token."""
    store = DynamoClaims(table, NO_BLOBS, dynamodb)
    dead, later = a_claim(workspace_id=workspace, at=NOW), NOW + HOLD
    store.claim(dead, NOW)
    found = at_once(lambda _: store.claim(a_claim(workspace_id=workspace, at=later), later))
    (heir,) = [each for each in found if isinstance(each, Claim)]
    assert (heir.ticket.id, heir.ticket.again) == (dead.ticket.id, True)
    assert [each for each in found if isinstance(each, Prior)] == [Prior(body="the-body", until=heir.until)] * 49


def test_a_key_that_expired_and_many_claim_is_one_requests(table: str, dynamodb: Any, workspace: str) -> None:
    store = DynamoClaims(table, NO_BLOBS, dynamodb)
    old, later = a_claim(workspace_id=workspace, at=NOW), NOW + timedelta(hours=24)
    store.claim(old, NOW)
    store.keep(old, Answered(202, "the answer"))
    found = at_once(lambda _: store.claim(a_claim(workspace_id=workspace, at=later), later))
    (claim,) = [each for each in found if isinstance(each, Claim)]
    assert not claim.ticket.again
