"""The local stack over HTTP: how soon a batch is accepted, shows its first results, is settled, is cancelled; fairness.

Seconds of one shared machine: they show the shape, not a promise. Each figure is the median of the rounds.
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
import time
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local.limits import lift
from local.process import stack_in

ROUNDS = 5
BUSY_BATCHES = 100


@dataclass(frozen=True)
class Api:
    """The messages API with one key."""

    url: str
    key: str

    def call(self, method: str, path: str, body: Any = None) -> dict[str, Any]:
        """Call and return the answer."""
        request = urllib.request.Request(  # noqa: S310 -- loopback
            f"{self.url}/api/v1{path}",
            data=None if body is None else json.dumps(body).encode(),
            headers={"x-api-key": self.key, "Content-Type": "application/json"},
            method=method,
        )
        with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310 -- loopback
            found: dict[str, Any] = json.load(answer)
        return found

    def submit(self, agent_id: str, size: int) -> str:
        """Submit a batch and return its id."""
        requests = [{"custom_id": f"r{n}", "message": "What are your business hours?"} for n in range(size)]
        return str(self.call("POST", "/batches", {"agent_id": agent_id, "requests": requests})["data"]["id"])

    def batch(self, batch_id: str) -> dict[str, Any]:
        """Return a batch."""
        found: dict[str, Any] = self.call("GET", f"/batches/{batch_id}")["data"]
        return found


def run(api: Api, agent_id: str, size: int) -> tuple[float, float, float]:
    """Return seconds from the call until accepted, first result readable, all settled."""
    began = time.perf_counter()
    batch_id = api.submit(agent_id, size)
    accepted = time.perf_counter() - began
    first = None
    while True:
        batch = api.batch(batch_id)
        now = time.perf_counter() - began
        if first is None and batch["completed_requests"]:
            first = now
        if batch["status"] == "completed":
            return accepted, first or now, now
        time.sleep(0.02)


def cancelled(api: Api, agent_id: str) -> tuple[float, int]:
    """Return seconds from the 202 of a cancel until its batch is settled, and how many items it cancelled."""
    batch_id = api.submit(agent_id, 1000)
    api.call("POST", f"/batches/{batch_id}/cancel")
    began = time.perf_counter()
    while (batch := api.batch(batch_id))["status"] != "cancelled":
        time.sleep(0.02)
    return time.perf_counter() - began, batch["failed_requests"]


def fair(stack: dict[str, Any], busy: Api, quiet: Api) -> None:
    """Print how long ten items take while another workspace has 100 batches of 1000 waiting, and alone."""
    agent = quiet.call(
        "POST",
        "/external/agents",
        {"name": "hours", "documents": [{"title": "Hours", "text": "Our business hours are 9 AM to 6 PM."}]},
    )["data"]["id"]
    versions = quiet.call("GET", f"/external/agents/{agent}/versions")["data"]
    quiet.call("POST", f"/external/agents/{agent}/versions/{versions[0]['id']}:publish")
    run(quiet, agent, 10)
    alone = statistics.median(run(quiet, agent, 10)[2] for _ in range(ROUNDS))
    backlog = [busy.submit(stack["agent_id"], 1000) for _ in range(BUSY_BATCHES)]
    beside = [run(quiet, agent, 10)[2] for _ in range(ROUNDS)]
    waiting = sum(busy.batch(batch)["status"] == "in_progress" for batch in backlog)
    for batch in backlog:
        if busy.batch(batch)["status"] == "in_progress":
            busy.call("POST", f"/batches/{batch}/cancel")
    print(
        f"  ten items, alone {alone:.2f} s; beside another workspace's {BUSY_BATCHES} batches of 1000 "
        f"({waiting} still waiting afterwards): median {statistics.median(beside):.2f} s, worst {max(beside):.2f} s"
    )


def main() -> None:
    """Print the tables."""
    with tempfile.TemporaryDirectory() as scratch, stack_in(Path(scratch)) as stack:
        lift(stack)
        api = Api(stack["base_url"], stack["api_keys"]["pro"])
        quiet = Api(stack["base_url"], stack["api_keys"]["enterprise"])
        run(api, stack["agent_id"], 100)
        print(f"Local stack over HTTP, embedded agent, seconds from the call, median of {ROUNDS}")
        print("   size   accepted   first result   settled")
        for size in (1, 10, 100, 1000):
            rounds = [run(api, stack["agent_id"], size) for _ in range(ROUNDS)]
            accepted, first, settled = (statistics.median(column) for column in zip(*rounds, strict=True))
            print(f"  {size:5d} {accepted:10.2f} {first:14.2f} {settled:9.2f}")
        print("  (budget at 1000: first result 1 s, settled 5 s)")
        cancelled(api, stack["agent_id"])  # its function starts cold, while the workers are warm
        items, seconds = max(
            (items, seconds) for seconds, items in (cancelled(api, stack["agent_id"]) for _ in range(ROUNDS))
        )
        print(f"  cancel of 1000: {items} pending items settled {seconds:.2f} s after the 202 (budget 2 s)")
        fair(stack, api, quiet)
        if first > 1 or settled > 5 or seconds > 2:
            sys.exit("a budget is missed")


if __name__ == "__main__":
    main()
