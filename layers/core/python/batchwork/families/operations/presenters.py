"""How batches of operations and their jobs are shown (seed 000)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from enum import StrEnum
from typing import Any

from batchwork.domain.batch import Batch, BatchStatus
from batchwork.domain.item import Json
from batchwork.domain.operation import MAX_KEPT_ID, Ended, Operation, Sealed, id_of, root_of
from batchwork.edge.endpoint import ANSWER_LIMIT, serialized
from batchwork.edge.http import Response
from batchwork.families.operations.times import maybe, timestamp

#: Bytes of all results of an answer, as the Lambda runtime serializes them: what stands around them has room beyond.
ROOM = ANSWER_LIMIT - 10_000

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

    Status and counts stay. What is cut keeps its id, and a message says how to read the rest. No more is written at once
    than fits: what had no room when all was measured, and has some in the end, is written again.
    """
    shown = list(ended)
    texts: dict[int, str] = {}
    sizes = []
    for index, (operation, each) in enumerate(zip(operations, ended, strict=True)):
        text = _entry(operation, each)
        sizes.append(serialized(text) + 1)
        if sum(sizes) <= room:
            texts[index] = text
    over = sum(sizes) - room
    for index in sorted(range(len(sizes)), key=sizes.__getitem__, reverse=True):
        if over <= 0:
            break
        shown[index] = _cut(operations[index], ended[index])
        texts[index] = _entry(operations[index], shown[index])
        over -= sizes[index] - serialized(texts[index]) - 1
    written = (texts.get(index) or _entry(operations[index], each) for index, each in enumerate(shown))
    return f"[{','.join(written)}]"


def _entry(operation: Operation, ended: Ended) -> str:
    before, body = _json({"id": operation.id, "status": ended.status})[:-1], _body(ended.body)
    error = "" if ended.error is None else f',"error":{_json(ended.error)}'
    return f'{before},"body":{body}{error}}}'


def _body(body: Any) -> str:
    return _text(body.text.decode("utf-8", "surrogatepass")) if isinstance(body, Sealed) else _json(body)


def _cut(operation: Operation, ended: Ended) -> Ended:
    """Return an end without its body but for the id, and with what says where to read it: clients take whatever has an
    error for a failure, so that a success tells it in the body.
    """
    known = id_of(ended.body)
    path = operation.path if known is None else f"{root_of(operation.path)}/{known}"
    message = (
        f"The operation ended with status {ended.status}; the answer has no room for its body: GET {path} instead."
    )
    kept: Json | None = None if known is None else {"id": known}
    if ended.succeeded:
        return replace(ended, body={**(kept or {}), "truncated": True, "message": message})
    error: Json = {"code": "RESULT_TOO_LARGE", "message": message}
    code = (ended.error or {}).get("code")
    if isinstance(code, str) and len(code) <= MAX_KEPT_ID:
        error["details"] = {"code": code}
    return replace(ended, body=kept, error=error)


def _json(value: Any) -> str:
    return _text(_WRITER.encode(value))


def _text(text: str) -> str:
    """Return text whose halves of pairs, which UTF-8 has no form for, are question marks."""
    return text.encode("utf-8", "replace").decode()
