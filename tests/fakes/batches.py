from __future__ import annotations

import copy
import threading
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from batchwork.domain.batch import FOLLOW_UP, Batch, BatchRef, BatchStatus, StopCause, Tally
from batchwork.domain.chunk import Unit
from batchwork.domain.errors import AlreadyCounted
from batchwork.domain.item import Deferral, Item, Result
from batchwork.domain.lease import ChunkState, Lease, UnitState
from batchwork.domain.usage import Charge
from batchwork.domain.webhook import Delivery
from batchwork.ports import Page
from fakes.deliveries import FakeDeliveries
from fakes.usage import FakeUsage


class FakeBatches:
    """ports.BatchStore in memory, safe under threads; the settled_by rule of the real one included."""

    def __init__(self, deliveries: FakeDeliveries | None = None, usage: FakeUsage | None = None) -> None:
        self.deliveries = deliveries or FakeDeliveries()
        self.usage = usage or FakeUsage()
        self.headers: dict[BatchRef, Batch] = {}
        self.items: dict[BatchRef, list[Item]] = {}
        self.units: dict[BatchRef, dict[int, UnitState]] = {}
        self.checks: dict[BatchRef, datetime] = {}
        #: What the stream's filter finds: units that no worker settled.
        self.unworked: list[tuple[BatchRef, int]] = []
        self._lock = threading.RLock()

    def create(self, batch: Batch, items: Sequence[Item], check_at: datetime, charge: Charge) -> bool:
        with self._lock:
            if batch.ref in self.headers:
                return False
            self.usage.reserve(charge)
            self.items[batch.ref] = copy.deepcopy(list(items))
            self.units[batch.ref] = {}
            self.headers[batch.ref] = batch
            self.checks[batch.ref] = check_at
            return True

    def get(self, ref: BatchRef) -> Batch | None:
        return self.headers.get(ref)

    def find(self, workspace_id: str, family: str, status: BatchStatus | None, offset: int, limit: int) -> Page[Batch]:
        found = sorted(
            (
                batch
                for batch in self.headers.values()
                if (batch.workspace_id, batch.family) == (workspace_id, family) and status in {None, batch.status}
            ),
            key=lambda batch: (batch.created_at, batch.id),
            reverse=True,
        )
        return Page(found[offset : offset + limit], len(found))

    def chunk(self, batch: Batch, chunk: int) -> ChunkState:
        with self._lock:
            indexes = batch.cut.items_of(chunk)
            stored = self.items.get(batch.ref, [])
            units = {
                number: state
                for number, state in self.units.get(batch.ref, {}).items()
                if batch.cut.unit(number).chunk == chunk
            }
            return ChunkState(batch.cut, chunk, tuple(stored[indexes.start : indexes.stop]), units)

    def lease(self, batch: Batch, unit: Unit, lease: Lease, now: datetime) -> bool:
        with self._lock:
            state = self.units[batch.ref].get(unit.number, UnitState(number=unit.number))
            mine = state.lease is not None and state.lease.token == lease.token
            if state.settled or (state.lease and not mine and state.lease.until > now):
                return False
            made = state.lease.attempt if state.lease else max((d.attempts for d in state.deferred), default=0)
            if lease.attempt <= made and not mine:
                return False
            self.units[batch.ref][unit.number] = replace(state, lease=lease)
            return True

    def settle(
        self, batch: Batch, unit: Unit, token: str, results: Sequence[Result], deferred: Sequence[Deferral]
    ) -> bool:
        with self._lock:
            state = self.units[batch.ref].get(unit.number)
            if state is None or state.settled or state.lease is None or state.lease.token != token:
                return False
            self.units[batch.ref][unit.number] = UnitState(
                number=unit.number, settled=True, results=tuple(results), deferred=tuple(deferred)
            )
            return True

    def give_back(self, batch: Batch, unit: Unit, token: str, deferral: Deferral) -> bool:
        with self._lock:
            state = self.units[batch.ref].get(unit.number)
            if state is None or state.settled or state.lease is None or state.lease.token != token:
                return False
            self.units[batch.ref][unit.number] = UnitState(number=unit.number, deferred=(deferral,))
            return True

    def settle_free(self, batch: Batch, unit: Unit, results: Sequence[Result], now: datetime) -> bool:
        with self._lock:
            state = self.units[batch.ref].get(unit.number, UnitState(number=unit.number))
            if state.settled or (state.lease and state.lease.until > now):
                return False
            self.units[batch.ref][unit.number] = UnitState(number=unit.number, settled=True, results=tuple(results))
            self.unworked.append((batch.ref, unit.number))
            return True

    def count(self, batch: Batch, tallies: Sequence[Tally]) -> Batch:
        with self._lock:
            header = self.headers[batch.ref]
            for tally in tallies:
                if tally.unit in header.counted:
                    raise AlreadyCounted(unit=tally.unit)
            header = replace(
                header,
                counted=header.counted | {tally.unit for tally in tallies},
                succeeded=header.succeeded + sum(tally.succeeded for tally in tallies),
                failed=header.failed + sum(tally.failed for tally in tallies),
                skipped=header.skipped + sum(tally.skipped for tally in tallies),
            )
            self.headers[batch.ref] = header
            return header

    def start(self, batch: Batch, now: datetime) -> None:
        with self._lock:
            header = self.headers[batch.ref]
            if header.started_at is None and not header.ended:
                self.headers[batch.ref] = replace(header, started_at=now)

    def stop(self, ref: BatchRef, cause: StopCause, reason: str | None, check_at: datetime) -> Batch | None:
        with self._lock:
            header = self.headers.get(ref)
            if header is None or header.status is not BatchStatus.IN_PROGRESS or not header.remaining:
                return None
            if header.stop not in {None, StopCause.EXPIRED}:
                return None
            status = BatchStatus.CANCELLING if cause is StopCause.CANCELLED else header.status
            self.headers[ref] = header = replace(header, stop=cause, reason=reason, status=status)
            self.checks[ref] = check_at
            return header

    def close(self, batch: Batch, status: BatchStatus, now: datetime, delivery: Delivery | None) -> bool:
        with self._lock:
            header = self.headers[batch.ref]
            if header.ended or header.remaining:
                return False
            if delivery is not None and not self.deliveries.put(delivery):
                return False
            ended = {"cancelled_at": now} if status is BatchStatus.CANCELLED else {"completed_at": now}
            self.headers[batch.ref] = replace(header, status=status, **ended)  # type: ignore[arg-type] # one of two
            if header.family == "workflow_runs" and header.stopped_by(now):
                self.checks[batch.ref] = now + FOLLOW_UP
            else:
                self.checks.pop(batch.ref, None)
            return True

    def due(self, now: datetime, limit: int) -> list[BatchRef]:
        due = sorted((at, ref.batch_id, ref) for ref, at in self.checks.items() if at <= now)
        return [ref for _, _, ref in due[:limit]]

    def checked(self, batch: Batch, check_at: datetime, checks: int) -> None:
        with self._lock:
            if batch.ref in self.checks:
                self.headers[batch.ref] = replace(self.headers[batch.ref], checks=checks, checked=len(batch.counted))
                self.checks[batch.ref] = check_at

    def release(self, batch: Batch) -> None:
        with self._lock:
            if self.headers[batch.ref].ended:
                self.checks.pop(batch.ref, None)
