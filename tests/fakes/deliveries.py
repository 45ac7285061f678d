from __future__ import annotations

import threading
from dataclasses import replace
from datetime import datetime

from batchwork.domain.webhook import Attempt, Delivery, DeliveryStatus
from batchwork.ports.webhooks import Logged, Wanted
from fakes.bodies import FakeBodies


class FakeDeliveries:
    """Deliveries in a dict; a lock stands for the table's conditional writes. searched: the most rows that a part of an
    endpoint's log looks at.
    """

    searched = 1000

    def __init__(self, bodies: FakeBodies | None = None) -> None:
        self.bodies = bodies or FakeBodies()
        self._rows: dict[tuple[str, str], Delivery] = {}
        self._held: dict[tuple[str, str], datetime] = {}
        self._lock = threading.Lock()

    def get(self, workspace_id: str, delivery_id: str) -> Delivery | None:
        return self._rows.get((workspace_id, delivery_id))

    def put(self, delivery: Delivery) -> bool:
        with self._lock:
            if self.get(delivery.workspace_id, delivery.id):
                return False
            kept = replace(delivery, body=b"", blob=self.bodies.keep(delivery)) if delivery.apart else delivery
            self._rows[delivery.workspace_id, delivery.id] = kept
            return True

    def begin(self, delivery: Delivery, number: int, until: datetime, now: datetime) -> bool:
        name = (delivery.workspace_id, delivery.id)
        with self._lock:
            if not self._is_next(name, number) or (name in self._held and self._held[name] > now):
                return False
            self._held[name] = until
            return True

    def postpone(
        self,
        delivery: Delivery,
        due_at: datetime,
        turn_at: datetime | None = None,
        next_at: datetime | None = None,
    ) -> None:
        name = (delivery.workspace_id, delivery.id)
        with self._lock:
            if self._is_next(name, len(delivery.attempts) + 1):
                known = self._rows[name]
                self._rows[name] = replace(known, due_at=due_at, turn_at=turn_at or known.turn_at, next_at=next_at)

    def hurry(self, delivery: Delivery, due_at: datetime, now: datetime) -> Delivery | None:
        name = (delivery.workspace_id, delivery.id)
        with self._lock:
            held = name in self._held and self._held[name] > now
            if held or not self._is_next(name, len(delivery.attempts) + 1) or self._rows[name].turn_at is not None:
                return None
            self._rows[name] = replace(self._rows[name], due_at=due_at, next_at=now)
            return self._rows[name]

    def record(
        self,
        delivery: Delivery,
        attempt: Attempt,
        status: DeliveryStatus,
        due_at: datetime | None,
        next_at: datetime | None = None,
    ) -> Delivery:
        name = (delivery.workspace_id, delivery.id)
        with self._lock:
            if not self._is_next(name, attempt.number):
                return self._rows.get(name, delivery)
            known = self._rows[name]
            first = (delivery.workspace_id, known.replay_of or "")
            if status is DeliveryStatus.DELIVERED and first in self._rows:
                self._rows[first] = replace(self._rows[first], recovered=True)
            self._held.pop(name, None)
            self._rows[name] = replace(
                known,
                attempts=(*known.attempts, attempt),
                status=status,
                due_at=due_at or known.due_at,
                turn_at=None,
                next_at=next_at,
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

    def of_endpoint(self, workspace_id: str, endpoint_id: str, wanted: Wanted) -> Logged:
        rows = {
            f"{round(row.created_at.timestamp() * 1000):013d}_{row.id}": row
            for row in self._rows.values()
            if (row.workspace_id, row.endpoint_id) == (workspace_id, endpoint_id)
            and (wanted.since is None or row.created_at >= wanted.since)
            and (wanted.until is None or row.created_at < wanted.until)
        }
        places = sorted((each for each in rows if wanted.after is None or each < wanted.after), reverse=True)
        found: dict[str, Delivery] = {}
        for place in places[: self.searched]:
            if wanted.status in {None, rows[place].status}:
                if len(found) == wanted.limit:
                    return Logged(list(found.values()), list(found)[-1])
                found[place] = rows[place]
        more = len(places) > self.searched
        return Logged(list(found.values()), places[self.searched - 1] if more else None)

    def _is_next(self, name: tuple[str, str], number: int) -> bool:
        row = self._rows.get(name)
        return row is not None and row.status is DeliveryStatus.PENDING and len(row.attempts) == number - 1
