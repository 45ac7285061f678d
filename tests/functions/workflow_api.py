"""Calls a function of the workflow runs family as the published clients do, below proxied resources as well."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from types import ModuleType
from typing import Any

import pytest
import requests
from functions.gateway import HOST, Called, almost_over

from batchwork.adapters.dynamodb.claims import DynamoClaims


@dataclass(frozen=True)
class WorkflowApi:
    """A function behind its routes. version: sent as x-extend-api-version; named: as Idempotency-Key."""

    function: ModuleType
    key: str
    version: str | None = None
    named: str | None = None
    prefix: str = ""
    context: Any = field(default=None, compare=False)

    def speaking(self, version: str | None) -> WorkflowApi:
        return replace(self, version=version)

    def under(self, named: str) -> WorkflowApi:
        return replace(self, named=named)

    def dying(self, monkeypatch: pytest.MonkeyPatch, send: Callable[[WorkflowApi], Called]) -> Called:
        """Return the answer of a try whose answer could not be kept: the next one takes over from it."""

        def down(*_: Any) -> None:
            raise ConnectionError

        with monkeypatch.context() as patch:
            patch.setattr(DynamoClaims, "keep", down)
            answer = send(replace(self, context=almost_over()))
        time.sleep(0.01)
        return answer

    def __call__(self, method: str, path: str, body: Any = None, **query: str) -> Called:
        raw = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        return self.send(method, path, raw, {} if body is None else {"content-type": "application/json"}, query)

    def upload(self, path: str, files: Any, data: Any = None, **query: str) -> Called:
        """Send a form as the requests library makes it."""
        form = requests.Request("POST", f"https://{HOST}/", files=files, data=data).prepare()
        assert isinstance(form.body, bytes)
        return self.send("POST", path, form.body, {"Content-Type": form.headers["Content-Type"]}, query)

    def send(self, method: str, path: str, raw: bytes, headers: dict[str, str], query: dict[str, str]) -> Called:
        path = self.prefix + path
        top, _, below = path.removeprefix(self.prefix)[1:].partition("/")
        given = {
            "host": HOST,
            "Authorization": f"Bearer {self.key}",
            **headers,
            **({} if self.version is None else {"x-extend-api-version": self.version}),
            **({} if self.named is None else {"Idempotency-Key": self.named}),
        }
        answer = self.function.handler(
            {
                "httpMethod": method,
                "resource": f"{self.prefix}/{top}" + ("/{proxy+}" if below else ""),
                "path": path,
                "headers": given,
                "queryStringParameters": query or None,
                "multiValueQueryStringParameters": {name: [text] for name, text in query.items()} or None,
                "pathParameters": {"proxy": below} if below else None,
                "requestContext": {"requestId": "gateway-1", "path": path, "domainName": HOST},
                "body": base64.b64encode(raw).decode() if raw else None,
                "isBase64Encoded": bool(raw),
            },
            self.context,
        )
        return Called(answer["statusCode"], answer["headers"], answer["body"])
