"""What the next write of a run's row says, and what it is told as: the same for worker, client and the end of a batch."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from itertools import islice

from batchwork.domain.item import CANCELLED, Failure, ItemError, Outcome, Result, Success
from batchwork.domain.resource import to_millis
from batchwork.domain.run import EVENTS, SETTLED, STEP_PROCESSED, Run, RunStatus

#: Why a run failed, in one word, by the code of the error that its item ended with (docs of the published client).
REASONS = {
    400: "FAILED_TO_PROCESS_FILE",
    408: "TIMED_OUT",
    413: "FAILED_TO_PROCESS_FILE",
    415: "FAILED_TO_PROCESS_FILE",
    422: "FAILED_TO_PROCESS_FILE",
    502: "FAILED_TO_FETCH_FILE",
    503: "SERVICE_UNAVAILABLE",
    504: "SERVICE_UNAVAILABLE",
}
INTERNAL = "INTERNAL_ERROR"
#: Step runs of one run that are told each by itself: the run's own event tells all. A run with more would keep the events of
#: all other runs waiting, as each is a delivery for each endpoint.
MAX_STEPS_TOLD = 100


def following(before: Run | None, run: Run, at: datetime) -> tuple[Run, tuple[str, ...]]:
    """Return a run as its row is to be written after the row `before`, and the events that this write is.

    The write that first settles a run tells its end, and then its steps, the first MAX_STEPS_TOLD of them; the one that ends what waited for a review tells that;
    no other one tells anything. So no end is told twice, and none by two statuses under one revision.
    """
    settled_before = before is not None and before.status in SETTLED
    at = to_millis(at)
    settled_at = before.settled_at if before is not None and settled_before else at if run.status in SETTLED else None
    written = replace(run, revision=(before.revision if before else 0) + 1, updated_at=at, settled_at=settled_at)
    if run.deleted or run.status not in SETTLED or (before is not None and before.status is run.status):
        return written, ()
    if settled_before:
        return written, (EVENTS[run.status],)
    processed = (number for number, step in enumerate(run.steps) if step.status == RunStatus.PROCESSED)
    steps = (f"{STEP_PROCESSED}:{number}" for number in islice(processed, MAX_STEPS_TOLD))
    return written, (EVENTS[run.status], *steps)


def overlaid(run: Run, row: Run) -> Run:
    """Return what a worker made of a run with what a client changed meanwhile."""
    return replace(run, name=row.name, metadata=row.metadata)


def cancelled(run: Run, at: datetime) -> Run:
    """Return a run that a client cancelled: what its steps did is dropped."""
    return replace(run, status=RunStatus.CANCELLED, ended_at=to_millis(at), steps=())


def ended_of(run: Run, result: Result) -> Run:
    """Return a run that the engine ended and nobody wrote a row for, or whose row is gone before the engine's."""
    at, error = to_millis(result.finished_at), result.error
    if error is None:
        status = (result.output or {}).get("status", RunStatus.PROCESSED)
        return replace(run, status=RunStatus(status), ended_at=at, updated_at=at)
    if error.code == CANCELLED.code:
        return replace(cancelled(run, at), updated_at=at)
    return replace(
        run,
        status=RunStatus.FAILED,
        failure_reason=REASONS.get(error.code, INTERNAL),
        failure_message=error.message,
        ended_at=at,
        updated_at=at,
    )


def outcome_of(run: Run) -> Outcome | None:
    """Return what a run's item ends with by its row, None while a worker is wanted."""
    if run.deleted or run.status is RunStatus.CANCELLED:
        return Failure(ItemError(CANCELLED.code, "The run was cancelled"))
    if run.status not in SETTLED:
        return None
    if run.status is RunStatus.FAILED:
        return Failure(ItemError(500, run.failure_message or run.failure_reason or INTERNAL))
    return Success({"status": str(run.status)})
