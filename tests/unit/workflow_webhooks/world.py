"""Webhook endpoints, subscriptions and deliveries in memory, called as requests of their own."""

from __future__ import annotations

import itertools
import json
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial
from typing import Any

from factories import a_caller
from fakes.bodies import FakeBodies
from fakes.claims import FakeClaims
from fakes.clock import FakeClock
from fakes.deliveries import FakeDeliveries
from fakes.egress import FakeEgress, Sent
from fakes.endpoint_health import FakeEndpointHealth
from fakes.identities import FakeIdentities
from fakes.queues import FakeDeliveryQueue
from fakes.rates import FakeRates
from fakes.shelf import FakeShelf
from unit.workflow_webhooks.told import a_workflow

from batchwork.domain.address import check_url
from batchwork.domain.errors import BatchworkError
from batchwork.domain.idempotency import Ticket
from batchwork.domain.webhook_endpoint import WebhookEndpoint, WebhookSubscription
from batchwork.domain.workflow import Workflow
from batchwork.edge.endpoint import Gate, serve
from batchwork.edge.http import Request
from batchwork.edge.templates import routed
from batchwork.families.workflow_runs.dialect import under_both
from batchwork.families.workflow_runs.errors import WorkflowRunsEnvelope
from batchwork.families.workflow_runs.events import STYLE, unfit
from batchwork.families.workflow_runs.webhook_deliveries import DeliveryCalls
from batchwork.families.workflow_runs.webhook_endpoints import EndpointCalls
from batchwork.families.workflow_runs.webhook_routes import Calls, later
from batchwork.families.workflow_runs.webhook_subscriptions import SubscriptionCalls
from batchwork.ports import Answer
from batchwork.use_cases.addressees import Addressees
from batchwork.use_cases.authenticate import Authenticate
from batchwork.use_cases.delivery_log import DeliveryLog
from batchwork.use_cases.limit import LimitRequests
from batchwork.use_cases.once import Once
from batchwork.use_cases.replay import Again, Recover, Replay
from batchwork.use_cases.send import Send
from batchwork.use_cases.webhook_endpoints import TryEndpoint, WebhookEndpoints
from batchwork.use_cases.webhook_subscriptions import WebhookSubscriptions

URL = "https://hooks.example.com/extend"
ENDPOINT: dict[str, Any] = {
    "url": URL,
    "name": "Receiver",
    "enabledEvents": ["workflow.created"],
    "apiVersion": "2026-02-09",
}
NEW = "2026-02-09"


@dataclass(frozen=True)
class Called:
    status: int
    body: Any

    @property
    def message(self) -> str:
        """What a refusal says, in either envelope."""
        return str(self.body.get("error") or self.body.get("message"))


@dataclass
class World:
    """One workflow is there. version: of the API that is spoken, None for the seed's."""

    version: str | None = NEW
    clock: FakeClock = field(default_factory=FakeClock)
    endpoints: FakeShelf[WebhookEndpoint] = field(default_factory=FakeShelf)
    subscriptions: FakeShelf[WebhookSubscription] = field(default_factory=FakeShelf)
    workflows: FakeShelf[Workflow] = field(default_factory=FakeShelf)
    health: FakeEndpointHealth = field(default_factory=FakeEndpointHealth)
    deliveries: FakeDeliveries = field(default_factory=FakeDeliveries)
    bodies: FakeBodies = field(default_factory=FakeBodies)
    queue: FakeDeliveryQueue = field(default_factory=FakeDeliveryQueue)
    egress: FakeEgress = field(default_factory=FakeEgress)
    claims: FakeClaims = field(default_factory=FakeClaims)

    def __post_init__(self) -> None:
        self._ids = (f"00000000-0000-4000-8000-{number:012d}" for number in itertools.count(1))
        self.workflows.add(a_workflow())
        self.egress.names["hooks.example.com"] = ["93.184.216.34"]
        self.answers(Answer(200, body=b"thanks"))
        once = Once(self.claims, self.clock, lambda: next(self._ids), lambda _: None)
        self.gate = Gate(Authenticate(FakeIdentities(), self.clock), LimitRequests(FakeRates(), self.clock), once)

    def answers(self, answer: Answer) -> None:
        def receive(_: Sent) -> Answer:
            return answer

        self.egress.receivers["https://hooks.example.com"] = receive

    def speaking(self, version: str | None) -> World:
        """Return the same world, spoken to in another version."""
        made = replace(self, version=version)
        made.gate = self.gate
        return made

    def calls(self) -> Calls:
        webhooks = WebhookEndpoints(self.endpoints, self.health, self.clock, STYLE)
        subscriptions = WebhookSubscriptions(
            self.subscriptions, self.endpoints, self.workflows, self.clock, STYLE, unfit
        )
        log = DeliveryCalls(
            webhooks,
            DeliveryLog(self.deliveries, self.bodies),
            Replay(Again(self.deliveries, self.bodies, self.queue)),
            Recover(self.queue),
            TryEndpoint(
                Send(self.egress, self.clock),
                self.deliveries,
                Addressees(self.endpoints, self.health, self.clock, lambda _: None),
            ),
        )
        return {
            **EndpointCalls(webhooks, subscriptions, partial(check_url, allow_loopback=False)).calls(),
            **SubscriptionCalls(subscriptions).calls(),
            **log.calls(),
        }

    def __call__(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        workspace_id: str = "acme",
        key: str | None = None,
        ticket: Ticket | None = None,
        **query: str,
    ) -> Called:
        """Make a call. ticket: what it is done under when a test says so."""
        headers = {} if self.version is None else {"x-extend-api-version": self.version}
        request = Request(
            method=method,
            resource="",
            path=path,
            query=query,
            pairs=tuple(query.items()),
            headers=headers | ({} if key is None else {"idempotency-key": key}),
            body=body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode(),
        )
        self.clock.pass_(timedelta(seconds=1))
        envelope = WorkflowRunsEnvelope()
        calls = self.calls()
        route = routed(under_both(later(calls, lambda: calls)))(request)
        assert route is not None, path
        try:
            answer, _ = serve(route, request, a_caller(workspace_id=workspace_id), self.gate, envelope.keys, ticket)
        except BatchworkError as exc:
            answer = envelope.error(exc, request)
        return Called(answer.status, json.loads(answer.text))

    def ok(self, method: str, path: str, body: Any = None, **more: Any) -> Any:
        called = self(method, path, body, **more)
        assert called.status == 200, called
        return called.body

    def endpoint(self, **changes: Any) -> Any:
        return self.ok("POST", "/webhook_endpoints", ENDPOINT | changes)

    def subscription(self, endpoint_id: str, *events: str, workflow_id: str | None = None) -> Any:
        body = {
            "webhookEndpointId": endpoint_id,
            "resourceType": "workflow",
            "resourceId": workflow_id or a_workflow().id,
            "enabledEvents": [*events],
        }
        return self.ok("POST", "/webhook_subscriptions", body)
