"""Issue 4: operations in order or side by side under a cap, and an answer that always arrives."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from factories import AT, a_caller
from fakes.usage import FakeUsage

from batchwork.domain.endings import BROKEN
from batchwork.domain.errors import EngineFailed, QuotaExceeded
from batchwork.domain.graph import Course, Graph
from batchwork.domain.idempotency import Ticket
from batchwork.domain.ids import part_of
from batchwork.domain.operation import Ended, Mode, Operation
from batchwork.use_cases.meter import Meter
from batchwork.use_cases.run_operations import Crew, RunOperations

TICKET = Ticket("00000000-0000-4000-8000-00000000abcd", AT)
LAYER = Path(__file__).parents[3] / "layers/core/python"
Rule = Callable[[Operation], Ended | None]


def good(operation: Operation) -> Ended:
    return Ended(status=201, body={"id": operation.id, "path": operation.path})


class Api:
    """Answers operations; remembers what it was asked, and how many it did at once. rule: None for a success."""

    def __init__(self, rule: Rule = good) -> None:
        self.rule = rule
        self.asked: list[str] = []
        self.tickets: dict[int, Ticket] = {}
        self.times: list[timedelta] = []
        self.threads: set[str] = set()
        self.most = 0
        self._now = 0
        self._lock = threading.Lock()

    def __call__(self, operation: Operation, ticket: Ticket, time_left: timedelta) -> Ended:
        with self._lock:
            self.asked.append(operation.id)
            self.tickets[operation.index] = ticket
            self.times.append(time_left)
            self.threads.add(str(threading.get_ident()))
            self._now += 1
            self.most = max(self.most, self._now)
        try:
            return self.rule(operation) or good(operation)
        finally:
            with self._lock:
                self._now -= 1


class Desk:
    """A RunOperations over fakes."""

    def __init__(self, api: Api, *, concurrency: int = 8) -> None:
        self.api = api
        self.usage = FakeUsage()
        self.unexpected: list[Exception] = []
        self.run = RunOperations(Meter(self.usage), concurrency, self.unexpected.append)

    def __call__(self, graph: Graph, *, left: float = 20.0, ticket: Ticket = TICKET, **terms: Any) -> list[Ended]:
        return self.run(a_caller(**terms), graph, ticket, timedelta(seconds=left), self.api)

    @property
    def used(self) -> int:
        return self.usage.used("acme", "2026-01")


def a_graph(total: int, *, needs: dict[int, list[str]] | None = None, path: str = "/v1/posts", **mode: bool) -> Graph:
    return Graph.of(
        [
            Operation(
                index=index,
                id=f"op{index}",
                method="POST",
                path=path if index else "/v1/posts",
                depends_on=tuple((needs or {}).get(index, ())),
            )
            for index in range(total)
        ],
        Mode(**mode),
    )


@pytest.fixture
def release() -> Iterator[threading.Event]:
    """What slow operations wait for: set when the test is over."""
    event = threading.Event()
    yield event
    event.set()


def hanging(release: threading.Event, *ids: str) -> Rule:
    """Return a rule under which these operations hang until the test is over."""

    def rule(operation: Operation) -> None:
        if operation.id in ids:
            release.wait(30)

    return rule


def ids(ended: list[Ended]) -> list[str]:
    return [each.body["id"] if each.body else str(each.status) for each in ended]


# ── order and concurrency ──


def test_in_order_each_operation_begins_when_the_one_before_has_ended() -> None:
    desk = Desk(Api(lambda operation: time.sleep(0.002 if operation.index < 3 else 0)))
    assert ids(desk(a_graph(20))) == desk.api.asked == [f"op{index}" for index in range(20)]
    assert desk.api.most == 1
    assert len(desk.api.threads) == 1, "nothing is handed over between threads"


def test_side_by_side_results_stand_in_the_order_of_the_request() -> None:
    desk = Desk(Api(lambda operation: time.sleep(0.002 * (10 - operation.index))))
    assert ids(desk(a_graph(10, parallel=True))) == [f"op{index}" for index in range(10)]


def test_side_by_side_no_more_than_the_cap_run_at_once_and_no_fewer() -> None:
    desk = Desk(Api(lambda _: time.sleep(0.02)), concurrency=4)
    assert len(desk(a_graph(40, parallel=True))) == 40
    assert desk.api.most == 4


def test_what_depends_on_others_starts_as_soon_as_they_have_ended(release: threading.Event) -> None:
    desk = Desk(Api(hanging(release, "op0")))
    ended = desk(a_graph(4, needs={2: ["op1"], 3: ["op2"]}, parallel=True), left=0.3)
    assert ids(ended) == ["504", "op1", "op2", "op3"]


def test_what_waited_for_one_operation_runs_side_by_side_when_that_has_ended() -> None:
    desk = Desk(Api(lambda _: time.sleep(0.05)))
    desk(a_graph(7, needs={index: ["op0"] for index in range(1, 7)}, parallel=True))
    assert desk.api.most == 6


def test_references_are_filled_in_from_what_ended_before() -> None:
    for parallel in (False, True):
        ended = Desk(Api())(a_graph(2, path="/v1/posts/{{op0.body.id}}", parallel=parallel))
        assert ended[1].body == {"id": "op1", "path": "/v1/posts/op0"}


def test_a_reference_without_a_value_fails_its_operation_without_a_call() -> None:
    desk = Desk(Api())
    ended = desk(a_graph(3, path="/v1/posts/{{op0.body.nothing}}", parallel=True))
    assert [each.status for each in ended] == [201, 400, 400]
    assert desk.api.asked == ["op0"]
    assert not any(each.skipped for each in ended)


def test_the_first_failure_stops_the_others_when_asked() -> None:
    desk = Desk(Api(lambda operation: Ended(status=404) if operation.index == 1 else None))
    assert [each.status for each in desk(a_graph(4, continue_on_error=False))] == [201, 404, 424, 424]
    assert desk.api.asked == ["op0", "op1"]


# ── time ──


@pytest.mark.parametrize("parallel", [False, True])
def test_the_answer_arrives_though_an_operation_hangs(release: threading.Event, parallel: bool) -> None:
    # Break: Crew.work, join the threads.
    desk = Desk(Api(hanging(release, "op1")), concurrency=1)
    began = time.monotonic()
    ended = desk(a_graph(4, parallel=parallel), left=0.3)
    assert 0.25 < time.monotonic() - began < 5
    assert [each.status for each in ended] == [201, 504, 504, 504]
    errors = [each.error or {} for each in ended[1:]]
    assert [error["code"] for error in errors] == ["TIMEOUT"] * 3
    assert "may still come" in errors[0]["message"]
    assert "before the operation was started" in errors[1]["message"]
    assert not any(each.skipped for each in ended)


def test_what_comes_after_the_end_changes_nothing(release: threading.Event) -> None:
    desk = Desk(Api(hanging(release, "op0")))
    ended = desk(a_graph(3), left=0.1)
    release.set()
    time.sleep(0.1)
    assert [each.status for each in ended] == [504, 504, 504]
    assert desk.api.asked == ["op0"], "nothing is begun any more"


def test_nothing_is_begun_when_there_is_no_time() -> None:
    desk = Desk(Api())
    assert [each.status for each in desk(a_graph(3), left=-1)] == [504, 504, 504]
    assert desk.api.asked == []


def test_each_call_is_told_how_much_time_is_left() -> None:
    desk = Desk(Api(lambda _: time.sleep(0.05)))
    desk(a_graph(3), left=10)
    first, second, third = desk.api.times
    assert timedelta(seconds=9) < third < second < first <= timedelta(seconds=10)
    assert first - third >= timedelta(seconds=0.1)


def test_a_thread_that_hangs_does_not_keep_the_interpreter_alive() -> None:
    program = f"""
import sys; sys.path.insert(0, {str(LAYER)!r})
import time
from batchwork.domain.graph import Course, Graph
from batchwork.domain.operation import Mode, Operation
from batchwork.use_cases.run_operations import Crew
graph = Graph.of([Operation(index=0, id="a", method="POST", path="/v1/posts")], Mode())
Crew(Course(graph), lambda _: time.sleep(60), 1).work(time.monotonic() + 0.1)
"""
    began = time.monotonic()
    subprocess.run([sys.executable, "-c", program], check=True, timeout=30)
    assert time.monotonic() - began < 20


# ── tickets and units ──


def test_operation_i_is_done_under_part_i_of_the_ticket_in_each_try() -> None:
    desk = Desk(Api())
    desk(a_graph(3))
    assert desk.api.tickets == {index: part_of(TICKET, index) for index in range(3)}
    again = Ticket(TICKET.id, TICKET.at, again=True)
    desk(a_graph(3), ticket=again)
    assert [(ticket.id, ticket.again) for _, ticket in sorted(desk.api.tickets.items())] == [
        (part_of(TICKET, index).id, True) for index in range(3)
    ]
    assert desk.used == 3, "charged once"


def test_every_operation_is_one_unit_whatever_becomes_of_it() -> None:
    desk = Desk(Api(lambda operation: Ended(status=500) if operation.index else None))
    desk(a_graph(5, continue_on_error=False))
    assert desk.used == 5


def test_nothing_is_begun_beyond_the_quota() -> None:
    desk = Desk(Api())
    with pytest.raises(QuotaExceeded):
        desk(a_graph(5), monthly_quota=4)
    assert (desk.api.asked, desk.used) == ([], 0)


def test_a_request_that_fails_as_a_whole_costs_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    desk = Desk(Api())

    def broken(_crew: Crew, _ends_at: float) -> None:
        raise EngineFailed(reason="no thread")

    monkeypatch.setattr(Crew, "work", broken)
    with pytest.raises(EngineFailed):
        desk(a_graph(5))
    assert desk.used == 0


# ── errors ──


def test_an_error_that_nobody_meant_to_raise_is_its_operations_own() -> None:
    def rule(operation: Operation) -> None:
        if operation.index == 1:
            raise RuntimeError("a bug")

    desk = Desk(Api(rule))
    ended = desk(a_graph(3))
    assert [each.status for each in ended] == [201, 500, 201]
    assert ended[1] == BROKEN
    assert [str(exc) for exc in desk.unexpected] == ["a bug"]


def test_what_a_crew_cannot_survive_is_raised_after_the_others_have_ended() -> None:
    course = Course(a_graph(3, parallel=True))

    def perform(index: int) -> Ended:
        if index == 0:
            raise KeyboardInterrupt
        time.sleep(0.05)
        return Ended(status=200)

    with pytest.raises(KeyboardInterrupt):
        Crew(course, perform, 8).work(time.monotonic() + 10)
    assert sorted(course.ended) == [1, 2]


def test_what_is_left_to_somebody_else_keeps_nothing_but_its_dependants() -> None:
    course = Course(a_graph(3, needs={2: ["op0"]}, parallel=True))
    Crew(course, lambda index: Ended(status=200) if index else None, 8).work(time.monotonic() + 10)
    assert sorted(course.ended) == [1]


# ── rehearsals ──


def test_a_rehearsal_asks_of_every_operation_and_skips_and_charges_none() -> None:
    desk = Desk(Api(), concurrency=4)
    graph = a_graph(6, needs={5: ["op1"]}, path="/v1/posts/{{op0.body.id}}", continue_on_error=False)
    asked: list[tuple[int, str]] = []

    def call(operation: Operation, _left: timedelta) -> Ended:
        asked.append((operation.index, operation.path))
        return Ended(status=403 if operation.index == 1 else 200)

    ended = desk.run.rehearse(graph, timedelta(seconds=10), call)
    assert [each.status for each in ended] == [200, 403, 200, 200, 200, 200]
    assert sorted(asked) == [(0, "/v1/posts"), *((index, "/v1/posts/{{op0.body.id}}") for index in range(1, 6))]
    assert desk.used == 0
