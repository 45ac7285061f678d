"""The messages API as its users call it."""

from __future__ import annotations

import time
from typing import Any

import requests

Stack = dict[str, Any]
ENDED = {"completed", "failed", "cancelled"}


class Client:
    """Calls with one key of the stack; every answer is checked to carry the envelope."""

    def __init__(self, stack: Stack, key: str = "pro") -> None:
        self.url = f"{stack['base_url']}/api/v1"
        self.agent_id = stack["agent_id"]
        self.session = requests.Session()
        self.session.headers["x-api-key"] = stack["api_keys"].get(key, key)

    def call(self, method: str, path: str, **settings: Any) -> requests.Response:
        return self.session.request(method, f"{self.url}{path}", timeout=30, **settings)

    def ok(self, method: str, path: str, status: int = 200, **settings: Any) -> dict[str, Any]:
        answer = self.call(method, path, **settings)
        assert answer.status_code == status, (answer.status_code, answer.text[:500])
        body: dict[str, Any] = answer.json()
        assert (body["message"], body["error_code"]) == (None, 0)
        return body

    def refused(self, method: str, path: str, status: int, code: int, **settings: Any) -> dict[str, Any]:
        answer = self.call(method, path, **settings)
        assert answer.status_code == status, (answer.status_code, answer.text[:500])
        body: dict[str, Any] = answer.json()
        assert body["error_code"] == code
        assert body["message"]
        return body

    def submit(self, total: int, *, message: str = "What are your business hours?", **fields: Any) -> dict[str, Any]:
        body = {
            "agent_id": self.agent_id,
            "requests": [{"custom_id": f"req-{n:04d}", "message": message} for n in range(total)],
            **fields,
        }
        batch: dict[str, Any] = self.ok("POST", "/batches", 202, json=body)["data"]
        return batch

    def get(self, batch_id: str) -> dict[str, Any]:
        batch: dict[str, Any] = self.ok("GET", f"/batches/{batch_id}")["data"]
        return batch

    def wait(self, batch_id: str, seconds: float = 60) -> dict[str, Any]:
        until = time.monotonic() + seconds
        while True:
            batch = self.get(batch_id)
            if batch["status"] in ENDED:
                return batch
            assert time.monotonic() < until, batch
            time.sleep(0.1)

    def results(self, batch_id: str, **query: Any) -> dict[str, Any]:
        return self.ok("GET", f"/batches/{batch_id}/results", params=query)
