"""The workflow runs API as its users call it: the seed's version, over HTTP."""

from __future__ import annotations

import time
from typing import Any

import requests

from journeys.client import Stack

OPEN = {"PENDING", "PROCESSING", "CANCELLING"}
Json = dict[str, Any]


class Workflows:
    """Calls with one key of the stack, which may be one of its names or a key itself."""

    def __init__(self, stack: Stack, key: str = "pro", version: str | None = None) -> None:
        self.url = stack["base_url"]
        self.workflow_id = stack["workflow_id"]
        self.session = requests.Session()
        self.session.headers["Authorization"] = f"Bearer {stack['api_keys'].get(key, key)}"
        if version is not None:
            self.session.headers["x-extend-api-version"] = version

    def call(self, method: str, path: str, **settings: Any) -> requests.Response:
        return self.session.request(method, f"{self.url}{path}", timeout=60, **settings)

    def ok(self, method: str, path: str, **settings: Any) -> Json:
        answer = self.call(method, path, **settings)
        assert answer.status_code == 200, (answer.status_code, answer.text[:800])
        body: Json = answer.json()
        return body

    def refused(self, method: str, path: str, status: int, **settings: Any) -> str:
        """Return the message of a refusal in the seed's envelope."""
        answer = self.call(method, path, **settings)
        assert answer.status_code == status, (answer.status_code, answer.text[:800])
        body: Json = answer.json()
        assert body["success"] is False
        message: str = body["error"]
        assert message
        return message

    def batch(self, inputs: list[Json], **fields: Any) -> str:
        """Submit inputs and return the batch's id."""
        accepted = self.ok(
            "POST", "/workflow_runs/batch", json={"workflowId": self.workflow_id, "inputs": inputs, **fields}
        )
        assert accepted["success"] is True
        batch_id: str = accepted["batchId"]
        return batch_id

    def listed(self, size: int = 100, **query: Any) -> list[Json]:
        """Return all summaries of a list, page by page."""
        found: list[Json] = []
        token: str | None = None
        while True:
            page = self.ok(
                "GET",
                "/workflow_runs",
                params={"maxPageSize": size, **query, **({"nextPageToken": token} if token else {})},
            )
            assert len(page["workflowRuns"]) <= size
            found += page["workflowRuns"]
            if "nextPageToken" not in page:
                return found
            token = page["nextPageToken"]

    def get(self, run_id: str) -> Json:
        run: Json = self.ok("GET", f"/workflow_runs/{run_id}")["workflowRun"]
        return run

    def settled(self, batch_id: str, seconds: float = 60) -> list[Json]:
        """Return the summaries of a batch once no run of it is open."""
        until = time.monotonic() + seconds
        while True:
            found = self.listed(1000, batchId=batch_id)
            if found and not {each["status"] for each in found} & OPEN:
                return found
            assert time.monotonic() < until, [each["status"] for each in found]
            time.sleep(0.1)

    def runs(self, batch_id: str) -> list[Json]:
        """Return the settled runs of a batch whole, in the order of its inputs."""
        runs = [self.get(each["id"]) for each in self.settled(batch_id)]
        return sorted(runs, key=lambda run: int(run["id"].rpartition("_")[2]))

    def deployed(self, steps: list[Json], name: str = "Journey") -> str:
        """Make and deploy a workflow; calls of this client then run it."""
        made = self.ok("POST", "/workflows", json={"name": name, "steps": steps})
        workflow_id: str = made["workflow"]["id"]
        self.ok("POST", f"/workflows/{workflow_id}/versions", json={})
        self.workflow_id = workflow_id
        return workflow_id

    def endpoint(self, url: str, version: str = "2025-04-21", **fields: Any) -> Json:
        body = {"url": url, "name": "Journey", "enabledEvents": [], "apiVersion": version, **fields}
        made: Json = self.ok("POST", "/webhook_endpoints", json=body)["webhookEndpoint"]
        return made

    def subscribe(self, endpoint_id: str, workflow_id: str, events: list[str]) -> Json:
        body = {
            "webhookEndpointId": endpoint_id,
            "resourceType": "workflow",
            "resourceId": workflow_id,
            "enabledEvents": events,
        }
        made: Json = self.ok("POST", "/webhook_subscriptions", json=body)["webhookSubscription"]
        return made

    def remove(self, path: str) -> None:
        self.ok("DELETE", path)


def step(name: str, kind: str, *following: str, config: Json | None = None, **routes: str) -> Json:
    """Return a step that goes on to others, or by a route: `fail="other"`."""
    made: Json = {"name": name, "type": kind, "next": [{"step": each} for each in following]}
    key = {"CLASSIFY": "classificationId", "SPLIT": "classificationId", "RULE_VALIDATION": "result"}
    made["next"] += [{"step": target, key.get(kind, "branchId"): route} for route, target in routes.items()]
    if config is not None:
        made["config"] = config
    return made


def pipeline(*steps: Json) -> list[Json]:
    """Return trigger and parse, and what follows them."""
    first = [steps[0]["name"]] if steps else []
    return [step("trigger", "TRIGGER", "parse"), step("parse", "PARSE", *first), *steps]
