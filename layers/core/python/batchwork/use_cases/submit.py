"""Submit: accept a batch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from batchwork.domain.batch import FIRST_CHECK, Batch, WebhookTarget
from batchwork.domain.chunk import Cut
from batchwork.domain.item import Item, Json
from batchwork.ports import BatchStore, Clock, WorkQueue


@dataclass(frozen=True, slots=True)
class Submit:
    """Store a batch, then queue its chunks.

    Dying after the header and before the queue loses nothing: the sweeper looks at the batch FIRST_CHECK later.
    Dying before the header leaves inputs that nobody can read and that expire: no batch was answered for.
    unqueued: told of the error that kept an accepted batch out of the queue; the client is not: its batch is safe, and
    an error would make it submit a second one.
    """

    batches: BatchStore
    queue: WorkQueue
    clock: Clock
    deadline: timedelta
    new_id: Callable[[], str]
    unqueued: Callable[[Exception], None]

    def __call__(
        self,
        *,
        workspace_id: str,
        family: str,
        bodies: Sequence[Json],
        slice_size: int,
        webhook: WebhookTarget | None,
        attributes: Json,
    ) -> Batch:
        """Accept the items whose bodies are given, in order, and return the batch as accepted."""
        now = self.clock.now()
        batch = Batch(
            id=self.new_id(),
            workspace_id=workspace_id,
            family=family,
            cut=Cut.of(len(bodies), slice_size),
            created_at=now,
            deadline_at=now + self.deadline,
            webhook=webhook,
            attributes=attributes,
        )
        items = [Item(index, body) for index, body in enumerate(bodies)]
        self.batches.create(batch, items, check_at=now + min(FIRST_CHECK, self.deadline))
        try:
            self.queue.send(batch, range(batch.cut.chunks))
        except Exception as exc:  # noqa: BLE001 -- accepted all the same: the sweeper queues it
            self.unqueued(exc)
        return batch
