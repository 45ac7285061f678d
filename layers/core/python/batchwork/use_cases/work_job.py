"""WorkJob: do what is due of one job's operations, by the engine's leases and the graph's order (decision 29)."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from time import monotonic

from batchwork.domain.batch import Batch, BatchRef, StopCause
from batchwork.domain.endings import BROKEN, UNFINISHED
from batchwork.domain.graph import Course, Graph
from batchwork.domain.idempotency import Ticket
from batchwork.domain.ids import part_of
from batchwork.domain.item import Result
from batchwork.domain.job import Order, ended_of, operation_of, result_of
from batchwork.domain.lease import ChunkState, Job, Lease, UnitState
from batchwork.domain.operation import Ended, Operation
from batchwork.domain.patience import while_waited_for
from batchwork.ports import BatchStore, Clock, WorkQueue
from batchwork.use_cases.run_operations import Crew
from batchwork.use_cases.settle import Count, SettleStopped
from batchwork.use_cases.work import LEASE_MARGIN, Stint

#: How often an operation whose worker died is tried before it ends as 500.
ATTEMPTS = 3
#: Skipped operations settled at once.
_AT_ONCE = 8

#: Does one operation of a job, whose references are filled in, under a ticket, within a time.
JobCall = Callable[[Batch, Operation, Ticket, timedelta], Ended]


@dataclass(frozen=True, slots=True)
class WorkJob:
    """Lease, do, settle and count the operations of a job, in order or `concurrency` of them at once at the most.

    An operation is one item and one unit: what it answers is its result, and no other try follows from it. What is settled
    is given to the graph again, so that a worker that takes a job up goes on where the one before it came to. A worker that
    finds another at work leaves at once, since the cap is the job's and not a worker's; should the other have died, the
    sweeper's message comes when the lease is over. What a dead worker held is tried again, alone, after
    everything else that can be done, so that an operation that kills its worker does not take others along.

    patience: how long one operation may take. An error of the stores is raised after everything else was done.
    """

    batches: BatchStore
    queue: WorkQueue
    call: JobCall
    clock: Clock
    concurrency: int
    patience: timedelta
    new_token: Callable[[], str]

    def __call__(self, ref: BatchRef, chunk: int, until: datetime) -> Stint:
        """Work until nothing is left that may be started; what could not end before `until` is queued again."""
        stint = Stint()
        batch = self.batches.get(ref)
        alone: int | None = None
        while batch is not None and not batch.ended and batch.remaining:
            state = self.batches.chunk(batch, chunk)
            batch = Count(self.batches)(batch, state.settled_units())
            if not batch.remaining:
                break
            if not state.items:
                self._fail(batch, f"the stored input of chunk {chunk} cannot be read")
                break
            now = self.clock.now()
            cause = batch.stop_at(now)
            if cause is not None:
                SettleStopped(self.batches, self.clock).chunk(batch, cause, state)
                break
            if state.held(now):
                break
            if batch.started_at is None:
                self.batches.start(batch, now)
            turn = _Turn(self, batch, state, until, alone)
            batch = turn.work()
            stint.settled += len(turn.settled)
            stint.skipped += len(turn.declined)
            if turn.late:
                stint.left += len(turn.late)
                self.queue.send(batch, [chunk])
                break
            # After progress there may be more to do: what others settled meanwhile is seen by looking again.
            alone = None if turn.settled or alone is not None else turn.crashed
            if not turn.settled and alone is None:
                break
        return stint

    def _fail(self, batch: Batch, reason: str) -> None:
        """End a job that cannot be worked: what nobody holds is settled with the reason."""
        stopped = self.batches.stop(batch.ref, StopCause.FAILED, reason, self.clock.now())
        if stopped is not None:
            SettleStopped(self.batches, self.clock).all(stopped, StopCause.FAILED)


@dataclass(slots=True)
class _Turn:
    """One look at a job's chunk, and what is done after it. alone: the only operation that is done, if any.

    settled: units that were settled; declined: operations that were left to others, to a turn of their own or for want of
    time; late: those for want of time.
    """

    job: WorkJob
    batch: Batch
    state: ChunkState
    until: datetime
    alone: int | None
    settled: list[UnitState] = field(default_factory=list)
    declined: list[int] = field(default_factory=list)
    late: list[int] = field(default_factory=list)
    _graph: Graph = field(init=False)
    _course: Course = field(init=False)
    _free: dict[int, Job] = field(init=False)

    def __post_init__(self) -> None:
        mode = Order.of(self.batch).mode
        self._graph = Graph.of([operation_of(item) for item in self.state.items], mode)
        self._free = {job.unit.start: job for job in self.state.free(self.job.clock.now())}
        started = [unit.number for unit in self.state.units.values() if unit.lease is not None]
        # One unit after another: their results are read as they are looked at, and large ones are held sealed.
        ended = {result.index: ended_of(result) for unit in self.state.settled_units() for result in unit.results}
        self._course = Course(self._graph, ended, started)

    @property
    def crashed(self) -> int | None:
        """Return the first operation that a dead worker held, None when there is none."""
        return min((index for index, job in self._free.items() if job.crashed), default=None)

    def work(self) -> Batch:
        """Do what may be done; return the header as it then is."""
        left = (self.until - self.job.clock.now()).total_seconds()
        try:
            Crew(self._course, self._perform, self.job.concurrency).work(monotonic() + left)
            self._skip()
        finally:
            # Dying before this is healed by whoever reads the chunk next: it counts what is settled.
            batch = Count(self.job.batches)(self.batch, list(self.settled))
        return batch

    def _perform(self, index: int) -> Ended | None:
        job = self._free.get(index)
        ended = None if job is None else self._done(index, job)
        if ended is None:
            self.declined.append(index)
        return ended

    def _done(self, index: int, job: Job) -> Ended | None:
        """Return what an operation ended with, settled; None when it is not for this turn or not for us."""
        if job.attempt > ATTEMPTS:
            return self._settle_free(job, BROKEN)
        now = self.job.clock.now()
        if not self._may_start(index, job, now):
            return None
        operation = self._graph.filled(index, self._course.ended)
        if isinstance(operation, Ended):
            return self._settle_free(job, operation)
        lease = Lease(self.job.new_token(), now + self.job.patience + LEASE_MARGIN, job.attempt)
        if not self.job.batches.lease(self.batch, job.unit, lease, now):
            return None
        ticket = part_of(Ticket(self.batch.id, self.batch.created_at), index, again=job.attempt > 1)

        def held() -> bool:
            return self.job.clock.now() < lease.until

        with while_waited_for(held):
            ended = self.job.call(self.batch, operation, ticket, self.job.patience)
        if ended.status >= 500 and not held():  # among them what was refused for just that
            ended = UNFINISHED
        result = result_of(index, ended, self.job.clock.now(), job.attempt)
        return self._kept(result, ended, self.job.batches.settle(self.batch, job.unit, lease.token, [result], []))

    def _may_start(self, index: int, job: Job, now: datetime) -> bool:
        if index != self.alone and (job.crashed or self.alone is not None):
            return False
        if now + self.job.patience > self.until:
            self.late.append(index)
            return False
        return self.batch.stop_at(now) is None

    def _settle_free(self, job: Job, ended: Ended) -> Ended | None:
        """Settle an operation that is not attempted; None when somebody else did, or holds it."""
        now = self.job.clock.now()
        result = result_of(job.unit.start, ended, now, job.attempt - 1)
        return self._kept(result, ended, self.job.batches.settle_free(self.batch, job.unit, [result], now))

    def _kept(self, result: Result, ended: Ended, written: bool) -> Ended | None:
        if not written:
            return None
        # To be counted, which needs no output.
        counted = replace(result, output=None)
        self.settled.append(UnitState(number=result.index, settled=True, results=(counted,)))
        return ended

    def _skip(self) -> None:
        """Settle what the graph skipped."""
        skipped = [
            (self._free[index], ended)
            for index, ended in sorted(self._course.ended.items())
            if ended.skipped and index in self._free
        ]
        if skipped:
            with ThreadPoolExecutor(_AT_ONCE) as pool:
                list(pool.map(lambda each: self._settle_free(*each), skipped))
