from __future__ import annotations

import threading
from datetime import datetime, timedelta

from batchwork.domain.pace import Turn, turn_after


class FakeEndpointPace:
    """ports.webhooks.EndpointPace in memory. asked: how often a turn was asked for."""

    def __init__(self) -> None:
        self.asked = 0
        self._last: dict[tuple[str, str], Turn] = {}
        self._lock = threading.Lock()

    def take(self, workspace_id: str, endpoint_id: str, rate: int, now: datetime) -> timedelta | None:
        with self._lock:
            self.asked += 1
            turn = turn_after(self._last.get((workspace_id, endpoint_id)), rate, now)
            if turn.near(now):
                self._last[workspace_id, endpoint_id] = turn
            return turn.wait(now)
