"""The routes of what webhook endpoints are sent: all of them ours (issue 5): the log of an endpoint, one delivery again, all
that failed since a time again, and a trial.

What is shown of a delivery is what was told and what came of each attempt; in a list without what was told, and a list's page
has at most two hundred. A trial is one attempt, made within the call; it is 200 also when the endpoint did not take it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from batchwork.domain.errors import InvalidRequest, Problem
from batchwork.domain.item import Json
from batchwork.domain.webhook import ATTEMPT_TIMEOUTS, Delivery, DeliveryStatus
from batchwork.domain.webhook_endpoint import WebhookEndpoint
from batchwork.domain.workspace import Caller
from batchwork.edge.endpoint import Act
from batchwork.edge.http import Request, Response
from batchwork.families.workflow_runs.dialect import answered, dialect_of
from batchwork.families.workflow_runs.events import unfit
from batchwork.families.workflow_runs.lists import ListQuery
from batchwork.families.workflow_runs.times import timestamp
from batchwork.families.workflow_runs.webhook_presenters import delivery_object
from batchwork.families.workflow_runs.webhook_routes import DELIVERIES, DELIVERY, ENDPOINT, Calls
from batchwork.families.workflow_runs.webhook_samples import trial_body, trial_of
from batchwork.families.workflow_runs.webhook_schemas import Since, Trial, read, read_or_empty
from batchwork.ports.webhooks import Wanted
from batchwork.use_cases.delivery_log import DeliveryLog
from batchwork.use_cases.once import Errand
from batchwork.use_cases.replay import Recover, Replay
from batchwork.use_cases.webhook_endpoints import TryEndpoint, WebhookEndpoints

#: How answers before 2026-02-09 call one and many, and a recovery.
ONE, MANY, RECOVERY = "webhookDelivery", "webhookDeliveries", "webhookRecovery"
#: Deliveries of one page: each may have a row of some KB.
MAX_PAGE = 200
#: What a list may be narrowed to; the first is no filter.
_ANY = "any"
#: Bytes of a receiver's answer that are shown.
MAX_SHOWN = 4096
#: Kept of a request's time for what follows an attempt, and the least time that one is given.
REST, LEAST = timedelta(seconds=2), timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class DeliveryCalls:
    """Every call of deliveries."""

    webhooks: WebhookEndpoints
    log: DeliveryLog
    replay: Replay
    recover: Recover
    try_out: TryEndpoint

    def calls(self) -> Calls:
        """Return the calls by (method, template)."""
        return {
            ("GET", DELIVERIES): self.listed,
            ("GET", DELIVERY): self.one,
            ("POST", f"{DELIVERY}/replay"): self.again,
            ("POST", f"{ENDPOINT}/recover"): self.all_again,
            ("POST", f"{ENDPOINT}/test"): self.test,
        }

    def listed(self, request: Request, caller: Caller) -> Response:
        """List what an endpoint was sent, newest first; the last page has no token."""
        endpoint_id = request.parameters["id"]
        query = ListQuery(request, caller.workspace.id, f"deliveries of {endpoint_id}", "status")
        status, after = query.one_of("status", (_ANY, *DeliveryStatus)), query.last(str)
        query.end()
        if query.ascending:
            raise InvalidRequest([Problem("sortDir", "Must be desc: the log begins with the newest", "query")])
        endpoint = self.webhooks.get(caller.workspace.id, endpoint_id)
        page = self.log.page(
            caller.workspace.id,
            endpoint.id,
            Wanted(
                limit=min(query.limit, MAX_PAGE),
                after=None if after is None else str(after[0]),
                status=None if status == _ANY else DeliveryStatus(status),
            ),
        )
        following = None if page.next is None else (page.next,)
        return query.listed(MANY, ((delivery_object(each), following or ()) for each in page.entries), following)

    def one(self, request: Request, caller: Caller) -> Response:
        """Show a delivery with what was told: as text, or by a URL where it is kept apart."""
        dialect = dialect_of(request)
        _, delivery = self._found(request, caller)
        body = None if delivery.blob is not None else delivery.body.decode("utf-8", "replace")
        shown = {**delivery_object(delivery), "url": delivery.url, "body": body, "bodyUrl": self.log.body_url(delivery)}
        return answered(ONE, shown, dialect)

    def again(self, request: Request, caller: Caller) -> Act:
        """Deliver an event again at once, to the endpoint's present URL, as a delivery of its own."""
        dialect = dialect_of(request)

        def act(errand: Errand) -> Response:
            endpoint, delivery = self._found(request, caller)
            if not errand.ticket.again:
                self.replay.check(endpoint)
            return answered(ONE, delivery_object(self.replay(delivery, endpoint, errand.ticket)), dialect)

        return act

    def all_again(self, request: Request, caller: Caller) -> Act:
        """Deliver again all that failed since a time; the answer comes first, the deliveries follow."""
        dialect, since = dialect_of(request), read(Since, request).at

        def act(errand: Errand) -> Response:
            endpoint = self.webhooks.get(caller.workspace.id, request.parameters["id"])
            if since > errand.ticket.at:
                raise InvalidRequest([Problem("since", "Must have passed", "in_the_future", structural=False)])
            if not errand.ticket.again:
                self.recover.check(endpoint)
            recovery = self.recover(endpoint, since, errand.ticket)
            shown: Json = {
                "object": "webhook_recovery",
                "id": recovery.id,
                "webhookEndpointId": recovery.endpoint_id,
                "since": timestamp(recovery.since),
                "until": timestamp(recovery.until),
            }
            return answered(RECOVERY, shown, dialect)

        return act

    def test(self, request: Request, caller: Caller) -> Act:
        """Send an endpoint one event now, disabled or not, and tell what came of it; it is not repeated."""
        dialect, event_type = dialect_of(request), read_or_empty(Trial, request).event_type

        def act(errand: Errand) -> Response:
            endpoint = self.webhooks.get(caller.workspace.id, request.parameters["id"])
            if wrong := unfit(endpoint, (event_type,)):
                raise InvalidRequest([Problem("eventType", wrong[0][1], "event")])
            event = trial_of(endpoint, event_type, errand.ticket)
            timeout = max(LEAST, min(ATTEMPT_TIMEOUTS[endpoint.style], request.time_left - request.elapsed - REST))
            tried = self.try_out(endpoint, event, trial_body(event, endpoint), timeout, again=errand.ticket.again)
            answer = None if tried.answered is None else tried.answered[:MAX_SHOWN].decode("utf-8", "replace")
            return answered(ONE, {**delivery_object(tried.delivery), "responseBody": answer}, dialect)

        return act

    def _found(self, request: Request, caller: Caller) -> tuple[WebhookEndpoint, Delivery]:
        endpoint = self.webhooks.get(caller.workspace.id, request.parameters["id"])
        delivery = self.log.get(caller.workspace.id, request.parameters["delivery_id"], endpoint_id=endpoint.id)
        return endpoint, delivery
