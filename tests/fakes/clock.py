from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta


class FakeClock:
    """Stands still until it is told to move; `chance` is fixed."""

    def __init__(self, at: datetime = datetime(2026, 1, 15, 10, 30, tzinfo=UTC), chance: float = 0.5) -> None:
        self.at = at
        self._chance = chance
        self._lock = threading.Lock()

    def now(self) -> datetime:
        return self.at

    def chance(self) -> float:
        return self._chance

    def pass_(self, duration: timedelta) -> datetime:
        with self._lock:
            self.at += duration
            return self.at
