"""Cancel: stop a batch and settle what has not started."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from batchwork.domain.batch import FIRST_CHECK, Batch, BatchRef, BatchStatus, StopCause
from batchwork.domain.errors import NotCancellable, NotFound
from batchwork.ports import BatchStore, Clock
from batchwork.use_cases.settle import SettleStopped


@dataclass(frozen=True, slots=True)
class Cancel:
    """Mark a batch in progress as cancelling and settle its pending items as 499, all in the request.

    The mark is what was asked for and is durable; if settling dies, the sweeper ends it.
    Another family's batches are not found.
    unsettled: told of the error that kept pending items from being settled at once.
    """

    batches: BatchStore
    clock: Clock
    family: str
    unsettled: Callable[[Exception], None]

    def __call__(self, ref: BatchRef, *, again: bool = False) -> Batch:
        """Return the batch, cancelling. Raises NotFound, or NotCancellable with the status it has.

        again: an earlier try may have cancelled it; a batch that is cancelling or cancelled then is what was asked for.
        """
        self._get(ref)
        stopped = self.batches.stop(ref, StopCause.CANCELLED, None, self.clock.now() + FIRST_CHECK)
        if stopped is None:
            stopped = self._get(ref)
            if not again or stopped.status not in {BatchStatus.CANCELLING, BatchStatus.CANCELLED}:
                ending = stopped.status is BatchStatus.IN_PROGRESS and not stopped.remaining
                raise NotCancellable(status=BatchStatus.COMPLETED if ending else stopped.status)
        try:
            SettleStopped(self.batches, self.clock).all(stopped, StopCause.CANCELLED)
        except Exception as exc:  # noqa: BLE001 -- the cancel is accepted; the sweeper settles what is left
            self.unsettled(exc)
        return stopped

    def _get(self, ref: BatchRef) -> Batch:
        batch = self.batches.get(ref)
        if batch is None or batch.family != self.family:
            raise NotFound(what="Batch")
        return batch
