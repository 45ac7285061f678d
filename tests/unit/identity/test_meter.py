"""Units are reserved before work, and given back when the work came to nothing."""

from __future__ import annotations

import pytest
from factories import a_charge
from fakes.usage import FakeUsage

from batchwork.domain.errors import LookupFailed, QuotaExceeded
from batchwork.use_cases.meter import Meter

MONTH = "2026-01"


@pytest.fixture
def usage() -> FakeUsage:
    return FakeUsage()


@pytest.fixture
def meter(usage: FakeUsage) -> Meter:
    return Meter(usage)


def test_units_are_reserved_before_the_work_and_stay(meter: Meter, usage: FakeUsage) -> None:
    with meter.charged(a_charge(units=7)):
        assert usage.used("acme", MONTH) == 7
    assert usage.used("acme", MONTH) == 7


def test_work_that_fails_gives_its_units_back(meter: Meter, usage: FakeUsage) -> None:
    with pytest.raises(LookupFailed), meter.charged(a_charge(units=7)):
        raise LookupFailed(reason="no luck")
    assert usage.used("acme", MONTH) == 0
    assert list(usage.charges("acme", MONTH)) == []


def test_work_without_room_is_not_begun(meter: Meter, usage: FakeUsage) -> None:
    begun = []
    with pytest.raises(QuotaExceeded), meter.charged(a_charge(units=7, ceiling=6)):
        begun.append(True)
    assert not begun
    assert usage.used("acme", MONTH) == 0


def test_work_tried_again_under_its_ticket_is_charged_once(meter: Meter, usage: FakeUsage) -> None:
    charge = a_charge(units=7, ceiling=7)
    for _ in range(2):
        with meter.charged(charge):
            pass
    assert usage.used("acme", MONTH) == 7


def test_a_charge_that_cannot_be_given_back_is_told_and_hides_nothing(meter: Meter) -> None:
    class Failing(FakeUsage):
        def release(self, charge: object) -> None:
            raise ConnectionError

    with pytest.raises(ConnectionError) as lost, Meter(Failing()).charged(a_charge()):
        raise LookupFailed(reason="no luck")
    assert isinstance(lost.value.__context__, LookupFailed)
