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
from batchwork.edge.templates import Templates

Serve = Callable[[Request, Caller], Response | Act]
#: What serves a call, by method and template of the path, such as ("POST", "/v1/posts/{id}/publish").
Calls = Mapping[tuple[str, str], Serve]
#: Serves a call whose path has a target: (prefix, target, request, caller).
Forward = Callable[[str, Target, Request, Caller], Response | Act]


def _tables() -> Recent[str, Templates[Serve]]:
    return Recent(len(ROOTS))


@dataclass(frozen=True, slots=True)
class Resources:
    """Find what serves a call, be it a request of its own or an operation of a batch.

    later: returns the calls of a root, by root, when one of them is made first: what they import is not paid for at every
    cold start. One root has one scope for reading and one for writing. begin: to be called where a request begins, for
    its calls to see all that was done before it.
    """

    calls: Calls
    forward: Forward
    later: Mapping[str, Callable[[], Calls]] = field(default_factory=dict)
    begin: Callable[[], None] = lambda: None
    _found: Recent[str, Templates[Serve]] = field(default_factory=_tables, init=False, repr=False)

    def find(self, request: Request) -> Route | None:
        """Return the route of a request; None for a path that is none of the roots and not below one."""
        root = root_of(request.path)
        return None if root is None else Route(self._serve, scope_of(request.method, root))

    def _serve(self, request: Request, caller: Caller) -> Response | Act:
        found = target_of(caller.workspace.targets, request.path)
        if found is not None:
            return self.forward(*found, request, caller)
        root = root_of(request.path) or ""
        call = self._found.get(root, lambda: self._table(root)).find(request.method, request.path)
        if call is None:
            raise RouteNotFound(method=request.method, path=request.path[:200])
        serve, parameters = call
        return serve(replace(request, parameters=parameters), caller)

    def _table(self, root: str) -> Templates[Serve]:
        """Return the calls of a root."""
        calls = {**self.calls, **(self.later[root]() if root in self.later else {})}
        return Templates({call: serve for call, serve in calls.items() if root_of(call[1]) == root})
