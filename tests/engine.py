"""The engine whole, in memory, with its queue delivered by hand: late, twice, out of order, or into a dying worker."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

from factories import a_caller
from fakes.batches import FakeBatches
from fakes.claims import FakeClaims
from fakes.clock import FakeClock
from fakes.deliveries import FakeDeliveries
from fakes.queues import FakeDeliveryQueue, FakeWorkQueue
from fakes.usage import FakeUsage

from batchwork.domain.batch import Batch, BatchRef, BatchStatus, WebhookTarget
from batchwork.domain.idempotency import Answered, Ticket
from batchwork.domain.item import Failure, Item, ItemError, ItemStatus, Outcome, Result, Success
from batchwork.domain.webhook import Delivery
from batchwork.domain.workspace import Caller
from batchwork.ports import BatchStore, Clock, WorkQueue
from batchwork.ports.webhooks import DeliveryQueue
from batchwork.use_cases.cancel import Cancel
from batchwork.use_cases.complete import Complete
from batchwork.use_cases.meter import charge_of
from batchwork.use_cases.once import Asked, Errand, Once
from batchwork.use_cases.read import ItemView, ReadBatches
from batchwork.use_cases.submit import Submit
from batchwork.use_cases.sweep import Sweep
from batchwork.use_cases.work import Work


class Died(BaseException):
    """The process is gone: nothing catches it, as nothing catches SIGKILL."""


class Dying:
    """A port whose process dies before or after its n-th call, counted over every port that shares the counter."""

    def __init__(self, port: Any, fuse: Fuse) -> None:
        self._port = port
        self._fuse = fuse

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._port, name)
        if not callable(method):
            return method

        def call(*args: Any, **kwargs: Any) -> Any:
            return self._fuse.burn(lambda: method(*args, **kwargs))

        return call


class Fuse:
    """at: which call is the last; after: whether it still takes effect. Calls after death die too."""

    def __init__(self, at: int | None = None, *, after: bool = False) -> None:
        self.at, self.after = at, after
        self.calls = 0
        self.dead = False
        self._lock = threading.Lock()

    def burn(self, call: Callable[[], Any]) -> Any:
        with self._lock:
            if self.dead:
                raise Died
            self.calls += 1
            fatal = self.calls == self.at
            self.dead = fatal
        if fatal and not self.after:
            raise Died
        answer = call()
        if fatal or self.dead:
            raise Died
        return answer


class EchoProcessor:
    """Answers every item with its own body; `rule` may fail some. Remembers what it was asked and what it kept."""

    item_timeout = timedelta(seconds=60)

    def __init__(self, slice_size: int = 10, rule: Callable[[Item, int], Outcome] | None = None) -> None:
        self.slice_size = slice_size
        self.rule = rule
        self.asked: list[tuple[int, str]] = []
        self.kept: list[int] = []
        self._lock = threading.Lock()

    def process(self, batch: Batch, item: Item, token: str) -> Outcome:
        with self._lock:
            self.asked.append((item.index, token))
            tries = sum(1 for index, _ in self.asked if index == item.index)
        return self.rule(item, tries) if self.rule else Success({"echo": item.body})

    def keep(self, batch: Batch, done: Sequence[tuple[Item, Result]]) -> None:
        with self._lock:
            self.kept += [item.index for item, _ in done]


def announce(batch: Batch, status: BatchStatus, now: datetime) -> Delivery | None:
    if batch.webhook is None or str(status) not in batch.webhook.events:
        return None
    return Delivery(
        id=f"delivery-{batch.id}-{status}",
        workspace_id=batch.workspace_id,
        event_id=f"event-{batch.id}-{status}",
        event_type=f"batch.{status}",
        subject=batch.id,
        style="codeer",
        url=batch.webhook.url,
        secret=batch.webhook.secret,
        body=b"{}",
        created_at=now,
        due_at=now + timedelta(seconds=60),
    )


class Engine:
    """Every use case over one set of fakes. `fuse` makes all ports die together."""

    def __init__(
        self,
        processor: EchoProcessor | None = None,
        *,
        deadline: timedelta = timedelta(hours=24),
        batches: BatchStore | None = None,
        clock: FakeClock | None = None,
    ) -> None:
        self.processor = processor or EchoProcessor()
        self.clock = clock or FakeClock()
        self.deliveries = FakeDeliveries()
        self.usage = FakeUsage()
        self.claims = FakeClaims()
        self.batches: BatchStore = batches or FakeBatches(self.deliveries, self.usage)
        self.queue = FakeWorkQueue()
        self.delivery_queue = FakeDeliveryQueue()
        self.errors: list[Exception] = []
        self.deadline = deadline
        self._ids = (f"00000000-0000-4000-8000-{n:012d}" for n in itertools.count(1))
        self._tokens = (f"token-{n}" for n in itertools.count(1))

    # ── verbs, each built anew as a fresh process would, over ports that may die ──

    def _ports(self, fuse: Fuse | None) -> tuple[BatchStore, WorkQueue, DeliveryQueue, Clock]:
        if fuse is None:
            return self.batches, self.queue, self.delivery_queue, self.clock
        return (
            Dying(self.batches, fuse),
            Dying(self.queue, fuse),
            Dying(self.delivery_queue, fuse),
            self.clock,
        )

    def submit(self, total: int, *, webhook: WebhookTarget | None = None, fuse: Fuse | None = None) -> BatchRef:
        ticket = Ticket(next(self._ids), self.clock.now())
        return self._submit(total, a_caller(plan="enterprise"), ticket, webhook=webhook, fuse=fuse).ref

    def submit_once(
        self,
        total: int,
        key: str | None,
        *,
        caller: Caller | None = None,
        time_left: timedelta = timedelta(seconds=29),
        fuse: Fuse | None = None,
    ) -> tuple[BatchRef, bool]:
        """Submit under an Idempotency-Key, as a route that acts does; the body is the number of items.

        Returns the batch that the answer names, and whether the answer is a replay.
        """
        caller = caller or a_caller(plan="enterprise")

        def work(errand: Errand) -> Answered:
            batch = self._submit(total, caller, errand.ticket, fuse=fuse)
            return Answered(202, batch.id)

        asked = Asked(name="POST /batches", body=str(total), key=key, time_left=time_left)
        claims = Dying(self.claims, fuse) if fuse else self.claims
        once = Once(claims, self.clock, lambda: next(self._ids), self.errors.append)
        answered, replayed = once(caller, asked, work)
        return BatchRef(caller.workspace.id, answered.text), replayed

    def _submit(
        self,
        total: int,
        caller: Caller,
        ticket: Ticket,
        *,
        webhook: WebhookTarget | None = None,
        fuse: Fuse | None = None,
    ) -> Batch:
        batches, queue, _, clock = self._ports(fuse)
        submit = Submit(batches, queue, clock, self.deadline, self.errors.append)
        return submit(
            charge=charge_of(caller, ticket, "messages", total),
            bodies=[{"custom_id": f"req-{n}"} for n in range(total)],
            slice_size=self.processor.slice_size,
            webhook=webhook,
            attributes={},
        )

    def work(
        self, ref: BatchRef, chunk: int, *, fuse: Fuse | None = None, time: timedelta = timedelta(minutes=5)
    ) -> None:
        batches, queue, _, clock = self._ports(fuse)
        Work(
            batches=batches,
            queue=queue,
            processor=Dying(self.processor, fuse) if fuse else self.processor,
            clock=clock,
            concurrency=20,
            new_token=lambda: next(self._tokens),
            unexpected=self.errors.append,
        )(ref, chunk, self.clock.now() + time)

    def complete(self, ref: BatchRef, *, fuse: Fuse | None = None) -> BatchStatus | None:
        batches, _, deliveries, clock = self._ports(fuse)
        return Complete(batches, deliveries, {"messages": announce}, clock)(ref)

    def cancel(self, ref: BatchRef, *, fuse: Fuse | None = None) -> Batch:
        batches, _, _, clock = self._ports(fuse)
        return Cancel(batches, clock, "messages", self.errors.append)(ref)

    def sweep(self, *, fuse: Fuse | None = None) -> dict[str, int]:
        batches, queue, deliveries, clock = self._ports(fuse)
        complete = Complete(batches, deliveries, {"messages": announce}, clock)
        return Sweep(
            batches=batches,
            deliveries=self.deliveries,
            queues={"messages": queue},
            delivery_queue=deliveries,
            complete=complete,
            clock=clock,
            unexpected=self.errors.append,
        )()

    # ── the world around them ──

    def drain(self, *, twice: bool = False) -> None:
        """Deliver queued chunks until the queue is empty, letting their delays pass; `twice` duplicates each."""
        while messages := self.queue.take():
            for ref, chunk, delay in messages * (2 if twice else 1):
                self.clock.pass_(delay)
                self.work(ref, chunk)

    def settle_everything(self, ref: BatchRef, *, minutes: int = 20) -> Batch:
        """Let the queue, the stream and the sweeper run, minute by minute, until the batch is closed."""
        for _ in range(minutes):
            self.drain()
            self.complete(ref)
            batch = self.batch(ref)
            if batch.ended:
                return batch
            self.clock.pass_(timedelta(minutes=1))
            self.sweep()
        return self.batch(ref)

    def batch(self, ref: BatchRef) -> Batch:
        return ReadBatches(self.batches, self.clock, "messages").get(ref)

    def views(self, ref: BatchRef, status: ItemStatus | None = None) -> list[ItemView]:
        return ReadBatches(self.batches, self.clock, "messages").results(ref, status, 0, 1000).entries


def failing(code: int = 500, *, retryable: bool = False, retry_after: timedelta | None = None) -> Failure:
    return Failure(ItemError(code, "no luck"), retryable=retryable, retry_after=retry_after)
