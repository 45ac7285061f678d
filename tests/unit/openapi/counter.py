"""The calls of the operations family over stores in memory, each answer checked against the document."""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from desk import Answer, Desk
from documented import document, examples_of, operations, resolved, rules
from factories import a_caller
from fakes.deliveries import FakeDeliveries
from fakes.egress import FakeEgress
from fakes.endpoint_health import FakeEndpointHealth
from fakes.queues import FakeDeliveryQueue
from fakes.shelf import FakeShelf
from resource_world import World

from batchwork.domain.account import Account
from batchwork.domain.address import check_url
from batchwork.domain.post import Post, PostPart, PostStatus
from batchwork.domain.webhook_endpoint import WebhookEndpoint
from batchwork.edge.endpoint import serve
from batchwork.edge.http import Request, Response
from batchwork.families.operations.errors import OperationsEnvelope
from batchwork.families.operations.events import STYLE
from batchwork.families.operations.resources import Calls, Resources
from batchwork.families.operations.webhook_deliveries import DeliveryCalls
from batchwork.families.operations.webhooks import WebhookCalls
from batchwork.ports import Answer as Received
from batchwork.use_cases.addressees import Addressees
from batchwork.use_cases.delivery_log import DeliveryLog
from batchwork.use_cases.replay import Again, Recover, Replay
from batchwork.use_cases.send import Send
from batchwork.use_cases.webhook_endpoints import TryEndpoint, WebhookEndpoints

HOOK = "https://example.com"
AT = datetime(2026, 4, 9, 12, tzinfo=UTC)
#: An operation that fails: there is no such post.
GONE = {"id": "delete-old", "method": "DELETE", "path": "/v1/posts/post_none"}
AN_ACCOUNT = Account(
    id="acc_123",
    workspace_id="acme",
    created_at=AT,
    updated_at=AT,
    platform="TWITTER",
    username="acme",
    display_name="Acme",
    account_type="business",
    avatar_url="https://twitter.example/acme/avatar.png",
    connected_at=AT,
)
A_POST = Post(
    id="post_chhg1uu96o0ckk4on5d2g2pn",
    workspace_id="acme",
    created_at=AT,
    updated_at=AT,
    content="Hello from batch!",
    status=PostStatus.DRAFT,
    parts=(
        PostPart(
            id="pp_chhg1uu96o07ooonxl9f14gd",
            platform="TWITTER",
            account_id="acc_123",
            account_name="Acme",
            account_avatar_url=AN_ACCOUNT.avatar_url,
        ),
    ),
)


def documented() -> dict[tuple[str, str], dict[str, Any]]:
    """Return the family's operations by (verb, path)."""
    return {(verb, path): told for verb, path, told in operations() if path.startswith("/v1/")}


def fits(verb: str, path: str, status: int, text: str) -> None:
    """Fail unless the document has such an answer of an operation."""
    responses = documented()[verb, path]["responses"]
    assert str(status) in responses, (verb, path, status, text)
    content = responses[str(status)].get("content")
    if content is None:
        assert text == "", (verb, path, status)
    else:
        rules(content["application/json"]["schema"]).validate(json.loads(text))


def example_of(verb: str, path: str, number: int = 0) -> Any:
    """Return an example of an operation's body."""
    return examples_of(resolved(documented()[verb, path]["requestBody"]))[number]


@dataclass
class Counter:
    """Calls the family as clients do. answered: (verb, path, status) of every answer, each of which the document has."""

    world: World = field(default_factory=World)
    desk: Desk = field(default_factory=Desk)
    endpoints: FakeShelf[WebhookEndpoint] = field(default_factory=FakeShelf)
    health: FakeEndpointHealth = field(default_factory=FakeEndpointHealth)
    deliveries: FakeDeliveries = field(default_factory=FakeDeliveries)
    egress: FakeEgress = field(default_factory=FakeEgress)
    answered: set[tuple[str, str, int]] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._keys = (f"key-{number}" for number in itertools.count(1))
        self.egress.names["example.com"] = ["93.184.216.34"]
        self.egress.receivers[HOOK] = lambda _: Received(200, body=b"ok")

    @property
    def calls(self) -> Calls:
        endpoints = WebhookEndpoints(self.endpoints, self.health, self.world.clock, STYLE)
        webhooks = WebhookCalls(
            endpoints,
            TryEndpoint(
                Send(self.egress, self.world.clock),
                self.deliveries,
                Addressees(self.endpoints, self.health, self.world.clock, lambda _: None),
            ),
            partial(check_url, allow_loopback=False),
        )
        queue, bodies = FakeDeliveryQueue(), self.deliveries.bodies
        replay = Replay(Again(self.deliveries, bodies, queue))
        told = DeliveryCalls(endpoints, DeliveryLog(self.deliveries, bodies), replay, Recover(queue))
        return {**self.world.resources.calls, **webhooks.calls(), **told.calls()}

    def __call__(
        self,
        verb: str,
        path: str,
        body: Any = None,
        *,
        query: dict[str, str] | None = None,
        key: str | None = None,
        **names: str,
    ) -> Any:
        """Make a direct call of a documented path, its parameters named; return the answer's JSON, None for none."""
        self.world.clock.pass_(timedelta(seconds=1))
        request = Request(
            method=verb.upper(),
            resource="",
            path=path.format(**names),
            query={} if query is None else query,
            headers={"idempotency-key": key or next(self._keys)},
            body=body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode(),
            base_url="https://api.example.com",
            request_id="request-1",
        )
        resources = Resources(self.calls, lambda *_: pytest.fail("there is no target"))
        envelope = OperationsEnvelope()
        try:
            route = resources.find(request)
            assert route is not None
            response, _ = serve(route, request, a_caller(), self.world.gate, envelope.keys)
        except Exception as exc:  # noqa: BLE001 -- every error has an answer
            response = envelope.error(exc, request)
        return self._checked(verb, path, response)

    def batch(self, verb: str, path: str, body: Any = None, **settings: Any) -> Answer:
        """Make a call of /v1/batch or below, or of /v1/auth/me."""
        names: Mapping[str, str] = settings.pop("names", {})
        answer = self.desk.call(verb.upper(), path.format(**names), body, **settings)
        self._checked(verb, path, Response(answer.status, raw=answer.text))
        told = documented()[verb, path]["responses"][str(answer.status)]["headers"]
        assert answer.headers.keys() - {"Content-Type"} <= told.keys(), (verb, path, answer.status)
        sent = document()["components"]["headers"]
        for name, value in answer.headers.items():
            if name != "Content-Type":
                schema = sent[told[name]["$ref"].rpartition("/")[2]]["schema"]
                rules(schema).validate(int(value) if schema.get("type") == "integer" else value)
        return answer

    def _checked(self, verb: str, path: str, response: Response) -> Any:
        fits(verb, path, response.status, response.text)
        self.answered.add((verb, path, response.status))
        return json.loads(response.text) if response.text else None
