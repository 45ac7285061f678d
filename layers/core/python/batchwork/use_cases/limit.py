"""Limit: count a request against its key's minute and day."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import datetime

from batchwork.domain.limit import DAY, MINUTE, Allowance, Taken, Window, window_end
from batchwork.domain.plan import Plan
from batchwork.domain.workspace import Caller
from batchwork.ports import Clock
from batchwork.ports.identity import RateStore

#: Keys whose refusal one function remembers at the most; the oldest goes first.
REMEMBERED = 1000


@dataclass(slots=True)
class _Refusals:
    """Full windows seen lately, by key: who hammers against a full window costs no write. Guarded by a lock."""

    seen: OrderedDict[str, tuple[datetime, Plan, Taken]] = field(default_factory=OrderedDict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def recall(self, key: str, terms: Plan, now: datetime) -> Taken | None:
        """Return a refusal under the same terms that still holds."""
        with self.lock:
            until, then, taken = self.seen.get(key, (now, terms, None))
            return taken if taken and until > now and then == terms else None

    def remember(self, key: str, terms: Plan, taken: Taken, until: datetime) -> None:
        """Keep a refusal until the window that refused ends."""
        with self.lock:
            self.seen[key] = (until, terms, taken)
            self.seen.move_to_end(key)
            while len(self.seen) > REMEMBERED:
                self.seen.popitem(last=False)


@dataclass(frozen=True, slots=True)
class LimitRequests:
    """Count requests of a key. Counts only grow within their window, so that a refusal may be remembered."""

    rates: RateStore
    clock: Clock
    _refusals: _Refusals = field(default_factory=_Refusals, repr=False)

    def __call__(self, caller: Caller) -> Allowance:
        """Count a request, unless its minute or its day is full, and return how both limits stand."""
        now, terms, key = self.clock.now(), caller.workspace.terms, caller.key
        taken = self._refusals.recall(key.public, terms, now)
        known = taken is not None
        taken = taken or self.rates.take(key, terms, now)
        allowance = Allowance(
            now,
            taken.passed,
            Window("minute", MINUTE, terms.per_minute, taken.minute, window_end(now, MINUTE)),
            Window("day", DAY, terms.per_day, taken.day, window_end(now, DAY)),
        )
        if not taken.passed and not known:
            # The minute of a refusal by the day starts again sooner; remembering both for a minute is right for both.
            self._refusals.remember(key.public, terms, taken, allowance.minute.ends_at)
        return allowance
