"""Make, change, remove, read and try webhook endpoints."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from batchwork.domain.errors import NotFound, NotPermitted
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


def random_secret(style: str) -> str:
    """Return a new secret for endpoints of a style: 256 random bits."""
    return secret_of(secrets.token_bytes(SECRET_BYTES), style)


@dataclass(frozen=True, slots=True)
class WebhookEndpoints:
    """The life of an endpoint. style: of the deliveries of those made here; others on the same shelf are not found."""

    endpoints: Shelf[WebhookEndpoint]
    health: EndpointHealth
    clock: Clock
    style: str
    new_secret: Callable[[str], str] = random_secret

    def check_room(self, workspace_id: str) -> None:
        """Raise NotPermitted when there are as many endpoints as there may be.

        Nothing holds the room: of two made at the same time both may find the last.
        """
        if len(self.endpoints.page(workspace_id, None, MAX_ENDPOINTS, self._own).entries) >= MAX_ENDPOINTS:
            raise NotPermitted(reason=f"A workspace has at most {MAX_ENDPOINTS} webhooks; delete one first")

    def create(
        self, workspace_id: str, url: str, events: tuple[str, ...], ticket: Ticket, **more: Any
    ) -> WebhookEndpoint:
        """Make an endpoint with a secret of its own. Each try of one piece of work returns the same one.

        more: fields of WebhookEndpoint that not every style has. Raises NotPermitted where an earlier try may have died
        before it was made and there is no more room by now.
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
            secret=self.new_secret(self.style),
            style=self.style,
            **more,
        )
        return endpoint if self.endpoints.add(endpoint) else self.get(workspace_id, made_id)

    def change(self, workspace_id: str, endpoint_id: str, changes: Json) -> WebhookEndpoint:
        """Replace the given fields (url, events, enabled, rate and the like); enabling forgets the failures. One that was
        switched off is its owner's again once that enables or disables it.

        Raises NotFound, and Conflict when others were faster again and again.
        """

        def step(endpoint: WebhookEndpoint) -> tuple[WebhookEndpoint, tuple[str, ...]]:
            if changes.get("enabled") and not endpoint.enabled:
                # First: a sender that is about to switch it off looks for failures after it read the endpoint.
                self.health.clear(workspace_id, endpoint_id)
            now = to_millis(self.clock.now())
            off = endpoint.switched_off and "enabled" not in changes
            return replace(endpoint, **changes, switched_off=off, revision=endpoint.revision + 1, updated_at=now), ()

        return revised(self.endpoints, self.get(workspace_id, endpoint_id), step, "Webhook")

    def check_rotation(self, endpoint: WebhookEndpoint, overlap: timedelta) -> None:
        """Raise NotPermitted while the overlap of a rotation lasts, as three secrets cannot sign; but one without an
        overlap, for a secret that got known, can be made at any time.
        """
        if overlap and endpoint.previous_at(self.clock.now()) is not None:
            raise NotPermitted(
                reason="The secret was rotated already and the one before still signs; "
                "wait until its overlap is over, or rotate without an overlap"
            )

    def rotate(self, workspace_id: str, endpoint_id: str, overlap: timedelta, ticket: Ticket) -> WebhookEndpoint:
        """Give an endpoint a new secret; the one before goes on signing for the overlap. Each try of one piece of work
        returns the same one.

        Raises NotFound, NotPermitted, and Conflict when others were faster again and again.
        """
        secret = self.new_secret(self.style)

        def step(endpoint: WebhookEndpoint) -> tuple[WebhookEndpoint, tuple[str, ...]] | None:
            if endpoint.rotation == ticket.id:
                return None  # an earlier try did it
            self.check_rotation(endpoint, overlap)
            return endpoint.rotated(secret, overlap, ticket.id, to_millis(self.clock.now())), ()

        return revised(self.endpoints, self.get(workspace_id, endpoint_id), step, "Webhook")

    def remove(self, workspace_id: str, endpoint_id: str) -> None:
        """Remove an endpoint, if there still is one; what is on its way to it ends as failed."""
        endpoint = self.endpoints.get(workspace_id, endpoint_id)
        if endpoint is not None and self._own(endpoint):
            self.endpoints.remove(workspace_id, endpoint_id)

    def get(self, workspace_id: str, endpoint_id: str) -> WebhookEndpoint:
        """Return an endpoint. Raises NotFound."""
        endpoint = found(self.endpoints, workspace_id, endpoint_id, "Webhook")
        if not self._own(endpoint):
            raise NotFound(what="Webhook")
        return endpoint

    def health_of(self, endpoint: WebhookEndpoint) -> Health:
        """Return how the attempts at an endpoint went."""
        return self.health.get(endpoint.workspace_id, endpoint.id)

    def page(
        self, workspace_id: str, after: str | None, limit: int
    ) -> tuple[Slice[WebhookEndpoint], dict[str, Health]]:
        """Return endpoints, newest first, and by id how the attempts at them went, where there were any."""
        part = self.endpoints.page(workspace_id, after, limit, self._own)
        return part, self.health.of_workspace(workspace_id) if part.entries else {}

    def _own(self, endpoint: WebhookEndpoint) -> bool:
        return endpoint.style == self.style


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
        wanted = replace(delivery_of(event, endpoint, body, event.created_at), trial=True)
        if again and (made := self.deliveries.get(wanted.workspace_id, wanted.id)) is not None:
            return Tried(made, None)
        sent = self.send(endpoint.addressed(wanted, self.addressees.clock.now()), 1, timeout)
        self.addressees.note(wanted, sent.attempt)
        status = DeliveryStatus.DELIVERED if sent.attempt.succeeded else DeliveryStatus.FAILED
        delivery = replace(wanted, attempts=(sent.attempt,), status=status)
        self.deliveries.put(delivery)
        return Tried(delivery, sent.body)
