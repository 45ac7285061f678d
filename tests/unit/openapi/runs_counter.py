"""The calls of the workflow runs family over stores in memory, each answer checked against the document."""

from __future__ import annotations

import base64
import itertools
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial
from types import SimpleNamespace
from typing import Any

import requests
from documented import document, examples_of, family_of, operations, resolved, rules
from factories import AT
from fakes.batches import FakeBatches
from fakes.bodies import FakeBodies
from fakes.claims import FakeClaims
from fakes.deliveries import FakeDeliveries
from fakes.egress import FakeEgress
from fakes.endpoint_health import FakeEndpointHealth
from fakes.identities import FakeIdentities
from fakes.queues import FakeDeliveryQueue
from fakes.rates import FakeRates
from fakes.runs import FakeRunBatches
from fakes.shelf import FakeShelf
from fakes.usage import FakeUsage
from run_world import RunWorld
from unit.workflow_runs.whole_run import STEPS

from batchwork.adapters.documents.contents import contents_of, count_of
from batchwork.domain.address import check_url
from batchwork.domain.flow_file import FlowFile
from batchwork.domain.run import RunStatus, place_of
from batchwork.domain.webhook_endpoint import WebhookEndpoint, WebhookSubscription
from batchwork.domain.workflow import Workflow, WorkflowVersion
from batchwork.domain.workspace import ApiKey, Workspace, WorkspaceStatus, digest_of
from batchwork.edge.endpoint import Gate, Routes, endpoint
from batchwork.edge.templates import routed
from batchwork.families.workflow_runs.changes import RunChanger
from batchwork.families.workflow_runs.dialect import under_both
from batchwork.families.workflow_runs.errors import WorkflowRunsEnvelope
from batchwork.families.workflow_runs.events import STYLE, unfit
from batchwork.families.workflow_runs.files import FileRoutes
from batchwork.families.workflow_runs.runs import RunReader
from batchwork.families.workflow_runs.submissions import RunSubmitter
from batchwork.families.workflow_runs.webhook_deliveries import DeliveryCalls
from batchwork.families.workflow_runs.webhook_endpoints import EndpointCalls
from batchwork.families.workflow_runs.webhook_routes import later
from batchwork.families.workflow_runs.webhook_subscriptions import SubscriptionCalls
from batchwork.families.workflow_runs.workflows import WorkflowRoutes
from batchwork.ports import Answer as Received
from batchwork.processors.workflow_runs import definition
from batchwork.use_cases.addressees import Addressees
from batchwork.use_cases.authenticate import Authenticate
from batchwork.use_cases.delivery_log import DeliveryLog
from batchwork.use_cases.flow_files import FlowFiles
from batchwork.use_cases.limit import LimitRequests
from batchwork.use_cases.look_at_files import LookAtFiles
from batchwork.use_cases.once import Once
from batchwork.use_cases.replay import Again, Recover, Replay
from batchwork.use_cases.send import Send
from batchwork.use_cases.submit import Submit
from batchwork.use_cases.webhook_endpoints import TryEndpoint, WebhookEndpoints
from batchwork.use_cases.webhook_subscriptions import WebhookSubscriptions
from batchwork.use_cases.workflows import Workflows

NEW = "2026-02-09"
HOOK = "https://hooks.example.com"
SECRET = "s3cret-of-the-key"
#: A key that nobody has.
NOBODY = f"bw_acme_nobody.{SECRET}"
Json = dict[str, Any]


def documented() -> dict[tuple[str, str], Json]:
    """Return the family's operations by (verb, path)."""
    return {(verb, path): told for verb, path, told in operations() if family_of(path).name == "workflow runs"}


def example_of(verb: str, path: str, name: str | None = None) -> Any:
    """Return an example of an operation's body: the only one, or one by its name."""
    body = resolved(documented()[verb, path]["requestBody"])
    if name is None:
        return examples_of(body)[0]
    return resolved(body["content"]["application/json"]["examples"][name])["value"]


def fits(verb: str, path: str, status: int, body: Any) -> None:
    """Fail unless the document has such an answer of an operation."""
    responses = documented()[verb, path]["responses"]
    assert str(status) in responses, (verb, path, status, body)
    rules(responses[str(status)]["content"]["application/json"]["schema"]).validate(body)


@dataclass
class RunsCounter:
    """Calls the family as clients do, of one generation and below one prefix.

    answered: (verb, path, status) of every answer, each of which the document has. refusals: (status, message) of those
    that were refusals.
    """

    version: str | None = None
    prefix: str = ""
    world: RunWorld = field(init=False)
    workflows: FakeShelf[Workflow] = field(default_factory=FakeShelf)
    versions: FakeShelf[WorkflowVersion] = field(default_factory=FakeShelf)
    files: FakeShelf[FlowFile] = field(default_factory=FakeShelf)
    endpoints: FakeShelf[WebhookEndpoint] = field(default_factory=FakeShelf)
    subscriptions: FakeShelf[WebhookSubscription] = field(default_factory=FakeShelf)
    health: FakeEndpointHealth = field(default_factory=FakeEndpointHealth)
    deliveries: FakeDeliveries = field(default_factory=FakeDeliveries)
    queue: FakeDeliveryQueue = field(default_factory=FakeDeliveryQueue)
    egress: FakeEgress = field(default_factory=FakeEgress)
    usage: FakeUsage = field(default_factory=FakeUsage)
    claims: FakeClaims = field(default_factory=FakeClaims)
    identities: FakeIdentities = field(default_factory=FakeIdentities)
    rates: FakeRates = field(default_factory=FakeRates)
    answered: set[tuple[str, str, int]] = field(default_factory=set)
    refusals: set[tuple[int, str]] = field(default_factory=set)

    def __post_init__(self) -> None:
        batches = FakeBatches(FakeDeliveries(), self.usage)
        self.world = RunWorld(batches=batches, made=FakeRunBatches(batches))
        self.clock = self.world.clock
        self._ids = (f"00000000-0000-4000-8000-{number:012d}" for number in itertools.count(1))
        self._keys = (f"key-{number}" for number in itertools.count(1))
        self.egress.names["hooks.example.com"] = ["93.184.216.34"]
        self.hook_answers(200)
        self.a_key()

    # ── who calls ──

    def a_key(
        self,
        *scopes: str,
        key_id: str = "k1",
        workspace_id: str = "acme",
        status: WorkspaceStatus = WorkspaceStatus.ACTIVE,
        **changes: int | bool | None,
    ) -> str:
        """Make or replace a workspace and a key of it, for everything unless scopes are given; return the key."""
        self.identities.put_workspace(
            Workspace(id=workspace_id, name="Acme", plan="enterprise", created_at=AT, status=status, changes=changes)
        )
        key = ApiKey(
            id=key_id,
            workspace_id=workspace_id,
            name="ci",
            digest=digest_of(SECRET),
            scopes=frozenset(scopes or ("*",)),
            created_at=AT,
        )
        self.identities.put_key(key)
        return f"{key.public}.{SECRET}"

    def hook_answers(self, status: int) -> None:
        self.egress.receivers[HOOK] = lambda _: Received(status, body=b"ok")

    # ── what there is ──

    def routes(self) -> Routes:
        """Return every route of the family, by (method, template), as the functions put them together."""
        flows = Workflows(
            self.workflows,
            self.versions,
            self.clock,
            lambda steps, deploying: definition.problems(steps, deploying=deploying),
        )
        submit = Submit(self.world.batches, self.world.queue, self.clock, timedelta(hours=24), self.world.errors.append)
        allowed = partial(check_url, allow_loopback=False)
        read = self.world.read()
        files = FlowFiles(self.files, lambda: self.world.blobs, count_of, self.clock)
        look = LookAtFiles(files, read.get, self.world.batches, lambda: self.world.blobs, contents_of)
        webhooks = WebhookEndpoints(self.endpoints, self.health, self.clock, STYLE)
        subscriptions = WebhookSubscriptions(
            self.subscriptions, self.endpoints, self.workflows, self.clock, STYLE, unfit
        )
        calls = {
            **EndpointCalls(webhooks, subscriptions, allowed).calls(),
            **SubscriptionCalls(subscriptions).calls(),
            **self._deliveries(webhooks).calls(),
        }
        return {
            **RunSubmitter(submit, flows, self.files, allowed).routes(),
            **RunReader(read, self.world.lister()).routes(),
            **RunChanger(self.world.change()).routes(),
            **under_both(WorkflowRoutes(flows).routes()),
            **under_both(FileRoutes(files, look).routes()),
            **under_both(later(calls, lambda: calls)),
        }

    def _deliveries(self, webhooks: WebhookEndpoints) -> DeliveryCalls:
        bodies: FakeBodies = self.deliveries.bodies
        addressees = Addressees(self.endpoints, self.health, self.clock, lambda _: None)
        return DeliveryCalls(
            webhooks,
            DeliveryLog(self.deliveries, bodies),
            Replay(Again(self.deliveries, bodies, self.queue)),
            Recover(self.queue),
            TryEndpoint(Send(self.egress, self.clock), self.deliveries, addressees),
        )

    def handler(self) -> Any:
        once = Once(self.claims, self.clock, lambda: next(self._ids), self.world.errors.append)
        gate = Gate(Authenticate(self.identities, self.clock), LimitRequests(self.rates, self.clock), once)
        return endpoint(
            routes=routed(self.routes()), gate=gate, envelope=WorkflowRunsEnvelope(), service="workflow_runs"
        )

    def settle(self, run_id: str, status: RunStatus = RunStatus.PROCESSED) -> None:
        """Let workers do what is queued, and a run end with a step of every type."""
        self.world.rule = lambda _item, _tries: status
        self.world.drain()
        place = place_of("acme", run_id)
        assert place is not None
        ended = self.world.runs.stored[place]
        self.world.runs.stored[place] = replace(ended, steps=STEPS)

    # ── calls ──

    def __call__(
        self,
        verb: str,
        path: str,
        body: Any = None,
        *,
        query: dict[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        key: str | None = None,
        speaking: str | None = None,
        form: Any = None,
        **names: str,
    ) -> Any:
        """Make a call of a documented path, its parameters named; return the answer's JSON.

        body: JSON, or bytes as they are. speaking: another version than this counter's. form: files and texts of a form.
        """
        self.clock.pass_(timedelta(seconds=1))
        raw, sent = _written(body, form)
        sent |= {"idempotency-key": next(self._keys), "authorization": f"Bearer {key or f'bw_acme_k1.{SECRET}'}"}
        if (version := speaking or self.version) is not None:
            sent["x-extend-api-version"] = version
        where = self.prefix + path.format(**names)
        event = {
            "httpMethod": verb.upper(),
            "resource": "/{proxy+}",
            "path": where,
            "headers": {"host": "api.example.com", **sent, **(headers or {})},
            "queryStringParameters": query,
            "multiValueQueryStringParameters": {name: [text] for name, text in (query or {}).items()} or None,
            "pathParameters": {"proxy": where[1:]},
            "requestContext": {"requestId": "request-1", "path": where, "domainName": "api.example.com"},
            "body": base64.b64encode(raw).decode() if raw else None,
            "isBase64Encoded": bool(raw),
        }
        answer = self.handler()(event, SimpleNamespace(get_remaining_time_in_millis=lambda: 29_000))
        told = json.loads(answer["body"])
        fits(verb, path, answer["statusCode"], told)
        self._check_headers(documented()[verb, path]["responses"][str(answer["statusCode"])], answer["headers"])
        self.answered.add((verb, path, answer["statusCode"]))
        if answer["statusCode"] >= 400:
            self.refusals.add((answer["statusCode"], told.get("error") or told["message"]))
        return told

    def one(self, name: str, *call: Any, **settings: Any) -> Any:
        """Make a call that is answered one thing; return that, whatever it is wrapped in."""
        told = self(*call, **settings)
        assert told.get("success", True), told
        return told if self.version == NEW else told[name]

    def many(self, name: str, *call: Any, **settings: Any) -> list[Any]:
        """Make a call that is answered a list; return that of all pages."""
        found: list[Any] = []
        query = dict(settings.pop("query", None) or {})
        while True:
            told = self(*call, query=query, **settings)
            found += told["data" if self.version == NEW else name]
            if "nextPageToken" not in told:
                return found
            query["nextPageToken"] = told["nextPageToken"]

    def _check_headers(self, response: Json, sent: Mapping[str, str]) -> None:
        shown = response["headers"]
        assert sent.keys() - {"Content-Type"} <= shown.keys(), (sent, shown)
        headers = document()["components"]["headers"]
        for name, value in sent.items():
            if name != "Content-Type":
                schema = headers[shown[name]["$ref"].rpartition("/")[2]]["schema"]
                rules(schema).validate(int(value) if schema.get("type") == "integer" else value)


def _written(body: Any, form: Any) -> tuple[bytes, dict[str, str]]:
    """Return a body as bytes, and the headers that go with it."""
    if form is not None:
        prepared = requests.Request("POST", "https://api.example.com/", files=form[0], data=form[1]).prepare()
        assert isinstance(prepared.body, bytes)
        return prepared.body, {"content-type": prepared.headers["Content-Type"]}
    if body is None:
        return b"", {}
    return body if isinstance(body, bytes) else json.dumps(body).encode(), {"content-type": "application/json"}
