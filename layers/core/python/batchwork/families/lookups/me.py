"""The route that tells callers who they are: GET /api/v1/me (spec lookups 2.5)."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

from batchwork.domain.workspace import Caller
from batchwork.edge.endpoint import Route, Routes
from batchwork.edge.http import Request, Response
from batchwork.use_cases.me import MonthOfUse, ShowMe


@dataclass(frozen=True, slots=True)
class Myself:
    """The route of the caller's own account; any key may ask."""

    show: ShowMe

    def routes(self) -> Routes:
        """Return the route."""
        return {("GET", "/api/v1/me"): Route(self.serve)}

    def serve(self, _request: Request, caller: Caller) -> Response:
        """Return workspace, plan, key and usage."""
        return Response(200, {"data": me_object(caller, self.show(caller))})


def me_object(caller: Caller, month: MonthOfUse) -> dict[str, object]:
    """Return what /me shows; overage_allowed and expires_at stand behind the documented fields."""
    workspace, terms, key = caller.workspace, caller.workspace.terms, caller.key
    return {
        "organization": {"id": workspace.number, "name": workspace.name, "status": str(workspace.status)},
        "plan": {
            "slug": terms.slug,
            "name": terms.name,
            "rate_limit_per_minute": terms.per_minute,
            "rate_limit_per_day": terms.per_day,
            "monthly_quota": terms.monthly_quota,
            "max_batch_size": terms.max_batch,
            "max_page_size": terms.max_page,
            "overage_allowed": terms.overage,
        },
        "api_key": {
            "name": key.name,
            "last_four": key.last_four,
            "scopes": sorted(key.scopes),
            "expires_at": f"{key.expires_at:%Y-%m-%dT%H:%M:%SZ}" if key.expires_at else None,
        },
        "usage": {
            "month": {"used": month.used, "quota": month.quota, "resets_in": ceil(month.resets_in.total_seconds())}
        },
    }
