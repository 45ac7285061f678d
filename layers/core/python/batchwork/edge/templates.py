"""Templates of paths, such as ``/v1/posts/{id}/publish``: which of many a path is, and what stands in its braces."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Generic, TypeVar

from batchwork.domain.workspace import Caller
from batchwork.edge.endpoint import Act, Find, Route, Routes
from batchwork.edge.http import Request, Response

T = TypeVar("T")


class Templates(Generic[T]):
    """What belongs to a call, by its method and the template of its path. A literal part goes before a parameter."""

    def __init__(self, calls: Mapping[tuple[str, str], T]) -> None:
        self._table: dict[tuple[str, int], list[tuple[list[str], T]]] = {}
        for (method, template), value in sorted(calls.items(), key=lambda call: call[0][1].count("{")):
            parts = template.split("/")
            self._table.setdefault((method, len(parts)), []).append((parts, value))

    def find(self, method: str, path: str) -> tuple[T, dict[str, str]] | None:
        """Return (what belongs to a call, its parameters), None for a call that is none."""
        asked = path.split("/")
        for parts, value in self._table.get((method, len(asked)), ()):
            if (parameters := _matched(parts, asked)) is not None:
                return value, parameters
        return None


def routed(routes: Routes) -> Find:
    """Return what finds the route of a request by its path, below a resource such as ``/files/{proxy+}``. routes: by method
    and template.
    """
    table = Templates(routes)

    def find(request: Request) -> Route | None:
        found = table.find(request.method, request.path)
        if found is None:
            return None
        route, parameters = found

        def serve(asked: Request, caller: Caller) -> Response | Act:
            return route.serve(replace(asked, parameters=parameters), caller)

        return Route(serve, route.scope)

    return find


def _matched(parts: list[str], asked: list[str]) -> dict[str, str] | None:
    parameters: dict[str, str] = {}
    for part, text in zip(parts, asked, strict=True):
        if part.startswith("{"):
            if not text:
                return None
            parameters[part[1:-1]] = text
        elif part != text:
            return None
    return parameters
