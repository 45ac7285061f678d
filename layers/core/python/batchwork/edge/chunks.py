"""A work queue's records, one chunk each, as the workers of batches take them."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from batchwork.domain.batch import BatchRef
from batchwork.edge import telemetry
from batchwork.ports import Clock
from batchwork.use_cases.work import Stint

#: Kept free at the end of an invocation, to write down what was done.
REST = timedelta(seconds=10)


def chunk_worker(
    work: Callable[[BatchRef, int, datetime], Stint], clock: Clock, service: str
) -> Callable[[dict[str, Any], Any], dict[str, Any]]:
    """Return the handler of a worker: it works each record's chunk and reports those that failed, so that only they are
    delivered again.
    """
    log = telemetry.logger(service)
    unexpected = telemetry.unexpected(log)

    def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
        until = clock.now() + timedelta(milliseconds=context.get_remaining_time_in_millis()) - REST
        failed = []
        done: dict[str, int] = {"settled": 0, "deferred": 0, "skipped": 0, "left": 0}
        for record in event["Records"]:
            message = json.loads(record["body"])
            try:
                stint = work(BatchRef(message["workspace_id"], message["batch_id"]), message["chunk"], until)
            except Exception as exc:  # noqa: BLE001 -- the record is delivered again
                unexpected(exc)
                failed.append({"itemIdentifier": record["messageId"]})
            else:
                done = {name: count + getattr(stint, name) for name, count in done.items()}
        log.info("worked", extra={"records": len(event["Records"]), "failed": len(failed), **done})
        return {"batchItemFailures": failed}

    return handler
