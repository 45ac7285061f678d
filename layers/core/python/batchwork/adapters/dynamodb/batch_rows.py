"""Batch rows and back.

A header keeps its counts as numbers and the units in them as a number set; `remaining` exists so that the stream's
filter can match it ("0"), since filters cannot compare two attributes. Results and deferrals are packed as lists.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, overload

from batchwork.adapters.dynamodb import keys
from batchwork.adapters.dynamodb.attributes import millis, row, time_of, unrow
from batchwork.adapters.packing import Packer
from batchwork.domain.batch import FOLLOW_UP, Batch, BatchStatus, StopCause, WebhookTarget
from batchwork.domain.chunk import Cut, Unit
from batchwork.domain.item import Deferral, Item, ItemError, Result
from batchwork.domain.lease import ChunkState, Lease, UnitState

KIND = "batch"
#: Families whose batches are also found by whether they are open.
GROUPED = {"workflow_runs"}
OPEN = (BatchStatus.IN_PROGRESS, BatchStatus.CANCELLING)


#: How long batches are kept: all alike, or by family.
Retention = timedelta | Mapping[str, timedelta]


def expires_at(batch: Batch, retention: Retention) -> int:
    """Return when a batch's rows may go (epoch seconds): retention counts from its deadline."""
    kept = retention if isinstance(retention, timedelta) else retention[batch.family]
    return int((batch.deadline_at + kept).timestamp())


def list_pk(workspace_id: str, family: str) -> str:
    """Return the listing partition of a family's batches in a workspace."""
    return f"{workspace_id}#batches#{family}"


def list_sk(batch: Batch) -> str:
    """Return a batch's place among those of its workspace and family: by its creation."""
    return f"{millis(batch.created_at):013d}#{batch.id}"


def stopping(cause: StopCause, reason: str | None, check_at: datetime, token: str) -> tuple[str, dict[str, Any]]:
    """Return the update that stops a batch, and its values in wire form, those of its condition among them."""
    status = BatchStatus.CANCELLING if cause is StopCause.CANCELLED else BatchStatus.IN_PROGRESS
    values = {
        ":cause": str(cause),
        ":status": str(status),
        ":check": check_at,
        ":token": token,
        ":reason": reason,
        ":in_progress": str(BatchStatus.IN_PROGRESS),
        ":expired": str(StopCause.EXPIRED),
        ":zero": 0,
    }
    update = "SET #stop = :cause, #status = :status, due_at = :check, stopped_by = :token"
    return update + (", reason = :reason" if reason else ""), row(values)


def closing(batch: Batch, status: BatchStatus, now: datetime) -> tuple[str, dict[str, Any]]:
    """Return the update that ends a batch, and its values in wire form. Ended ones are grouped by their end, those that
    were stopped apart: not all of their items had a worker, so that they stay due until the sweeper saw to those.
    """
    at = "cancelled_at" if status is BatchStatus.CANCELLED else "completed_at"
    update, values = f"#status = :status, {at} = :now", {":status": str(status), ":now": now, ":zero": 0}
    stopped = False
    if batch.family in GROUPED:
        update += ", group_pk = :pk, group_sk = :sk"
        stopped = batch.stopped_by(now)
        group = keys.ended_batches(batch.workspace_id, batch.family, stopped=stopped)
        values |= {":pk": group, ":sk": f"{millis(now):013d}#{list_sk(batch)}"}
    if stopped:
        return f"SET {update}, due_at = :check", row({**values, ":check": now + FOLLOW_UP})
    return f"SET {update} REMOVE due_pk, due_at", row(values)


def header_row(batch: Batch, check_at: int, expires: int) -> dict[str, Any]:
    """Return a new batch's header in wire form."""
    webhook = batch.webhook
    grouped = batch.family in GROUPED
    values = {
        "kind": KIND,
        "id": batch.id,
        "workspace_id": batch.workspace_id,
        "family": batch.family,
        "total": batch.cut.total,
        "chunk_size": batch.cut.chunk_size,
        "slice_size": batch.cut.slice_size,
        "created_at": batch.created_at,
        "deadline_at": batch.deadline_at,
        "status": str(batch.status),
        "succeeded": batch.succeeded,
        "failed": batch.failed,
        "remaining": batch.remaining,
        "webhook": webhook and {"url": webhook.url, "events": list(webhook.events), "secret": webhook.secret},
        "attributes": batch.attributes,
        "list_pk": list_pk(batch.workspace_id, batch.family),
        "list_sk": list_sk(batch),
        "group_pk": keys.open_batches(batch.workspace_id, batch.family) if grouped else None,
        "group_sk": list_sk(batch) if grouped else None,
        "due_pk": keys.due_pk("BATCH", batch.id),
        "due_at": check_at,
        "expires_at": expires,
    }
    return {**keys.header(batch.workspace_id, batch.id), **row(values)}


def batch_of(wired: dict[str, Any]) -> Batch:
    """Return the batch of a header row."""
    r = unrow(wired)
    webhook = r.get("webhook")
    return Batch(
        id=r["id"],
        workspace_id=r["workspace_id"],
        family=r["family"],
        cut=Cut(r["total"], r["chunk_size"], r["slice_size"]),
        created_at=time_of(r["created_at"]),
        deadline_at=time_of(r["deadline_at"]),
        status=BatchStatus(r["status"]),
        succeeded=r["succeeded"],
        failed=r["failed"],
        skipped=r.get("skipped", 0),
        counted=frozenset(r.get("counted", ())),
        stop=StopCause(r["stop"]) if "stop" in r else None,
        reason=r.get("reason"),
        started_at=time_of(r["started_at"]) if "started_at" in r else None,
        completed_at=time_of(r["completed_at"]) if "completed_at" in r else None,
        cancelled_at=time_of(r["cancelled_at"]) if "cancelled_at" in r else None,
        webhook=webhook
        and WebhookTarget(url=webhook["url"], events=tuple(webhook["events"]), secret=webhook.get("secret")),
        attributes=r.get("attributes", {}),
        checks=r.get("checks", 0),
        checked=r.get("checked", 0),
    )


def packed_unit(results: Sequence[Result], deferred: Sequence[Deferral]) -> list[Any]:
    """Return a unit's results and deferrals as the JSON that is packed into its row."""
    return [
        [
            [
                r.index,
                millis(r.finished_at),
                r.attempts,
                r.output,
                *((r.error.code, r.error.message) if r.error else ()),
                *((True,) if r.skipped else ()),
            ]
            for r in results
        ],
        [[d.index, d.attempts, millis(d.not_before), d.error.code, d.error.message] for d in deferred],
    ]


def unpacked_unit(packed: list[Any]) -> tuple[tuple[Result, ...], tuple[Deferral, ...]]:
    """Return the results and deferrals of a unit's packed JSON."""
    results, deferred = packed
    return tuple(
        Result(
            index=index,
            finished_at=time_of(at),
            attempts=attempts,
            output=output,
            error=ItemError(*error[:2]) if error else None,
            skipped=bool(error[2:]),
        )
        for index, at, attempts, output, *error in results
    ), tuple(
        Deferral(index=index, attempts=attempts, not_before=time_of(at), error=ItemError(code, message))
        for index, attempts, at, code, message in deferred
    )


def unit_content(batch: Batch, unit: Unit, token: str, packed: list[Any], packer: Packer) -> tuple[dict[str, Any], str]:
    """Return the values and the SET clause of a unit's content; a spilled blob is the writer's own, by its token."""
    blob = f"batches/{batch.workspace_id}/{batch.id}/units/{unit.number}/{token}"
    ((name, value),) = packer.write(packed, blob).items()
    _, deferred = packed
    return {f":{name}": value, ":undeferred": not deferred}, f"{name} = :{name}, undeferred = :undeferred"


class _Results(Sequence[Result]):
    """The results of a unit, unpacked and, if they were spilled, fetched each time that they are looked at: most who read a
    chunk need few of them, and all at once may be more than memory holds. Raises KeyError when their blob is gone.
    """

    def __init__(self, row: dict[str, Any], packer: Packer) -> None:
        self._row, self._packer = row, packer

    def _read(self) -> tuple[Result, ...]:
        return unpacked_unit(self._packer.read(self._row))[0]

    def __iter__(self) -> Iterator[Result]:
        return iter(self._read())

    @overload
    def __getitem__(self, index: int) -> Result: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Result, ...]: ...
    def __getitem__(self, index: int | slice) -> Result | tuple[Result, ...]:
        return self._read()[index]

    def __len__(self) -> int:
        return len(self._read())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and self._read() == tuple(other)

    __hash__ = None  # type: ignore[assignment] # as results, which hold JSON


def unit_of(r: dict[str, Any], packer: Packer) -> UnitState:
    """Return the state of a unit from its row's values. Rows that do not tell that nothing is deferred are read at once."""
    results: Sequence[Result] = ()
    deferred: tuple[Deferral, ...] = ()
    if r.get("undeferred"):
        results = _Results({name: r[name] for name in ("packed", "spilled") if name in r}, packer)
    elif "packed" in r or "spilled" in r:
        results, deferred = unpacked_unit(packer.read(r))
    lease = Lease(r["token"], time_of(r["until"]), r["attempt"]) if "token" in r else None
    return UnitState(number=r["unit"], lease=lease, settled=r.get("settled", False), results=results, deferred=deferred)


def input_rows(batch: Batch, items: Sequence[Item], packer: Packer, expires: int) -> list[dict[str, Any]]:
    """Return the rows of a batch's inputs in wire form, one a chunk; large ones are spilled now."""
    rows = []
    for chunk in range(batch.cut.chunks):
        part = batch.cut.items_of(chunk)
        bodies = [item.body for item in items[part.start : part.stop]]
        packed = packer.write(bodies, f"batches/{batch.workspace_id}/{batch.id}/inputs/{chunk}")
        pk = keys.chunk(batch.workspace_id, batch.id, chunk)
        rows.append({**keys.key(pk, keys.INPUT), **row({**packed, "expires_at": expires})})
    return rows


def chunk_of(batch: Batch, chunk: int, rows: Iterable[dict[str, Any]], packer: Packer) -> ChunkState:
    """Return a chunk from the values of its rows; without items when its inputs cannot be read."""
    start = batch.cut.items_of(chunk).start
    items: tuple[Item, ...] = ()
    units: dict[int, UnitState] = {}
    for r in rows:
        if r["sk"] == keys.INPUT:
            try:
                bodies = packer.read(r)
            except (KeyError, ValueError, zlib.error):
                continue
            items = tuple(Item(index, body) for index, body in enumerate(bodies, start))
        else:
            units[r["unit"]] = unit_of(r, packer)
    return ChunkState(batch.cut, chunk, items, units)
