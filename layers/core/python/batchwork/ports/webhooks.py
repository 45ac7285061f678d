"""What webhooks need of the world."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from batchwork.domain.webhook import Attempt, Delivery, DeliveryStatus, Recovery
    from batchwork.domain.webhook_endpoint import Health


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which deliveries of a log are wanted, and which part of them. after: the place that the part before ended with.

    since, until: made at this time or later, and before this time.
    """

    limit: int
    after: str | None = None
    status: DeliveryStatus | None = None
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Logged:
    """Part of a log, newest first. next: the place after which it goes on, None at its end."""

    entries: Sequence[Delivery]
    next: str | None


class DeliveryStore(Protocol):
    """Deliveries and their attempts."""

    def get(self, workspace_id: str, delivery_id: str) -> Delivery | None:
        """Return a delivery; a body that is kept apart is left there (`blob`)."""

    def put(self, delivery: Delivery) -> bool:
        """Store a delivery once; False when it exists. A body too large for a row is kept apart, and so is a payload."""

    def begin(self, delivery: Delivery, number: int, until: datetime, now: datetime) -> bool:
        """Take attempt `number` until `until`: closes two senders given the same message.

        False when that attempt is recorded, somebody holds it, or the delivery ended.
        """

    def postpone(
        self,
        delivery: Delivery,
        due_at: datetime,
        turn_at: datetime | None = None,
        next_at: datetime | None = None,
    ) -> None:
        """Move a pending delivery's next attempt; does nothing when that attempt was made meanwhile.

        turn_at: when it has its turn, given to it by EndpointPace. next_at: when the queue brings it, where it does.
        """

    def hurry(self, delivery: Delivery, due_at: datetime, now: datetime) -> Delivery | None:
        """Move a pending delivery's next attempt to now, and return the delivery as it then is. due_at: as of Delivery.

        None, and nothing is changed, where somebody holds that attempt or it was made meanwhile, where it has its turn,
        and where the delivery ended.
        """

    def record(
        self,
        delivery: Delivery,
        attempt: Attempt,
        status: DeliveryStatus,
        due_at: datetime | None,
        next_at: datetime | None = None,
    ) -> Delivery:
        """Record an attempt, its outcome and when the next is due (next_at: from the queue); ends the hold, and uses up the turn. Of a replay that is
        delivered, the first delivery is marked as recovered before that.
        """

    def due(self, now: datetime, limit: int) -> list[tuple[str, str]]:
        """Return (workspace id, delivery id) of pending deliveries whose attempt is due, most overdue first."""

    def find(self, workspace_id: str, subject: str | None, limit: int) -> list[Delivery]:
        """Return deliveries, newest first, of one subject if given."""

    def of_endpoint(self, workspace_id: str, endpoint_id: str, wanted: Wanted) -> Logged:
        """Return deliveries to an endpoint, newest first. A part whose search took too many reads is shorter, and goes on
        all the same. What was written a moment ago may be missing, and its status be the one before.
        """


class DeliveryBodies(Protocol):
    """What of deliveries is too large for their rows, or fetched by receivers themselves."""

    def keep(self, delivery: Delivery) -> str:
        """Keep a delivery's body and return its key; to keep it again changes nothing."""

    def read(self, blob: str) -> bytes:
        """Return what is kept under a key. Raises KeyError when it is kept no longer."""

    def url(self, blob: str, expires: timedelta) -> str:
        """Return a URL that answers with it, as JSON."""


class ReceiverSlots(Protocol):
    """How many senders are busy with one receiver of one workspace at the same time."""

    def take(self, workspace_id: str, receiver: str, holder: str, until: datetime, now: datetime) -> bool:
        """Take a slot until `until`, unless the receiver's share is taken: closes sender against sender."""

    def free(self, workspace_id: str, receiver: str, holder: str) -> None:
        """Give a slot back."""


class EndpointPace(Protocol):
    """Whose turn it is at endpoints that take so many deliveries a minute."""

    def take(self, workspace_id: str, endpoint_id: str, rate: int, now: datetime) -> timedelta | None:
        """Take a turn at an endpoint: None when it is now, else how long it is until then.

        Each turn is given once: closes sender against sender. Where all of the next 15 minutes are given away, more than
        that is returned and no turn is taken: it is to be asked for again then.
        """


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

    def send_many(self, deliveries: Sequence[Delivery]) -> None:
        """Queue the next attempts of deliveries, to be made at once."""

    def recover(self, recovery: Recovery) -> None:
        """Queue a recovery: the sender works it, a page a message."""
