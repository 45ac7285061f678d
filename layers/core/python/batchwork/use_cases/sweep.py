"""Sweep: heal what a crash or a lost message left."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Protocol

from batchwork.domain.batch import FIRST_CHECK, Batch, BatchRef, StopCause, next_check
from batchwork.ports import BatchStore, Clock, WorkQueue
from batchwork.ports.webhooks import DeliveryQueue, DeliveryStore
from batchwork.use_cases.complete import Complete
from batchwork.use_cases.settle import Count, SettleStopped

#: Looked at in one run; the rest is due in the next, a minute later.
BATCHES_A_RUN = 1000
DELIVERIES_A_RUN = 1000
OTHERS_A_RUN = 1000
#: Done side by side: each waits for a dozen answers of DynamoDB.
_AT_ONCE = 8


class DueWork(Protocol):
    """What a family has done when its time comes."""

    def due(self, now: datetime, limit: int) -> list[tuple[str, str]]:
        """Return (workspace id, id) of what is due, most overdue first."""

    def __call__(self, workspace_id: str, resource_id: str, /) -> None:
        """Do it, if it still is due: safe to run twice at once."""


@dataclass(slots=True)
class Sweep:
    """Every minute: queue deliveries whose attempt is due; queue again what nobody works, count what is settled, end what
    is past its deadline, and close what is done.

    queues: by family. ended: by family, what is done with a stopped batch after its end, safe to be done again; the batch
    is due until it was done. others: what else may be due, by the name that it is counted under. unexpected: told of an error
    that kept one batch or delivery from being healed, which the others survive; so do they one that kills the sweeper or
    takes all its time, since a batch's next look is noted before it is healed.
    Running twice at once does no harm: every step is a conditional write or a message that may come twice.
    """

    batches: BatchStore
    deliveries: DeliveryStore
    queues: Mapping[str, WorkQueue]
    delivery_queue: DeliveryQueue
    complete: Complete
    clock: Clock
    unexpected: Callable[[Exception], None]
    ended: Mapping[str, Callable[[Batch], object]] = field(default_factory=dict)
    others: Mapping[str, DueWork] = field(default_factory=dict)

    def __call__(self, until: datetime | None = None) -> dict[str, int]:
        """Do one run, beginning nothing after `until`, and return how many of each kind it looked at."""
        now = self.clock.now()
        steps = {
            "deliveries": [partial(self._resend, *names) for names in self.deliveries.due(now, DELIVERIES_A_RUN)],
            "batches": [partial(self._heal, ref) for ref in self.batches.due(now, BATCHES_A_RUN)],
        }
        for kind, work in self.others.items():
            steps[kind] = [partial(work, *names) for names in work.due(now, OTHERS_A_RUN)]
        return {kind: self._each(due, until) for kind, due in steps.items()}

    def _each(self, steps: Sequence[Callable[[], None]], until: datetime | None) -> int:
        def taken(step: Callable[[], None]) -> bool:
            if until is not None and self.clock.now() >= until:
                return False
            try:
                step()
            except Exception as exc:  # noqa: BLE001 -- a sick one must not keep the sweeper from the others
                self.unexpected(exc)
            return True

        with ThreadPoolExecutor(_AT_ONCE) as pool:
            return sum(pool.map(taken, steps))

    def _resend(self, workspace_id: str, delivery_id: str) -> None:
        delivery = self.deliveries.get(workspace_id, delivery_id)
        if delivery is not None:
            self.delivery_queue.send(delivery)

    def _heal(self, ref: BatchRef) -> None:
        batch = self.batches.get(ref)
        if batch is None:
            return
        if batch.ended:
            self._follow_up(batch)
            return
        now = self.clock.now()
        if batch.stop is None and now >= batch.deadline_at:
            batch = self.batches.stop(ref, StopCause.EXPIRED, None, now) or batch
        cause = batch.stop_at(now)
        # A stopped batch queues nothing, so that looking often costs reads only.
        check_at, checks = next_check(batch, now) if cause is None else (now + FIRST_CHECK, 0)
        self.batches.checked(batch, check_at, checks)
        settle = SettleStopped(self.batches, self.clock)
        batch = settle.all(batch, cause) if cause is not None else self._requeue(batch, check_at, checks)
        if not batch.remaining:
            self.complete(ref)

    def _follow_up(self, batch: Batch) -> None:
        self.batches.checked(batch, *next_check(batch, self.clock.now()))
        if batch.family in self.ended:
            self.ended[batch.family](batch)
        self.batches.release(batch)

    def _requeue(self, batch: Batch, check_at: datetime, checks: int) -> Batch:
        now = self.clock.now()
        idle = []
        ends: list[datetime] = []
        for chunk in range(batch.cut.chunks):
            state = self.batches.chunk(batch, chunk)
            batch = Count(self.batches)(batch, state.settled_units())
            if state.due(now):
                idle.append(chunk)
            end = state.held_until()
            if end is not None and end > now:
                ends.append(end)
        if idle:
            self.queues[batch.family].send(batch, idle)
        # What a dead worker held is found when its lease ends, not when the waits without progress say.
        if ends and min(ends) < check_at:
            self.batches.checked(batch, min(ends), checks)
        return batch
