"""How batches of operations and their jobs are shown (seed 000)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from enum import StrEnum
from typing import Any

from batchwork.domain.batch import Batch, BatchStatus
from batchwork.domain.item import Json
from batchwork.domain.operation import Ended, Operation, root_of
from batchwork.edge.endpoint import ANSWER_LIMIT, serialized
from batchwork.edge.http import Response
from batchwork.families.operations.times import maybe, timestamp

#: Bytes of all results of an answer, as the Lambda runtime serializes them: what stands around them has room beyond.
ROOM = ANSWER_LIMIT - 10_000
#: Characters of an id that stays in a result whose body is cut.
MAX_KEPT_ID = 200

#: One for all results: json.dumps makes one at every call.
_WRITER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


class JobStatus(StrEnum):
    """Where a job stands (seed 000)."""

    #: Accepted; no worker has taken it up.
    QUEUED = "QUEUED"
    #: A worker has taken it up.
    PROCESSING = "PROCESSING"
    #: Every operation has a result.
    COMPLETED = "COMPLETED"
    #: The engine could not work it.
    FAILED = "FAILED"


def batch_answer(operations: Sequence[Operation], ended: Sequence[Ended]) -> Response:
    """Return the answer of a batch: always 200, a result for each operation in order, and their counts."""
    skipped = sum(each.skipped for each in ended)
    succeeded = sum(each.succeeded for each in ended)
    counted = _json(summary(len(ended), succeeded, len(ended) - succeeded - skipped, skipped))
    return Response(200, raw=f'{{"results":{results_text(operations, ended)},"summary":{counted}}}')


def job_answer(batch: Batch, operations: Sequence[Operation], ended: Sequence[Ended] | None) -> Response:
    """Return the answer of a job. ended: None while there are no results to show."""
    shown = job_object(batch)
    before = {name: shown.pop(name) for name in ("id", "status")}
    results = "null" if ended is None else results_text(operations, ended)
    return Response(200, raw=f'{{"data":{_json(before)[:-1]},"results":{results},{_json(shown)[1:]}}}')


def job_object(batch: Batch) -> Json:
    """Return a job as lists show it, without results. summary: null until it has ended."""
    status = status_of(batch)
    counted = summary(batch.total, batch.succeeded, batch.failed - batch.skipped, batch.skipped)
    return {
        "id": batch.id,
        "status": str(status),
        "summary": counted if batch.ended else None,
        "error": (batch.reason or "The job could not be worked.") if status is JobStatus.FAILED else None,
        "createdAt": timestamp(batch.created_at),
        "startedAt": maybe(batch.started_at),
        "completedAt": maybe(batch.completed_at),
    }


def status_of(batch: Batch) -> JobStatus:
    """Return where a job stands."""
    if batch.ended:
        return JobStatus.FAILED if batch.status is BatchStatus.FAILED else JobStatus.COMPLETED
    return JobStatus.QUEUED if batch.started_at is None else JobStatus.PROCESSING


def summary(total: int, succeeded: int, failed: int, skipped: int) -> Json:
    """Return the counts of a batch; failed: those that were attempted."""
    return {"total": total, "succeeded": succeeded, "failed": failed, "skipped": skipped}


def results_text(operations: Sequence[Operation], ended: Sequence[Ended], room: int = ROOM) -> str:
    """Return the results as a JSON array, within a number of bytes: the largest bodies are cut until all fit.

    Status and counts stay. What is cut keeps its id, and an error says how to read the rest.
    """
    texts = [_written(operation, each) for operation, each in zip(operations, ended, strict=True)]
    sizes = [serialized(text) + 1 for text in texts]
    over = sum(sizes) - room
    for index in sorted(range(len(texts)), key=sizes.__getitem__, reverse=True):
        if over <= 0:
            break
        texts[index] = _json(_entry(operations[index], _cut(operations[index], ended[index])))
        over -= sizes[index] - serialized(texts[index]) - 1
    return f"[{','.join(texts)}]"


def _written(operation: Operation, ended: Ended) -> str:
    try:
        return _json(_entry(operation, ended))
    except RecursionError:  # what a thread could read may be too deep for a writer further down the stack
        return _json(_entry(operation, _cut(operation, ended)))


def _entry(operation: Operation, ended: Ended) -> Json:
    entry: Json = {"id": operation.id, "status": ended.status, "body": ended.body}
    return entry if ended.error is None else {**entry, "error": ended.error}


def _cut(operation: Operation, ended: Ended) -> Ended:
    """Return an end without its body but for the id, and with an error that says where to read it."""
    known = ended.body.get("id") if isinstance(ended.body, dict) else None
    if not (isinstance(known, str) and len(known) <= MAX_KEPT_ID) and not isinstance(known, int):
        known = None
    path = operation.path if known is None else f"{root_of(operation.path)}/{known}"
    message = (
        f"The operation ended with status {ended.status}; the answer has no room for its body: GET {path} instead."
    )
    error: Json = {"code": "RESULT_TOO_LARGE", "message": message}
    code = (ended.error or {}).get("code")
    if isinstance(code, str) and len(code) <= MAX_KEPT_ID:
        error["details"] = {"code": code}
    return replace(ended, body=None if known is None else {"id": known}, error=error)


def _json(value: Any) -> str:
    """Return compact JSON; half of a pair, which UTF-8 has no form for, becomes a question mark."""
    return _WRITER.encode(value).encode("utf-8", "replace").decode()
