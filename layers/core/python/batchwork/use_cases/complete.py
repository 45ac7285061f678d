"""Complete: close a batch that has nothing left, and tell of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from batchwork.domain.batch import ENDS, Batch, BatchRef, BatchStatus
from batchwork.domain.webhook import Delivery
from batchwork.ports import BatchStore, Clock
from batchwork.ports.webhooks import DeliveryQueue

#: A family's event of a batch's end, or None when nobody asked to be told; its ids depend on batch and status only.
Announce = Callable[[Batch, BatchStatus, datetime], Delivery | None]


def tell_nobody(_batch: Batch, _status: BatchStatus, _now: datetime) -> None:
    """Announce nothing: for families whose batches' ends are no events."""


@dataclass(frozen=True, slots=True)
class Complete:
    """Close once and emit once, however often the stream or the sweeper says that a batch is done.

    Status and delivery are one transaction. Dying before the queue message is healed by the stream's redelivery (the
    message is sent for a closed batch too, and the sender knows an attempt it has made) or by the sweeper.
    """

    batches: BatchStore
    deliveries: DeliveryQueue
    announce: Mapping[str, Announce]
    clock: Clock

    def __call__(self, ref: BatchRef) -> BatchStatus | None:
        """Return the terminal status, or None while items are left (or the batch is gone)."""
        batch = self.batches.get(ref)
        if batch is None or batch.remaining:
            return None
        now = self.clock.now()
        status = ENDS[batch.stop]
        delivery = self.announce[batch.family](batch, status, now)
        if not batch.ended:
            self.batches.close(batch, status, now, delivery)
        if delivery is not None:
            self.deliveries.send(delivery)
        return status
