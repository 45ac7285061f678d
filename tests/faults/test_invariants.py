"""The invariants of docs (ARCHITECTURE.md, section Invariants), each with the line to break to see its test fail.

Every schedule kills the process before or after one call to a port, then lets the queue redeliver, the stream repeat
and the sweeper run, and looks at the batch from the outside.
"""

from __future__ import annotations

import random
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta

import pytest
from engine import Died, EchoProcessor, Engine, Fuse, failing
from factories import a_webhook

from batchwork.domain.batch import BatchRef, BatchStatus, Tally
from batchwork.domain.item import Item, ItemStatus, Outcome, Success
from batchwork.domain.webhook import DeliveryStatus
from batchwork.use_cases.settle import Count

AFTER = [False, True]


def flaky(item: Item, tries: int) -> Outcome:
    """Item 1 needs two tries, item 2 never succeeds, the others always do."""
    if item.index == 2 or (item.index == 1 and tries == 1):
        return failing(503, retryable=True)
    return Success({"echo": item.body})


def assert_settled_once(engine: Engine, ref: BatchRef, total: int) -> None:
    batch = engine.batch(ref)
    assert batch.ended, batch
    assert batch.succeeded + batch.failed == total
    outcomes = Counter(view.status for view in engine.views(ref))
    assert outcomes == Counter({ItemStatus.SUCCEEDED: batch.succeeded, ItemStatus.FAILED: batch.failed})


def crash_points(run: object) -> int:
    """Return how many calls a run makes when nothing dies."""
    assert callable(run)
    fuse = Fuse()
    run(fuse)
    return fuse.calls


# ── 1. Every accepted item ends in exactly one terminal state; counts add up ──
# Break: the lines named in each test; the store's side is tests/contract/test_batches.py::test_a_unit_is_counted_once.


def test_invariant_1_counts_add_up_when_every_message_comes_twice() -> None:
    engine = Engine(EchoProcessor(rule=flaky))
    ref = engine.submit(25)
    for _ in range(6):
        engine.drain(twice=True)
        engine.clock.pass_(timedelta(minutes=1))
        engine.sweep()
    engine.complete(ref)
    assert_settled_once(engine, ref, 25)


def test_invariant_1_counts_add_up_when_messages_come_in_any_order() -> None:
    for seed in range(20):
        engine = Engine(EchoProcessor(rule=flaky))
        ref = engine.submit(25)
        chance = random.Random(seed)
        while messages := engine.queue.take():
            messages += chance.choices(messages, k=3)
            chance.shuffle(messages)
            for message_ref, chunk, delay in messages:
                engine.clock.pass_(delay)
                engine.work(message_ref, chunk)
        engine.complete(ref)
        assert_settled_once(engine, ref, 25)


def test_invariant_1_racing_workers_count_every_item_once() -> None:
    # Break: Count.__call__ in use_cases/settle.py, catch nothing and add without the store's condition.
    engine = Engine(EchoProcessor(slice_size=1))
    ref = engine.submit(100)
    chunks = engine.batch(ref).cut.chunks
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: engine.work(ref, n % chunks), range(chunks * 8)))
    batch = engine.batch(ref)
    assert (batch.succeeded, batch.failed) == (100, 0)


def a_worker_dies(fuse: Fuse) -> tuple[Engine, BatchRef]:
    engine = Engine(EchoProcessor(slice_size=2, rule=flaky))
    ref = engine.submit(5)
    with suppress(Died):
        for message_ref, chunk, _ in engine.queue.take():
            engine.work(message_ref, chunk, fuse=fuse)
    return engine, ref


@pytest.mark.parametrize("after", AFTER)
def test_invariant_1_a_worker_may_die_at_any_call_and_the_sweeper_alone_is_enough(after: bool) -> None:
    # Break: Sweep._requeue, drop the line that counts settled units.
    points = crash_points(a_worker_dies)
    assert points > 20
    for point in range(1, points + 1):
        engine, ref = a_worker_dies(Fuse(point, after=after))
        engine.settle_everything(ref)
        assert_settled_once(engine, ref, 5)


@pytest.mark.parametrize("after", AFTER)
def test_invariant_1_a_worker_may_die_at_any_call_and_redelivery_alone_is_enough(after: bool) -> None:
    # Break: Work.__call__, drop the line that counts settled units.
    for point in range(1, crash_points(a_worker_dies) + 1):
        engine, ref = a_worker_dies(Fuse(point, after=after))
        for _ in range(4):
            engine.clock.pass_(timedelta(minutes=2))
            for chunk in range(engine.batch(ref).cut.chunks):
                engine.work(ref, chunk)
            engine.drain()
        engine.complete(ref)
        assert_settled_once(engine, ref, 5)


@pytest.mark.parametrize("after", AFTER)
def test_invariant_1_a_canceller_may_die_at_any_call_and_the_sweeper_alone_is_enough(after: bool) -> None:
    # Break: Sweep._heal, queue the chunks of a stopped batch again instead of settling them.
    def run(fuse: Fuse) -> tuple[Engine, BatchRef]:
        engine = Engine(EchoProcessor(slice_size=2))
        ref = engine.submit(8)
        engine.work(ref, 0)
        engine.queue.take()
        with suppress(Died):
            engine.cancel(ref, fuse=fuse)
        return engine, ref

    for point in range(1, crash_points(run) + 1):
        engine, ref = run(Fuse(point, after=after))
        if engine.batch(ref).stop is None:
            assert point <= 2, "died before the cancel was recorded: nothing was answered"
            continue
        engine.clock.pass_(timedelta(minutes=1))
        engine.sweep()
        assert engine.batch(ref).status is BatchStatus.CANCELLED
        assert_settled_once(engine, ref, 8)


@pytest.mark.parametrize("after", AFTER)
def test_invariant_1_a_sweeper_may_die_at_any_call(after: bool) -> None:
    def run(fuse: Fuse) -> tuple[Engine, BatchRef]:
        engine = Engine(EchoProcessor(slice_size=2), deadline=timedelta(minutes=3))
        ref = engine.submit(6)
        engine.work(ref, 0)
        engine.queue.take()
        engine.clock.pass_(timedelta(minutes=4))
        with suppress(Died):
            engine.sweep(fuse=fuse)
        return engine, ref

    for point in range(1, crash_points(run) + 1):
        engine, ref = run(Fuse(point, after=after))
        engine.settle_everything(ref)
        assert_settled_once(engine, ref, 6)


def test_invariant_1_an_item_that_kills_its_worker_fails_alone() -> None:
    # Break: Work._unit, do not split; or ChunkState.free, mark no deferral as crashed.
    engine = Engine(EchoProcessor(slice_size=5))
    ref = engine.submit(10)
    deaths = 0
    fuse = Fuse()
    beside = threading.Event()

    def poison(item: Item, _tries: int) -> Outcome:
        if item.index == 3:
            fuse.dead = True  # everything else in this process dies with it
            beside.set()
            raise Died
        if item.index < 5:
            beside.wait(0.05)  # a neighbour in work at the same time is still at it when the poison strikes
        return Success({})

    engine.processor.rule = poison
    for _ in range(15):
        for message_ref, chunk, _delay in engine.queue.take():
            fuse, beside = Fuse(), threading.Event()
            try:
                engine.work(message_ref, chunk, fuse=fuse)
            except Died:
                deaths += 1
        engine.clock.pass_(timedelta(minutes=1))
        engine.sweep()
    batch = engine.batch(ref)
    assert (batch.status, batch.succeeded, batch.failed) == (BatchStatus.COMPLETED, 9, 1)
    assert deaths == 3
    tries = Counter(index for index, _ in engine.processor.asked)
    assert max(count for index, count in tries.items() if index != 3) == 2, "a neighbour was repeated beyond the crash"


# ── 2. A batch answered 2xx is never lost ──
# Break: Sweep._requeue, send nothing; or Submit, store the header without check_at.


@pytest.mark.parametrize("after", AFTER)
def test_invariant_2_submit_may_die_at_any_call_and_what_was_accepted_is_worked_within_two_minutes(after: bool) -> None:
    for point in (1, 2):
        engine = Engine()
        with suppress(Died):
            engine.submit(15, fuse=Fuse(point, after=after))
        accepted = _refs(engine)
        assert bool(accepted) == (point > 1 or after)
        engine.queue.take()
        engine.clock.pass_(timedelta(minutes=1))
        engine.sweep()
        engine.clock.pass_(timedelta(minutes=1))
        engine.sweep()
        engine.drain()
        for ref in accepted:
            assert engine.batch(ref).succeeded == 15


def test_invariant_2_a_queue_that_refuses_does_not_fail_an_accepted_batch() -> None:
    engine = Engine()

    class Refusing:
        def send(self, *_args: object) -> None:
            raise RuntimeError("queue is down")

    queue, engine.queue = engine.queue, Refusing()  # type: ignore[assignment] # down for now
    ref = engine.submit(3)
    assert [type(error) for error in engine.errors] == [RuntimeError]
    engine.queue = queue
    assert engine.settle_everything(ref).succeeded == 3


def _refs(engine: Engine) -> list[BatchRef]:
    page = engine.batches.find("acme", "messages", None, 0, 10)
    return [batch.ref for batch in page.entries]


# ── 3. A result, once readable, never changes ──
# Break: drop `attribute_not_exists(settled)` from DynamoBatches.lease (contract: test_a_settled_unit_is_final).


def test_invariant_3_a_readable_result_never_changes() -> None:
    counter = iter(range(10_000))
    engine = Engine(EchoProcessor(rule=lambda _item, _tries: Success({"n": next(counter)})))
    ref = engine.submit(20)
    seen: dict[int, object] = {}
    for _ in range(4):
        for message_ref, chunk, _delay in engine.queue.take() or [(ref, 0, timedelta()), (ref, 1, timedelta())]:
            engine.work(message_ref, chunk)
            for view in engine.views(ref):
                if view.result is not None:
                    assert seen.setdefault(view.item.index, view.result) == view.result
        engine.clock.pass_(timedelta(minutes=2))
        engine.sweep()
    assert len(seen) == 20


def test_invariant_3_a_worker_that_wakes_after_its_lease_changes_nothing() -> None:
    engine = Engine(EchoProcessor(slice_size=1))
    ref = engine.submit(1)

    def sleep_and_be_overtaken(_item: Item, tries: int) -> Outcome:
        if tries == 1:
            engine.clock.pass_(timedelta(minutes=2))
            for _ in range(2):
                engine.work(ref, 0)
        return Success({"try": tries})

    engine.processor.rule = sleep_and_be_overtaken
    engine.work(ref, 0)
    (view,) = engine.views(ref)
    assert view.result is not None
    assert view.result.output == {"try": 2}
    assert engine.batch(ref).succeeded == 1


# ── 7. A terminal state produces exactly one event with a stable id ──
# Break: Complete, close without the delivery, or send nothing for a batch that is closed already. The store's side is
# tests/contract/test_batches.py::test_a_batch_closes_once_with_its_delivery and test_a_batch_without_a_webhook_closes_once_too.


@pytest.mark.parametrize("after", AFTER)
def test_invariant_7_completion_may_die_at_any_call_and_emits_one_event(after: bool) -> None:
    for point in (1, 2, 3):
        engine = Engine()
        ref = engine.submit(2, webhook=a_webhook())
        engine.drain()
        with suppress(Died):
            engine.complete(ref, fuse=Fuse(point, after=after))
        for _ in range(3):
            engine.complete(ref)
        assert engine.delivery_queue.sent, "the stream's redelivery alone must be enough"
        engine.clock.pass_(timedelta(minutes=2))
        engine.sweep()
        assert {delivery for delivery, _, _ in engine.delivery_queue.sent} == {f"delivery-{ref.batch_id}-completed"}
        (delivery,) = engine.deliveries.find("acme", ref.batch_id, 10)
        assert delivery.status is DeliveryStatus.PENDING


def test_invariant_7_the_sweeper_closes_a_batch_whose_stream_record_was_lost() -> None:
    engine = Engine()
    ref = engine.submit(2, webhook=a_webhook())
    engine.drain()
    engine.clock.pass_(timedelta(minutes=2))
    engine.sweep()
    assert engine.batch(ref).status is BatchStatus.COMPLETED
    assert len(engine.deliveries.find("acme", ref.batch_id, 10)) == 1


def test_a_count_that_lost_its_race_is_left_out_and_the_others_are_added() -> None:
    engine = Engine(EchoProcessor(slice_size=1))
    ref = engine.submit(3)
    batch = engine.batch(ref)
    engine.batches.count(batch, [Tally(1, 1, 0)])
    after = Count(engine.batches).add(batch, [Tally(0, 1, 0), Tally(1, 1, 0), Tally(2, 0, 1)])
    assert (after.succeeded, after.failed) == (2, 1)
