"""The routes of webhook endpoints (spec workflow runs 4.9).

What the spec leaves open is chosen here: a workspace has at most fifty endpoints of this family; each answer shows the endpoint's own headers, which its owner wrote, and no answer but the first the secret; what goes with an
endpoint that is removed are its subscriptions and what is on its way to it. An endpoint can be asked to ask for events that
never come here (families.workflow_runs.events). Rotating a secret is ours: for 24 hours, or as long as it is asked, both sign.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from batchwork.domain.errors import InvalidRequest, Problem
from batchwork.domain.webhook_endpoint import OVERLAP, WebhookEndpoint
from batchwork.domain.workspace import Caller
from batchwork.edge.endpoint import Act
from batchwork.edge.http import Request, Response
from batchwork.families.workflow_runs.dialect import answered, dialect_of
from batchwork.families.workflow_runs.lists import ListQuery, place_of
from batchwork.families.workflow_runs.schemas import CheckUrl
from batchwork.families.workflow_runs.times import maybe
from batchwork.families.workflow_runs.webhook_presenters import endpoint_object
from batchwork.families.workflow_runs.webhook_routes import ENDPOINT, ENDPOINTS, Calls, removed
from batchwork.families.workflow_runs.webhook_schemas import EndpointChanges, NewEndpoint, Rotation, read, read_or_empty
from batchwork.use_cases.once import Errand
from batchwork.use_cases.walk import all_of, part_of
from batchwork.use_cases.webhook_endpoints import WebhookEndpoints
from batchwork.use_cases.webhook_subscriptions import WebhookSubscriptions

#: How answers before 2026-02-09 call one and many.
ONE, MANY = "webhookEndpoint", "webhookEndpoints"
#: What a list may be narrowed to; the first is no filter.
_ANY, _ENABLED, _DISABLED = "any", "enabled", "disabled"


@dataclass(frozen=True, slots=True)
class EndpointCalls:
    """Every call of endpoints. check_url: returns what is wrong with an outgoing address, or None."""

    webhooks: WebhookEndpoints
    subscriptions: WebhookSubscriptions
    check_url: CheckUrl

    def calls(self) -> Calls:
        """Return the calls by (method, template)."""
        return {
            ("POST", ENDPOINTS): self.create,
            ("GET", ENDPOINTS): self.listed,
            ("GET", ENDPOINT): self.one,
            ("POST", ENDPOINT): self.update,
            ("DELETE", ENDPOINT): self.remove,
            ("POST", f"{ENDPOINT}/rotate_secret"): self.rotate,
        }

    def create(self, request: Request, caller: Caller) -> Act:
        """Make an endpoint; its secret is shown in this answer only."""
        dialect = dialect_of(request)
        wanted = read(NewEndpoint, request, self.check_url)

        def act(errand: Errand) -> Response:
            if not errand.ticket.again:
                self.webhooks.check_room(caller.workspace.id)
            fields = wanted.fields()
            made = self.webhooks.create(
                caller.workspace.id,
                fields.pop("url"),
                fields.pop("events"),
                errand.ticket,
                version=wanted.api_version,
                **fields,
            )
            return answered(ONE, {**endpoint_object(made), "signingSecret": made.secret}, dialect)

        return act

    def listed(self, request: Request, caller: Caller) -> Response:
        """List endpoints by their creation; the last page has no token."""
        query = ListQuery(request, caller.workspace.id, MANY, "status")
        status, after = query.one_of("status", (_ANY, _ENABLED, _DISABLED)), query.place()
        query.end()

        def wanted(endpoint: WebhookEndpoint) -> bool:
            return endpoint.style == self.webhooks.style and status in {
                _ANY,
                _ENABLED if endpoint.enabled else _DISABLED,
            }

        everything = all_of(self.webhooks.endpoints, caller.workspace.id, wanted)
        found, last = part_of(everything, after, query.limit, ascending=query.ascending)
        entries = ((endpoint_object(each), place_of(each.created_at, each.id)) for each in found)
        return query.listed(MANY, entries, None if last is None else place_of(*last))

    def one(self, request: Request, caller: Caller) -> Response:
        """Show an endpoint."""
        dialect = dialect_of(request)
        found = self.webhooks.get(caller.workspace.id, request.parameters["id"])
        return answered(ONE, endpoint_object(found), dialect)

    def update(self, request: Request, caller: Caller) -> Act:
        """Change an endpoint; what is on its way to it goes to its new URL. Its version stays."""
        dialect = dialect_of(request)
        wanted = read(EndpointChanges, request, self.check_url)

        def act(_errand: Errand) -> Response:
            name = request.parameters["id"]
            if wanted.api_version not in {None, self.webhooks.get(caller.workspace.id, name).version}:
                message = "Cannot be changed; make another endpoint"
                raise InvalidRequest([Problem("apiVersion", message, "immutable", structural=False)])
            changed = self.webhooks.change(caller.workspace.id, name, wanted.fields())
            return answered(ONE, endpoint_object(changed), dialect)

        return act

    def remove(self, request: Request, caller: Caller) -> Act:
        """Remove an endpoint with its subscriptions; these go first, so that another try finds the endpoint."""
        dialect, name = dialect_of(request), request.parameters["id"]

        def act(errand: Errand) -> Response:
            if not errand.ticket.again:
                self.webhooks.get(caller.workspace.id, name)
            self.subscriptions.remove_of(caller.workspace.id, name)
            self.webhooks.remove(caller.workspace.id, name)
            return removed(ONE, name, dialect)

        return act

    def rotate(self, request: Request, caller: Caller) -> Act:
        """Give an endpoint another secret (ours), shown in this answer only; the one before goes on signing beside it."""
        dialect = dialect_of(request)
        asked = read_or_empty(Rotation, request).overlap_seconds
        overlap = OVERLAP if asked is None else timedelta(seconds=asked)

        def act(errand: Errand) -> Response:
            made = self.webhooks.rotate(caller.workspace.id, request.parameters["id"], overlap, errand.ticket)
            shown = {**endpoint_object(made), "signingSecret": made.secret}
            return answered(ONE, {**shown, "previousSecretExpiresAt": maybe(made.previous_until)}, dialect)

        return act
