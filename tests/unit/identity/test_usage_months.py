"""Months that units count in: calendar months, UTC."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from factories import AT, a_caller, a_charge

from batchwork.domain.idempotency import Ticket
from batchwork.domain.usage import month_ends, month_of
from batchwork.use_cases.meter import charge_of

SECOND = timedelta(seconds=1)


@pytest.mark.parametrize(
    ("at", "month", "ends"),
    [
        ("2026-01-15T10:30:00", "2026-01", "2026-02-01"),
        ("2026-01-01T00:00:00", "2026-01", "2026-02-01"),
        ("2026-01-31T23:59:59.999999", "2026-01", "2026-02-01"),
        ("2026-11-30T23:59:59", "2026-11", "2026-12-01"),
        ("2026-12-01T00:00:00", "2026-12", "2027-01-01"),
        ("2026-12-31T23:59:59", "2026-12", "2027-01-01"),
        ("2028-02-29T12:00:00", "2028-02", "2028-03-01"),
        ("2026-10-31T00:00:00", "2026-10", "2026-11-01"),
    ],
)
def test_a_time_lies_in_a_month_that_ends_with_the_first_of_the_next(at: str, month: str, ends: str) -> None:
    moment = datetime.fromisoformat(f"{at}+00:00")
    assert month_of(moment) == month
    assert month_ends(moment) == datetime.fromisoformat(f"{ends}T00:00:00+00:00")


@pytest.mark.parametrize("month", range(1, 13))
def test_every_month_ends_where_the_next_begins(month: int) -> None:
    at = datetime(2026, month, 3, 4, 5, 6, 7, tzinfo=UTC)
    end = month_ends(at)
    assert month_of(end - SECOND) == month_of(at)
    assert month_of(end) != month_of(at)
    assert timedelta(days=25) < end - at < timedelta(days=31)


def test_a_charge_counts_in_the_month_of_its_first_try() -> None:
    last = datetime(2026, 1, 31, 23, 59, 59, 999999, tzinfo=UTC)
    charge = charge_of(a_caller(plan="pro", key_id="k7"), Ticket("the-ticket", last, again=True), "lookups", 50)
    assert charge == a_charge(id="the-ticket", key_id="k7", family="lookups", units=50, at=last, ceiling=2_500_000)
    assert charge.month == "2026-01"


@pytest.mark.parametrize(
    ("plan", "overage", "ceiling"), [("free", False, 10_000), ("free", True, None), ("enterprise", False, None)]
)
def test_a_charge_has_the_ceiling_of_its_workspace(plan: str, overage: bool, ceiling: int | None) -> None:
    caller = a_caller(plan=plan, overage=overage)
    assert charge_of(caller, Ticket("the-ticket", AT), "lookups", 1).ceiling == ceiling
