"""Make, change, remove, read and try webhook endpoints."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta

from batchwork.domain.errors import NotPermitted
from batchwork.domain.event import Event
from batchwork.domain.idempotency import Ticket
from batchwork.domain.ids import ordered_id
from batchwork.domain.item import Json
from batchwork.domain.resource import to_millis
from batchwork.domain.webhook import Delivery, DeliveryStatus
from batchwork.domain.webhook_endpoint import (
    MAX_ENDPOINTS,
    PREFIX,
    SECRET_BYTES,
    Health,
    WebhookEndpoint,
    secret_of,
)
from batchwork.ports import Clock
from batchwork.ports.operations import Shelf, Slice
from batchwork.ports.webhooks import DeliveryStore, EndpointHealth
from batchwork.use_cases.addressees import Addressees
from batchwork.use_cases.revise import found, revised
from batchwork.use_cases.send import Send
from batchwork.use_cases.tell import delivery_of


def random_secret() -> str:
    """Return a new secret: 256 random bits."""
    return secret_of(secrets.token_bytes(SECRET_BYTES))


@dataclass(frozen=True, slots=True)
class WebhookEndpoints:
    """The life of an endpoint. style: of the deliveries of those made here."""

    endpoints: Shelf[WebhookEndpoint]
    health: EndpointHealth
    clock: Clock
    style: str
    new_secret: Callable[[], str] = random_secret

    def check_room(self, workspace_id: str) -> None:
        """Raise NotPermitted when there are as many endpoints as there may be.

        Nothing holds the room: of two made at the same time both may find the last.
        """
        if len(self.endpoints.page(workspace_id, None, MAX_ENDPOINTS, lambda _: True).entries) >= MAX_ENDPOINTS:
            raise NotPermitted(reason=f"A workspace has at most {MAX_ENDPOINTS} webhooks; delete one first")

    def create(self, workspace_id: str, url: str, events: tuple[str, ...], ticket: Ticket) -> WebhookEndpoint:
        """Make an endpoint with a secret of its own. Each try of one piece of work returns the same one.

        Raises NotPermitted where an earlier try may have died before it was made and there is no more room by now.
        """
        made_id = ordered_id(f"{PREFIX}c", ticket)
        if ticket.again:
            made = self.endpoints.get(workspace_id, made_id)
            if made is not None:
                return made
            self.check_room(workspace_id)
        at = to_millis(ticket.at)
        endpoint = WebhookEndpoint(
            id=made_id,
            workspace_id=workspace_id,
            created_at=at,
            updated_at=at,
            url=url,
            events=events,
            secret=self.new_secret(),
            style=self.style,
        )
        return endpoint if self.endpoints.add(endpoint) else self.get(workspace_id, made_id)

    def change(self, workspace_id: str, endpoint_id: str, changes: Json) -> WebhookEndpoint:
        """Replace the given fields (url, events, enabled); enabling forgets the failures.

        Raises NotFound, and Conflict when others were faster again and again.
        """

        def step(endpoint: WebhookEndpoint) -> tuple[WebhookEndpoint, tuple[str, ...]]:
            if changes.get("enabled") and not endpoint.enabled:
                # First: a sender that is about to switch it off looks for failures after it read the endpoint.
                self.health.clear(workspace_id, endpoint_id)
            now = to_millis(self.clock.now())
            return replace(endpoint, **changes, revision=endpoint.revision + 1, updated_at=now), ()

        return revised(self.endpoints, self.get(workspace_id, endpoint_id), step, "Webhook")

    def remove(self, workspace_id: str, endpoint_id: str) -> None:
        """Remove an endpoint, if there still is one; what is on its way to it ends as failed."""
        self.endpoints.remove(workspace_id, endpoint_id)

    def get(self, workspace_id: str, endpoint_id: str) -> WebhookEndpoint:
        """Return an endpoint. Raises NotFound."""
        return found(self.endpoints, workspace_id, endpoint_id, "Webhook")

    def health_of(self, endpoint: WebhookEndpoint) -> Health:
        """Return how the attempts at an endpoint went."""
        return self.health.get(endpoint.workspace_id, endpoint.id)

    def page(
        self, workspace_id: str, after: str | None, limit: int
    ) -> tuple[Slice[WebhookEndpoint], dict[str, Health]]:
        """Return endpoints, newest first, and by id how the attempts at them went, where there were any."""
        part = self.endpoints.page(workspace_id, after, limit, lambda _: True)
        return part, self.health.of_workspace(workspace_id) if part.entries else {}


@dataclass(frozen=True, slots=True)
class Tried:
    """A delivery that was made to try an endpoint. answered: the beginning of the answer, None when there is none to show."""

    delivery: Delivery
    answered: bytes | None


@dataclass(frozen=True, slots=True)
class TryEndpoint:
    """Make one attempt now, as the sender would, and keep it; it is never repeated.

    It is recorded when it was made: one that died before leaves nothing that the sweeper could send again.
    """

    send: Send
    deliveries: DeliveryStore
    addressees: Addressees

    def __call__(
        self, endpoint: WebhookEndpoint, event: Event, body: bytes, timeout: timedelta, *, again: bool
    ) -> Tried:
        """Return what came of it. again: an earlier try may have made the attempt, which is then not made once more."""
        wanted = delivery_of(event, endpoint, body, event.created_at)
        if again and (made := self.deliveries.get(wanted.workspace_id, wanted.id)) is not None:
            return Tried(made, None)
        sent = self.send(endpoint.addressed(wanted), 1, timeout)
        self.addressees.note(wanted, sent.attempt)
        status = DeliveryStatus.DELIVERED if sent.attempt.succeeded else DeliveryStatus.FAILED
        delivery = replace(wanted, attempts=(sent.attempt,), status=status)
        self.deliveries.put(delivery)
        return Tried(delivery, sent.body)
