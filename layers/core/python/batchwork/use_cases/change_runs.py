"""Change runs: what clients do to them.

A run that nobody wrote a row for gets one by its first change. One that the engine ended without a worker gets the row of
its end first, with its event, as use_cases.end_runs would write it: who comes second finds it.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta

from batchwork.domain.batch import Batch, BatchRef
from batchwork.domain.errors import Conflict, InvalidRequest, NotCancellable, NotFound, NotPermitted, Problem
from batchwork.domain.idempotency import Ticket
from batchwork.domain.item import Json
from batchwork.domain.resource import to_millis
from batchwork.domain.run import OPEN, Run, RunStatus, place_of
from batchwork.domain.run_standing import settled
from batchwork.domain.run_writes import cancelled, following
from batchwork.domain.workflow import FAMILY
from batchwork.ports import BatchStore, Clock
from batchwork.ports.workflow_runs import RunBlobs, RunStore
from batchwork.use_cases.cancel import Cancel
from batchwork.use_cases.read_runs import WORDS, BatchSummary, ReadRuns

#: Bytes of JSON that changes of one run's metadata may add up to (ours: a request may bring ten KB).
MAX_METADATA = 65_536
#: Tries before a client is told that others change the same run.
TRIES = 24
#: Makes a run of what stands; None when nothing is to be done. Raises what forbids it.
Change = Callable[[Run], Run | None]


@dataclass(frozen=True, slots=True)
class ChangeRuns:
    """Change runs of one workspace; another one's are not found. Each act is safe to run again under its ticket.

    blobs: opens the bucket, which few changes need. retention: of rows, from the batch's deadline on. unsettled: told of
    the error that kept the pending runs of a cancelled batch from being ended at once.
    """

    batches: BatchStore
    runs: RunStore
    blobs: Callable[[], RunBlobs]
    clock: Clock
    retention: timedelta
    unsettled: Callable[[Exception], None]

    def update(
        self,
        workspace_id: str,
        run_id: str,
        name: str | None,
        metadata: Json | None,
        ticket: Ticket,  # noqa: ARG002 -- what is changed twice is as if it were once
    ) -> Run:
        """Change a run's name, and merge metadata into its own; None leaves either. Raises NotFound, InvalidRequest for
        metadata that have become too many.
        """

        def change(run: Run) -> Run | None:
            merged = {**run.metadata, **(metadata or {})}
            if metadata and len(json.dumps(merged)) > MAX_METADATA:
                message = f"Must not be more than {MAX_METADATA} bytes of JSON together with what the run has"
                raise InvalidRequest([Problem("metadata", message, "too_long", structural=False)])
            changed = replace(run, name=run.name if name is None else name, metadata=merged)
            return None if changed == run else changed

        return self._changed(workspace_id, run_id, change)

    def cancel(self, workspace_id: str, run_id: str, ticket: Ticket) -> Run:
        """Cancel a run that has not ended: at once, though a worker may be at it. Raises NotFound, NotPermitted."""

        def change(run: Run) -> Run | None:
            if run.status in OPEN:
                return cancelled(run, self.clock.now())
            if ticket.again and run.status is RunStatus.CANCELLED:
                return None
            allowed = "Only workflow runs that are PENDING or PROCESSING can be cancelled"
            raise NotPermitted(reason=f"{allowed}; this one is {run.status}")

        return self._changed(workspace_id, run_id, change)

    def remove(self, workspace_id: str, run_id: str, ticket: Ticket) -> str:
        """Remove a run that no worker is wanted for, with its files, and return its id. Raises NotFound, NotPermitted.

        The row goes first: a run that can be read has all its bytes.
        """

        def change(run: Run) -> Run | None:
            if run.deleted:
                return None
            if run.status in OPEN:
                raise NotPermitted(reason=f"A workflow run that is {run.status} cannot be deleted; cancel it first")
            return replace(
                run,
                deleted=True,
                name=None,
                files=(),
                metadata={},
                steps=(),
                failure_message=None,
                reviewed_by=None,
                rejection_note=None,
            )

        run = self._changed(workspace_id, run_id, change, deleted=ticket.again)
        self.blobs().remove(run.place.prefix)
        return run_id

    def review(
        self, workspace_id: str, run_id: str, approve: bool, note: str | None, reviewer: str | None, ticket: Ticket
    ) -> Run:
        """End what waits for a review: PROCESSED, or REJECTED with the note. Raises NotFound, NotPermitted."""
        status = RunStatus.PROCESSED if approve else RunStatus.REJECTED

        def change(run: Run) -> Run | None:
            if run.status is RunStatus.NEEDS_REVIEW:
                at = to_millis(self.clock.now())
                return replace(
                    run,
                    status=status,
                    reviewed_by=reviewer,
                    reviewed_at=at,
                    rejection_note=None if approve else note,
                    ended_at=at,
                )
            if ticket.again and run.reviewed_at is not None and (run.status, run.reviewed_by) == (status, reviewer):
                return None
            allowed = "Only workflow runs that are NEEDS_REVIEW can be reviewed"
            raise NotPermitted(reason=f"{allowed}; this one is {run.status}")

        return self._changed(workspace_id, run_id, change)

    def cancel_batch(self, workspace_id: str, batch_id: str, ticket: Ticket) -> BatchSummary:
        """Cancel a batch: what nobody works on ends at once, the rest when it is done. Raises NotFound, NotPermitted.

        batch_id: as clients see it.
        """
        batch = self._read.listed(workspace_id, batch_id)
        cancel = Cancel(self.batches, self.clock, FAMILY, self.unsettled)
        try:
            cancel(batch.ref, again=ticket.again)
        except NotCancellable as exc:
            # Not what the runs add up to: a batch whose last run has just ended is still being closed.
            status = WORDS[exc.facts["status"]]
            allowed = "Only batches that are PENDING or PROCESSING can be cancelled"
            raise NotPermitted(reason=f"{allowed}; this one is {status}") from exc
        return self._read.batch(workspace_id, batch_id)

    @property
    def _read(self) -> ReadRuns:
        return ReadRuns(self.batches, self.runs, self.clock)

    def _changed(self, workspace_id: str, run_id: str, change: Change, *, deleted: bool = False) -> Run:
        """Write what a change makes of a run; when somebody was faster, ask it again. deleted: show it deleted ones too.

        Raises NotFound, Conflict after many tries, and what the change raises.
        """
        place = place_of(workspace_id, run_id)
        batch = None if place is None else self.batches.get(BatchRef(workspace_id, place.batch_id))
        if place is None or batch is None or batch.family != FAMILY or place.index >= batch.total:
            raise NotFound(what="Workflow run")
        for _ in range(TRIES):
            row = self.runs.get(place)
            if row is not None and row.deleted and not deleted:
                raise NotFound(what="Workflow run")
            standing = row if row is not None and settled(row) else self._read.standing(batch, place)
            if standing.revision != (row.revision if row else 0):
                continue  # it was written between the two reads
            wanted = change(standing)
            if wanted is None:
                return standing
            ended = self._written(batch, row, standing) if settled(standing) and not settled(row) else row
            if ended is None and settled(standing):
                continue
            written = self._written(batch, ended, wanted)
            if written is not None:
                return written
        raise Conflict(what="The workflow run")

    def _written(self, batch: Batch, row: Run | None, run: Run) -> Run | None:
        """Return a run as it was written after its row, None when that is no longer the stored one."""
        # An open run's row says so and no more: who works on it is the engine's to say.
        kept = replace(run, status=RunStatus.PENDING) if run.status in OPEN else run
        wanted, events = following(row, kept, self.clock.now())
        write = self.runs.add if row is None else self.runs.replace
        if not write(wanted, batch.deadline_at + self.retention, *events):
            return None
        return replace(wanted, status=run.status)
