"""The routes of a batch's webhook deliveries: /api/v1/batches/{batch_id}/deliveries and below.

The seed has none; chosen here: they are shown like batches and their results, as long as deliveries are kept. What a
delivery told is shown as text, byte for byte as it was signed; a replay is answered with 202 and the new delivery.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from batchwork.domain.item import Json
from batchwork.domain.webhook import Attempt, Delivery, DeliveryStatus
from batchwork.domain.workspace import Caller
from batchwork.edge.endpoint import Act, Route, Routes
from batchwork.edge.http import Request, Response
from batchwork.edge.pagination import pagination, window
from batchwork.families.messages import READ, WRITE
from batchwork.families.messages.batches import batch_ref, status_filter
from batchwork.families.messages.presenters import answer, timestamp
from batchwork.use_cases.delivery_log import DeliveryLog
from batchwork.use_cases.once import Errand
from batchwork.use_cases.read import ReadBatches
from batchwork.use_cases.replay import Replay


@dataclass(frozen=True, slots=True)
class BatchDeliveries:
    """The routes that look at what a batch's webhook was told, and tell it again."""

    read: ReadBatches
    log: DeliveryLog
    replay: Replay

    def routes(self) -> Routes:
        """Return the routes by (method, resource)."""
        top = "/api/v1/batches/{batch_id}/deliveries"
        return {
            ("GET", top): Route(self.listed, READ),
            ("GET", f"{top}/{{delivery_id}}"): Route(self.one, READ),
            ("POST", f"{top}/{{delivery_id}}/replay"): Route(self.again, WRITE),
        }

    def listed(self, request: Request, caller: Caller) -> Response:
        """List the deliveries of a batch, newest first."""
        ref = batch_ref(request, caller)
        wanted, wrong = status_filter(request.query, DeliveryStatus)
        part = window(request.query, *wrong)
        self.read.get(ref)
        found = [each for each in self.log.about(ref.workspace_id, ref.batch_id) if wanted in {None, each.status}]
        shown = found[part.offset : part.offset + part.limit]
        links = pagination(request, part, len(found), {"status": wanted})
        return answer([delivery_object(each) for each in shown], pagination=links)

    def one(self, request: Request, caller: Caller) -> Response:
        """Show a delivery, with what was told."""
        delivery = self._found(request, caller)
        return answer({**delivery_object(delivery), "body": delivery.body.decode("utf-8", "replace")})

    def again(self, request: Request, caller: Caller) -> Act:
        """Deliver a batch's event again, now."""
        batch_ref(request, caller)
        _delivery_id(request)

        def act(errand: Errand) -> Response:
            delivery = self._found(request, caller)
            return answer(delivery_object(self.replay(delivery, None, errand.ticket)), status=202)

        return act

    def _found(self, request: Request, caller: Caller) -> Delivery:
        """Return the delivery that the path names. Raises NotFound for one that is not the batch's."""
        ref, delivery_id = batch_ref(request, caller), _delivery_id(request)
        self.read.get(ref)
        return self.log.get(ref.workspace_id, delivery_id, subject=ref.batch_id)


def delivery_object(delivery: Delivery) -> Json:
    """Return a delivery without what was told."""
    next_at = delivery.next_attempt_at
    return {
        "id": delivery.id,
        "batch_id": delivery.subject,
        "event": delivery.event_type,
        "status": str(delivery.status),
        "url": delivery.url,
        "replay_of": delivery.replay_of,
        "attempts": [_attempt(attempt) for attempt in delivery.attempts],
        "created_at": timestamp(delivery.created_at),
        "next_attempt_at": None if next_at is None else timestamp(next_at),
    }


def _attempt(attempt: Attempt) -> Json:
    return {
        "number": attempt.number,
        "started_at": timestamp(attempt.started_at),
        "latency_ms": attempt.latency // timedelta(milliseconds=1),
        "status_code": attempt.status,
        "error": attempt.error,
    }


def _delivery_id(request: Request) -> str:
    return request.uuid("delivery_id", "Delivery")
