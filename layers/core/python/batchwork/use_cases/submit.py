"""Submit: accept a batch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from batchwork.domain.batch import FIRST_CHECK, Batch, BatchRef, WebhookTarget
from batchwork.domain.chunk import CHUNKS_WANTED, Cut
from batchwork.domain.item import Item, Json
from batchwork.domain.usage import Charge
from batchwork.ports import BatchStore, Clock, WorkQueue


@dataclass(frozen=True, slots=True)
class Submit:
    """Store and charge a batch, then queue its chunks.

    Dying after the header and before the queue loses nothing: the sweeper looks at the batch FIRST_CHECK later.
    Dying before the header leaves inputs that nobody can read and that expire: no batch was answered for or charged.
    unqueued: told of the error that kept an accepted batch out of the queue; the client is not: its batch is safe, and
    an error would make it submit a second one.
    """

    batches: BatchStore
    queue: WorkQueue
    clock: Clock
    deadline: timedelta
    unqueued: Callable[[Exception], None]

    def __call__(
        self,
        *,
        charge: Charge,
        bodies: Sequence[Json],
        slice_size: int,
        webhook: WebhookTarget | None,
        attributes: Json,
        chunks: int = CHUNKS_WANTED,
    ) -> Batch:
        """Accept the items whose bodies are given, in order, and return the batch as accepted, under the charge's id.

        chunks: how many it is cut into at the most, as far as `Cut.of` can. One that an earlier try under that id
        accepted is returned as it stands, charged once. Raises QuotaExceeded.
        """
        now = self.clock.now()
        batch = Batch(
            id=charge.id,
            workspace_id=charge.workspace_id,
            family=charge.family,
            cut=Cut.of(len(bodies), slice_size, chunks),
            created_at=now,
            deadline_at=now + self.deadline,
            webhook=webhook,
            attributes=attributes,
        )
        items = [Item(index, body) for index, body in enumerate(bodies)]
        if not self.batches.create(batch, items, now + min(FIRST_CHECK, self.deadline), charge):
            return self.resume(batch.ref) or batch
        return self._queued(batch)

    def resume(self, ref: BatchRef) -> Batch | None:
        """Return the batch that an earlier try accepted, if one did, with its chunks queued again unless it ended.

        To be asked before anything that may have changed since that try is read again, when a ticket says `again`.
        """
        batch = self.batches.get(ref)
        return batch if batch is None or batch.ended else self._queued(batch)

    def _queued(self, batch: Batch) -> Batch:
        try:
            self.queue.send(batch, range(batch.cut.chunks))
        except Exception as exc:  # noqa: BLE001 -- accepted all the same: the sweeper queues it
            self.unqueued(exc)
        return batch
