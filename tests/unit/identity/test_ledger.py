"""Usage as an operator sees it, and a month's count held to its ledger."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
from fakes.clock import FakeClock
from fakes.identities import FakeIdentities
from fakes.usage import FakeUsage

from batchwork.domain.errors import Conflict, InvalidRequest, NotFound
from batchwork.domain.usage import Charge
from batchwork.domain.workspace import Workspace
from batchwork.use_cases.ledger import Ledger, Reconciled

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


class Usage(FakeUsage):
    """Usage of which something happens to the store each time the ledger was read."""

    def __init__(self) -> None:
        super().__init__()
        self.meanwhile: Iterator[Callable[[], object]] = iter(())

    def charges(self, workspace_id: str, month: str) -> Iterator[Charge]:
        found = list(super().charges(workspace_id, month))
        next(self.meanwhile, lambda: None)()
        return iter(found)

    def lose(self, units: int, month: str = "2026-11") -> None:
        """Let the count have other units than the ledger adds up to."""
        self.months["acme", month] += units


@pytest.fixture
def usage() -> Usage:
    return Usage()


@pytest.fixture
def ledger(usage: Usage) -> Ledger:
    identities = FakeIdentities()
    identities.put_workspace(Workspace(id="acme", name="Acme", plan="starter", created_at=NOW))
    return Ledger(usage, identities, FakeClock(NOW))


def a_charge(number: int = 1, units: int = 5, at: datetime = NOW, workspace: str = "acme") -> Charge:
    return Charge(id=f"c{number}", workspace_id=workspace, key_id="k1", family="lookups", units=units, at=at)


class TestLooking:
    def test_a_month_shows_what_was_used_in_it(self, ledger: Ledger, usage: Usage) -> None:
        usage.reserve(a_charge(1, 5))
        usage.reserve(a_charge(2, 7, datetime(2026, 10, 31, 23, 59, tzinfo=UTC)))
        assert (ledger.month("acme").month, ledger.month("acme").used) == ("2026-11", 5)
        assert ledger.month("acme", "2026-10").used == 7
        assert ledger.month("acme", "2026-09").used == 0

    def test_the_ledger_is_listed_by_time(self, ledger: Ledger, usage: Usage) -> None:
        charges = [a_charge(number, at=NOW - timedelta(minutes=number)) for number in range(5)]
        for charge in charges:
            usage.reserve(charge)
        assert ledger.entries("acme") == list(reversed(charges))
        assert ledger.entries("acme", "2026-10") == []

    @pytest.mark.parametrize(
        "month", ["", "2026", "2026-13", "2026-00", "2026-1", "0000-01", "november", "2026-11\n", "２０２６-11"]
    )
    def test_what_is_no_month_is_refused(self, ledger: Ledger, month: str) -> None:
        for act in (ledger.month, ledger.entries, ledger.reconcile):
            with pytest.raises(InvalidRequest):
                act("acme", month)

    def test_a_workspace_that_is_not_there_is_not_found(self, ledger: Ledger) -> None:
        for act in (ledger.month, ledger.entries, ledger.reconcile):
            with pytest.raises(NotFound):
                act("nowhere")


class TestReconciling:
    def test_a_count_that_is_the_ledgers_sum_has_no_drift(self, ledger: Ledger, usage: Usage) -> None:
        for number in range(3):
            usage.reserve(a_charge(number))
        assert ledger.reconcile("acme", apply=True) == Reconciled("2026-11", counted=15, ledger=15, applied=False)

    @pytest.mark.parametrize("drift", [4, -4])
    def test_drift_is_told_and_nothing_is_changed_unless_that_is_asked_for(
        self, ledger: Ledger, usage: Usage, drift: int
    ) -> None:
        usage.reserve(a_charge())
        usage.lose(drift)
        found = ledger.reconcile("acme")
        assert (found.counted, found.ledger, found.drift, found.applied) == (5 + drift, 5, drift, False)
        assert usage.used("acme", "2026-11") == 5 + drift
        applied = ledger.reconcile("acme", apply=True)
        assert (applied.counted, applied.ledger, applied.applied) == (5 + drift, 5, True)
        assert usage.used("acme", "2026-11") == 5
        assert ledger.reconcile("acme").drift == 0

    def test_an_earlier_month_is_reconciled_by_its_name(self, ledger: Ledger, usage: Usage) -> None:
        usage.reserve(a_charge(at=datetime(2026, 2, 1, tzinfo=UTC)))
        usage.lose(3, "2026-02")
        assert ledger.reconcile("acme", "2026-02", apply=True).applied
        assert usage.used("acme", "2026-02") == 5

    def test_charges_that_come_while_the_ledger_is_read_are_no_drift(self, ledger: Ledger, usage: Usage) -> None:
        usage.reserve(a_charge(0))
        usage.meanwhile = iter([lambda: usage.reserve(a_charge(1)), lambda: usage.release(a_charge(1))])
        assert ledger.reconcile("acme").drift == 0

    def test_units_charged_and_given_back_around_the_reading_are_no_drift(self, ledger: Ledger, usage: Usage) -> None:
        usage.reserve(a_charge(0))
        usage.reserve(a_charge(1, 3))

        def exchange() -> None:
            usage.release(a_charge(1, 3))
            usage.reserve(a_charge(2, 3))

        # Half of the ledger was read before the one, half after the other: both entries or neither were seen.
        half_read = [[a_charge(0)], [a_charge(0), a_charge(1, 3)]]
        whole = usage.charges
        usage.charges = lambda *asked: iter(half_read.pop(0)) if half_read else whole(*asked)  # type: ignore[method-assign] # one reading
        exchange()
        assert ledger.reconcile("acme", apply=True) == Reconciled("2026-11", 8, 8)

    def test_a_charge_between_looking_and_setting_is_not_undone(self, ledger: Ledger, usage: Usage) -> None:
        usage.reserve(a_charge(0))
        usage.lose(100)
        whole = usage.adjust
        late = iter([a_charge(1), a_charge(2)])

        def adjust(workspace_id: str, month: str, seen: int, counted: int) -> bool:
            if charge := next(late, None):
                usage.reserve(charge)
            return whole(workspace_id, month, seen, counted)

        usage.adjust = adjust  # type: ignore[method-assign] # what comes between
        assert ledger.reconcile("acme", apply=True).applied
        assert usage.used("acme", "2026-11") == 15

    def test_a_month_that_is_charged_during_every_look_is_said_to_be_so(self, ledger: Ledger, usage: Usage) -> None:
        usage.meanwhile = iter([partial(usage.reserve, a_charge(number)) for number in range(10_000)])
        with pytest.raises(Conflict):
            ledger.reconcile("acme", apply=True)

    @pytest.mark.parametrize(("month", "whole"), [("2025-12", True), ("2025-11", False), ("2020-01", False)])
    def test_a_month_whose_ledger_may_have_expired_is_not_reconciled(
        self, ledger: Ledger, usage: Usage, month: str, whole: bool
    ) -> None:
        usage.lose(3, month)
        if whole:
            assert ledger.reconcile("acme", month, apply=True).applied
        else:
            with pytest.raises(InvalidRequest):
                ledger.reconcile("acme", month, apply=True)
            assert usage.used("acme", month) == 3
