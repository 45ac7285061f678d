"""What workflow runs need of the world. Workflows, their versions and uploaded files stand on shelves (ports.operations)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Protocol

from batchwork.domain.run import RUN_PREFIX

if TYPE_CHECKING:
    from batchwork.domain.batch import Batch
    from batchwork.domain.run import Run, RunPlace


@dataclass(frozen=True, slots=True, order=True)
class Mark:
    """A place in a list: a time (as precise as milliseconds), then an id. For runs the id is that of `RunPlace.id` with the
    index in three digits, for batches the engine's, so that both sort within one millisecond.
    """

    at: datetime
    id: str

    @classmethod
    def of_run(cls, at: datetime, place: RunPlace) -> Mark:
        """Return the place of a run in a list by times."""
        return cls(at, f"{RUN_PREFIX}{place.batch_id}_{place.index:03d}")


@dataclass(frozen=True, slots=True)
class Briefs:
    """Part of a list of runs, without metadata and steps. more: whether the list goes on after the last of them."""

    runs: list[Run]
    more: bool


@dataclass(frozen=True, slots=True)
class OpenBatches:
    """Part of a list of batches. cut: not all ends were looked at, and batches that ended then or later may be missing."""

    batches: list[Batch]
    cut: datetime | None = None


class RunStore(Protocol):
    """The rows of runs. Every write names the events that it is (domain.run.EVENTS, STEP_PROCESSED): they stand in the row
    and are told by the table's stream.
    """

    def get(self, place: RunPlace) -> Run | None:
        """Return a run's row whole, strongly consistent; None when there is none. Deleted ones are returned as such."""

    def briefs(self, places: Iterable[RunPlace]) -> dict[RunPlace, Run]:
        """Return the rows there are, without metadata and steps, strongly consistent, a hundred places a call."""

    def add(self, run: Run, expires_at: datetime, *events: str) -> bool:
        """Store the first row (revision 1) of a run; False when there is one: closes worker against canceller, change and
        another worker.
        """

    def replace(self, run: Run, expires_at: datetime, *events: str) -> bool:
        """Store what follows the revision before it; False when that is no longer the stored one: closes change against
        change, and against the worker.
        """

    def updated(
        self,
        workspace_id: str,
        batch_id: str | None,
        *,
        after: Mark | None,
        until: datetime | None,
        ascending: bool,
        limit: int,
    ) -> Briefs:
        """Return briefs of settled runs by the time of their last write, those of one batch that is listed or of the whole
        workspace; reads as much as it returns. after: where the list goes on; until: nothing written later. Follows writes
        within about a second (index).
        """


class RunBatches(Protocol):
    """The batches that runs are items of, beyond what the engine needs."""

    def open(
        self,
        workspace_id: str,
        *,
        since: datetime,
        stopped_since: datetime,
        after: Mark | None,
        ascending: bool,
        limit: int,
    ) -> OpenBatches:
        """Return batches of runs that are open, that ended at `since` or later, or that were stopped and ended at
        `stopped_since` or later: by their creation, strongly consistent headers. Follows creations and ends within about a
        second (index), and looks at a thousand ends of a kind at the most: the first ones after `since`, so that it is the
        same ones each time, and the last ones of those that were stopped, whose runs may still lack rows.
        """

    def made(self, workspace_id: str, *, after: Mark | None, ascending: bool, limit: int) -> list[Batch]:
        """Return all batches of runs by their creation, strongly consistent headers."""


class RunBlobs(Protocol):
    """Bytes of files and of what is too large for a row, by key in the bucket."""

    def put(self, key: str, content: bytes, content_type: str = "application/octet-stream") -> None:
        """Store bytes."""

    def get(self, key: str) -> bytes:
        """Return bytes; raises KeyError when there are none."""

    def size(self, key: str) -> int | None:
        """Return a blob's bytes, None when there is no blob."""

    def beginning(self, key: str, length: int) -> bytes | None:
        """Return the first bytes, None when there is no blob."""

    def upload_url(self, key: str, content_type: str, size: int, expires: timedelta) -> tuple[str, dict[str, str]]:
        """Return (URL, headers) of a PUT that takes exactly that type and size, once."""

    def download_url(self, key: str, expires: timedelta, name: str) -> str:
        """Return a URL that answers GET with the bytes as a file of that name, without a key, until it expires."""

    def remove(self, prefix: str) -> None:
        """Remove every blob whose key begins with a prefix."""
