from __future__ import annotations

import threading
from collections import Counter
from datetime import datetime

from batchwork.domain.limit import Taken
from batchwork.domain.plan import Plan
from batchwork.domain.workspace import ApiKey


class FakeRates:
    """ports.identity.RateStore in memory, safe under threads; counts its calls."""

    def __init__(self) -> None:
        self.calls = 0
        self._counts: Counter[tuple[str, str]] = Counter()
        self._lock = threading.Lock()

    def take(self, key: ApiKey, terms: Plan, now: datetime) -> Taken:
        day, minute = ((key.public, f"{now:{form}}") for form in ("%Y-%m-%d", "%Y-%m-%dT%H:%M"))
        with self._lock:
            self.calls += 1
            passed = self._counts[day] < terms.per_day and self._counts[minute] < terms.per_minute
            if passed:
                self._counts.update((day, minute))
            return Taken(passed, minute=self._counts[minute], day=self._counts[day])
