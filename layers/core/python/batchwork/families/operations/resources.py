"""Every path below the family's roots: the workspace's own target for it, or else Batchwork's own resource."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from batchwork.domain.errors import RouteNotFound
from batchwork.domain.operation import ROOTS, root_of, scope_of
from batchwork.domain.recent import Recent
from batchwork.domain.target import Target, target_of
from batchwork.domain.workspace import Caller
from batchwork.edge.endpoint import Act, Route
from batchwork.edge.http import Request, Response

Serve = Callable[[Request, Caller], Response | Act]
#: What serves a call, by method and template of the path, such as ("POST", "/v1/posts/{id}/publish").
Calls = Mapping[tuple[str, str], Serve]
#: Serves a call whose path has a target: (prefix, target, request, caller).
Forward = Callable[[str, Target, Request, Caller], Response | Act]


_Table = dict[tuple[str, int], list[tuple[list[str], Serve]]]


def _tables() -> Recent[str, _Table]:
    return Recent(len(ROOTS))


@dataclass(frozen=True, slots=True)
class Resources:
    """Find what serves a call, be it a request of its own or an operation of a batch.

    later: returns the calls of a root, by root, when one of them is made first: what they import is not paid for at every
    cold start. One root has one scope for reading and one for writing. A literal part of a template goes before a
    parameter. begin: to be called where a request begins, for its calls to see all that was done before it.
    """

    calls: Calls
    forward: Forward
    later: Mapping[str, Callable[[], Calls]] = field(default_factory=dict)
    begin: Callable[[], None] = lambda: None
    _found: Recent[str, _Table] = field(default_factory=_tables, init=False, repr=False)

    def find(self, request: Request) -> Route | None:
        """Return the route of a request; None for a path that is none of the roots and not below one."""
        root = root_of(request.path)
        return None if root is None else Route(self._serve, scope_of(request.method, root))

    def _serve(self, request: Request, caller: Caller) -> Response | Act:
        found = target_of(caller.workspace.targets, request.path)
        if found is not None:
            return self.forward(*found, request, caller)
        asked = request.path.split("/")
        root = root_of(request.path) or ""
        table = self._found.get(root, lambda: self._table(root))
        for parts, serve in table.get((request.method, len(asked)), ()):
            if (parameters := _matched(parts, asked)) is not None:
                return serve(replace(request, parameters=parameters), caller)
        raise RouteNotFound(method=request.method, path=request.path[:200])

    def _table(self, root: str) -> _Table:
        """Return the templates of a root by method and number of parts, those with fewer parameters first."""
        calls = {**self.calls, **(self.later[root]() if root in self.later else {})}
        table: _Table = {}
        for (method, template), serve in sorted(calls.items(), key=lambda call: call[0][1].count("{")):
            if root_of(template) == root:
                parts = template.split("/")
                table.setdefault((method, len(parts)), []).append((parts, serve))
        return table


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
