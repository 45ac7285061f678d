"""Batches of operations and their jobs under faults, each test with the line to break to see it fail.

Every schedule kills the process before or after one call to a port, then lets the same be asked again, the queue redeliver
or the sweeper run, and looks at what was done from the outside: every note once, every operation ended once, counts that
add up.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest
from desk import PATIENCE, Desk, make
from engine import Died, Fuse

from batchwork.domain.batch import BatchRef, BatchStatus, Tally
from batchwork.domain.operation import Operation
from batchwork.use_cases.work_job import ATTEMPTS

AFTER = [False, True]
#: Two that make notes, two that use what was made, one that fails, one that depends on it, one more.
CHAIN: list[dict[str, Any]] = [
    make("a", "first"),
    {"id": "copy", "method": "POST", "path": "/v1/posts/{{a.body.id}}/copy"},
    {"id": "change", "method": "PATCH", "path": "/v1/posts/{{copy.body.id}}", "body": {"text": "was {{a.body.text}}"}},
    {"id": "bad", "method": "PATCH", "path": "/v1/posts/post_none", "body": {"text": "x"}},
    {**make("never", "never"), "dependsOn": ["bad"]},
    make("last", "last"),
]
ENDS = [201, 201, 200, 404, 424, 201]
STOPPED = [201, 201, 200, 404, 424, 424]
#: Settling beyond the first try needs a lease to end first.
LEASE = PATIENCE + timedelta(seconds=15)

Run = Callable[[Fuse], tuple[Desk, BatchRef]]


def crash_points(run: Run) -> int:
    """Return how many calls a run makes when nothing dies."""
    fuse = Fuse()
    run(fuse)
    return fuse.calls


def texts(desk: Desk) -> list[str]:
    """Return the notes there are."""
    return sorted(note.text for note in desk.shelf.stored.values())


def assert_ended_once(desk: Desk, ref: BatchRef, ends: list[int], notes: list[str]) -> None:
    batch = desk.header(ref)
    assert batch.status is BatchStatus.COMPLETED
    job = desk.job(ref)
    assert [result["status"] for result in job["results"]] == ends
    assert job["summary"] == {
        "total": len(ends),
        "succeeded": sum(status < 300 for status in ends),
        "failed": sum(status >= 300 and status != 424 for status in ends),
        "skipped": ends.count(424),
    }
    assert texts(desk) == notes
    assert desk.used() == len(ends)


# ── a worker dies ──


def a_worker_dies(**mode: Any) -> Run:
    def run(fuse: Fuse) -> tuple[Desk, BatchRef]:
        desk = Desk(concurrency=3)
        ref = desk.submit(CHAIN, **mode)
        desk.queue.take()
        with suppress(Died):
            desk.work(ref, fuse=fuse)
        return desk, ref

    return run


MODES: list[tuple[dict[str, Any], list[int], list[str]]] = [
    ({}, ENDS, ["first", "last", "was first"]),
    ({"parallel": True}, ENDS, ["first", "last", "was first"]),
    ({"continueOnError": False}, STOPPED, ["first", "was first"]),
]


@pytest.mark.parametrize("after", AFTER)
@pytest.mark.parametrize(("mode", "ends", "notes"), MODES)
def test_a_worker_may_die_at_any_call_and_the_sweeper_alone_is_enough(
    mode: dict[str, Any], ends: list[int], notes: list[str], after: bool
) -> None:
    # Break: _Turn.__post_init__, hand no results over.
    run = a_worker_dies(**mode)
    points = crash_points(run)
    assert points >= 20
    for point in range(1, points + 1):
        desk, ref = run(Fuse(point, after=after))
        desk.settle_everything(ref)
        assert_ended_once(desk, ref, ends, notes)
        assert not desk.errors


@pytest.mark.parametrize("after", AFTER)
def test_a_worker_may_die_at_any_call_and_redelivery_alone_is_enough(after: bool) -> None:
    # Break: _Turn._done, make the ticket of something that another try has not, such as the lease's token.
    run = a_worker_dies()
    for point in range(1, crash_points(run) + 1):
        desk, ref = run(Fuse(point, after=after))
        desk.clock.pass_(LEASE)
        desk.work(ref)
        desk.complete(ref)
        assert_ended_once(desk, ref, ENDS, ["first", "last", "was first"])


@pytest.mark.parametrize("after", AFTER)
def test_worker_after_worker_may_die_at_any_call(after: bool) -> None:
    # Break: _Turn._done, tell another try that it is the first; what the dead removed is then not found.
    first = Desk()
    stored = first.batch([make("old", "old")]).results[0]["body"]["id"]

    def run(*fuses: Fuse) -> tuple[Desk, BatchRef]:
        desk = Desk()
        assert desk.batch([make("old", "old")]).results[0]["body"]["id"] == stored
        ref = desk.submit([make("a"), {"id": "gone", "method": "DELETE", "path": f"/v1/posts/{stored}"}, make("b")])
        desk.queue.take()
        for fuse in fuses:
            with suppress(Died):
                desk.work(ref, fuse=fuse)
            desk.clock.pass_(LEASE)
        return desk, ref

    whole = Fuse()
    run(whole)
    for point in range(1, whole.calls + 1):
        for second in (3, 5, 8):
            desk, ref = run(Fuse(point, after=after), Fuse(second, after=after))
            desk.settle_everything(ref)
            assert [result["status"] for result in desk.job(ref)["results"]] == [201, 204, 201]
            assert texts(desk) == ["x", "x"]


@pytest.mark.parametrize("after", AFTER)
def test_a_sweeper_may_die_at_any_call(after: bool) -> None:
    def run(fuse: Fuse) -> tuple[Desk, BatchRef]:
        desk = Desk()
        ref = desk.submit([make("a"), make("b"), make("c")])
        desk.queue.take()
        with suppress(Died):
            desk.work(ref, fuse=Fuse(6))
        desk.clock.pass_(timedelta(hours=24))
        with suppress(Died):
            desk.sweep(fuse=fuse)
        return desk, ref

    for point in range(1, crash_points(run) + 1):
        desk, ref = run(Fuse(point, after=after))
        desk.settle_everything(ref)
        job = desk.job(ref)
        assert job["status"] == "COMPLETED"
        assert {result["status"] for result in job["results"]} <= {201, 504}
        assert job["summary"]["succeeded"] + job["summary"]["failed"] == 3


def test_what_a_dead_worker_had_begun_when_the_deadline_passed_may_have_had_its_effect() -> None:
    # Break: ended_of, take every result without an output for one that never started.
    desk = Desk()
    ref = desk.submit([make("a"), make("b")])
    desk.queue.take()

    def die(_operation: Operation) -> None:
        raise Died

    desk.before = die
    with suppress(Died):
        desk.work(ref)
    desk.clock.pass_(timedelta(hours=24))
    desk.sweep()
    errors = [result["error"] for result in desk.job(ref)["results"]]
    assert [error["code"] for error in errors] == ["TIMEOUT", "TIMEOUT"]
    assert "may still come" in errors[0]["message"]
    assert "before the operation was started" in errors[1]["message"]


@pytest.mark.parametrize("parallel", [False, True])
def test_an_operation_that_kills_its_worker_fails_alone(parallel: bool) -> None:
    # Break: _Turn._may_start, start what crashed beside the others; or _Turn._done, try for ever.
    desk = Desk(concurrency=8)
    ref = desk.submit([make(str(n), str(n)) for n in range(6)], parallel=parallel)
    fuse, beside, deaths = Fuse(), threading.Event(), 0

    def poison(operation: Operation) -> None:
        if operation.id == "3":
            fuse.dead = True  # everything else in this process dies with it
            beside.set()
            raise Died
        beside.wait(0.05)  # what runs beside it is still at it when the poison strikes

    desk.before = poison
    for _ in range(12):
        if desk.queue.take():
            fuse, beside = Fuse(), threading.Event()
            try:
                desk.work(ref, fuse=fuse)
            except Died:
                deaths += 1
        desk.clock.pass_(timedelta(minutes=1))
        desk.sweep()
    assert deaths == ATTEMPTS
    results = desk.job(ref)["results"]
    assert [result["status"] for result in results] == [201, 201, 201, 500, 201, 201]
    assert results[3]["error"]["code"] == "INTERNAL_ERROR"
    assert texts(desk) == ["0", "1", "2", "4", "5"]


# ── duplicate messages, and workers side by side ──


@pytest.mark.parametrize("parallel", [False, True])
def test_messages_that_come_twice_change_nothing(parallel: bool) -> None:
    desk = Desk()
    ref = desk.submit(CHAIN, parallel=parallel)
    desk.drain(twice=True)
    desk.clock.pass_(timedelta(minutes=1))
    desk.sweep()
    desk.drain(twice=True)
    desk.complete(ref)
    assert_ended_once(desk, ref, ENDS, ["first", "last", "was first"])


@pytest.mark.parametrize("parallel", [False, True])
def test_workers_side_by_side_do_everything_once_and_to_the_end(parallel: bool) -> None:
    # Break: WorkJob.__call__, look at the chunk once only; what one worker settled would not go on in the other.
    for _ in range(10):
        desk = Desk(concurrency=4)
        asked: Counter[str] = Counter()

        def count(operation: Operation, asked: Counter[str] = asked) -> None:
            asked[operation.id] += 1
            time.sleep(0.001)

        desk.before = count
        ref = desk.submit(CHAIN, parallel=parallel)
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda _, desk=desk, ref=ref: desk.work(ref), range(4)))
        desk.complete(ref)
        assert_ended_once(desk, ref, ENDS, ["first", "last", "was first"])
        assert set(asked.values()) == {1}


def test_a_message_that_comes_while_a_worker_is_busy_adds_none_to_the_cap() -> None:
    # Break: WorkJob.__call__, go on though somebody holds a part of the chunk.
    desk = Desk(concurrency=4)
    ref = desk.submit([make(str(n)) for n in range(12)], parallel=True)
    desk.queue.take()
    full, go_on, lock = threading.Event(), threading.Event(), threading.Lock()
    running, most = [0], [0]

    def count(_operation: Operation) -> None:
        with lock:
            running[0] += 1
            most[0] = max(most[0], running[0])
            if running[0] == 4:
                full.set()
        go_on.wait(10)
        with lock:
            running[0] -= 1

    desk.before = count
    with ThreadPoolExecutor(1) as pool:
        one = pool.submit(desk.work, ref)
        assert full.wait(10)
        go_on_soon = threading.Timer(0.3, go_on.set)  # for a second worker that waits for its own operations
        go_on_soon.start()
        left = desk.work(ref)
        assert not go_on.is_set()
        go_on.set()
        one.result(10)
    assert (left.settled, left.skipped, left.left) == (0, 0, 0)
    assert most == [4]
    assert desk.header(ref).succeeded == 12


def test_workers_side_by_side_keep_the_order_of_a_sequence() -> None:
    # Break: Course.ready, let operations start before all those before them have ended.
    desk = Desk(concurrency=4)
    running, order, most = [0], list[str](), [0]

    def note(operation: Operation) -> None:
        order.append(operation.id)
        running[0] += 1
        most[0] = max(most[0], running[0])
        time.sleep(0.002)
        running[0] -= 1

    desk.before = note
    ref = desk.submit([make(str(n)) for n in range(20)])
    with ThreadPoolExecutor(5) as pool:
        list(pool.map(lambda _: desk.work(ref), range(5)))
    assert order == [str(n) for n in range(20)]
    assert most == [1]
    assert desk.header(ref).succeeded == 20


def test_what_a_dead_worker_had_begun_is_not_skipped_for_a_failure() -> None:
    # Break: _Turn.__post_init__, take nothing for started; its effect may be there already.
    desk = Desk(concurrency=2)
    ref = desk.submit([make("a", "a"), {**CHAIN[3], "id": "b"}, make("c")], parallel=True, continueOnError=False)
    desk.queue.take()

    def die_when_b_has_failed(operation: Operation) -> None:
        if operation.id == "a":
            while 1 not in desk.batches.units[ref] or not desk.batches.units[ref][1].settled:
                time.sleep(0.005)
            time.sleep(0.05)  # the thread that did b has noted its end
            raise Died

    desk.before = die_when_b_has_failed
    with suppress(Died):
        desk.work(ref)
    desk.before = lambda _operation: None
    desk.settle_everything(ref)
    assert_ended_once(desk, ref, [201, 404, 424], ["a"])


def test_what_somebody_else_has_begun_is_not_skipped_for_a_failure() -> None:
    # Break: DynamoBatches.settle_free (and its twin), settle what somebody holds.
    desk = Desk(concurrency=2)
    ref = desk.submit([make("a"), {**CHAIN[3], "id": "b"}, make("c")], parallel=True, continueOnError=False)
    desk.queue.take()
    begun, failed = threading.Event(), threading.Event()

    def hold(operation: Operation) -> None:
        if operation.id == "a":
            begun.set()
            failed.wait(10)
        elif operation.id == "b":
            begun.wait(10)

    desk.before = hold
    with ThreadPoolExecutor(2) as pool:
        one = pool.submit(desk.work, ref)
        begun.wait(10)
        while 1 not in desk.batches.units[ref] or not desk.batches.units[ref][1].settled:
            time.sleep(0.005)
        time.sleep(0.05)  # the thread that did b has noted its end
        desk.work(ref)
        failed.set()
        one.result(10)
    desk.settle_everything(ref)
    assert [result["status"] for result in desk.job(ref)["results"]] == [201, 404, 424]


def test_a_worker_that_wakes_after_its_lease_changes_nothing() -> None:
    desk = Desk()
    ref = desk.submit([make("a"), make("b")])
    desk.queue.take()
    tries = []

    def sleep_and_be_overtaken(operation: Operation) -> None:
        tries.append(operation.id)
        if len(tries) == 1:
            desk.clock.pass_(LEASE)
            desk.work(ref)

    desk.before = sleep_and_be_overtaken
    desk.work(ref)
    desk.complete(ref)
    assert tries == ["a", "a", "b"]
    assert_ended_once(desk, ref, [201, 201], ["x", "x"])


def test_units_that_somebody_else_counted_are_left_out_by_one_more_write() -> None:
    # Break: Count.add, count one by one.
    desk = Desk()
    ref = desk.submit([make(str(n)) for n in range(30)], parallel=True)
    calls: list[int] = []
    count = desk.batches.count

    def counting(batch: Any, tallies: Any) -> Any:
        if not calls:  # the sweeper was faster with some of them
            count(batch, [Tally(unit, 1, 0) for unit in range(0, 30, 3)])
        calls.append(len(tallies))
        return count(batch, tallies)

    desk.batches.count = counting  # type: ignore[method-assign] # a race
    desk.drain()
    assert calls == [30, 20]
    assert (desk.header(ref).succeeded, desk.header(ref).remaining) == (30, 0)


def test_a_store_that_fails_once_costs_an_operation_one_more_try_and_the_others_none() -> None:
    desk = Desk()
    ref = desk.submit([make(str(n), str(n)) for n in range(4)], parallel=True)
    desk.queue.take()
    settle, failures = desk.batches.settle, iter([True])

    def failing(batch: Any, unit: Any, *rest: Any) -> bool:
        if unit.number == 2 and next(failures, False):
            raise RuntimeError("throttled")
        return settle(batch, unit, *rest)

    desk.batches.settle = failing  # type: ignore[method-assign,assignment] # as DynamoDB may
    with pytest.raises(RuntimeError, match="throttled"):
        desk.work(ref)
    assert desk.header(ref).succeeded == 3
    desk.settle_everything(ref)
    assert_ended_once(desk, ref, [201] * 4, ["0", "1", "2", "3"])


# ── who submits, and who runs a batch in the request ──


@pytest.mark.parametrize("after", AFTER)
def test_who_submits_may_die_at_any_call_and_asking_again_makes_one_job(after: bool) -> None:
    # Break: Jobs._accepted, name the job by something that another try has not.
    def run(fuse: Fuse | None) -> Desk:
        desk = Desk()
        with suppress(Died):
            desk.submit(CHAIN, headers={"Idempotency-Key": "k"}, fuse=fuse)
        return desk

    whole = Fuse()
    run(whole)
    for point in range(1, whole.calls + 1):
        desk = run(Fuse(point, after=after))
        desk.clock.pass_(timedelta(seconds=71))
        ref = desk.submit(CHAIN, headers={"Idempotency-Key": "k"})
        assert list(desk.batches.headers) == [ref]
        desk.settle_everything(ref)
        assert_ended_once(desk, ref, ENDS, ["first", "last", "was first"])


@pytest.mark.parametrize("after", AFTER)
@pytest.mark.parametrize("parallel", [False, True])
def test_who_runs_a_batch_may_die_at_any_call_and_asking_again_does_everything_once(
    parallel: bool, after: bool
) -> None:
    # Break: RunOperations.__call__, do operations under tickets of their own; or Meter, charge under a new id.
    def run(fuse: Fuse | None) -> Desk:
        desk = Desk(concurrency=3)
        with suppress(Died):
            desk.batch(CHAIN, parallel=parallel, headers={"Idempotency-Key": "k"}, fuse=fuse)
        return desk

    whole = Fuse()
    run(whole)
    assert whole.calls >= 10
    for point in range(1, whole.calls + 1):
        desk = run(Fuse(point, after=after))
        desk.clock.pass_(timedelta(seconds=71))
        answer = desk.batch(CHAIN, parallel=parallel, headers={"Idempotency-Key": "k"})
        assert answer.statuses == ENDS
        assert texts(desk) == ["first", "last", "was first"]
        assert desk.used() == len(CHAIN)


@pytest.mark.parametrize("after", AFTER)
def test_an_inner_key_is_free_again_when_a_dead_workers_lease_has_ended(after: bool) -> None:
    # Break: _Turn._done, give an operation more time than its lease less the margin.
    keyed = [make("a", "a", headers={"Idempotency-Key": "inner"}), make("b", "b")]

    def run(fuse: Fuse) -> tuple[Desk, BatchRef]:
        desk = Desk()
        ref = desk.submit(keyed)
        desk.queue.take()
        with suppress(Died):
            desk.work(ref, fuse=fuse)
        return desk, ref

    for point in range(1, crash_points(run) + 1):
        desk, ref = run(Fuse(point, after=after))
        desk.clock.pass_(LEASE)
        desk.work(ref)
        desk.complete(ref)
        assert_ended_once(desk, ref, [201, 201], ["a", "b"])
