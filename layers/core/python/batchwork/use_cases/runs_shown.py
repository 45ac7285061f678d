"""What a walk through runs knows of itself: when it began, how far it came, and what it showed that it may meet again."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from batchwork.domain.batch import Batch
from batchwork.domain.item import Json
from batchwork.domain.resource import from_millis, millis_of
from batchwork.domain.run import MAX_INPUTS, RunPlace
from batchwork.domain.run_standing import ended_at, made_at
from batchwork.ports.workflow_runs import Mark

#: How long the index may lack what was written, and a write take from the time that it tells.
INDEXED = timedelta(seconds=1)
#: How long after a batch's end runs may still lack their rows (use_cases.end_runs; the sweeper sees to it after FOLLOW_UP),
#: until which their batch tells of them.
UNTOLD = timedelta(minutes=15)
#: Times that a cursor may tell: none before there were runs, and none that a clock somewhat ahead does not tell.
EARLIEST, AHEAD = datetime(2020, 1, 1, tzinfo=UTC), timedelta(minutes=1)
#: Characters of a cursor that tell what was shown: about ninety runs that were asked for alone, or ten batches of a thousand.
ROOM = 3000
#: What a batch takes of them besides its runs' bits, four a character.
_NAMED = 30


class Shown:
    """Runs by their places, as a cursor keeps them: ``{batch id: hexadecimal number whose n-th bit is the n-th run}``."""

    def __init__(self, kept: Json | None = None) -> None:
        """Raises ValueError and the like for what `kept` never is."""
        self._bits = {str(batch_id): int(bits, 16) for batch_id, bits in (kept or {}).items()}
        if any(not 0 <= bits < 1 << MAX_INPUTS for bits in self._bits.values()):
            raise ValueError("no runs of a batch")
        self._taken = sum(_size(bits) for bits in self._bits.values())

    def __contains__(self, place: RunPlace) -> bool:
        return bool(self._bits.get(place.batch_id, 0) >> place.index & 1)

    def add(self, place: RunPlace) -> bool:
        """Note a run; False when there is no room for it."""
        before = self._bits.get(place.batch_id)
        bits = (before or 0) | 1 << place.index
        taken = self._taken + _size(bits) - (0 if before is None else _size(before))
        if taken > ROOM:
            return False
        self._bits[place.batch_id], self._taken = bits, taken
        return True

    @property
    def kept(self) -> Json:
        """Return them as a cursor keeps them."""
        return {batch_id: f"{bits:x}" for batch_id, bits in self._bits.items()}


def _size(bits: int) -> int:
    return _NAMED + bits.bit_length() // 4


@dataclass(slots=True)
class Begun:
    """When a walk began, and how far it has come in either list. first: this is its first page. end: when both lists were
    at their end; from then on the walk goes through what was changed until then.

    shown: runs that were written in the last seconds before the walk and that the index had, as far as there is room: they
    are shown by the index, the others at their positions. cut: batches that ended then or later may have been passed over, None while there were not that many.
    """

    at: datetime
    first: bool = True
    row: Mark | None = None
    position: Mark | None = None
    end: datetime | None = None
    shown: Shown = field(default_factory=Shown)
    cut: datetime | None = None

    @classmethod
    def of(cls, cursor: Json | None, now: datetime) -> Begun:
        """Return what a cursor tells, or that the walk begins. Raises ValueError for what is no cursor."""
        if cursor is None:
            return cls(now)

        def time(millis: object) -> datetime:
            found = from_millis(int(millis))  # type: ignore[call-overload] # or TypeError
            if not EARLIEST <= found <= now + AHEAD:
                raise ValueError("no time of a walk")
            return found

        try:
            marks = [None if each is None else Mark(time(each[0]), str(each[1])) for each in cursor["last"]]
            row, position = marks
            end, cut = (time(cursor[name]) if name in cursor else None for name in ("end", "cut"))
            return cls(time(cursor["at"]), False, row, position, end, Shown(cursor.get("shown")), cut)
        except (KeyError, TypeError, ValueError, IndexError, OverflowError, AttributeError) as exc:
            raise ValueError("no cursor of runs") from exc

    @property
    def cursor(self) -> Json:
        """Return it as clients carry it."""
        last = [None if mark is None else [millis_of(mark.at), mark.id] for mark in (self.row, self.position)]
        times = {name: millis_of(at) for name, at in (("end", self.end), ("cut", self.cut)) if at is not None}
        kept = self.shown.kept
        return {"at": millis_of(self.at), "last": last} | times | ({"shown": kept} if kept else {})

    @property
    def indexed(self) -> datetime:
        """Return until when the index has all that was written, when the walk begins."""
        return self.at - INDEXED

    @property
    def told(self) -> datetime:
        """Return since when stopped batches may have ended whose runs still lack their rows."""
        return self.indexed - UNTOLD

    def cut_at(self, at: datetime | None) -> None:
        """Note that batches which ended at a time or later may be passed over."""
        if at is not None:
            self.cut = at if self.cut is None else min(at, self.cut)

    def lacks(self, batch: Batch) -> bool:
        """Whether a batch may have runs that the index lacked when the walk began."""
        end = ended_at(batch)
        if made_at(batch) > self.at:
            return False
        return end is None or end >= self.indexed or (batch.stopped_by(end) and end >= self.told)
