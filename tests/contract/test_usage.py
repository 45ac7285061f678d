"""UsageStore: what the fake and the table must both do."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from factories import AT, a_charge
from fakes.usage import FakeUsage

from batchwork.adapters import aws
from batchwork.adapters.dynamodb.usage import DynamoUsage
from batchwork.domain.errors import QuotaExceeded
from batchwork.domain.usage import Charge
from batchwork.ports.identity import UsageStore

MONTH = "2026-01"


@pytest.fixture(params=["fake", "table"])
def usage(request: pytest.FixtureRequest) -> UsageStore:
    if request.param == "fake":
        return FakeUsage()
    return DynamoUsage(request.getfixturevalue("table"))


def ledger(usage: UsageStore, month: str = MONTH, workspace_id: str = "acme") -> dict[str, Charge]:
    return {charge.id: charge for charge in usage.charges(workspace_id, month)}


def refused(usage: UsageStore, charge: Charge) -> dict[str, object]:
    with pytest.raises(QuotaExceeded) as refusal:
        usage.reserve(charge)
    return refusal.value.facts


def test_nothing_is_used_at_first(usage: UsageStore) -> None:
    assert usage.used("acme", MONTH) == 0
    assert ledger(usage) == {}


def test_a_charge_is_in_the_ledger_and_in_its_month(usage: UsageStore) -> None:
    charges = [a_charge(units=7, key_id="k1"), a_charge(units=5, key_id="k2", family="lookups")]
    for charge in charges:
        usage.reserve(charge)
    assert usage.used("acme", MONTH) == 12
    assert ledger(usage) == {charge.id: charge for charge in charges}


def test_a_charge_comes_back_without_its_ceiling_and_with_its_time_to_the_microsecond(usage: UsageStore) -> None:
    charge = a_charge(at=datetime(2026, 1, 31, 23, 59, 59, 999999, tzinfo=UTC), ceiling=10)
    usage.reserve(charge)
    assert ledger(usage) == {charge.id: replace(charge, ceiling=None)}


def test_the_same_charge_counts_once(usage: UsageStore) -> None:
    charge = a_charge(units=7)
    for _ in range(3):
        usage.reserve(charge)
    assert usage.used("acme", MONTH) == 7
    assert len(ledger(usage)) == 1


def test_the_same_charge_is_not_refused_when_the_month_is_full_by_then(usage: UsageStore) -> None:
    charge = a_charge(units=7, ceiling=10)
    usage.reserve(charge)
    usage.reserve(a_charge(units=3, ceiling=10))
    usage.reserve(charge)
    assert usage.used("acme", MONTH) == 10


def test_a_month_is_filled_to_its_last_unit_and_no_further(usage: UsageStore) -> None:
    usage.reserve(a_charge(units=93, ceiling=100))
    facts = refused(usage, a_charge(units=8, ceiling=100))
    assert facts == {"quota": 100, "used": 93, "units": 8, "retry_after": datetime(2026, 2, 1, tzinfo=UTC) - AT}
    usage.reserve(a_charge(units=7, ceiling=100))
    assert refused(usage, a_charge(units=1, ceiling=100))["used"] == 100
    assert usage.used("acme", MONTH) == 100
    assert len(ledger(usage)) == 2


def test_a_charge_larger_than_the_ceiling_is_refused_in_an_empty_month_too(usage: UsageStore) -> None:
    assert refused(usage, a_charge(units=11, ceiling=10))["used"] == 0
    assert usage.used("acme", MONTH) == 0
    assert ledger(usage) == {}
    usage.reserve(a_charge(units=10, ceiling=10))


def test_a_ceiling_of_nothing_admits_nothing(usage: UsageStore) -> None:
    assert refused(usage, a_charge(units=1, ceiling=0))["quota"] == 0


def test_without_a_ceiling_everything_is_accepted_and_counted(usage: UsageStore) -> None:
    for _ in range(3):
        usage.reserve(a_charge(units=10**12))
    assert usage.used("acme", MONTH) == 3 * 10**12


def test_a_ceiling_below_what_is_used_refuses(usage: UsageStore) -> None:
    usage.reserve(a_charge(units=50))
    assert refused(usage, a_charge(units=1, ceiling=20))["used"] == 50


def test_a_new_month_begins_at_nothing(usage: UsageStore) -> None:
    last = datetime(2026, 12, 31, 23, 59, 59, tzinfo=UTC)
    usage.reserve(a_charge(units=10, ceiling=10, at=last))
    facts = refused(usage, a_charge(units=1, ceiling=10, at=last))
    assert facts["retry_after"] == timedelta(seconds=1)
    usage.reserve(a_charge(units=10, ceiling=10, at=last + timedelta(seconds=1)))
    assert (usage.used("acme", "2026-12"), usage.used("acme", "2027-01")) == (10, 10)


def test_workspaces_are_charged_for_themselves(usage: UsageStore) -> None:
    usage.reserve(a_charge(units=10, ceiling=10))
    usage.reserve(a_charge(units=10, ceiling=10, workspace_id="other"))
    assert (usage.used("acme", MONTH), usage.used("other", MONTH)) == (10, 10)
    assert len(ledger(usage)) == len(ledger(usage, workspace_id="other")) == 1


def test_a_released_charge_leaves_the_ledger_and_its_month_once(usage: UsageStore) -> None:
    kept, charge = a_charge(units=2), a_charge(units=7, ceiling=10)
    usage.reserve(kept)
    usage.reserve(charge)
    for _ in range(3):
        usage.release(charge)
    assert usage.used("acme", MONTH) == 2
    assert ledger(usage) == {kept.id: kept}
    usage.reserve(charge)
    assert usage.used("acme", MONTH) == 9


def test_releasing_what_was_never_charged_does_nothing(usage: UsageStore) -> None:
    usage.release(a_charge(units=7))
    assert usage.used("acme", MONTH) == 0


def test_a_month_is_adjusted_only_from_what_was_seen(usage: UsageStore) -> None:
    usage.reserve(a_charge(units=7))
    assert usage.adjust("acme", MONTH, seen=6, counted=1) is False
    assert usage.used("acme", MONTH) == 7
    assert usage.adjust("acme", MONTH, seen=7, counted=9) is True
    assert usage.used("acme", MONTH) == 9
    usage.reserve(a_charge(units=1, ceiling=10))
    assert refused(usage, a_charge(units=1, ceiling=10))["used"] == 10


def test_a_month_whose_count_was_lost_is_adjusted_from_nothing(usage: UsageStore) -> None:
    assert usage.adjust("acme", MONTH, seen=1, counted=5) is False
    assert usage.adjust("acme", MONTH, seen=0, counted=5) is True
    assert usage.adjust("acme", MONTH, seen=0, counted=6) is False
    assert usage.used("acme", MONTH) == 5


def test_more_charges_than_fit_a_page_are_all_found(usage: UsageStore) -> None:
    for _ in range(120):
        usage.reserve(a_charge(family="f" * 200, key_id="k" * 32))
    assert len(ledger(usage)) == usage.used("acme", MONTH) == 120


def test_ledger_and_month_are_kept_for_a_year_and_a_month_to_reconcile_it_in(table: str) -> None:
    DynamoUsage(table).reserve(a_charge())
    ends = {
        row["sk"]["S"][:5]: int(row["expires_at"]["N"]) for row in aws.client("dynamodb").scan(TableName=table)["Items"]
    }
    kept = timedelta(days=400)
    assert ends == {
        "CHARG": int((AT + kept).timestamp()),
        "MONTH": int((datetime(2026, 2, 1, tzinfo=UTC) + kept).timestamp()),
    }
