from __future__ import annotations

from datetime import datetime, timedelta
from threading import Lock

HOUR = timedelta(hours=1)


class FakeHours:
    """ports.operations.PublishingHours in memory."""

    def __init__(self) -> None:
        self._last: dict[str, datetime] = {}
        self._lock = Lock()

    def take(self, workspace_id: str, now: datetime) -> datetime:
        with self._lock:
            first = now.replace(minute=0, second=0, microsecond=0) + HOUR
            last = self._last.get(workspace_id)
            self._last[workspace_id] = hour = first if last is None or last < first else last + HOUR
            return hour
