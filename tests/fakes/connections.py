from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from threading import Lock

from batchwork.domain.account import Connecting


class FakeConnections:
    """ports.operations.Connections in memory."""

    def __init__(self) -> None:
        self._begun: dict[tuple[str, str], Connecting] = {}
        self._lock = Lock()

    def open(self, workspace_id: str, state: str, connecting: Connecting) -> None:
        with self._lock:
            self._begun.setdefault((workspace_id, state), connecting)

    def get(self, workspace_id: str, state: str) -> Connecting | None:
        return self._begun.get((workspace_id, state))

    def use(self, workspace_id: str, state: str, holder: str, now: datetime) -> bool:
        with self._lock:
            begun = self._begun.get((workspace_id, state))
            if begun is None or (begun.used_by != holder and (begun.used_by is not None or begun.until <= now)):
                return False
            self._begun[workspace_id, state] = replace(begun, used_by=holder)
            return True
