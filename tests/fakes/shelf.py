"""ports.operations.Shelf in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from threading import Lock
from typing import Generic, TypeVar

from batchwork.domain.patience import check_waited_for
from batchwork.domain.resource import Resource
from batchwork.ports.operations import Slice

R = TypeVar("R", bound=Resource)


class FakeShelf(Generic[R]):
    """told: (resource, events) of every write, in order. due_at: when a resource is due, None for never."""

    def __init__(self, due_at: Callable[[R], datetime | None] = lambda _: None) -> None:
        self.stored: dict[tuple[str, str], R] = {}
        self.told: list[tuple[R, tuple[str, ...]]] = []
        self._due_at = due_at
        self._lock = Lock()

    def get(self, workspace_id: str, resource_id: str) -> R | None:
        return self.stored.get((workspace_id, resource_id))

    def get_many(self, workspace_id: str, resource_ids: Iterable[str]) -> dict[str, R]:
        found = ((each, self.get(workspace_id, each)) for each in resource_ids)
        return {name: resource for name, resource in found if resource is not None}

    def add(self, resource: R, *events: str) -> bool:
        check_waited_for()
        with self._lock:
            name = resource.workspace_id, resource.id
            if name in self.stored:
                return False
            self.stored[name] = resource
            self.told.append((resource, events))
            return True

    def replace(self, resource: R, *events: str) -> bool:
        check_waited_for()
        with self._lock:
            name = resource.workspace_id, resource.id
            stored = self.stored.get(name)
            if stored is None or stored.revision != resource.revision - 1:
                return False
            self.stored[name] = resource
            self.told.append((resource, events))
            return True

    def remove(self, workspace_id: str, resource_id: str, revision: int | None = None) -> bool:
        check_waited_for()
        with self._lock:
            stored = self.stored.get((workspace_id, resource_id))
            if stored is None or revision not in {None, stored.revision}:
                return False
            del self.stored[workspace_id, resource_id]
            return True

    def page(
        self,
        workspace_id: str,
        after: str | None,
        limit: int,
        wanted: Callable[[R], bool],
        since: str = "",
        *,
        ascending: bool = False,
    ) -> Slice[R]:
        ids = sorted(
            (each for workspace, each in self.stored if workspace == workspace_id and each >= since),
            reverse=not ascending,
        )
        found = [
            self.stored[workspace_id, each]
            for each in ids
            if (after is None or (each > after if ascending else each < after))
            and wanted(self.stored[workspace_id, each])
        ]
        return Slice(found[:limit], found[limit - 1].id if len(found) > limit else None)

    def due(self, now: datetime, limit: int) -> list[tuple[str, str]]:
        found = [(at, name) for name, each in self.stored.items() if (at := self._due_at(each)) and at <= now]
        return [name for _, name in sorted(found)[:limit]]
