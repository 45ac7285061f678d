"""Run: the operations of one request, in order or side by side, each with an end before the request's time is over."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from threading import Condition, Thread
from time import monotonic, process_time

from batchwork.domain.endings import BROKEN, NEVER_STARTED, UNFINISHED
from batchwork.domain.graph import Course, Graph
from batchwork.domain.idempotency import Ticket
from batchwork.domain.ids import part_of
from batchwork.domain.operation import FAMILY, Ended, Mode, Operation
from batchwork.domain.patience import while_waited_for
from batchwork.domain.workspace import Caller
from batchwork.use_cases.meter import Meter, charge_of

#: Seconds between two looks at whether another thread would help.
LOOK = 0.005
#: The part of its time that this process may compute before another thread is of no help.
BUSY = 0.5

#: Does one operation, whose references are filled in, under a ticket, within a time.
Call = Callable[[Operation, Ticket, timedelta], Ended]


@dataclass(slots=True)
class Crew:
    """Threads that work a course, each going on with the next operation that may be started.

    perform: does one operation, None to leave it to somebody else. Nobody waits for a thread that hangs: it is a daemon's,
    what it brings after the end is not looked at, and shelves take no more of it (domain.patience). In order there is only ever one thread, which hands nothing over.
    Others are added as long as those there are wait for answers: threads that compute only stand in each other's way, as
    Python runs one of them at a time.
    """

    course: Course
    perform: Callable[[int], Ended | None]
    concurrency: int
    _changed: Condition = field(default_factory=Condition)
    _threads: int = 0
    _resting: bool = False
    _closed: bool = False
    _error: BaseException | None = None

    def work(self, ends_at: float) -> None:
        """Work until nothing is left to start and all have come back, or until a time (monotonic seconds).

        Raises what `perform` raised, after all others have come back.
        """
        with self._changed:
            try:
                if ends_at > monotonic():
                    self._start(1)
                self._watch(ends_at)
            finally:
                self._closed = True
        if self._error is not None:
            raise self._error

    def _watch(self, ends_at: float) -> None:
        while self._threads and (left := ends_at - monotonic()) > 0:
            if self._more:
                began, used = monotonic(), process_time()
                self._changed.wait(min(LOOK, left))
                if process_time() - used < BUSY * (monotonic() - began):
                    self._start(self._threads)
            else:
                self._resting = True
                self._changed.wait(left)
                self._resting = False

    @property
    def _more(self) -> bool:
        """Whether another thread would have something to do."""
        return self._threads < self.concurrency and self.course.ready

    def _start(self, most: int) -> None:
        for _ in range(most):
            if not self._more:
                break
            self._threads += 1
            Thread(target=self._go_on, args=(self.course.take(),), name="operation", daemon=True).start()

    def _go_on(self, index: int | None) -> None:
        while index is not None:
            ended, error = self._performed(index)
            with self._changed:
                if self._closed:
                    return
                self._error = self._error or error
                if ended is not None:
                    self.course.end(index, ended)
                index = self.course.take()
                if index is None:
                    self._threads -= 1
                if not self._threads or (self._resting and self._more):
                    self._changed.notify()

    def _performed(self, index: int) -> tuple[Ended | None, BaseException | None]:
        try:
            with while_waited_for(lambda: not self._closed):
                return self.perform(index), None
        except BaseException as exc:  # noqa: BLE001 -- raised by who waits; a thread would only print it
            return None, exc


@dataclass(frozen=True, slots=True)
class RunOperations:
    """Run the operations of a request, `concurrency` of them at once at the most.

    unexpected: told of errors that a call did not mean to raise; they are that operation's failure.
    """

    meter: Meter
    concurrency: int
    unexpected: Callable[[Exception], None]

    def __call__(self, caller: Caller, graph: Graph, ticket: Ticket, time_left: timedelta, call: Call) -> list[Ended]:
        """Return what each operation ended with, in order; all are charged, before any is begun.

        Operation i is done under part i of the ticket, so that another try finds what this one did. What is unfinished
        when `time_left` is over ends as 504, which tells whether it was started. Raises QuotaExceeded; when the request as
        a whole fails, nothing is charged.
        """
        ends_at = monotonic() + time_left.total_seconds()

        def one(operation: Operation, left: timedelta) -> Ended:
            return call(operation, part_of(ticket, operation.index), left)

        with self.meter.charged(charge_of(caller, ticket, FAMILY, len(graph.operations))):
            return self._ended(graph, ends_at, one)

    def rehearse(
        self, graph: Graph, time_left: timedelta, call: Callable[[Operation, timedelta], Ended]
    ) -> list[Ended]:
        """Return what `call` says of each operation, in order: side by side, none skipped, nothing charged."""
        apart = replace(graph, mode=Mode(parallel=True), needs=(frozenset(),) * len(graph.needs), linked=frozenset())
        return self._ended(apart, monotonic() + time_left.total_seconds(), call)

    def _ended(self, graph: Graph, ends_at: float, call: Callable[[Operation, timedelta], Ended]) -> list[Ended]:
        course = Course(graph)

        def perform(index: int) -> Ended:
            try:
                operation = graph.filled(index, course.ended)
                if isinstance(operation, Ended):
                    return operation
                return call(operation, timedelta(seconds=max(0.001, ends_at - monotonic())))
            except Exception as exc:  # noqa: BLE001 -- a bug is the operation's failure, not its neighbours'
                self.unexpected(exc)
                return BROKEN

        Crew(course, perform, self.concurrency).work(ends_at)
        return [
            course.ended.get(index) or (UNFINISHED if index in course.started else NEVER_STARTED)
            for index in range(len(graph.operations))
        ]
