"""Work: do what is due in one chunk."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from batchwork.domain.batch import Batch, BatchRef, StopCause
from batchwork.domain.errors import EngineFailed
from batchwork.domain.item import CRASHED, Deferral, Failure, Item, ItemError, Outcome, Result
from batchwork.domain.lease import ChunkState, Job, Lease, UnitState
from batchwork.domain.retry import RetryPolicy
from batchwork.ports import BatchStore, Clock, Processor, WorkQueue
from batchwork.use_cases.settle import Count, SettleStopped

#: Beyond the items' own timeout: side effects and the settling write happen under the lease too.
LEASE_MARGIN = timedelta(seconds=15)


@dataclass(slots=True)
class Stint:
    """What one call did: for the log line."""

    settled: int = 0
    deferred: int = 0
    skipped: int = 0
    left: int = 0


@dataclass(frozen=True, slots=True)
class Work:
    """Lease, process, settle and count the due units of a chunk, many at once.

    A message only says "look at this chunk": what is due is read from its rows, so that duplicates, late messages and
    redelivery after a crash need no case of their own. Units whose holder died run last and alone, since an item that
    kills its worker must not take its neighbours along again; a slice among them is split into single items first.

    concurrency: items in work at once, though never fewer than a slice has. unexpected: told of errors that a processor
    did not mean to raise.
    """

    batches: BatchStore
    queue: WorkQueue
    processor: Processor
    clock: Clock
    concurrency: int
    new_token: Callable[[], str]
    unexpected: Callable[[Exception], None]
    retry: RetryPolicy = field(default_factory=RetryPolicy)

    def __call__(self, ref: BatchRef, chunk: int, until: datetime) -> Stint:
        """Work until everything due is settled; units that could not end before `until` are queued again."""
        stint = Stint()
        batch = self.batches.get(ref)
        if batch is None or batch.ended:
            return stint
        state = self.batches.chunk(batch, chunk)
        batch = Count(self.batches)(batch, state.settled_units())
        if not state.items:
            self._fail(batch, f"the stored input of chunk {chunk} cannot be read")
            return stint
        cause = batch.stop_at(self.clock.now())
        if cause is not None:
            SettleStopped(self.batches, self.clock).chunk(batch, cause, state)
            return stint
        jobs = state.due(self.clock.now())
        # An item that waits for a thread would outlast its lease: a slice has one for each of its items.
        threads = max(self.concurrency, self.processor.slice_size)
        crowds = (
            ([job for job in jobs if not job.crashed and not job.unit.single], threads // self.processor.slice_size),
            ([job for job in jobs if not job.crashed and job.unit.single], threads),
        )
        errors: list[BaseException | None] = []
        with ThreadPoolExecutor(threads) as items:
            for crowd, side_by_side in crowds:
                with ThreadPoolExecutor(side_by_side) as units:
                    done = [units.submit(self._unit, batch, state, job, items, until, stint) for job in crowd]
                    errors += [future.exception() for future in done]
            for job in jobs:
                if job.crashed:
                    self._unit(batch, state, job, items, until, stint)
        for error in errors:
            if error is not None:
                raise error
        if stint.left:
            self.queue.send(batch, [chunk])
        return stint

    def _unit(
        self, batch: Batch, state: ChunkState, job: Job, items: ThreadPoolExecutor, until: datetime, stint: Stint
    ) -> None:
        now = self.clock.now()
        if now + self.processor.item_timeout > until:
            stint.left += 1
            return
        lease = Lease(self.new_token(), now + self.processor.item_timeout + LEASE_MARGIN, job.attempt)
        if not self.batches.lease(batch, job.unit, lease, now):
            stint.skipped += 1
            return
        if job.crashed and not job.unit.single:
            self._split(batch, job, lease.token, stint)
        elif job.attempt > (self.retry.crashes if job.crashed else self.retry.attempts):
            error = job.last.error if job.last else CRASHED
            ended = self._ended(job.unit.start, job.attempt - 1, error)
            self.processor.keep(batch, [(state.item(ended.index), ended)])
            self._settle(batch, job, lease.token, [ended], [], stint)
        else:
            self._process(batch, state, job, lease, items, stint)

    def _process(
        self, batch: Batch, state: ChunkState, job: Job, lease: Lease, pool: ThreadPoolExecutor, stint: Stint
    ) -> None:
        items = [state.item(index) for index in job.unit.indexes]
        asked: list[tuple[Item, Future[Outcome]]] = [
            (item, pool.submit(self.processor.process, batch, item, f"{batch.id}:{item.index}:{job.attempt}"))
            for item in items
        ]
        results: list[Result] = []
        deferred: list[Deferral] = []
        broken: str | None = None
        for item, future in asked:
            try:
                outcome = future.result()
            except EngineFailed as exc:
                broken = str(exc)
                outcome = Failure(ItemError(500, f"Batch processing failed: {broken}"))
            except Exception as exc:  # noqa: BLE001 -- a processor's bug is the item's failure, not the batch's
                self.unexpected(exc)
                outcome = Failure(CRASHED, retryable=True)
            if isinstance(outcome, Failure):
                wait = self.retry.wait(outcome, job.attempt, self.clock.chance())
                if wait is None:
                    results.append(self._ended(item.index, job.attempt, outcome.error))
                else:
                    at = self.clock.now() + wait
                    deferred.append(
                        Deferral(index=item.index, attempts=job.attempt, not_before=at, error=outcome.error)
                    )
            else:
                at = self.clock.now()
                results.append(Result(index=item.index, finished_at=at, attempts=job.attempt, output=outcome.output))
        if results:
            self.processor.keep(batch, [(state.item(result.index), result) for result in results])
        self._settle(batch, job, lease.token, results, deferred, stint)
        if broken is not None:
            self._fail(batch, broken)

    def _split(self, batch: Batch, job: Job, token: str, stint: Stint) -> None:
        """Give each item of a slice whose worker died an attempt of its own; the crash counts as one."""
        now = self.clock.now()
        deferred = [
            Deferral(index=index, attempts=job.attempt - 1, not_before=now, error=CRASHED) for index in job.unit.indexes
        ]
        self._settle(batch, job, token, [], deferred, stint)

    def _settle(
        self, batch: Batch, job: Job, token: str, results: list[Result], deferred: list[Deferral], stint: Stint
    ) -> None:
        """Write what the unit ended with, count it, and queue what is to be tried again.

        Dying after the first write is healed by whoever reads the chunk next: it counts what is settled and finds what
        is deferred.
        """
        if job.unit.single and deferred:
            written = self.batches.give_back(batch, job.unit, token, deferred[0])
        else:
            written = self.batches.settle(batch, job.unit, token, results, deferred)
        if not written:
            stint.skipped += 1
            return
        settled = UnitState(number=job.unit.number, settled=True, results=tuple(results))
        Count(self.batches)(batch, [settled])
        stint.settled += len(results)
        stint.deferred += len(deferred)
        if deferred:
            wait = max(deferral.not_before for deferral in deferred) - self.clock.now()
            self.queue.send(batch, [job.unit.chunk], max(wait, timedelta()))

    def _fail(self, batch: Batch, reason: str) -> None:
        """End a batch that the engine cannot work: what nobody holds is settled with the reason."""
        stopped = self.batches.stop(batch.ref, StopCause.FAILED, reason, self.clock.now())
        if stopped is not None:
            SettleStopped(self.batches, self.clock).all(stopped, StopCause.FAILED)

    def _ended(self, index: int, attempts: int, error: ItemError) -> Result:
        return Result(index=index, finished_at=self.clock.now(), attempts=attempts, error=error)
