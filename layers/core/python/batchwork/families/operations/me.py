"""The route that tells clients whose key they have: GET /v1/auth/me, in the fields that they read (spec operations 1.1)."""

from __future__ import annotations

from batchwork.domain.workspace import Caller
from batchwork.edge.endpoint import Route, Routes
from batchwork.edge.http import Request, Response


class Me:
    """The route; any key may ask."""

    def routes(self) -> Routes:
        """Return the route by (method, resource)."""
        return {("GET", "/v1/auth/me"): Route(self.serve)}

    def serve(self, _request: Request, caller: Caller) -> Response:
        """Tell the workspace."""
        workspace = caller.workspace
        told = {"workspaceId": workspace.id, "workspaceName": workspace.name, "plan": workspace.plan.upper()}
        return Response(200, told)
