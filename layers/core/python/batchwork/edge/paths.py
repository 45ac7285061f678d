"""Which family a path belongs to that nobody serves: its envelope answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from batchwork.edge.endpoint import Handler
from batchwork.edge.http import Request


class ByPath:
    """Hands an event to the handler of the longest prefix of its path, cut where segments end; "" is every path's."""

    def __init__(self, handlers: Mapping[str, Handler]) -> None:
        self._handlers = handlers

    def __call__(self, event: dict[str, Any], context: Any) -> dict[str, Any]:
        """Answer as the path's handler does."""
        return self._handlers[self.prefix(event)](event, context)

    def prefix(self, event: Mapping[str, Any]) -> str:
        """Return the longest of the prefixes that the event's path begins with."""
        path = _documented(event)
        return max((each for each in self._handlers if f"{path}/".startswith(f"{each}/")), key=len)


def _documented(event: Mapping[str, Any]) -> str:
    """Return the path below stage and base path: what ``/{proxy+}`` matched.

    The event's own path has a custom domain's base path before it, which no literal part of that template can tell.
    """
    if event.get("resource") == "/{proxy+}":
        return f"/{(event.get('pathParameters') or {}).get('proxy', '')}"
    return Request.from_event(event).path
