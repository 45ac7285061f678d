from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

from batchwork.domain.errors import QuotaExceeded
from batchwork.domain.usage import Charge, month_ends


class FakeUsage:
    """ports.identity.UsageStore in memory, safe under threads."""

    def __init__(self) -> None:
        self.ledger: dict[tuple[str, str, str], Charge] = {}
        self.months: Counter[tuple[str, str]] = Counter()
        self._lock = threading.RLock()

    def reserve(self, charge: Charge) -> None:
        entry, month = (charge.workspace_id, charge.month, charge.id), (charge.workspace_id, charge.month)
        with self._lock:
            if entry in self.ledger:
                return
            used = self.months[month]
            if charge.ceiling is not None and used + charge.units > charge.ceiling:
                raise QuotaExceeded(
                    quota=charge.ceiling,
                    used=used,
                    units=charge.units,
                    retry_after=month_ends(charge.at) - charge.at,
                )
            self.ledger[entry] = replace(charge, ceiling=None)
            self.months[month] += charge.units

    def release(self, charge: Charge) -> None:
        with self._lock:
            if self.ledger.pop((charge.workspace_id, charge.month, charge.id), None):
                self.months[charge.workspace_id, charge.month] -= charge.units

    def used(self, workspace_id: str, month: str) -> int:
        return self.months[workspace_id, month]

    def charges(self, workspace_id: str, month: str) -> Iterator[Charge]:
        with self._lock:
            return iter([c for c in self.ledger.values() if (c.workspace_id, c.month) == (workspace_id, month)])

    def adjust(self, workspace_id: str, month: str, seen: int, counted: int) -> bool:
        with self._lock:
            if self.months[workspace_id, month] != seen:
                return False
            self.months[workspace_id, month] = counted
            return True
