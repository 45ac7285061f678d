from __future__ import annotations

import threading
from dataclasses import replace
from datetime import datetime

from batchwork.domain.webhook_endpoint import Health


class FakeEndpointHealth:
    """ports.webhooks.EndpointHealth in memory."""

    def __init__(self) -> None:
        self._noted: dict[tuple[str, str], Health] = {}
        self._lock = threading.Lock()

    def get(self, workspace_id: str, endpoint_id: str) -> Health:
        return self._noted.get((workspace_id, endpoint_id), Health())

    def of_workspace(self, workspace_id: str) -> dict[str, Health]:
        return {name: health for (workspace, name), health in self._noted.items() if workspace == workspace_id}

    def note(self, workspace_id: str, endpoint_id: str, at: datetime, *, succeeded: bool) -> Health:
        with self._lock:
            health = self.get(workspace_id, endpoint_id).after(at, succeeded=succeeded)
            self._noted[workspace_id, endpoint_id] = health
            return health

    def clear(self, workspace_id: str, endpoint_id: str) -> None:
        with self._lock:
            before = self.get(workspace_id, endpoint_id)
            self._noted[workspace_id, endpoint_id] = replace(before, failures=0, failing_since=None)
