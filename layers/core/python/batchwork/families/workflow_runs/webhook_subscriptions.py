"""The routes of webhook subscriptions (spec workflow runs 4.9).

What the spec leaves open is chosen here: the only resources that can be subscribed to are workflows; an endpoint or a
workflow that there is none of is 404; making one that there is replaces its events.
"""

from __future__ import annotations

from dataclasses import dataclass

from batchwork.domain.workspace import Caller
from batchwork.edge.endpoint import Act
from batchwork.edge.http import Request, Response
from batchwork.families.workflow_runs.dialect import answered, dialect_of
from batchwork.families.workflow_runs.lists import ListQuery, place_of
from batchwork.families.workflow_runs.webhook_presenters import subscription_object
from batchwork.families.workflow_runs.webhook_routes import SUBSCRIPTION, SUBSCRIPTIONS, Calls, removed
from batchwork.families.workflow_runs.webhook_schemas import NewSubscription, SubscriptionChanges, read
from batchwork.use_cases.once import Errand
from batchwork.use_cases.webhook_subscriptions import WebhookSubscriptions

#: How answers before 2026-02-09 call one and many.
ONE, MANY = "webhookSubscription", "webhookSubscriptions"


@dataclass(frozen=True, slots=True)
class SubscriptionCalls:
    """Every call of subscriptions."""

    subscriptions: WebhookSubscriptions

    def calls(self) -> Calls:
        """Return the calls by (method, template)."""
        return {
            ("POST", SUBSCRIPTIONS): self.put,
            ("GET", SUBSCRIPTIONS): self.all,
            ("GET", SUBSCRIPTION): self.one,
            ("POST", SUBSCRIPTION): self.update,
            ("DELETE", SUBSCRIPTION): self.remove,
        }

    def put(self, request: Request, caller: Caller) -> Act:
        """Have an endpoint ask for events of a workflow."""
        dialect = dialect_of(request)
        wanted = read(NewSubscription, request)

        def act(errand: Errand) -> Response:
            made = self.subscriptions.put(
                caller.workspace.id,
                wanted.webhook_endpoint_id,
                wanted.resource_id,
                tuple(wanted.enabled_events),
                errand.ticket,
            )
            return answered(ONE, subscription_object(made), dialect)

        return act

    def all(self, request: Request, caller: Caller) -> Response:
        """List subscriptions, of one endpoint or to one resource if asked for."""
        query = ListQuery(request, caller.workspace.id, MANY, "webhookEndpointId", "resourceId")
        endpoint_id, resource_id, after = query.text("webhookEndpointId"), query.text("resourceId"), query.place()
        query.end()
        found, last = self.subscriptions.page(
            caller.workspace.id,
            after,
            query.limit,
            endpoint_id=endpoint_id,
            resource_id=resource_id,
            ascending=query.ascending,
        )
        entries = ((subscription_object(each), place_of(each.created_at, each.id)) for each in found)
        return query.listed(MANY, entries, None if last is None else place_of(*last))

    def one(self, request: Request, caller: Caller) -> Response:
        """Show a subscription."""
        dialect = dialect_of(request)
        found = self.subscriptions.get(caller.workspace.id, request.parameters["id"])
        return answered(ONE, subscription_object(found), dialect)

    def update(self, request: Request, caller: Caller) -> Act:
        """Replace the events that one asks for."""
        dialect = dialect_of(request)
        asked = read(SubscriptionChanges, request).enabled_events
        events = None if asked is None else tuple(asked)

        def act(_errand: Errand) -> Response:
            changed = self.subscriptions.change(caller.workspace.id, request.parameters["id"], events)
            return answered(ONE, subscription_object(changed), dialect)

        return act

    def remove(self, request: Request, caller: Caller) -> Act:
        """Remove a subscription; what is on its way to its endpoint goes on."""
        dialect, name = dialect_of(request), request.parameters["id"]

        def act(errand: Errand) -> Response:
            if not errand.ticket.again:
                self.subscriptions.get(caller.workspace.id, name)
            self.subscriptions.remove(caller.workspace.id, name)
            return removed(ONE, name, dialect)

        return act
