"""Issue 3: one slow or failing item never fails its neighbours, under a cap, and the whole request ends in time."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from factories import AT, a_caller
from fakes.usage import FakeUsage

from batchwork.domain.errors import EngineFailed, LookupFailed, QuotaExceeded
from batchwork.domain.idempotency import Ticket
from batchwork.domain.lookup import Found, LookupItem
from batchwork.use_cases.lookups import LookUp
from batchwork.use_cases.meter import Meter

TICKET = Ticket("00000000-0000-4000-8000-00000000abcd", AT)
LAYER = Path(__file__).parents[3] / "layers/core/python"
BAD = Found(422, code="validation_failed", message="The item is not valid.")


class FakeResolver:
    """Answers an item's `n`; does to each group what `rule` does. Groups of `size`."""

    def __init__(
        self,
        size: int = 1,
        rule: Callable[[Sequence[LookupItem]], None] | None = None,
        *,
        separable: bool = True,
    ) -> None:
        self.size, self.rule, self.separable = size, rule, separable
        self.calls: list[tuple[int, ...]] = []
        self.tokens: set[str] = set()
        self.timeouts: list[timedelta] = []
        self.most = 0
        self._now = 0
        self._lock = threading.Lock()

    def groups(self, items: Sequence[LookupItem]) -> list[Sequence[LookupItem]]:
        return [items[start : start + self.size] for start in range(0, len(items), self.size)]

    def resolve(self, group: Sequence[LookupItem], timeout: timedelta, token: str) -> Mapping[int, Found]:
        with self._lock:
            self.calls.append(tuple(item.index for item in group))
            self.tokens.add(token)
            self.timeouts.append(timeout)
            self._now += 1
            self.most = max(self.most, self._now)
        try:
            if self.rule is not None:
                self.rule(group)
        finally:
            with self._lock:
                self._now -= 1
        return {item.index: Found(200, item.body["n"]) for item in group if not item.body.get("left_out")}


def items(total: int, **marks: dict[str, Any]) -> list[LookupItem | Found]:
    """Return items; marks: further fields of item i<index>."""
    return [LookupItem(index, {"n": index} | marks.get(f"i{index}", {})) for index in range(total)]


class Desk:
    """A LookUp over fakes, and what it was told of."""

    def __init__(self, resolver: FakeResolver, *, concurrency: int = 8, item_timeout: float = 5.0) -> None:
        self.usage = FakeUsage()
        self.unexpected: list[Exception] = []
        self.opened: list[tuple[str, str]] = []
        self._resolver = resolver
        self.look_up = LookUp(
            resolvers=self._open,
            meter=Meter(self.usage),
            concurrency=concurrency,
            item_timeout=timedelta(seconds=item_timeout),
            unexpected=self.unexpected.append,
        )

    def _open(self, workspace_id: str, endpoint: str) -> FakeResolver:
        self.opened.append((workspace_id, endpoint))
        return self._resolver

    def __call__(self, entries: list[LookupItem | Found], *, left: float = 20.0, **terms: Any) -> list[Found]:
        return self.look_up(a_caller(**terms), "signals", entries, TICKET, timedelta(seconds=left))

    @property
    def used(self) -> int:
        return self.usage.used("acme", "2026-01")


@pytest.fixture
def release() -> Any:
    """What slow resolvers wait for: set when the test is over."""
    event = threading.Event()
    yield event
    event.set()


def hanging(release: threading.Event, *indexes: int) -> Callable[[Sequence[LookupItem]], None]:
    """Return a rule under which groups that begin with these items hang until the test is over."""

    def rule(group: Sequence[LookupItem]) -> None:
        if group[0].index in indexes:
            release.wait(30)

    return rule


@pytest.mark.parametrize("size", [1, 3, 100])
def test_results_stand_in_the_order_of_their_items(size: int) -> None:
    desk = Desk(FakeResolver(size, lambda group: time.sleep(0.002 * (10 - group[0].index))))
    assert desk(items(10)) == [Found(200, n) for n in range(10)]
    assert desk.opened == [("acme", "signals")]


def test_what_is_no_item_keeps_its_place_and_its_error_and_is_never_looked_up() -> None:
    resolver = FakeResolver(10)
    entries = [BAD, *items(4)[1:3], BAD]
    assert Desk(resolver)(entries) == [BAD, Found(200, 1), Found(200, 2), BAD]
    assert resolver.calls == [(1, 2)]


def test_a_request_of_nothing_valid_opens_no_resolver() -> None:
    desk = Desk(FakeResolver())
    assert desk([BAD, BAD]) == [BAD, BAD]
    assert desk.opened == []
    assert desk.used == 2


def test_every_entry_is_a_unit_of_one_charge_under_the_ticket() -> None:
    desk = Desk(FakeResolver())
    desk([BAD, *items(5)[1:]])
    desk([BAD, *items(5)[1:]])  # another try of the same work
    (charge,) = desk.usage.charges("acme", "2026-01")
    assert (charge.id, charge.units, charge.family, charge.key_id, charge.at) == (TICKET.id, 5, "lookups", "k1", AT)
    assert desk.used == 5


def test_a_request_without_room_in_the_quota_is_refused_whole_before_any_work() -> None:
    desk = Desk(FakeResolver())
    with pytest.raises(QuotaExceeded):
        desk(items(5), monthly_quota=4)
    assert (desk.used, desk.opened) == (0, [])


def test_what_cannot_be_looked_up_at_all_costs_nothing() -> None:
    desk = Desk(FakeResolver())

    def not_there(_workspace_id: str, _endpoint: str) -> FakeResolver:
        raise EngineFailed(reason="There is no dataset products.")

    broken = LookUp(not_there, desk.look_up.meter, 8, timedelta(seconds=5), desk.unexpected.append)
    with pytest.raises(EngineFailed):
        broken(a_caller(), "signals", items(3), TICKET, timedelta(seconds=5))
    assert desk.used == 0


def test_no_more_groups_run_at_once_than_the_cap_allows_and_as_many_as_it_allows() -> None:
    resolver = FakeResolver(rule=lambda _: time.sleep(0.01))
    assert len(Desk(resolver, concurrency=5)(items(40))) == 40
    assert resolver.most == 5


def test_one_token_goes_with_every_try_of_a_request() -> None:
    resolver = FakeResolver(2, lambda group: fail_for(group, {0}))
    Desk(resolver)(items(4))
    assert resolver.tokens == {TICKET.id}


def fail_for(group: Sequence[LookupItem], poisonous: set[int]) -> None:
    if poisonous & {item.index for item in group}:
        raise LookupFailed(status=502, reason="The upstream could not be reached.")


def test_a_poisonous_item_fails_alone() -> None:
    resolver = FakeResolver(5, lambda group: fail_for(group, {3}))
    found = Desk(resolver)(items(10))
    assert [each.status for each in found] == [200] * 3 + [502] + [200] * 6
    assert (found[3].code, found[3].message) == ("upstream_failed", "The upstream could not be reached.")
    assert sorted(resolver.calls) == [(0,), (0, 1, 2, 3, 4), (1,), (2,), (3,), (4,), (5, 6, 7, 8, 9)]


def test_a_group_that_no_item_can_spoil_is_not_tried_again() -> None:
    """Breaks when _Crowd._end does not ask whether it may split: a table in trouble would be read 250 times more."""
    resolver = FakeResolver(5, lambda group: fail_for(group, {3}), separable=False)
    found = Desk(resolver)(items(10))
    assert [each.status for each in found] == [502] * 5 + [200] * 5
    assert sorted(resolver.calls) == [(0, 1, 2, 3, 4), (5, 6, 7, 8, 9)]


def test_an_item_that_a_group_left_out_is_tried_alone_and_the_others_are_not_tried_again() -> None:
    resolver = FakeResolver(3)
    found = Desk(resolver)(items(3, i1={"left_out": True}))
    assert [(each.status, each.code) for each in found] == [(200, ""), (502, "upstream_failed"), (200, "")]
    assert resolver.calls == [(0, 1, 2), (1,)]


@pytest.mark.parametrize(("status", "code"), [(500, "server_error"), (502, "upstream_failed"), (504, "timeout")])
def test_a_failure_has_the_status_that_the_resolver_gave(status: int, code: str) -> None:
    def fail(_: object) -> None:
        raise LookupFailed(status=status, reason="It failed.")

    (found,) = Desk(FakeResolver(rule=fail))(items(1))
    assert (found.status, found.code, found.message) == (status, code, "It failed.")


def test_a_bug_of_a_resolver_is_told_of_once_and_its_text_is_not_shown() -> None:
    def bug(group: Sequence[LookupItem]) -> None:
        if any(item.index in {1, 2} for item in group):
            raise KeyError("secret of the customer")

    desk = Desk(FakeResolver(4, bug), concurrency=1)
    found = desk(items(4))
    assert [(each.status, each.code) for each in found] == [
        (200, ""),
        (500, "server_error"),
        (500, "server_error"),
        (200, ""),
    ]
    assert "secret" not in repr(found)
    assert [type(exc) for exc in desk.unexpected] == [KeyError]


def test_an_item_that_is_too_deep_to_be_sent_on_is_the_items_fault() -> None:
    def deep(group: Sequence[LookupItem]) -> None:
        if any(item.index == 0 for item in group):
            raise RecursionError

    desk = Desk(FakeResolver(2, deep))
    assert [(each.status, each.code) for each in desk(items(2))] == [(422, "validation_failed"), (200, "")]
    assert desk.unexpected == []


def test_a_slow_item_times_out_alone_and_its_thread_is_not_waited_for(release: threading.Event) -> None:
    def slow(group: Sequence[LookupItem]) -> None:
        if any(item.index == 2 for item in group):
            release.wait(30)

    resolver = FakeResolver(5, slow)
    started = time.monotonic()
    found = Desk(resolver, item_timeout=0.2)(items(5))
    assert time.monotonic() - started < 3
    assert [(each.status, each.code) for each in found] == [
        (200, ""),
        (200, ""),
        (504, "timeout"),
        (200, ""),
        (200, ""),
    ]
    assert found[2].message == "The lookup did not finish in time."
    assert all(timeout <= timedelta(seconds=0.2) for timeout in resolver.timeouts)


def test_slow_items_keep_no_place_that_others_wait_for(release: threading.Event) -> None:
    resolver = FakeResolver(rule=hanging(release, 0, 1, 2, 3))
    found = Desk(resolver, concurrency=2, item_timeout=0.1)(items(8))
    assert [each.status for each in found] == [504] * 4 + [200] * 4


def test_what_is_unfinished_or_not_begun_at_the_deadline_is_a_504_and_what_is_done_stays(
    release: threading.Event,
) -> None:
    resolver = FakeResolver(rule=hanging(release, 1, 2, 3, 4, 5))
    started = time.monotonic()
    found = Desk(resolver, concurrency=2, item_timeout=10)(items(6), left=0.3)
    assert time.monotonic() - started < 3
    assert [(each.status, each.code) for each in found] == [(200, "")] + [(504, "timeout")] * 5


def test_many_items_that_hang_leave_a_turn_to_every_other_one(release: threading.Event) -> None:
    """Breaks when _Crowd._start gives a group the whole item timeout however many wait."""
    resolver = FakeResolver(rule=hanging(release, *range(20)))
    found = Desk(resolver, concurrency=4, item_timeout=10)(items(24), left=1.5)
    assert [each.status for each in found] == [504] * 20 + [200] * 4


def test_a_group_that_is_late_is_not_split_when_no_time_is_left(release: threading.Event) -> None:
    resolver = FakeResolver(4, hanging(release, 0))
    assert [each.status for each in Desk(resolver, item_timeout=10)(items(4), left=0.1)] == [504] * 4
    assert resolver.calls == [(0, 1, 2, 3)]


@pytest.mark.parametrize("left", [0.0, -3.0])
def test_without_time_everything_is_late_and_nothing_is_begun(left: float) -> None:
    resolver = FakeResolver()
    assert [each.status for each in Desk(resolver)(items(3), left=left)] == [504] * 3
    assert resolver.calls == []


def test_a_result_that_comes_after_its_item_was_given_up_changes_nothing() -> None:
    def slow(group: Sequence[LookupItem]) -> None:
        time.sleep(0.3 if group[0].index == 0 else 0.15)

    # Item 0 comes in 0.1 s after it was given up, while item 1 is at work.
    resolver = FakeResolver(rule=slow)
    assert [each.status for each in Desk(resolver, concurrency=1, item_timeout=0.2)(items(2))] == [504, 200]


PROGRAM = """
import sys, threading
from datetime import timedelta
sys.path[:0] = [{layer!r}, {tests!r}]
from unit.lookups.test_look_up import Desk, FakeResolver, hanging, items
found = Desk(FakeResolver(rule=hanging(threading.Event(), 0, 1, 2)), item_timeout=0.1)(items(3))
print([each.status for each in found], flush=True)
"""


def test_threads_left_behind_do_not_keep_the_interpreter_from_ending() -> None:
    program = PROGRAM.format(layer=str(LAYER), tests=str(Path(__file__).parents[2]))
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=30, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, "[504, 504, 504]"), done.stderr
