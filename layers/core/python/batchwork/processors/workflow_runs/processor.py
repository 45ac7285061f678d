"""What is done to an item of a batch of runs: its file goes through the steps of the version that it was asked for with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from batchwork.domain.batch import Batch
from batchwork.domain.errors import EngineFailed, UnreadableDocument
from batchwork.domain.item import Failure, Item, ItemError, Outcome, Result
from batchwork.domain.recent import Recent
from batchwork.domain.resource import to_millis
from batchwork.domain.retry import RetryPolicy
from batchwork.domain.run import SLICE_SIZE, Run, RunStatus
from batchwork.domain.run_input import RunInput, flow_of, run_of
from batchwork.domain.run_writes import outcome_of
from batchwork.domain.workflow import WorkflowVersion
from batchwork.ports.operations import Shelf
from batchwork.processors.workflow_runs.recording import Recorder
from batchwork.processors.workflow_runs.source import Source, failed_of
from batchwork.processors.workflow_runs.step import Node, StepFailed, World
from batchwork.processors.workflow_runs.walk import Cancelled, Walk

#: A busy far side is asked for some ten minutes, with its Retry-After for longer; what fails otherwise gets three tries.
RETRY, TRIES = RetryPolicy(attempts=8, first=timedelta(seconds=5)), 3
#: Versions that are kept ready; definitions have up to 100 KB.
_VERSIONS = 32


class RunsProcessor:
    """ports.Processor: works runs and writes their rows as they end; safe to use from many threads.

    Nothing of a run is kept once it ended. What may pass is tried again by the engine, without a row; at the last try the row
    says why the run failed.
    """

    slice_size = SLICE_SIZE

    def __init__(
        self,
        *,
        versions: Shelf[WorkflowVersion],
        recorder: Recorder,
        source: Source,
        world: World,
        item_timeout: timedelta,
    ) -> None:
        self.item_timeout = item_timeout
        self._versions = versions
        self._recorder = recorder
        self._source = source
        self._world = world
        self._charts: Recent[tuple[str, str], tuple[Node, ...]] = Recent(_VERSIONS)

    def process(self, batch: Batch, item: Item, token: str) -> Outcome:
        """Take a run through its steps. Raises EngineFailed when the version that it was asked for with is gone."""
        before = self._recorder.before(batch, item)
        if before is not None and (settled := self._outcome(before)) is not None:
            return settled
        started = self._world.clock.now()
        run = replace(before or run_of(batch, item), started_at=to_millis(started))
        given, attempt = RunInput.of(item), _attempt_of(token)
        walk = Walk(
            run=run,
            secrets=given.secrets,
            world=self._world,
            until=started + self.item_timeout,
            token=token,
            final=attempt >= TRIES,
            cancelled=lambda: self._gone(batch, item),
        )
        nodes = self._chart(batch)
        try:
            piece = self._source.file(run, given, self.item_timeout, again=attempt > 1)
            walk(nodes, piece)
        except Cancelled:
            return self._outcome(self._recorder.before(batch, item) or run) or _passing_failure()
        except UnreadableDocument as exc:
            return self._failed(batch, walk, failed_of(exc), attempt)
        except StepFailed as exc:
            return self._failed(batch, walk, exc, attempt)
        status = RunStatus.NEEDS_REVIEW if walk.review else RunStatus.PROCESSED
        row = self._recorder.record(batch, self._ended(walk, status))
        return self._outcome(row) or _passing_failure()

    def keep(self, batch: Batch, done: Sequence[tuple[Item, Result]]) -> None:
        """Write the rows of what ended with an error and has none that says so."""
        self._recorder.keep(batch, done)

    def _failed(self, batch: Batch, walk: Walk, failed: StepFailed, attempt: int) -> Outcome:
        error = ItemError(failed.code, failed.message)
        if failed.retryable and attempt < (RETRY.attempts if failed.patient else TRIES):
            return Failure(error, retryable=True, retry_after=failed.retry_after)
        run = replace(self._ended(walk, RunStatus.FAILED), failure_reason=failed.reason, failure_message=failed.message)
        row = self._recorder.record(batch, run)
        if row.status is RunStatus.FAILED and not row.deleted:
            return Failure(error)
        return self._outcome(row) or Failure(error)

    def _outcome(self, row: Run) -> Outcome | None:
        """Return what a run's item ends with by its row. What the work stored of a run that was deleted meanwhile goes."""
        if row.deleted:
            self._world.blobs().remove(row.place.prefix)
        return outcome_of(row)

    def _ended(self, walk: Walk, status: RunStatus) -> Run:
        at: datetime = to_millis(self._world.clock.now())
        files = tuple(walk.files) or walk.run.files
        return replace(walk.run, status=status, files=files, steps=tuple(walk.steps), ended_at=at, updated_at=at)

    def _gone(self, batch: Batch, item: Item) -> bool:
        """Whether a client ended the run while it was worked."""
        row = self._recorder.before(batch, item)
        return row is not None and outcome_of(row) is not None

    def _chart(self, batch: Batch) -> tuple[Node, ...]:
        flow = flow_of(batch)

        def read() -> tuple[Node, ...]:
            version = self._versions.get(batch.workspace_id, flow.version_id)
            if version is None:
                raise EngineFailed(reason=f"Version {flow.version} of the workflow is gone")
            # What knows all types of steps; messages that find nothing to do need none of it.
            from batchwork.processors.workflow_runs.flowchart import flowchart

            return flowchart(version.steps)

        return self._charts.get((batch.workspace_id, flow.version_id), read)


def _attempt_of(token: str) -> int:
    """Return which try a token is of: the engine's tokens end with its number, from 1."""
    number = token.rpartition(":")[2]
    return int(number) if number.isascii() and number.isdigit() else 1


def _passing_failure() -> Failure:
    """Return what a run ends a try with whose row was settled and is open again, which no writer does."""
    return Failure(ItemError(500, "The run changed while it was worked"), retryable=True)
