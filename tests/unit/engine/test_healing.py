"""How the sweeper and the worker heal, and what must not keep them from it."""

from __future__ import annotations

import re
import threading
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

from engine import Died, EchoProcessor, Engine, failing
from factories import AT, a_batch, a_webhook
from fakes.batches import FakeBatches
from fakes.clock import FakeClock

from batchwork.domain.batch import MAX_CHECK, Batch, BatchRef, next_check
from batchwork.domain.item import Item, Outcome, Success
from batchwork.domain.lease import Lease
from batchwork.domain.webhook import Delivery, Recovery
from batchwork.use_cases.complete import Complete
from batchwork.use_cases.sweep import Sweep
from batchwork.use_cases.work import LEASE_MARGIN, Work

ROOT = Path(__file__).parents[3]


def test_a_batch_that_waits_for_a_week_is_still_looked_at_every_five_minutes() -> None:
    batch = a_batch(deadline=timedelta(days=7))
    for _ in range(7 * 24 * 12):
        check_at, checks = next_check(batch, AT)
        batch = replace(batch, checks=checks)
    assert check_at == AT + MAX_CHECK


# ── the sweeper ──


def test_what_a_dead_worker_held_is_queued_again_as_soon_as_its_lease_ends() -> None:
    engine = Engine()
    ref = engine.submit(10)
    engine.queue.take()
    for _ in range(4):  # a long wait in the queue: the looks have become rare
        engine.clock.pass_(MAX_CHECK)
        engine.sweep()
    engine.queue.take()
    batch, unit = engine.batch(ref), engine.batch(ref).cut.unit(0)
    engine.batches.lease(batch, unit, Lease("dead", engine.clock.now() + timedelta(seconds=75), 1), engine.clock.now())
    engine.clock.pass_(timedelta(seconds=10))
    engine.batches.checked(batch, engine.clock.now(), batch.checks)
    engine.sweep()
    assert engine.queue.take() == []
    engine.clock.pass_(timedelta(seconds=66))
    engine.sweep()
    assert [chunk for _, chunk, _ in engine.queue.take()] == [0]


class Poisonous(FakeBatches):
    """Kills whoever reads the chunks of one batch, as one that is too large for the sweeper's memory would."""

    poison: BatchRef | None = None

    def chunk(self, batch: Batch, chunk: int):  # type: ignore[no-untyped-def] # the fake's
        if batch.ref == self.poison:
            raise Died
        return super().chunk(batch, chunk)


def test_a_batch_that_kills_the_sweeper_does_not_keep_it_from_the_others() -> None:
    batches = Poisonous()
    engine = Engine(batches=batches)
    batches.poison, other = engine.submit(1), engine.submit(1)
    engine.queue.take()
    engine.clock.pass_(timedelta(minutes=1))
    for _ in range(2):
        try:
            engine.sweep()
        except Died:
            continue
    assert [message[0] for message in engine.queue.sent] == [other]


class BrokenQueue:
    """Refuses one delivery, and remembers the others."""

    def __init__(self, refused: str) -> None:
        self.refused = refused
        self.sent: list[str] = []

    def send(self, delivery: Delivery, delay: timedelta = timedelta(), waits: int = 0) -> None:
        if delivery.id == self.refused:
            raise RuntimeError("refused")
        self.sent.append(delivery.id)

    def send_many(self, deliveries: Sequence[Delivery]) -> None:
        raise AssertionError(deliveries)

    def recover(self, recovery: Recovery) -> None:
        raise AssertionError(recovery)


def a_sweep(engine: Engine, queue: BrokenQueue) -> Sweep:
    return Sweep(
        batches=engine.batches,
        deliveries=engine.deliveries,
        queues={"messages": engine.queue},
        delivery_queue=queue,
        complete=Complete(engine.batches, queue, {"messages": lambda *_: None}, engine.clock),
        clock=engine.clock,
        unexpected=engine.errors.append,
    )


def test_a_delivery_that_cannot_be_queued_does_not_keep_the_sweeper_from_the_others() -> None:
    engine = Engine()
    for _ in range(2):
        ref = engine.submit(1, webhook=a_webhook())
        engine.drain()
        engine.complete(ref)
    waiting = engine.submit(1)
    engine.queue.take()
    engine.clock.pass_(timedelta(minutes=2))
    first, second = (name for _, name in engine.deliveries.due(engine.clock.now(), 10))
    queue = BrokenQueue(first)
    a_sweep(engine, queue)()
    assert queue.sent == [second]
    assert [message[0] for message in engine.queue.sent] == [waiting]


def test_a_sweeper_out_of_time_resends_deliveries_and_leaves_batches_due_for_the_next_run() -> None:
    engine = Engine()
    ref = engine.submit(1, webhook=a_webhook())
    engine.drain()
    engine.complete(ref)
    late = [engine.submit(1), engine.submit(1)]
    engine.queue.take()
    engine.clock.pass_(timedelta(minutes=2))

    class Slow(BrokenQueue):
        def send(self, delivery: Delivery, delay: timedelta = timedelta(), waits: int = 0) -> None:
            engine.clock.pass_(timedelta(seconds=41))
            super().send(delivery, delay)

    queue = Slow("none")
    swept = a_sweep(engine, queue)(engine.clock.now() + timedelta(seconds=40))
    assert (len(queue.sent), engine.queue.sent) == (1, [])
    assert swept == {"deliveries": 1, "batches": 0}
    assert set(engine.batches.due(engine.clock.now(), 10)) == set(late)


# ── workers ──


def test_a_worker_with_an_old_picture_of_a_chunk_does_not_repeat_an_attempt_before_its_time() -> None:
    """Ten slices that defer items queue ten messages for their chunk: workers read it together and race."""
    engine = Engine(EchoProcessor(slice_size=1, rule=lambda *_: failing(429, retryable=True)))
    ref = engine.submit(1)
    engine.work(ref, 0)
    engine.clock.pass_(timedelta(seconds=5))
    batch = engine.batch(ref)
    stale = engine.batches.chunk(batch, 0)

    class Stale(FakeBatches):
        """Reads the chunk as it was before the other worker came; writes to what is."""

        def __init__(self, now: FakeBatches) -> None:
            self.__dict__ = now.__dict__

        def chunk(self, _batch: Batch, _chunk: int):  # type: ignore[no-untyped-def] # the fake's
            return stale

    engine.work(ref, 0)
    assert len(engine.processor.asked) == 2
    assert isinstance(engine.batches, FakeBatches)
    engine.batches = Stale(engine.batches)
    engine.work(ref, 0)
    tokens = [token for _, token in engine.processor.asked]
    assert tokens == [f"{ref.batch_id}:0:1", f"{ref.batch_id}:0:2"]


class Crowded(EchoProcessor):
    """Notes how many items are in work at the same time; each waits a moment for company."""

    def __init__(self, slice_size: int, company: int) -> None:
        super().__init__(slice_size)
        self.barrier = threading.Barrier(company)
        self.alone = 0

    def process(self, batch: Batch, item: Item, token: str) -> Outcome:
        try:
            self.barrier.wait(5)
        except threading.BrokenBarrierError:
            self.alone += 1
        return Success({})


def a_work(engine: Engine, processor: EchoProcessor, concurrency: int) -> Work:
    numbers = iter(range(1000))
    return Work(
        batches=engine.batches,
        queue=engine.queue,
        processor=processor,
        clock=engine.clock,
        concurrency=concurrency,
        new_token=lambda: f"token-{next(numbers)}",
        unexpected=engine.errors.append,
    )


def test_no_item_waits_for_a_thread_while_its_lease_runs() -> None:
    engine = Engine(EchoProcessor(slice_size=5))
    ref = engine.submit(5)
    processor = Crowded(slice_size=5, company=5)
    a_work(engine, processor, 1)(ref, 0, engine.clock.now() + timedelta(minutes=5))
    assert processor.alone == 0
    assert engine.batch(ref).succeeded == 5


def test_items_in_later_attempts_use_every_thread_there_is() -> None:
    engine = Engine(EchoProcessor(slice_size=10, rule=lambda *_: failing(503, retryable=True)))
    ref = engine.submit(10)
    engine.work(ref, 0)
    engine.clock.pass_(timedelta(minutes=1))
    processor = Crowded(slice_size=10, company=10)
    a_work(engine, processor, 10)(ref, 0, engine.clock.now() + timedelta(minutes=5))
    assert processor.alone == 0
    assert engine.batch(ref).succeeded == 10


def test_every_item_timeout_that_may_be_chosen_fits_into_every_worker_timeout() -> None:
    """A worker without time for one item would queue its chunk again at once, and for ever."""
    template = (ROOT / "template.yaml").read_text(encoding="utf-8")
    longest = int(re.findall(r"ItemTimeoutSeconds:\n(?:    .*\n)*?    MaxValue: (\d+)", template)[0])
    shortest = int(re.findall(r"WorkerTimeoutSeconds:\n(?:    .*\n)*?    MinValue: (\d+)", template)[0])
    rest = timedelta(seconds=10)
    assert timedelta(seconds=longest) + LEASE_MARGIN + rest <= timedelta(seconds=shortest)


class Slow:
    """Other work whose every piece takes a minute."""

    def __init__(self, clock: FakeClock) -> None:
        self._clock = clock

    def due(self, _now: datetime, limit: int) -> list[tuple[str, str]]:
        return [("acme", str(number)) for number in range(min(limit, 20))]

    def __call__(self, _workspace_id: str, _name: str) -> None:
        self._clock.pass_(timedelta(minutes=1))


def test_other_work_that_is_due_leaves_the_time_to_batches() -> None:
    # Break: Sweep.__call__, do the others first.
    engine = Engine()
    ref = engine.submit(1)
    engine.queue.take()
    engine.clock.pass_(timedelta(minutes=1))
    sweep = replace(a_sweep(engine, BrokenQueue("")), others={"slow": Slow(engine.clock)})
    swept = sweep(engine.clock.now() + timedelta(minutes=2))
    assert [message[0] for message in engine.queue.sent] == [ref]
    assert 0 < swept["slow"] < 20
