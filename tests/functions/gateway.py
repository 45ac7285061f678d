"""Calls a loaded function as API Gateway does, for workspaces with keys of their own."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from types import ModuleType
from typing import Any

import requests

from batchwork.adapters.dynamodb.identities import DynamoIdentities
from batchwork.domain.workspace import ApiKey, Workspace, digest_of

AT = datetime(2026, 1, 15, 10, 30, tzinfo=UTC)
HOST = "api.example.com"


def a_key(table: str, workspace_id: str, *scopes: str) -> str:
    """Make a workspace with a key that has the scopes; return the key."""
    identities = DynamoIdentities(table)
    identities.put_workspace(Workspace(id=workspace_id, name=workspace_id, plan="pro", created_at=AT))
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


@dataclass(frozen=True)
class Called:
    """What a function answered."""

    status: int
    headers: dict[str, str]
    body: Any

    @property
    def data(self) -> Any:
        return self.body["data"]

    @property
    def fields(self) -> list[str]:
        """The places of the problems."""
        return [error["field"] for error in self.body["data"]["errors"]]


@dataclass(frozen=True)
class Gateway:
    """A function behind a route table. key: sent as x-api-key."""

    function: ModuleType
    key: str | None

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
            None,
        )
        return Called(answer["statusCode"], answer["headers"], json.loads(answer["body"]))
