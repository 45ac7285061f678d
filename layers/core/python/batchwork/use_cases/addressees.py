"""Where deliveries to webhook endpoints go now, and how the endpoints fare."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from batchwork.domain import webhook_endpoint
from batchwork.domain.resource import to_millis
from batchwork.domain.webhook import ENDPOINT_DISABLED, Attempt, Delivery
from batchwork.domain.webhook_endpoint import WebhookEndpoint
from batchwork.ports import Clock
from batchwork.ports.operations import Shelf
from batchwork.ports.webhooks import EndpointHealth

DELETED = "the webhook endpoint was deleted"


@dataclass(frozen=True, slots=True)
class Addressed:
    """A delivery as it goes out now. refusal: why it must not go out at all. rate: how many its endpoint takes a minute."""

    delivery: Delivery
    refusal: str | None = None
    rate: int | None = None


@dataclass(frozen=True, slots=True)
class Addressees:
    """The endpoints of deliveries that have one.

    unexpected: told of errors that kept a note from being taken, which the delivery survives. switched_off: told of an
    endpoint that was.
    """

    endpoints: Shelf[WebhookEndpoint]
    health: EndpointHealth
    clock: Clock
    unexpected: Callable[[Exception], None]
    switched_off: Callable[[WebhookEndpoint], None] = lambda _: None

    def now(self, delivery: Delivery) -> Addressed:
        """Return the delivery as it goes out now."""
        if delivery.endpoint_id is None:
            return Addressed(delivery)
        endpoint = self.endpoints.get(delivery.workspace_id, delivery.endpoint_id)
        if endpoint is None:
            return Addressed(delivery, DELETED)
        addressed = endpoint.addressed(delivery, self.clock.now())
        return Addressed(addressed, None if endpoint.enabled else ENDPOINT_DISABLED, endpoint.rate)

    def note(self, delivery: Delivery, attempt: Attempt) -> bool:
        """Note an attempt with the delivery's endpoint, and return whether that has failed for too long.

        To be called before the attempt is recorded: who dies between the two makes the attempt again and notes it again,
        so that a success is not lost and an endpoint that takes its deliveries not switched off.
        """
        if delivery.endpoint_id is None:
            return False
        try:
            health = self.health.note(
                delivery.workspace_id, delivery.endpoint_id, attempt.started_at, succeeded=attempt.succeeded
            )
        except Exception as exc:  # noqa: BLE001 -- a note that is not taken must neither lose nor repeat a delivery
            self.unexpected(exc)
            return False
        return health.given_up(self.clock.now())

    def give_up(self, delivery: Delivery) -> None:
        """Switch the delivery's endpoint off, unless it was changed or enabled anew since it was found to fail."""
        try:
            self._switch_off(delivery.workspace_id, delivery.endpoint_id or "")
        except Exception as exc:  # noqa: BLE001 -- the next failure tries it again
            self.unexpected(exc)

    def _switch_off(self, workspace_id: str, endpoint_id: str) -> None:
        # First the endpoint, then its health: who enables one clears its health first. So either that is seen cleared, or
        # the endpoint has another revision by now and is not replaced.
        endpoint = self.endpoints.get(workspace_id, endpoint_id)
        now = to_millis(self.clock.now())
        if endpoint is None or not endpoint.enabled or not self.health.get(workspace_id, endpoint_id).given_up(now):
            return
        off = replace(endpoint, enabled=False, switched_off=True, revision=endpoint.revision + 1, updated_at=now)
        if self.endpoints.replace(off, webhook_endpoint.DISABLED):
            self.switched_off(off)
