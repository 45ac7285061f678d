"""What became of deliveries: a log for each webhook endpoint, and for what webhooks without an endpoint are about."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from batchwork.domain.errors import NotFound
from batchwork.domain.webhook import Delivery
from batchwork.ports.webhooks import DeliveryBodies, DeliveryStore, Logged, Wanted

#: How long the URL can be fetched that a body which is kept apart is shown by.
SHOWN = timedelta(minutes=15)
#: Deliveries that may be about one thing: an event or two, and what replays made of them.
MOST = 1000


@dataclass(frozen=True, slots=True)
class DeliveryLog:
    """Look at deliveries and their attempts."""

    deliveries: DeliveryStore
    bodies: DeliveryBodies

    def page(self, workspace_id: str, endpoint_id: str, wanted: Wanted) -> Logged:
        """Return part of the log of an endpoint, newest first; that of an endpoint that there is not is empty."""
        return self.deliveries.of_endpoint(workspace_id, endpoint_id, wanted)

    def about(self, workspace_id: str, subject: str) -> list[Delivery]:
        """Return the deliveries about a subject that have no endpoint, newest first."""
        found = self.deliveries.find(workspace_id, subject, MOST)
        return [each for each in found if each.endpoint_id is None]

    def get(
        self, workspace_id: str, delivery_id: str, *, endpoint_id: str | None = None, subject: str | None = None
    ) -> Delivery:
        """Return a delivery of an endpoint's log, or of one about a subject. Raises NotFound, also for any other's."""
        delivery = self.deliveries.get(workspace_id, delivery_id)
        if (
            delivery is None
            or delivery.endpoint_id != endpoint_id
            or (subject is not None and delivery.subject != subject)
        ):
            raise NotFound(what="Delivery")
        return delivery

    def body_url(self, delivery: Delivery) -> str | None:
        """Return a URL of what was told, where that is too large to be shown."""
        return None if delivery.blob is None else self.bodies.url(delivery.blob, SHOWN)
