"""Read a shelf from end to end."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime

from batchwork.domain.resource import Resource
from batchwork.ports.operations import R, Shelf

#: Resources that one read asks for.
AT_ONCE = 100
#: Whom a page of a list ended with: when it was made, or changed, and its id.
Last = tuple[datetime, str]


def all_of(
    shelf: Shelf[R], workspace_id: str, wanted: Callable[[R], bool] = lambda _: True, at_once: int = AT_ONCE
) -> list[R]:
    """Return the wanted resources of a workspace, newest first: for kinds of which it has few."""
    found: list[R] = []
    after: str | None = None
    while True:
        part = shelf.page(workspace_id, after, at_once, wanted)
        found += part.entries
        after = part.next
        if after is None:
            return found


def made(resource: Resource) -> Last:
    """Return the place of a resource in a list by creation."""
    return resource.created_at, resource.id


def changed(resource: Resource) -> Last:
    """Return the place of a resource in a list by its last change: one that is changed during a walk moves in it."""
    return resource.updated_at, resource.id


def part_of(
    resources: Iterable[R],
    after: Last | None,
    limit: int,
    *,
    ascending: bool,
    place: Callable[[Resource], Last] = made,
) -> tuple[list[R], Last | None]:
    """Return (part of resources in order of their places, place of the last one, None at the end of the list)."""
    ordered = sorted(resources, key=place, reverse=not ascending)
    if after is not None:
        ordered = [each for each in ordered if (place(each) > after if ascending else place(each) < after)]
    shown = ordered[:limit]
    return shown, place(shown[-1]) if len(ordered) > limit else None
