"""A gate over fakes, a workspace with keys, and a function behind it."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from fakes.claims import FakeClaims
from fakes.clock import FakeClock
from fakes.identities import FakeIdentities
from fakes.rates import FakeRates

from batchwork.domain.workspace import ApiKey, Caller, Workspace, WorkspaceStatus, digest_of
from batchwork.edge.endpoint import Act, Gate, Route, endpoint
from batchwork.edge.http import Request, Response
from batchwork.edge.limits import Reset
from batchwork.families.messages.errors import MessagesEnvelope
from batchwork.use_cases.authenticate import Authenticate
from batchwork.use_cases.limit import LimitRequests
from batchwork.use_cases.once import Once

SECRET = "s3cret-of-the-key"
AT = datetime(2026, 1, 1, tzinfo=UTC)
THING = "/things/{thing_id}"
Serve = Callable[[Request, Caller], Response | Act]


class InSeconds(MessagesEnvelope):
    """The same envelope, for a family whose X-RateLimit-Reset is the seconds left."""

    reset = Reset.IN


@dataclass
class Function:
    """A function with one route. Its key k1 of acme has the scope things:write, k2 has none, and each may be limited."""

    serve: Serve = lambda _request, _caller: Response(200, {"fine": True})
    envelope: MessagesEnvelope = field(default_factory=MessagesEnvelope)
    clock: FakeClock = field(default_factory=FakeClock)
    identities: FakeIdentities = field(default_factory=FakeIdentities)
    rates: FakeRates = field(default_factory=FakeRates)
    claims: FakeClaims = field(default_factory=FakeClaims)
    unkept: list[Exception] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._ids = (f"00000000-0000-4000-8000-{number:012d}" for number in itertools.count(1))
        self.a_workspace("acme")
        self.a_workspace("other")

    def a_workspace(self, name: str, **changes: int) -> None:
        """Make or change a workspace with its two keys, which the function does not remember."""
        self._put(name, WorkspaceStatus.ACTIVE, changes)

    def suspend(self, name: str, **changes: int) -> None:
        """Suspend a workspace, which the function does not remember."""
        self._put(name, WorkspaceStatus.SUSPENDED, changes)

    def _put(self, name: str, status: WorkspaceStatus, changes: dict[str, int]) -> None:
        self.identities.put_workspace(
            Workspace(id=name, name=name, plan="pro", created_at=AT, changes=changes, status=status)
        )
        for key_id, scopes in (("k1", {"things:write"}), ("k2", set[str]())):
            self.identities.put_key(
                ApiKey(
                    id=key_id,
                    workspace_id=name,
                    name="ci",
                    digest=digest_of(SECRET),
                    scopes=frozenset(scopes),
                    created_at=AT,
                )
            )
        once = Once(self.claims, self.clock, lambda: next(self._ids), self.unkept.append)
        gate = Gate(Authenticate(self.identities, self.clock), LimitRequests(self.rates, self.clock), once)
        self._handler = endpoint(
            routes={(method, THING): Route(self._serve, "things:write") for method in ("GET", "POST", "PUT")},
            gate=gate,
            envelope=self.envelope,
            service="things",
        )

    def _serve(self, request: Request, caller: Caller) -> Response | Act:
        return self.serve(request, caller)

    def __call__(
        self,
        *,
        method: str = "POST",
        thing: str = "7",
        key: str | None = "bw_acme_k1",
        body: str | None = '{"private": "content"}',
        headers: dict[str, str] | None = None,
        context: Any = None,
        **event: Any,
    ) -> Answer:
        """key: the public part of the key, None for no key."""
        path = f"/things/{thing}"
        answer = self._handler(
            {
                "httpMethod": method,
                "resource": THING,
                "path": path,
                "headers": {"host": "api.example.com"}
                | ({"x-api-key": f"{key}.{SECRET}"} if key else {})
                | (headers or {}),
                "pathParameters": {"thing_id": thing},
                "requestContext": {"requestId": "gateway-1", "path": path, "domainName": "api.example.com"},
                "body": body,
            }
            | event,
            context,
        )
        return Answer(answer["statusCode"], answer["headers"], answer["body"], answer)


@dataclass(frozen=True)
class Answer:
    """text: the body's bytes as they are sent, decoded. event: all that API Gateway gets."""

    status: int
    headers: dict[str, str]
    text: str
    event: dict[str, Any]

    @property
    def body(self) -> Any:
        return json.loads(self.text)
