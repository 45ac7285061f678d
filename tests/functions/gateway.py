"""Calls a loaded function as API Gateway does, for workspaces with keys of their own."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from types import ModuleType
from typing import Any

import requests

from batchwork.adapters.dynamodb.identities import DynamoIdentities
from batchwork.domain.workspace import ApiKey, Workspace, digest_of

AT = datetime(2026, 1, 15, 10, 30, tzinfo=UTC)
HOST = "api.example.com"


def a_key(table: str, workspace_id: str, *scopes: str, **changes: int) -> str:
    """Make a workspace with a key that has the scopes; return the key. changes: terms that are not its plan's."""
    identities = DynamoIdentities(table)
    identities.put_workspace(Workspace(id=workspace_id, name=workspace_id, plan="pro", created_at=AT, changes=changes))
    key_id = f"k{abs(hash((workspace_id, scopes)))}"
    identities.put_key(
        ApiKey(
            id=key_id,
            workspace_id=workspace_id,
            name="test",
            digest=digest_of("secret"),
            scopes=frozenset(scopes),
            created_at=AT,
        )
    )
    return f"bw_{workspace_id}_{key_id}.secret"


class Context:
    """Lambda's context of an invocation that has this long to live."""

    def __init__(self, left: timedelta) -> None:
        self._left = left

    def get_remaining_time_in_millis(self) -> int:
        return int(self._left.total_seconds() * 1000)


def almost_over() -> Context:
    """The context of an invocation whose holds end as soon as they are taken."""
    return Context(timedelta(milliseconds=1))


@dataclass(frozen=True)
class Called:
    """What a function answered."""

    status: int
    headers: dict[str, str]
    text: str

    @property
    def body(self) -> Any:
        return json.loads(self.text)

    @property
    def data(self) -> Any:
        return self.body["data"]

    @property
    def fields(self) -> list[str]:
        """The places of the problems."""
        return [error["field"] for error in self.body["data"]["errors"]]


@dataclass(frozen=True)
class Gateway:
    """A function behind a route table. key: sent as x-api-key; named: sent as Idempotency-Key; context: Lambda's."""

    function: ModuleType
    key: str | None
    named: str | None = None
    context: Any = None

    def under(self, named: str) -> Gateway:
        """Return the same, sending an Idempotency-Key."""
        return replace(self, named=named)

    def __call__(
        self, method: str, resource: str, body: Any = None, query: dict[str, str] | None = None, **parameters: Any
    ) -> Called:
        raw = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        headers = {"content-type": "application/json"} if body is not None else {}
        return self.send(method, resource, raw, headers, query, parameters)

    def upload(self, resource: str, files: Any, query: dict[str, str] | None = None) -> Called:
        """Send a form as the requests library makes it."""
        form = requests.Request("POST", f"https://{HOST}/", files=files).prepare()
        assert isinstance(form.body, bytes)
        return self.send("POST", resource, form.body, {"content-type": form.headers["Content-Type"]}, query, {})

    def send(
        self,
        method: str,
        resource: str,
        raw: bytes,
        headers: dict[str, str],
        query: dict[str, str] | None,
        parameters: dict[str, Any],
    ) -> Called:
        path = resource.format(**parameters)
        if self.named is not None:
            headers = {**headers, "Idempotency-Key": self.named}
        answer = self.function.handler(
            {
                "httpMethod": method,
                "resource": resource,
                "path": path,
                "headers": {"host": HOST, **headers, **({"x-api-key": self.key} if self.key else {})},
                "queryStringParameters": query,
                "pathParameters": {name: str(value) for name, value in parameters.items()} or None,
                "requestContext": {"requestId": "gateway-1", "path": path, "domainName": HOST},
                "body": base64.b64encode(raw).decode() if raw else None,
                "isBase64Encoded": bool(raw),
            },
            self.context,
        )
        return Called(answer["statusCode"], answer["headers"], answer["body"])
