from __future__ import annotations

from batchwork.domain.lookup import Lookup


class FakeLookups:
    """ports.lookups.LookupStore in memory; counts its reads."""

    def __init__(self) -> None:
        self._chosen: dict[tuple[str, str], Lookup] = {}
        self.reads = 0

    def get(self, workspace_id: str, endpoint: str) -> Lookup | None:
        self.reads += 1
        return self._chosen.get((workspace_id, endpoint))

    def put(self, workspace_id: str, endpoint: str, lookup: Lookup) -> None:
        self._chosen[workspace_id, endpoint] = lookup

    def find(self, workspace_id: str) -> dict[str, Lookup]:
        return {endpoint: lookup for (owner, endpoint), lookup in self._chosen.items() if owner == workspace_id}
