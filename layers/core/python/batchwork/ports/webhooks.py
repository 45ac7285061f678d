"""What webhooks need of the world."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from batchwork.domain.webhook import Attempt, Delivery, DeliveryStatus
    from batchwork.domain.webhook_endpoint import Health


class DeliveryStore(Protocol):
    """Deliveries and their attempts."""

    def get(self, workspace_id: str, delivery_id: str) -> Delivery | None:
        """Return a delivery."""

    def put(self, delivery: Delivery) -> bool:
        """Store a delivery once; False when it exists."""

    def begin(self, delivery: Delivery, number: int, until: datetime, now: datetime) -> bool:
        """Take attempt `number` until `until`: closes two senders given the same message.

        False when that attempt is recorded, somebody holds it, or the delivery ended.
        """

    def postpone(self, delivery: Delivery, due_at: datetime) -> None:
        """Move a pending delivery's next attempt; does nothing when that attempt was made meanwhile."""

    def record(self, delivery: Delivery, attempt: Attempt, status: DeliveryStatus, due_at: datetime | None) -> Delivery:
        """Record an attempt, its outcome and when the next is due; ends the hold."""

    def due(self, now: datetime, limit: int) -> list[tuple[str, str]]:
        """Return (workspace id, delivery id) of pending deliveries whose attempt is due, most overdue first."""

    def find(self, workspace_id: str, subject: str | None, limit: int) -> list[Delivery]:
        """Return deliveries, newest first, of one subject if given."""


class ReceiverSlots(Protocol):
    """How many senders are busy with one receiver of one workspace at the same time."""

    def take(self, workspace_id: str, receiver: str, holder: str, until: datetime, now: datetime) -> bool:
        """Take a slot until `until`, unless the receiver's share is taken: closes sender against sender."""

    def free(self, workspace_id: str, receiver: str, holder: str) -> None:
        """Give a slot back."""


class EndpointHealth(Protocol):
    """How the attempts at webhook endpoints went: apart from the endpoints, so that a note is no revision of one, never
    keeps a change of one from being written, and is never written over by it.
    """

    def get(self, workspace_id: str, endpoint_id: str) -> Health:
        """Return how it went, strongly consistent; of an endpoint without notes, that nothing was attempted."""

    def of_workspace(self, workspace_id: str) -> dict[str, Health]:
        """Return how it went, by endpoint id, for those that have notes."""

    def note(self, workspace_id: str, endpoint_id: str, at: datetime, *, succeeded: bool) -> Health:
        """Note an attempt made at a time and return how it went so far: closes sender against sender, each is counted."""

    def clear(self, workspace_id: str, endpoint_id: str) -> None:
        """Forget the failures."""


class DeliveryQueue(Protocol):
    """The queue the sender is fed from."""

    def send(self, delivery: Delivery, delay: timedelta = timedelta(), waits: int = 0) -> None:
        """Queue the next attempt of a delivery, fairly between receivers.

        delay: at most 15 minutes (SQS). waits: how often it found no room with its receiver.
        """
