"""A shelf that remembers what was read lately: a batch of a hundred posts reads their account once."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from threading import Lock
from typing import Generic, TypeVar

from batchwork.domain.resource import Resource
from batchwork.ports import Clock
from batchwork.ports.operations import Shelf, Slice

R = TypeVar("R", bound=Resource)

#: How long a change made by another process may go unseen within one request or job.
FRESH = timedelta(seconds=5)
#: What one function remembers at the most.
REMEMBERED = 1_000


class RecentShelf(Generic[R]):
    """ports.operations.Shelf over another one. Only `get_many` answers from memory, and only with what is there: what is
    written through this shelf is forgotten at once, what another process writes within five seconds, in a long job too.
    What was read while something was written or forgotten is not kept: it may be older than that.
    """

    def __init__(self, shelf: Shelf[R], clock: Clock) -> None:
        self._shelf = shelf
        self._clock = clock
        self._lock = Lock()
        self._known: dict[tuple[str, str], tuple[R, datetime]] = {}
        self._forgotten = 0

    def forget(self) -> None:
        """Forget everything, as who begins a request does: then it sees what was written before it, by whomever."""
        with self._lock:
            self._known.clear()
            self._forgotten += 1

    def get(self, workspace_id: str, resource_id: str) -> R | None:
        """Return a resource, strongly consistent."""
        return self._shelf.get(workspace_id, resource_id)

    def get_many(self, workspace_id: str, resource_ids: Iterable[str]) -> dict[str, R]:
        """Return the resources there are by id; another process's changes may be missing for five seconds."""
        now = self._clock.now()
        wanted = list(dict.fromkeys(resource_ids))
        with self._lock:
            forgotten = self._forgotten
            kept = {each: self._known[workspace_id, each] for each in wanted if (workspace_id, each) in self._known}
        known = {name: resource for name, (resource, until) in kept.items() if until > now}
        missing = [each for each in wanted if each not in known]
        if not missing:
            return known
        found = self._shelf.get_many(workspace_id, missing)
        with self._lock:
            if len(self._known) + len(found) > REMEMBERED:
                self._known.clear()
            if forgotten == self._forgotten:
                self._known |= {(workspace_id, name): (resource, now + FRESH) for name, resource in found.items()}
        return known | found

    def add(self, resource: R, *events: str) -> bool:
        """Store a new resource."""
        return self._forgetting(resource.workspace_id, resource.id, lambda: self._shelf.add(resource, *events))

    def replace(self, resource: R, *events: str) -> bool:
        """Store what follows the revision before it."""
        return self._forgetting(resource.workspace_id, resource.id, lambda: self._shelf.replace(resource, *events))

    def remove(self, workspace_id: str, resource_id: str, revision: int | None = None) -> bool:
        """Remove a resource."""
        return self._forgetting(
            workspace_id, resource_id, lambda: self._shelf.remove(workspace_id, resource_id, revision)
        )

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
        """Return part of the list."""
        return self._shelf.page(workspace_id, after, limit, wanted, since, ascending=ascending)

    def due(self, now: datetime, limit: int) -> list[tuple[str, str]]:
        """Return what is due."""
        return self._shelf.due(now, limit)

    def _forgetting(self, workspace_id: str, resource_id: str, write: Callable[[], bool]) -> bool:
        """Write, and forget: even a write that failed may have been made."""
        try:
            return write()
        finally:
            with self._lock:
                self._known.pop((workspace_id, resource_id), None)
                self._forgotten += 1
