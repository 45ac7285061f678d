"""Batches of runs over stores in memory: submitted, worked as the family's worker does, cancelled, changed, listed."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

from engine import Dying, Fuse
from factories import AT, charge_for
from fakes.batches import FakeBatches
from fakes.clock import FakeClock
from fakes.deliveries import FakeDeliveries
from fakes.queues import FakeDeliveryQueue, FakeWorkQueue
from fakes.run_blobs import FakeRunBlobs
from fakes.runs import FakeRunBatches, FakeRuns

from batchwork.domain.batch import Batch, BatchRef
from batchwork.domain.chunk import Cut
from batchwork.domain.idempotency import Ticket
from batchwork.domain.ids import ordered_id
from batchwork.domain.item import Failure, Item, ItemError, Outcome, Result
from batchwork.domain.run import BATCH_PREFIX, SLICE_SIZE, Run, RunPlace, RunStatus, StepRun
from batchwork.domain.run_input import RunInput, attributes_of, run_of
from batchwork.domain.run_writes import outcome_of
from batchwork.domain.workflow import FAMILY, Flow, version_id
from batchwork.ports import BatchStore
from batchwork.ports.workflow_runs import RunBatches, RunStore
from batchwork.processors.workflow_runs.recording import Recorder
from batchwork.use_cases.change_runs import ChangeRuns
from batchwork.use_cases.complete import Complete, tell_nobody
from batchwork.use_cases.end_runs import EndRuns
from batchwork.use_cases.list_runs import ListRuns, Wanted
from batchwork.use_cases.read_runs import ReadRuns
from batchwork.use_cases.sweep import Sweep
from batchwork.use_cases.work import Work

RETENTION = timedelta(days=30)
MILLISECOND = timedelta(milliseconds=1)
WORKFLOW = ordered_id("workflow_", Ticket("the-workflow", AT))
_numbers = itertools.count(1)

#: What becomes of an item at its n-th try: a status that its run ends with, or a failure.
Rule = Callable[[Item, int], RunStatus | Failure]


def a_flow(workflow_id: str = WORKFLOW, **changes: Any) -> Flow:
    values: dict[str, Any] = {
        "workflow_id": workflow_id,
        "workflow_name": "Invoices",
        "workflow_created_at": AT,
        "workflow_updated_at": AT,
        "version": "3",
        "version_id": version_id(workflow_id, "3"),
        "version_created_at": AT,
    }
    return Flow(**{**values, **changes})


def a_ticket(*, again: bool = False) -> Ticket:
    return Ticket(f"ticket-{next(_numbers)}", AT, again)


def a_run_batch(
    total: int = 1, *, listed: bool = True, workspace_id: str = "acme", flow: Flow | None = None, **changes: Any
) -> Batch:
    at = changes.get("created_at", AT)
    values: dict[str, Any] = {
        "id": ordered_id("", Ticket(f"batch-{next(_numbers)}", at)),
        "workspace_id": workspace_id,
        "family": FAMILY,
        "cut": Cut.of(total, SLICE_SIZE),
        "created_at": at,
        "deadline_at": at + timedelta(hours=24),
        "attributes": attributes_of(flow or a_flow(), "https://api.example.com", listed=listed),
    }
    return Batch(**{**values, **changes})


def an_input(index: int = 0, **changes: Any) -> RunInput:
    values: dict[str, Any] = {"file_name": f"file-{index}.txt", "text": f"text {index}", "metadata": {"n": index}}
    return RunInput(**{**values, **changes})


def inputs_of(batch: Batch, inputs: Sequence[RunInput] = ()) -> list[Item]:
    given = list(inputs) or [an_input(index) for index in range(batch.total)]
    return [Item(index, each.stored) for index, each in enumerate(given)]


def a_run(index: int = 0, batch: Batch | None = None, **changes: Any) -> Run:
    """Return a run as its first row says it, PROCESSED unless told otherwise."""
    batch = batch or a_run_batch(index + 1)
    run = run_of(batch, inputs_of(batch)[index])
    return replace(run, **{"status": RunStatus.PROCESSED, "revision": 1, "settled_at": run.updated_at, **changes})


def a_step(number: int = 0, **changes: Any) -> StepRun:
    values: dict[str, Any] = {
        "id": f"workflow_step_run_{number}",
        "name": f"step-{number}",
        "type": "EXTRACT",
        "status": "PROCESSED",
        "file_ids": ("file_1",),
        "result": {"value": {"total": 12.5}},
        "config": {"processorId": "x"},
    }
    return StepRun(**{**values, **changes})


def retryable(code: int = 503) -> Failure:
    return Failure(ItemError(code, "come back later"), retryable=True)


class RunsProcessor:
    """Does with runs what the family's worker does; `rule` says how they end."""

    slice_size = SLICE_SIZE
    item_timeout = timedelta(seconds=120)

    def __init__(self, recorder: Recorder, rule: Rule | None = None) -> None:
        self._recorder, self.rule = recorder, rule
        self.worked: list[int] = []
        #: Called when an item is worked, before its end is recorded.
        self.amid: Callable[[Batch, Item], None] = lambda _batch, _item: None
        self._lock = threading.Lock()

    def process(self, batch: Batch, item: Item, token: str) -> Outcome:
        before = self._recorder.before(batch, item)
        known = None if before is None else outcome_of(before)
        if known is not None:
            return known
        with self._lock:
            self.worked.append(item.index)
            tries = self.worked.count(item.index)
        run = before or run_of(batch, item)
        self.amid(batch, item)
        end = self.rule(item, tries) if self.rule else RunStatus.PROCESSED
        if isinstance(end, Failure):
            if end.retryable:
                return end
            run = replace(run, status=RunStatus.FAILED, failure_message=end.error.message)
        else:
            run = replace(run, status=end, steps=(a_step(0),))
        outcome = outcome_of(self._recorder.record(batch, run))
        assert outcome is not None
        return outcome

    def keep(self, batch: Batch, done: Sequence[tuple[Item, Result]]) -> None:
        self._recorder.keep(batch, done)


class RunWorld:
    """Every use case over one set of stores, each built anew as a fresh process would; `fuse` makes all ports die."""

    def __init__(
        self,
        *,
        rule: Rule | None = None,
        batches: BatchStore | None = None,
        runs: RunStore | None = None,
        made: RunBatches | None = None,
    ) -> None:
        self.clock = FakeClock()
        fake = FakeBatches(FakeDeliveries())
        self.batches: BatchStore = batches or fake
        self.runs: Any = runs or FakeRuns()
        self.made: RunBatches = made or FakeRunBatches(fake)
        self.blobs = FakeRunBlobs()
        self.queue, self.deliveries = FakeWorkQueue(), FakeDeliveryQueue()
        self.errors: list[Exception] = []
        self.rule = rule
        self.amid: Callable[[Batch, Item], None] = lambda _batch, _item: None
        self.worked: list[int] = []
        self._tokens = (f"token-{n}" for n in itertools.count(1))

    # ── what clients ask for ──

    def submit(self, total: int = 1, *, inputs: Sequence[RunInput] = (), **given: Any) -> Batch:
        """Accept a batch made now, and queue its chunks."""
        batch = a_run_batch(len(inputs) or total, **{"created_at": self.clock.now(), **given})
        items = inputs_of(batch, inputs)
        assert self.batches.create(batch, items, self.clock.now() + timedelta(seconds=45), charge_for(batch))
        self.queue.send(batch, range(batch.cut.chunks))
        return batch

    def read(self, fuse: Fuse | None = None) -> ReadRuns:
        return ReadRuns(_dying(self.batches, fuse), _dying(self.runs, fuse), self.clock)

    def get(self, batch: Batch, index: int = 0) -> Run:
        return self.read().get(batch.workspace_id, RunPlace(batch.workspace_id, batch.id, index).id)

    def summary(self, batch: Batch) -> Any:
        return self.read().batch(batch.workspace_id, f"{BATCH_PREFIX}{batch.id}")

    def change(self, fuse: Fuse | None = None) -> ChangeRuns:
        return ChangeRuns(
            batches=_dying(self.batches, fuse),
            runs=_dying(self.runs, fuse),
            blobs=lambda: _dying(self.blobs, fuse),
            clock=self.clock,
            retention=RETENTION,
            unsettled=self.errors.append,
        )

    def lister(self) -> ListRuns:
        return ListRuns(self.batches, self.runs, self.made, self.clock)

    def pages(
        self, limit: int = 100, *, between: Callable[[], None] = lambda: None, workspace_id: str = "acme", **wanted: Any
    ) -> list[list[Run]]:
        """Return every page of a list. between: what happens after each."""
        found: list[list[Run]] = []
        cursor = None
        while True:
            page = self.lister()(workspace_id, Wanted(**wanted), limit, cursor)
            found.append(page.runs)
            cursor = page.cursor
            if cursor is None:
                return found
            assert len(found) < 1000, "the list has no end"
            between()

    def all(self, limit: int = 100, **wanted: Any) -> list[Run]:
        return [run for page in self.pages(limit, **wanted) for run in page]

    # ── what happens behind them ──

    def processor(self, fuse: Fuse | None = None) -> RunsProcessor:
        processor = RunsProcessor(Recorder(_dying(self.runs, fuse), self.clock, RETENTION), self.rule)
        processor.worked, processor.amid = self.worked, self.amid
        return processor

    def work(self, ref: BatchRef, chunk: int, *, fuse: Fuse | None = None) -> None:
        Work(
            batches=_dying(self.batches, fuse),
            queue=_dying(self.queue, fuse),
            processor=self.processor(fuse),
            clock=self.clock,
            concurrency=10,
            new_token=lambda: next(self._tokens),
            unexpected=self.errors.append,
        )(ref, chunk, self.clock.now() + timedelta(minutes=10))

    def drain(self) -> None:
        """Deliver queued chunks until the queue is empty, letting their delays pass."""
        while messages := self.queue.take():
            for ref, chunk, delay in messages:
                self.clock.pass_(delay)
                self.work(ref, chunk)

    def ender(self, fuse: Fuse | None = None) -> EndRuns:
        recorder = Recorder(_dying(self.runs, fuse), self.clock, RETENTION)
        return EndRuns(_dying(self.batches, fuse), recorder.keep)

    def end_runs(self, units: Iterable[tuple[BatchRef, int]], *, fuse: Fuse | None = None) -> None:
        """Do what the stream does with units that no worker settled."""
        end = self.ender(fuse)
        by_batch: dict[BatchRef, set[int]] = {}
        for ref, number in units:
            by_batch.setdefault(ref, set()).add(number)
        for ref, numbers in by_batch.items():
            end(ref.workspace_id, ref.batch_id, numbers)

    def stream(self) -> None:
        """Deliver everything that the stream has told so far, again if it did before."""
        assert isinstance(self.batches, FakeBatches)
        self.end_runs(list(self.batches.unworked))

    def complete(self, ref: BatchRef) -> None:
        Complete(self.batches, self.deliveries, {FAMILY: tell_nobody}, self.clock)(ref)

    def sweep(self, *, fuse: Fuse | None = None) -> None:
        """Let the sweeper run. fuse: makes what it does with ended batches die."""
        Sweep(
            batches=self.batches,
            deliveries=FakeDeliveries(),
            queues={FAMILY: self.queue},
            delivery_queue=self.deliveries,
            complete=Complete(self.batches, self.deliveries, {FAMILY: tell_nobody}, self.clock),
            clock=self.clock,
            unexpected=self.errors.append,
            ended={FAMILY: self.ender(fuse).all},
        )()

    def settle_everything(self, batch: Batch, *, minutes: int = 30) -> Batch:
        """Let queue, stream and sweeper run, minute by minute, until the batch is closed."""
        for _ in range(minutes):
            self.drain()
            self.complete(batch.ref)
            self.stream()
            if self.header(batch).ended:
                break
            self.clock.pass_(timedelta(minutes=1))
            self.sweep()
        return self.header(batch)

    def header(self, batch: Batch) -> Batch:
        header = self.batches.get(batch.ref)
        assert header is not None
        return header


def _dying(port: Any, fuse: Fuse | None) -> Any:
    return port if fuse is None else Dying(port, fuse)
