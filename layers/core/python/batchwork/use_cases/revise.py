"""Read, check, and write on condition that nobody wrote meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from batchwork.domain.errors import Conflict, NotFound
from batchwork.domain.resource import Resource
from batchwork.ports.operations import Shelf

R = TypeVar("R", bound=Resource)

#: Tries before a client is told that others change the same resource:
#: as many as one batch can have at it at once, and some more.
TRIES = 24
#: What a change makes: the resource of the next revision, and the events that this is; None when nothing is to be done.
Change = Callable[[R], tuple[R, tuple[str, ...]] | None]


def found(shelf: Shelf[R], workspace_id: str, resource_id: str, what: str) -> R:
    """Return a resource. what: how an error names it. Raises NotFound."""
    resource = shelf.get(workspace_id, resource_id)
    if resource is None:
        raise NotFound(what=what)
    return resource


def revised(shelf: Shelf[R], resource: R, change: Change[R], what: str) -> R:
    """Change a resource that was read; when somebody was faster, read it again and ask the change again.

    change: also checks, and raises what forbids it. Raises NotFound when it was removed, Conflict after many tries.
    """
    for _ in range(TRIES):
        changed = change(resource)
        if changed is None:
            return resource
        newer, events = changed
        if shelf.replace(newer, *events):
            return newer
        resource = found(shelf, resource.workspace_id, resource.id, what)
    raise Conflict(what=f"The {what.lower()}")
