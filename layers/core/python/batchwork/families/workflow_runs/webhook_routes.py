"""The routes of webhook endpoints, of their deliveries and of subscriptions, and what they have in common."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from batchwork.domain.workspace import Caller
from batchwork.edge.endpoint import Act, Route, Routes
from batchwork.edge.http import Request, Response
from batchwork.families.workflow_runs.dialect import Dialect

#: Scopes: those of the operations family's webhooks.
READ, WRITE = "webhooks:read", "webhooks:write"
ENDPOINTS, SUBSCRIPTIONS = "/webhook_endpoints", "/webhook_subscriptions"
ENDPOINT, SUBSCRIPTION = f"{ENDPOINTS}/{{id}}", f"{SUBSCRIPTIONS}/{{id}}"
DELIVERIES = f"{ENDPOINT}/deliveries"
DELIVERY = f"{DELIVERIES}/{{delivery_id}}"

#: Method and template of a path.
Call = tuple[str, str]
Calls = Mapping[Call, Callable[[Request, Caller], Response | Act]]

ENDPOINT_CALLS: tuple[Call, ...] = (
    ("POST", ENDPOINTS),
    ("GET", ENDPOINTS),
    ("GET", ENDPOINT),
    ("POST", ENDPOINT),
    ("DELETE", ENDPOINT),
    ("POST", f"{ENDPOINT}/rotate_secret"),
)
DELIVERY_CALLS: tuple[Call, ...] = (
    ("GET", DELIVERIES),
    ("GET", DELIVERY),
    ("POST", f"{DELIVERY}/replay"),
    ("POST", f"{ENDPOINT}/recover"),
    ("POST", f"{ENDPOINT}/test"),
)
SUBSCRIPTION_CALLS: tuple[Call, ...] = (
    ("POST", SUBSCRIPTIONS),
    ("GET", SUBSCRIPTIONS),
    ("GET", SUBSCRIPTION),
    ("POST", SUBSCRIPTION),
    ("DELETE", SUBSCRIPTION),
)


def later(calls: Iterable[Call], serving: Callable[[], Calls]) -> Routes:
    """Return routes. serving: returns what serves them, when one of them is asked for first: what it imports is not paid
    for at every cold start.
    """

    def route(call: Call) -> Route:
        def serve(request: Request, caller: Caller) -> Response | Act:
            return serving()[call](request, caller)

        return Route(serve, READ if call[0] == "GET" else WRITE)

    return {call: route(call) for call in calls}


def removed(name: str, removed_id: str, dialect: Dialect) -> Response:
    """Return that something is removed: ``{"success": true, "<name>Id": "..."}``, or ``{"id": "..."}``."""
    return Response(200, {"id": removed_id} if dialect is Dialect.V2026 else {"success": True, f"{name}Id": removed_id})
