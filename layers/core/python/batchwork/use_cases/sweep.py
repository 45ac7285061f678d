"""Sweep: heal what a crash or a lost message left."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from batchwork.domain.batch import Batch, BatchRef, StopCause, next_check
from batchwork.ports import BatchStore, Clock, DeliveryQueue, DeliveryStore, WorkQueue
from batchwork.use_cases.complete import Complete
from batchwork.use_cases.settle import Count, SettleStopped

#: Looked at in one run; the rest is due in the next, a minute later.
BATCHES_A_RUN = 200
DELIVERIES_A_RUN = 500


@dataclass(slots=True)
class Sweep:
    """Every minute: queue again what nobody works, count what is settled, end what is past its deadline, close what is
    done, and queue deliveries whose attempt is due.

    queues: by family. unexpected: told of an error that kept one batch from being healed, which the others survive.
    Running twice at once does no harm: every step is a conditional write or a message that may
    come twice.
    """

    batches: BatchStore
    deliveries: DeliveryStore
    queues: Mapping[str, WorkQueue]
    delivery_queue: DeliveryQueue
    complete: Complete
    clock: Clock
    unexpected: Callable[[Exception], None]

    def __call__(self) -> dict[str, int]:
        """Do one run and return how many batches and deliveries it looked at."""
        now = self.clock.now()
        refs = self.batches.due(now, BATCHES_A_RUN)
        for ref in refs:
            try:
                self._heal(ref)
            except Exception as exc:  # noqa: BLE001 -- one sick batch must not keep the sweeper from the others
                self.unexpected(exc)
        due = self.deliveries.due(now, DELIVERIES_A_RUN)
        for workspace_id, delivery_id in due:
            delivery = self.deliveries.get(workspace_id, delivery_id)
            if delivery is not None:
                self.delivery_queue.send(delivery)
        return {"batches": len(refs), "deliveries": len(due)}

    def _heal(self, ref: BatchRef) -> None:
        batch = self.batches.get(ref)
        if batch is None or batch.ended:
            return
        now = self.clock.now()
        if batch.stop is None and now >= batch.deadline_at:
            batch = self.batches.stop(ref, StopCause.EXPIRED, None, now) or batch
        cause = batch.stop_at(now)
        settle = SettleStopped(self.batches, self.clock)
        batch = settle.all(batch, cause) if cause is not None else self._requeue(batch)
        if not batch.remaining and self.complete(ref) is not None:
            return
        check_at, checks = next_check(batch, now)
        self.batches.checked(batch, check_at, checks)

    def _requeue(self, batch: Batch) -> Batch:
        now = self.clock.now()
        idle = []
        for chunk in range(batch.cut.chunks):
            state = self.batches.chunk(batch, chunk)
            batch = Count(self.batches)(batch, state.settled_units())
            if state.due(now):
                idle.append(chunk)
        if idle:
            self.queues[batch.family].send(batch, idle)
        return batch
