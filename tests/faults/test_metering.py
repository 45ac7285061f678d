"""Invariant 5 of docs (ARCHITECTURE.md): what is accepted is counted once, and nothing else is.

The ledger always adds up to the month, wherever a process dies. The store's side is tests/contract/test_usage.py,
test_transactions.py and test_batches.py::test_a_batch_is_charged_as_it_is_stored.
"""

from __future__ import annotations

import itertools
from contextlib import suppress
from datetime import timedelta

import pytest
from engine import Died, Dying, Engine, Fuse
from factories import a_caller

from batchwork.domain.errors import (
    IdempotencyKeyReused,
    LookupFailed,
    QuotaExceeded,
    RequestInFlight,
)
from batchwork.domain.idempotency import Answered
from batchwork.domain.workspace import Caller
from batchwork.use_cases.meter import Meter, charge_of
from batchwork.use_cases.once import Asked, Errand, Once

MONTH = "2026-01"
TIME_LEFT = timedelta(seconds=29)
AFTER = [False, True]
UNITS = 3
#: A month that has room for what is asked for, once.
CALLER = a_caller(monthly_quota=UNITS)


def counted(engine: Engine) -> int:
    """Return a month's units, which the ledger must add up to."""
    used = engine.usage.used("acme", MONTH)
    assert sum(charge.units for charge in engine.usage.charges("acme", MONTH)) == used
    return used


def accepted(engine: Engine) -> int:
    """Return the items of every batch there is."""
    return sum(batch.total for batch in engine.batches.find("acme", "messages", None, 0, 100).entries)


class Lookups:
    """Work that ends within its request: charged, done, answered, under a key or none."""

    def __init__(self, *, fails: bool = False) -> None:
        self.engine = Engine()
        self.fails = fails
        self._ids = (f"ticket-{n}" for n in itertools.count(1))

    def ask(self, key: str | None, *, fuse: Fuse | None = None, caller: Caller = CALLER) -> tuple[Answered, bool]:
        fuse = fuse or Fuse()
        engine = self.engine
        meter = Meter(Dying(engine.usage, fuse))
        once = Once(Dying(engine.claims, fuse), engine.clock, lambda: next(self._ids), engine.errors.append)

        def work(errand: Errand) -> Answered:
            with meter.charged(charge_of(caller, errand.ticket, "lookups", UNITS)):
                return fuse.burn(self._look)  # type: ignore[no-any-return] # what it calls returns
            raise AssertionError

        return once(caller, Asked(name="POST /lookups", body="b", key=key, time_left=TIME_LEFT), work)

    def _look(self) -> Answered:
        if self.fails:
            raise LookupFailed(reason="no luck")
        return Answered(200, "found")


def calls_of(fails: bool, key: str | None) -> int:
    fuse = Fuse()
    with suppress(LookupFailed):
        Lookups(fails=fails).ask(key, fuse=fuse)
    return fuse.calls


# ── batches: header and charge are one write ──


@pytest.mark.parametrize("key", ["the-key", None], ids=["with a key", "without a key"])
@pytest.mark.parametrize("after", AFTER)
def test_invariant_5_who_submits_may_die_at_any_call_and_what_is_counted_is_what_was_accepted(
    after: bool, key: str | None
) -> None:
    """Break: FakeBatches.create or DynamoBatches.create, charge before or after the header instead of with it."""
    fuse = Fuse()
    Engine().submit_once(UNITS, key, caller=CALLER, fuse=fuse)
    assert fuse.calls == (4 if key else 2)
    for point in range(1, fuse.calls + 1):
        engine = Engine()
        with suppress(Died):
            engine.submit_once(UNITS, key, caller=CALLER, fuse=Fuse(point, after=after))
        assert counted(engine) == accepted(engine)


@pytest.mark.parametrize("after", AFTER)
def test_invariant_5_who_submits_again_after_a_death_is_counted_once_though_the_month_has_no_room_for_two(
    after: bool,
) -> None:
    """Break: meter.charge_of, charge under a new id; the month is full then and the second try is refused."""
    for point in range(1, 5):
        engine = Engine()
        with suppress(Died):
            engine.submit_once(UNITS, "the-key", caller=CALLER, fuse=Fuse(point, after=after))
        engine.clock.pass_(TIME_LEFT)
        engine.submit_once(UNITS, "the-key", caller=CALLER)
        engine.submit_once(UNITS, "the-key", caller=CALLER)
        assert counted(engine) == accepted(engine) == UNITS


def test_invariant_5_a_try_that_ends_in_the_next_month_counts_in_the_month_of_the_first() -> None:
    """Break: meter.charge_of, take the time of this try: December would be charged for a batch of November."""
    engine = Engine()
    engine.clock.at = engine.clock.at.replace(month=11, day=30, hour=23, minute=59, second=59, microsecond=999_999)
    with suppress(Died):
        engine.submit_once(UNITS, "the-key", fuse=Fuse(2, after=True))
    engine.clock.pass_(TIME_LEFT)
    engine.submit_once(UNITS, "the-key")
    assert [engine.usage.used("acme", month) for month in ("2026-11", "2026-12")] == [UNITS, 0]


# ── lookups: charged, worked, answered ──


@pytest.mark.parametrize("fails", [False, True], ids=["work that succeeds", "work that fails"])
@pytest.mark.parametrize("after", AFTER)
def test_invariant_5_without_a_key_a_death_counts_no_more_than_was_asked_for(after: bool, fails: bool) -> None:
    """Break: Meter.charged, reserve after the work: what died after its answer would not be counted."""
    calls = calls_of(fails, None)
    assert calls == (3 if fails else 2)
    for point in range(1, calls + 1):
        lookups = Lookups(fails=fails)
        with suppress(Died, LookupFailed):
            lookups.ask(None, fuse=Fuse(point, after=after))
        reserved = point > 1 or after
        released = fails and point == calls and after
        assert counted(lookups.engine) == (UNITS if reserved and not released else 0)


@pytest.mark.parametrize("after", AFTER)
def test_invariant_5_with_a_key_a_death_at_any_call_and_asking_again_counts_once(after: bool) -> None:
    """Break: meter.charge_of, charge under a new id; or FakeUsage.reserve and DynamoUsage.reserve, refuse a charge that
    is in the ledger when the month is full.
    """
    calls = calls_of(False, "the-key")
    assert calls == 4
    for point in range(1, calls + 1):
        lookups = Lookups()
        with suppress(Died):
            lookups.ask("the-key", fuse=Fuse(point, after=after))
        assert counted(lookups.engine) in {0, UNITS}
        lookups.engine.clock.pass_(TIME_LEFT)
        for _ in range(2):
            assert lookups.ask("the-key")[0] == Answered(200, "found")
            assert counted(lookups.engine) == UNITS


@pytest.mark.parametrize("after", AFTER)
def test_invariant_5_work_that_fails_after_a_death_gives_back_what_the_dead_reserved(after: bool) -> None:
    """Break: Meter.charged, keep the units when the work raises."""
    for point in range(1, calls_of(False, "the-key") + 1):
        lookups = Lookups()
        with suppress(Died):
            lookups.ask("the-key", fuse=Fuse(point, after=after))
        lookups.engine.clock.pass_(TIME_LEFT)
        lookups.fails = True
        if point == 4 and after:
            assert lookups.ask("the-key")[1] is True, "it was answered: nothing is worked again"
            assert counted(lookups.engine) == UNITS
            continue
        with pytest.raises(LookupFailed):
            lookups.ask("the-key")
        assert counted(lookups.engine) == 0
        lookups.fails = False
        lookups.ask("the-key")
        assert counted(lookups.engine) == UNITS


# ── what is refused ──


def test_invariant_5_what_is_refused_counts_nothing() -> None:
    """Break: FakeUsage.reserve or usage.charging, compare with the ceiling after counting; or Once, work before it
    looks at the claim.
    """
    lookups = Lookups()
    full = a_caller(monthly_quota=UNITS - 1)
    for key in ("a-key", None):
        with pytest.raises(QuotaExceeded):
            lookups.ask(key, caller=full)
        with pytest.raises(QuotaExceeded):
            lookups.engine.submit_once(UNITS, key, caller=full)
    assert counted(lookups.engine) == accepted(lookups.engine) == 0


def test_invariant_5_replays_reused_keys_and_work_under_way_count_nothing() -> None:
    """Break: Once.__call__, work although the claim says Prior."""
    engine = Engine()
    engine.submit_once(UNITS, "answered")
    with suppress(Died):
        engine.submit_once(UNITS, "under way", fuse=Fuse(3))
    assert counted(engine) == 2 * UNITS
    for _ in range(3):
        assert engine.submit_once(UNITS, "answered")[1] is True
        with pytest.raises(IdempotencyKeyReused):
            engine.submit_once(UNITS + 1, "answered")
        with pytest.raises(RequestInFlight):
            engine.submit_once(UNITS, "under way")
    assert counted(engine) == accepted(engine) == 2 * UNITS
