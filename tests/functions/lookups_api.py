"""The lookups functions over moto: called as API Gateway calls them, at a time that stands still."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from fakes.clock import FakeClock
from functions.loading import load_function

from batchwork.adapters.clock import SystemClock
from batchwork.adapters.dynamodb.datasets import DynamoDatasets
from batchwork.adapters.dynamodb.identities import DynamoIdentities
from batchwork.adapters.dynamodb.lookups import DynamoLookups
from batchwork.adapters.dynamodb.usage import DynamoUsage
from batchwork.domain.item import Json
from batchwork.domain.lookup import Dataset, Lookup, LookupKind
from batchwork.domain.usage import month_of
from batchwork.domain.workspace import ApiKey, Workspace, WorkspaceStatus, digest_of

HOST = "abc123.execute-api.us-east-1.amazonaws.com"
NOW = datetime(2026, 11, 22, 10, 30, 15, tzinfo=UTC)
SECRET = "s3cret-of-the-key"
ROUTES = {("POST", f"/api/v1/{name}/batch"): "lookups_batch" for name in ("intelligence", "signals", "enrichment")} | {
    ("GET", "/api/v1/me"): "me"
}
_requests = itertools.count(1)


@dataclass(frozen=True)
class Answer:
    status: int
    text: str
    headers: dict[str, str]

    @property
    def body(self) -> Any:
        return json.loads(self.text)

    @property
    def statuses(self) -> list[int]:
        return [entry["status"] for entry in self.body["data"]]

    @property
    def code(self) -> str:
        code: str = self.body["error"]["code"]
        return code

    @property
    def details(self) -> Any:
        return self.body["error"].get("details")


@dataclass
class LookupsApi:
    """Calls the functions as API Gateway does; each is loaded once."""

    table: str
    clock: FakeClock
    functions: dict[str, ModuleType] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.identities = DynamoIdentities(self.table)
        self.key = self.a_key()

    def a_key(
        self,
        workspace: str = "acme",
        *,
        plan: str = "pro",
        scopes: Iterable[str] = ("*",),
        status: WorkspaceStatus = WorkspaceStatus.ACTIVE,
        key_id: str = "k1",
        expires_at: datetime | None = None,
        revoked_at: datetime | None = None,
        **changes: int | bool | None,
    ) -> str:
        """Make (or replace) a workspace and a key of it, and return the key. changes: terms that are not its plan's."""
        self.identities.put_workspace(
            Workspace(id=workspace, name="Acme", plan=plan, created_at=NOW, status=status, changes=changes, number=42)
        )
        key = ApiKey(
            id=key_id,
            workspace_id=workspace,
            name="CI",
            digest=digest_of(SECRET),
            scopes=frozenset(scopes),
            created_at=NOW,
            expires_at=expires_at,
            revoked_at=revoked_at,
        )
        self.identities.put_key(key)
        return f"{key.public}.{SECRET}"

    def choose(self, kind: LookupKind, endpoint: str = "signals", workspace: str = "acme", **settings: Any) -> None:
        DynamoLookups(self.table).put(workspace, endpoint, Lookup(kind, settings))

    def a_dataset(self, rows: dict[str, Json], name: str = "products", workspace: str = "acme") -> None:
        store = DynamoDatasets(self.table)
        version, oldest = store.begin(workspace, name)
        dataset = Dataset(workspace_id=workspace, name=name, version=version, key="sku", rows=len(rows), loaded_at=NOW)
        store.write(dataset, rows.items())
        assert store.publish(dataset, oldest)

    def used(self, workspace: str = "acme") -> int:
        return DynamoUsage(self.table).used(workspace, month_of(self.clock.now()))

    def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        key: str | None = None,
        headers: dict[str, str] | None = None,
        left: timedelta = timedelta(seconds=29),
    ) -> Answer:
        """body: JSON, or text as it is. key: an API key, the workspace's own by default, none when empty."""
        name = ROUTES.get((method, path), "unrouted")
        if name not in self.functions:
            self.functions[name] = load_function(name)
        key = self.key if key is None else key
        event = {
            "httpMethod": method,
            "resource": path if name != "unrouted" else "/{proxy+}",
            "path": path,
            "headers": {"Host": HOST, "X-Forwarded-Proto": "https", "Content-Type": "application/json"}
            | ({"Authorization": f"Bearer {key}"} if key else {})
            | (headers or {}),
            "multiValueQueryStringParameters": None,
            "pathParameters": {"proxy": path.removeprefix("/")} if name == "unrouted" else None,
            "requestContext": {
                "path": f"/live{path}",
                "stage": "live",
                "domainName": HOST,
                "requestId": f"request-{next(_requests)}",
            },
            "body": body if isinstance(body, str) or body is None else json.dumps(body),
            "isBase64Encoded": False,
        }
        context = SimpleNamespace(get_remaining_time_in_millis=lambda: int(left.total_seconds() * 1000))
        answer = self.functions[name].handler(json.loads(json.dumps(event)), context)
        return Answer(answer["statusCode"], answer["body"], answer["headers"])

    def post(self, requests: Any, endpoint: str = "signals", **settings: Any) -> Answer:
        """Look up items."""
        return self.call("POST", f"/api/v1/{endpoint}/batch", {"requests": requests}, **settings)


def ids(total: int) -> Sequence[Json]:
    """Return items as the seed has them."""
    return [{"id": number} for number in range(1, total + 1)]


@pytest.fixture(name="api")
def an_api(table: str, bucket: str, monkeypatch: pytest.MonkeyPatch) -> LookupsApi:
    clock = FakeClock(NOW)
    now: Callable[[SystemClock], datetime] = lambda _: clock.now()  # noqa: E731 -- a method of a class
    monkeypatch.setattr(SystemClock, "now", now)
    for name, value in {"TABLE_NAME": table, "BUCKET_NAME": bucket, "ALLOW_LOOPBACK_EGRESS": "true"}.items():
        monkeypatch.setenv(name, value)
    return LookupsApi(table, clock)
