from __future__ import annotations

from collections import Counter


class FakeSequences:
    """Counters in memory."""

    def __init__(self) -> None:
        self._reserved: Counter[str] = Counter()

    def reserve(self, workspace_id: str, count: int) -> int:
        if count < 1:
            raise ValueError(count)
        self._reserved[workspace_id] += count
        return self._reserved[workspace_id] - count + 1
