"""Make, change, remove and read webhook subscriptions (spec workflow runs 4.9).

What the spec leaves open is chosen here: making one that there is replaces what it asks for and keeps its id and its time;
a subscription goes with its endpoint. One whose endpoint went while it was made belongs to nobody: it is not shown, and
whoever comes across it removes it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from batchwork.domain.errors import InvalidRequest, NotFound, NotPermitted, Problem
from batchwork.domain.idempotency import Ticket
from batchwork.domain.ids import ordered_id
from batchwork.domain.resource import to_millis
from batchwork.domain.webhook_endpoint import WebhookEndpoint, WebhookSubscription
from batchwork.domain.workflow import Workflow
from batchwork.ports import Clock
from batchwork.ports.operations import Shelf
from batchwork.use_cases.revise import found, revised
from batchwork.use_cases.walk import Last, all_of, part_of

PREFIX = "whes_"
#: The one kind of resource that can be subscribed to.
WORKFLOW = "workflow"
#: Subscriptions of one workspace: all are read for the events of a moment.
MAX_SUBSCRIPTIONS = 500
ENDPOINT, SUBSCRIPTION = "Webhook endpoint", "Webhook subscription"

#: Returns what is wrong with the events that an endpoint is to be told of: (their place among those asked for, why).
Unfit = Callable[[WebhookEndpoint, Sequence[str]], list[tuple[int, str]]]


def subscription_id(endpoint: WebhookEndpoint, resource_type: str, resource_id: str) -> str:
    """Return the id of an endpoint's one subscription to a resource."""
    about = f"{endpoint.workspace_id}:{endpoint.id}:{resource_type}:{resource_id}"
    return ordered_id(PREFIX, Ticket(about, endpoint.created_at))


@dataclass(frozen=True, slots=True)
class WebhookSubscriptions:
    """The life of a subscription. style: of the endpoints that may have some."""

    subscriptions: Shelf[WebhookSubscription]
    endpoints: Shelf[WebhookEndpoint]
    workflows: Shelf[Workflow]
    clock: Clock
    style: str
    unfit: Unfit = lambda _endpoint, _events: []

    def put(
        self, workspace_id: str, endpoint_id: str, workflow_id: str, events: tuple[str, ...], ticket: Ticket
    ) -> WebhookSubscription:
        """Have an endpoint ask for events of a workflow, in place of what it asked for before.

        Raises NotFound for an endpoint or a workflow that is none, InvalidRequest for events that such an endpoint is not
        told of, and NotPermitted when there are as many subscriptions as there may be. Nothing holds the room: of two made
        at the same time both may find the last.
        """
        endpoint = self._endpoint(workspace_id, endpoint_id)
        self._check(endpoint, events)
        found(self.workflows, workspace_id, workflow_id, "Workflow")
        made_id = subscription_id(endpoint, WORKFLOW, workflow_id)
        standing = self.subscriptions.get(workspace_id, made_id)
        if standing is None:
            self._check_room(workspace_id)
            at = to_millis(ticket.at)
            made = WebhookSubscription(
                id=made_id,
                workspace_id=workspace_id,
                created_at=at,
                updated_at=at,
                endpoint_id=endpoint.id,
                resource_type=WORKFLOW,
                resource_id=workflow_id,
                events=events,
            )
            if self.subscriptions.add(made):
                return made
            standing = found(self.subscriptions, workspace_id, made_id, SUBSCRIPTION)
        return self._asking(standing, events)

    def change(self, workspace_id: str, subscription_id: str, events: tuple[str, ...] | None) -> WebhookSubscription:
        """Replace the events that a subscription asks for, None for those that it has.

        Raises NotFound, InvalidRequest as `put` does, and Conflict when others were faster again and again.
        """
        standing = self.get(workspace_id, subscription_id)
        if events is None:
            return standing
        self._check(self._endpoint(workspace_id, standing.endpoint_id), events)
        return self._asking(standing, events)

    def get(self, workspace_id: str, subscription_id: str) -> WebhookSubscription:
        """Return a subscription. Raises NotFound."""
        standing = found(self.subscriptions, workspace_id, subscription_id, SUBSCRIPTION)
        if self.endpoints.get(workspace_id, standing.endpoint_id) is None:
            self.subscriptions.remove(workspace_id, subscription_id)
            raise NotFound(what=SUBSCRIPTION)
        return standing

    def page(
        self,
        workspace_id: str,
        after: Last | None,
        limit: int,
        *,
        endpoint_id: str | None = None,
        resource_id: str | None = None,
        ascending: bool = False,
    ) -> tuple[list[WebhookSubscription], Last | None]:
        """Return (part of the subscriptions, of one endpoint or to one resource if given, by their creation; whom it ended
        with, None at the end of the list). All are read for it: a workspace has few.
        """
        # First the subscriptions: an endpoint that is not there when it is looked for after them never will be again.
        everything = all_of(self.subscriptions, workspace_id, at_once=MAX_SUBSCRIPTIONS)
        standing = {each.id for each in all_of(self.endpoints, workspace_id)} if everything else set()
        for each in everything:
            if each.endpoint_id not in standing:
                self.subscriptions.remove(workspace_id, each.id)
        wanted = [
            each
            for each in everything
            if each.endpoint_id in standing
            and endpoint_id in {None, each.endpoint_id}
            and resource_id in {None, each.resource_id}
        ]
        return part_of(wanted, after, limit, ascending=ascending)

    def remove(self, workspace_id: str, subscription_id: str) -> None:
        """Remove a subscription, if there still is one."""
        self.subscriptions.remove(workspace_id, subscription_id)

    def remove_of(self, workspace_id: str, endpoint_id: str) -> None:
        """Remove all subscriptions of an endpoint: it is to be removed after them, so that who dies in between can go on."""
        for each in all_of(
            self.subscriptions, workspace_id, lambda each: each.endpoint_id == endpoint_id, MAX_SUBSCRIPTIONS
        ):
            self.subscriptions.remove(workspace_id, each.id)

    def _asking(self, subscription: WebhookSubscription, events: tuple[str, ...]) -> WebhookSubscription:
        def step(current: WebhookSubscription) -> tuple[WebhookSubscription, tuple[str, ...]] | None:
            if current.events == events:
                return None
            now = to_millis(self.clock.now())
            return replace(current, events=events, revision=current.revision + 1, updated_at=now), ()

        return revised(self.subscriptions, subscription, step, SUBSCRIPTION)

    def _endpoint(self, workspace_id: str, endpoint_id: str) -> WebhookEndpoint:
        endpoint = found(self.endpoints, workspace_id, endpoint_id, ENDPOINT)
        if endpoint.style != self.style:
            raise NotFound(what=ENDPOINT)
        return endpoint

    def _check(self, endpoint: WebhookEndpoint, events: tuple[str, ...]) -> None:
        wrong = self.unfit(endpoint, events)
        if wrong:
            raise InvalidRequest([Problem(f"enabledEvents.{place}", why, "event") for place, why in wrong])

    def _check_room(self, workspace_id: str) -> None:
        if len(all_of(self.subscriptions, workspace_id, at_once=MAX_SUBSCRIPTIONS)) >= MAX_SUBSCRIPTIONS:
            raise NotPermitted(
                reason=f"A workspace has at most {MAX_SUBSCRIPTIONS} webhook subscriptions; delete one first"
            )
