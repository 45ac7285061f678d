"""Jobs: batches of operations on the engine. What is stored of them, and what is read in it, side by side."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from batchwork.domain.batch import Batch
from batchwork.domain.endings import NEVER_STARTED, UNFINISHED
from batchwork.domain.item import CRASHED, TIMED_OUT, Item, ItemError, Json, Result
from batchwork.domain.operation import Ended, Mode, Operation, Sealed


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """How a job is to be worked. key_id: whose request it was; base_url, request_id: that request's own."""

    mode: Mode
    key_id: str
    base_url: str
    request_id: str

    @classmethod
    def of(cls, batch: Batch) -> Order:
        """Return a job's order."""
        kept = batch.attributes
        mode = Mode(parallel=kept["parallel"], continue_on_error=kept["continue_on_error"])
        return cls(mode=mode, key_id=kept["key_id"], base_url=kept["base_url"], request_id=kept["request_id"])

    @property
    def attributes(self) -> Json:
        """Return what is stored of it with the batch."""
        return {
            "parallel": self.mode.parallel,
            "continue_on_error": self.mode.continue_on_error,
            "key_id": self.key_id,
            "base_url": self.base_url,
            "request_id": self.request_id,
        }


def stored(operation: Operation) -> Json:
    """Return what is stored of an operation; its index is its item's."""
    kept: Json = {"id": operation.id, "method": operation.method, "path": operation.path}
    if operation.body is not None:
        kept["body"] = operation.body
    if operation.headers:
        kept["headers"] = dict(operation.headers)
    if operation.depends_on:
        kept["depends_on"] = list(operation.depends_on)
    return kept


def operation_of(item: Item) -> Operation:
    """Return the operation of an item."""
    kept = item.body
    return Operation(
        index=item.index,
        id=kept["id"],
        method=kept["method"],
        path=kept["path"],
        body=kept.get("body"),
        headers=kept.get("headers", {}),
        depends_on=tuple(kept.get("depends_on", ())),
    )


def result_of(index: int, ended: Ended, finished_at: datetime, attempts: int) -> Result:
    """Return what is stored of what an operation ended with."""
    output: Json = {"status": ended.status}
    if isinstance(ended.body, Sealed):
        output |= {"sealed": ended.body.text.decode("utf-8", "surrogatepass"), "id": ended.body.id}
    else:
        output["body"] = ended.body
    error = None
    if not ended.succeeded:
        output["error"] = ended.error
        error = ItemError(ended.status, str((ended.error or {}).get("code", "FAILED")))
    return Result(
        index=index, finished_at=finished_at, attempts=attempts, output=output, error=error, skipped=ended.skipped
    )


def ended_of(result: Result) -> Ended:
    """Return what an operation ended with; the engine settles what nobody may start any more without an output."""
    output = result.output
    if output is not None:
        sealed = output.get("sealed")
        return Ended(
            status=output["status"],
            body=Sealed(sealed.encode("utf-8", "surrogatepass"), output["id"]) if sealed else output["body"],
            error=output.get("error"),
            skipped=result.skipped,
        )
    if result.error == TIMED_OUT:
        return NEVER_STARTED
    if result.error == CRASHED:  # the deadline found what a dead worker had begun
        return UNFINISHED
    message = result.error.message if result.error else "The operation has no result."
    return Ended(status=500, error={"code": "INTERNAL_ERROR", "message": message})
