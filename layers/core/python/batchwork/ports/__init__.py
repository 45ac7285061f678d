"""What the use cases need of the world: every Protocol, those of single families and concerns in modules of their own.

Each has a real adapter and an in-memory twin (tests/fakes), and both pass the same contract tests.
A method that closes a race names the race.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

if TYPE_CHECKING:
    from batchwork.domain.batch import Batch, BatchRef, BatchStatus, StopCause, Tally
    from batchwork.domain.chunk import Unit
    from batchwork.domain.item import Deferral, Item, Outcome, Result
    from batchwork.domain.lease import ChunkState, Lease
    from batchwork.domain.usage import Charge
    from batchwork.domain.webhook import Delivery

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Part of a list, and how many entries the whole list has."""

    entries: list[T]
    total: int


class Clock(Protocol):
    """Time and chance."""

    def now(self) -> datetime:
        """Return the time: aware, UTC."""

    def chance(self) -> float:
        """Return a uniform random number in [0, 1), for jitter."""


class BatchStore(Protocol):
    """Headers, chunks, leases, results."""

    def create(self, batch: Batch, items: Sequence[Item], check_at: datetime, charge: Charge) -> bool:
        """Store the inputs, then the header and its charge together: a header that can be read has all its inputs, and
        is paid for.

        check_at: when the sweeper first looks at it. False when the batch exists: an earlier try of the same work
        stored it; closes try against try. Raises QuotaExceeded.
        """

    def get(self, ref: BatchRef) -> Batch | None:
        """Return the header, strongly consistent."""

    def find(self, workspace_id: str, family: str, status: BatchStatus | None, offset: int, limit: int) -> Page[Batch]:
        """Return headers, newest first; total counts what the status filter leaves."""

    def chunk(self, batch: Batch, chunk: int) -> ChunkState:
        """Return all that is stored of a chunk, strongly consistent; without items when its inputs cannot be read."""

    def lease(self, batch: Batch, unit: Unit, lease: Lease, now: datetime) -> bool:
        """Take a unit, unless it is settled, somebody else's lease still runs, or the lease's attempt was made already:
        closes worker against worker.
        """

    def settle(
        self, batch: Batch, unit: Unit, token: str, results: Sequence[Result], deferred: Sequence[Deferral]
    ) -> bool:
        """Write a leased unit's final results, if the token still holds it: closes a worker that outlived its lease."""

    def give_back(self, batch: Batch, unit: Unit, token: str, deferral: Deferral) -> bool:
        """End the lease of a single unit whose item is to be tried again, if the token still holds it."""

    def settle_free(self, batch: Batch, unit: Unit, results: Sequence[Result], now: datetime) -> bool:
        """Write the final results of a unit nobody holds: closes canceller, sweeper and worker against each other."""

    def count(self, batch: Batch, tallies: Sequence[Tally]) -> Batch:
        """Add settled units to the header's counts, all or none, and return the header as it now is.

        Raises AlreadyCounted when one of them is counted: closes redelivery.
        """

    def start(self, batch: Batch, now: datetime) -> None:
        """Note when the batch was first taken up: the first worker's time stays; a closed batch's does not change."""

    def stop(self, ref: BatchRef, cause: StopCause, reason: str | None, check_at: datetime) -> Batch | None:
        """Keep further items of a batch from starting; a cancel moves the status to cancelling.

        Returns the header, or None when the batch is not in progress, has nothing left, or is stopped by a cause other
        than its deadline: closes cancel against cancel and against completion.
        """

    def close(self, batch: Batch, status: BatchStatus, now: datetime, delivery: Delivery | None) -> bool:
        """Write the terminal status and its delivery in one transaction, once; False when it is closed already.

        A batch of workflow runs that was stopped (Batch.stopped_by) stays due: next after FOLLOW_UP, until `release`.
        """

    def due(self, now: datetime, limit: int) -> list[BatchRef]:
        """Return batches whose check is due, most overdue first: open ones, and ended ones that stay due."""

    def checked(self, batch: Batch, check_at: datetime, checks: int) -> None:
        """Note that the sweeper looked, and when it looks next. Does nothing to a batch that is due no more."""

    def release(self, batch: Batch) -> None:
        """End that an ended batch is due. Does nothing to an open one."""


class WorkQueue(Protocol):
    """The queue a family's worker is fed from: one message a chunk."""

    def send(self, batch: Batch, chunks: Sequence[int], delay: timedelta = timedelta()) -> None:
        """Queue chunks, fairly between workspaces. delay: at most 15 minutes (SQS)."""


class Processor(Protocol):
    """What is done to the items of a family; safe to call from many threads."""

    slice_size: int
    item_timeout: timedelta

    def process(self, batch: Batch, item: Item, token: str) -> Outcome:
        """Work one item within item_timeout. token: idempotency token, one per attempt.

        Raises EngineFailed when no item of the batch can be worked.
        """

    def keep(self, batch: Batch, done: Sequence[tuple[Item, Result]]) -> None:
        """Store side effects of what items end with, failures included, before they settle.

        done: also items that are not tried any more, whose worker died at each try. Called again for the same items it
        adds nothing.
        """


class SecretStore(Protocol):
    """Secrets that providers need."""

    def get(self, reference: str) -> str:
        """Return the secret behind ``secretsmanager:NAME`` or ``ssm:NAME``, cached for minutes.

        Raises ProviderFailed (retryable only when the store was throttled or out of reach).
        """


@dataclass(frozen=True, slots=True)
class Answer:
    """What a receiver answered. retry_after: its Retry-After header, already understood; content_type: empty when it told
    none; cut: the body is longer than what came of it, or than what was read; location: where a redirect leads, as it was
    told; length: bytes that the body was said to have.
    """

    status: int
    retry_after: timedelta | None = None
    body: bytes = b""
    content_type: str = ""
    cut: bool = False
    location: str = ""
    length: int | None = field(default=None, compare=False)


class Egress(Protocol):
    """Requests to addresses that customers chose: never to private networks, never through a redirect."""

    def post(self, url: str, body: bytes, headers: dict[str, str], timeout: timedelta, limit: int = 65_536) -> Answer:
        """POST once, as `send` does."""

    def send(
        self, method: str, url: str, body: bytes, headers: dict[str, str], timeout: timedelta, limit: int = 65_536
    ) -> Answer:
        """Send once; `timeout` covers name, connect and read together; at most `limit` bytes of the answer are kept.

        method: GET, POST, PUT, PATCH or DELETE. Raises EgressRefused for a refused address and OSError (or a subclass)
        when there is no answer.
        """
