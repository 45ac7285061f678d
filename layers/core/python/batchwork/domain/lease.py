"""Who holds which part of a chunk, and what is left to do in it: read from rows, decided here.

An item is `pending` while nobody holds its unit and `processing` while somebody does; a lease that ran out counts as
nobody (its worker died), until the next worker or the sweeper takes it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from batchwork.domain.chunk import Cut, Unit
from batchwork.domain.item import CRASHED, Deferral, Item, ItemStatus, Result


@dataclass(frozen=True, slots=True)
class Lease:
    """A worker's hold on a unit. attempt: which try of the unit's items it is, from 1."""

    token: str
    until: datetime
    attempt: int


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitState:
    """A unit's row: leased, settled, or (a single unit) given back for a later attempt.

    settled: the row's results are final; stores may read them each time that they are looked at. deferred: items that left the unit for an attempt of their own.
    """

    number: int
    lease: Lease | None = None
    settled: bool = False
    results: Sequence[Result] = ()
    deferred: tuple[Deferral, ...] = ()


@dataclass(frozen=True, slots=True)
class Job:
    """A unit that nobody holds. attempt: the try it will be; last: the deferral it continues, if any.

    crashed: its last holder died or choked on it, so it must not run beside others. not_before: None is now.
    """

    unit: Unit
    attempt: int
    last: Deferral | None = None
    crashed: bool = False
    not_before: datetime | None = None


@dataclass(frozen=True, slots=True)
class ChunkState:
    """Everything stored of one chunk."""

    cut: Cut
    chunk: int
    items: tuple[Item, ...]
    units: dict[int, UnitState]

    def item(self, index: int) -> Item:
        """Return an item of the chunk."""
        return self.items[index - self.cut.items_of(self.chunk).start]

    def settled_units(self) -> Iterator[UnitState]:
        """Yield the units whose results are final."""
        return (unit for unit in self.units.values() if unit.settled)

    def deferrals(self) -> dict[int, Deferral]:
        """Return the latest deferral of each item that waits for, or is in, a later attempt."""
        latest: dict[int, Deferral] = {}
        for unit in self.units.values():
            for deferral in unit.deferred:
                known = latest.get(deferral.index)
                if known is None or known.attempts < deferral.attempts:
                    latest[deferral.index] = deferral
        return latest

    def results(self) -> dict[int, Result]:
        """Return the results there are, by item index."""
        return {result.index: result for unit in self.settled_units() for result in unit.results}

    def free(self, now: datetime) -> Iterator[Job]:
        """Yield every unit that nobody holds and that is not settled, due or not: what a stop settles."""
        for unit in self.cut.slices_of(self.chunk):
            state = self.units.get(unit.number)
            if state is None:
                yield Job(unit, attempt=1)
            elif not state.settled and (state.lease is None or state.lease.until <= now):
                yield Job(
                    unit, attempt=(state.lease.attempt if state.lease else 0) + 1, crashed=state.lease is not None
                )
        for deferral in self.deferrals().values():
            unit = self.cut.single(deferral.index)
            state = self.units.get(unit.number)
            if state is None or (state.lease is None and not state.settled):
                yield Job(
                    unit,
                    attempt=deferral.attempts + 1,
                    last=deferral,
                    crashed=deferral.error == CRASHED,
                    not_before=deferral.not_before,
                )
            elif not state.settled and state.lease is not None and state.lease.until <= now:
                yield Job(unit, attempt=state.lease.attempt + 1, last=deferral, crashed=True)

    def due(self, now: datetime) -> list[Job]:
        """Return what can be worked now, what is left of dead workers last."""
        jobs = [job for job in self.free(now) if job.not_before is None or job.not_before <= now]
        return sorted(jobs, key=lambda job: job.crashed)

    def held_until(self) -> datetime | None:
        """Return when the first of the leases ends, None when there are none."""
        leases = (state.lease.until for state in self.units.values() if state.lease is not None and not state.settled)
        return min(leases, default=None)

    def held(self, now: datetime) -> bool:
        """Whether somebody is at work in the chunk."""
        open_ones = (state.lease for state in self.units.values() if not state.settled)
        return any(lease is not None and lease.until > now for lease in open_ones)

    def status_of(self, index: int, now: datetime) -> ItemStatus:
        """Return where an item without a result stands."""
        single = self.units.get(self.cut.single(index).number)
        holder = single or self.units.get(index // self.cut.slice_size)
        held = holder is not None and holder.lease is not None and not holder.settled and holder.lease.until > now
        return ItemStatus.PROCESSING if held else ItemStatus.PENDING
