"""What a stretch of code cost: AWS calls, DynamoDB units, SQS requests, CPU; taken from real requests and answers."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from batchwork.adapters import aws


@dataclass
class Meter:
    """Counts while it is open. write_units and read_units as the emulator reports them (an emulator figure).

    rows: those that reads looked at, whether they were wanted or not; bytes: of the rows that they returned, as JSON.
    """

    calls: Counter[str] = field(default_factory=Counter)
    write_units: float = 0.0
    read_units: float = 0.0
    rows: int = 0
    bytes: int = 0
    cpu: float = 0.0
    seconds: float = 0.0
    open: bool = False

    @property
    def total(self) -> int:
        """Return the number of AWS calls."""
        return self.calls.total()

    def requests_to(self, service: str) -> int:
        """Return the number of calls to one service."""
        return sum(count for name, count in self.calls.items() if name.startswith(service))


METER = Meter()
#: Operations that tell their capacity, and whether it is written.
_CAPACITY = {
    "PutItem": True,
    "UpdateItem": True,
    "BatchWriteItem": True,
    "TransactWriteItems": True,
    "GetItem": False,
    "Query": False,
    "BatchGetItem": False,
}


def install() -> None:
    """Watch every AWS client that is made from now on."""
    events = aws._session().get_component("event_emitter")  # noqa: SLF001 -- the one session of the adapters
    events.register("provide-client-params.dynamodb.*", _ask_for_capacity)
    events.register("after-call.*.*", _count)


def _ask_for_capacity(params: dict[str, Any], model: Any, **_: Any) -> None:
    if model.name in _CAPACITY:
        params["ReturnConsumedCapacity"] = "TOTAL"


def _count(model: Any, parsed: dict[str, Any], **_: Any) -> None:
    if not METER.open:
        return
    METER.calls[f"{model.service_model.service_name}.{model.name}"] += 1
    rows = _rows_of(parsed)
    METER.rows += parsed.get("ScannedCount", len(rows))
    METER.bytes += sum(len(repr(row)) for row in rows)
    consumed = parsed.get("ConsumedCapacity")
    if consumed:
        for part in consumed if isinstance(consumed, list) else [consumed]:
            if _CAPACITY[model.name]:
                METER.write_units += part["CapacityUnits"]
            else:
                METER.read_units += part["CapacityUnits"]


def _rows_of(parsed: dict[str, Any]) -> list[Any]:
    """Return the rows that a read answered with."""
    if "Responses" in parsed and isinstance(parsed["Responses"], dict):
        return [row for rows in parsed["Responses"].values() for row in rows]
    if "Items" in parsed:
        return list(parsed["Items"])
    return [parsed["Item"]] if "Item" in parsed else []


@contextmanager
def metered() -> Iterator[Meter]:
    """Measure what runs inside, this process's CPU in seconds included."""
    global METER  # noqa: PLW0603 -- one meter at a time
    METER = Meter(open=True)
    cpu, wall = time.process_time(), time.perf_counter()
    try:
        yield METER
    finally:
        METER.cpu, METER.seconds = time.process_time() - cpu, time.perf_counter() - wall
        METER.open = False
