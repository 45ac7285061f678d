from __future__ import annotations

import threading
from dataclasses import replace
from datetime import datetime

from batchwork.domain.webhook import Attempt, Delivery, DeliveryStatus


class FakeDeliveries:
    """Deliveries in a dict; a lock stands for the table's conditional writes."""

    def __init__(self) -> None:
        self._rows: dict[tuple[str, str], Delivery] = {}
        self._held: dict[tuple[str, str], datetime] = {}
        self._lock = threading.Lock()

    def get(self, workspace_id: str, delivery_id: str) -> Delivery | None:
        return self._rows.get((workspace_id, delivery_id))

    def put(self, delivery: Delivery) -> bool:
        with self._lock:
            if self.get(delivery.workspace_id, delivery.id):
                return False
            self._rows[delivery.workspace_id, delivery.id] = delivery
            return True

    def begin(self, delivery: Delivery, number: int, until: datetime, now: datetime) -> bool:
        name = (delivery.workspace_id, delivery.id)
        with self._lock:
            if not self._is_next(name, number) or (name in self._held and self._held[name] > now):
                return False
            self._held[name] = until
            return True

    def postpone(self, delivery: Delivery, due_at: datetime) -> None:
        name = (delivery.workspace_id, delivery.id)
        with self._lock:
            if self._is_next(name, len(delivery.attempts) + 1):
                self._rows[name] = replace(self._rows[name], due_at=due_at)

    def record(self, delivery: Delivery, attempt: Attempt, status: DeliveryStatus, due_at: datetime | None) -> Delivery:
        name = (delivery.workspace_id, delivery.id)
        with self._lock:
            if not self._is_next(name, attempt.number):
                return self._rows.get(name, delivery)
            known = self._rows[name]
            self._held.pop(name, None)
            self._rows[name] = replace(
                known, attempts=(*known.attempts, attempt), status=status, due_at=due_at or known.due_at
            )
            return self._rows[name]

    def due(self, now: datetime, limit: int) -> list[tuple[str, str]]:
        pending = [row for row in self._rows.values() if row.status is DeliveryStatus.PENDING and row.due_at <= now]
        return [(row.workspace_id, row.id) for row in sorted(pending, key=lambda row: row.due_at)[:limit]]

    def find(self, workspace_id: str, subject: str | None, limit: int) -> list[Delivery]:
        found = [
            row
            for row in self._rows.values()
            if row.workspace_id == workspace_id and (subject is None or row.subject == subject)
        ]
        return sorted(found, key=lambda row: (row.created_at, row.id), reverse=True)[:limit]

    def _is_next(self, name: tuple[str, str], number: int) -> bool:
        row = self._rows.get(name)
        return row is not None and row.status is DeliveryStatus.PENDING and len(row.attempts) == number - 1
