"""The batch: what a customer submits, its progress, and how it ends."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from batchwork.domain.chunk import Cut
from batchwork.domain.item import CANCELLED, TIMED_OUT, ItemError, Json


class BatchStatus(StrEnum):
    """Where a batch stands."""

    #: Accepted; items are pending or being worked.
    IN_PROGRESS = "in_progress"
    #: A cancel was accepted; what is being worked completes.
    CANCELLING = "cancelling"
    #: Every item is settled.
    COMPLETED = "completed"
    #: The engine, not an item, failed.
    FAILED = "failed"
    #: Every item is settled after a cancel.
    CANCELLED = "cancelled"


TERMINAL = frozenset({BatchStatus.COMPLETED, BatchStatus.FAILED, BatchStatus.CANCELLED})


class StopCause(StrEnum):
    """Why no further item of a batch is started."""

    #: The client cancelled.
    CANCELLED = "cancelled"
    #: The deadline passed.
    EXPIRED = "expired"
    #: The engine failed.
    FAILED = "failed"


#: How a batch ends, by what stopped it.
ENDS = {
    None: BatchStatus.COMPLETED,
    StopCause.EXPIRED: BatchStatus.COMPLETED,
    StopCause.CANCELLED: BatchStatus.CANCELLED,
    StopCause.FAILED: BatchStatus.FAILED,
}


@dataclass(frozen=True, slots=True)
class BatchRef:
    """Names a batch: no batch is addressed without its workspace."""

    workspace_id: str
    batch_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookTarget:
    """Where a batch's end is told. events: short names of the ends that count; secret signs, None sends unsigned."""

    url: str
    events: tuple[str, ...]
    secret: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """A batch's header.

    counted: numbers of the units whose results are in the counts. skipped: of the failed items, those that were never
    tried because another one failed. started_at: when a worker first took it up, noted for the families that tell it.
    attributes: what the family keeps with the batch.
    checks: how often the sweeper looked without seeing progress; checked: units counted when it last looked.
    """

    id: str
    workspace_id: str
    family: str
    cut: Cut
    created_at: datetime
    deadline_at: datetime
    status: BatchStatus = BatchStatus.IN_PROGRESS
    succeeded: int = 0
    failed: int = 0
    skipped: int = 0
    counted: frozenset[int] = frozenset()
    stop: StopCause | None = None
    reason: str | None = None
    started_at: datetime | None = None
    completed_at: datetime | None = None
    cancelled_at: datetime | None = None
    webhook: WebhookTarget | None = None
    attributes: Json = field(default_factory=dict)
    checks: int = 0
    checked: int = 0

    @property
    def ref(self) -> BatchRef:
        """Return the batch's name."""
        return BatchRef(self.workspace_id, self.id)

    @property
    def total(self) -> int:
        """Return the number of items."""
        return self.cut.total

    @property
    def remaining(self) -> int:
        """Return the number of items that are not settled and counted."""
        return self.total - self.succeeded - self.failed

    @property
    def ended(self) -> bool:
        """Whether the batch reached a terminal status."""
        return self.status in TERMINAL

    def stop_at(self, now: datetime) -> StopCause | None:
        """Return why no item may be started now, or None."""
        if self.stop is not None:
            return self.stop
        return StopCause.EXPIRED if now >= self.deadline_at else None

    def stopped_by(self, end: datetime) -> bool:
        """Whether items of a batch that ended then may have ended without a worker."""
        return self.stop is not None or end >= self.deadline_at

    def error_of(self, cause: StopCause) -> ItemError:
        """Return the error of an item that the cause kept from starting."""
        if cause is StopCause.CANCELLED:
            return CANCELLED
        if cause is StopCause.EXPIRED:
            return TIMED_OUT
        return ItemError(500, f"Batch processing failed: {self.reason}")


@dataclass(frozen=True, slots=True)
class Tally:
    """What one settled unit adds to its batch's counts. skipped: how many of the failed were never tried."""

    unit: int
    succeeded: int
    failed: int
    skipped: int = 0


#: The sweeper's first look: a minute after that and its own period it must have healed a lost hand-over (2 minutes).
FIRST_CHECK = timedelta(seconds=45)
MAX_CHECK = timedelta(minutes=5)
#: How long after a stopped batch's end the sweeper sees to what a family does with items that had no worker (the stream's
#: reader does it at once).
FOLLOW_UP = timedelta(minutes=2)


def next_check(batch: Batch, now: datetime) -> tuple[datetime, int]:
    """Return when the sweeper looks again, and the new count of looks without progress.

    A batch waiting in a long queue is looked at ever more rarely, since each look may queue its chunks again.
    """
    checks = 0 if len(batch.counted) > batch.checked else batch.checks + 1
    # Three doublings pass MAX_CHECK; the hundreds of looks at a batch that waits for hours would overflow a timedelta.
    wait = min(MAX_CHECK, FIRST_CHECK * 2 ** min(checks, 3))
    due = now + wait
    return (min(due, batch.deadline_at) if now < batch.deadline_at else due), checks
