from __future__ import annotations

import threading
from datetime import datetime


class FakeSlots:
    """ports.ReceiverSlots in memory."""

    def __init__(self, share: int = 5) -> None:
        self.share = share
        self.holds: dict[tuple[str, str], dict[str, datetime]] = {}
        self._lock = threading.Lock()

    def take(self, workspace_id: str, receiver: str, holder: str, until: datetime, now: datetime) -> bool:
        with self._lock:
            holds = self.holds.setdefault((workspace_id, receiver), {})
            for dead in [name for name, end in holds.items() if end <= now]:
                del holds[dead]
            if holder not in holds and len(holds) >= self.share:
                return False
            holds[holder] = until
            return True

    def free(self, workspace_id: str, receiver: str, holder: str) -> None:
        with self._lock:
            self.holds.get((workspace_id, receiver), {}).pop(holder, None)
