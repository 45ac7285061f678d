"""A thousand texts through PARSE and EXTRACT over HTTP on the local stack: how soon they are accepted, and all settled.

Seconds of one shared machine: they show the shape, not a promise. Each figure is the median of the rounds.
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import Any

from benchmarks.runs import inputs
from local.limits import lift
from local.process import stack_in

ROUNDS = 3
SIZES = (1, 10, 100, 1000)
#: Seconds for 1000 runs.
ACCEPTED, SETTLED = 1.0, 30.0


def call(stack: dict[str, Any], method: str, path: str, body: Any = None) -> dict[str, Any]:
    """Call and return the answer."""
    request = urllib.request.Request(  # noqa: S310 -- loopback
        stack["base_url"] + path,
        data=None if body is None else json.dumps(body).encode(),
        headers={"Authorization": f"Bearer {stack['api_keys']['pro']}", "Content-Type": "application/json"},
        method=method,
    )
    with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310 -- loopback
        found: dict[str, Any] = json.load(answer)
    return found


def run(stack: dict[str, Any], size: int) -> tuple[float, float]:
    """Return seconds from the call until accepted, and until every run is settled."""
    body = {"workflowId": stack["workflow_id"], "inputs": inputs(size)}
    began = time.perf_counter()
    batch_id = call(stack, "POST", "/workflow_runs/batch", body)["batchId"]
    accepted = time.perf_counter() - began
    while True:
        counts = call(stack, "GET", f"/workflow_runs/batch/{batch_id}")["batch"]["counts"]
        if counts.get("PROCESSED") == size:
            return accepted, time.perf_counter() - began
        assert not counts.get("FAILED"), counts
        time.sleep(0.05)


def main() -> None:
    """Print the table; ends with an error when a budget is missed."""
    with tempfile.TemporaryDirectory() as scratch, stack_in(Path(scratch)) as stack:
        lift(stack)
        run(stack, 100)
        print(f"Workflow runs on the local stack over HTTP, seconds from the call, median of {ROUNDS}")
        print("   size   accepted   settled")
        for size in SIZES:
            rounds = [run(stack, size) for _ in range(ROUNDS)]
            accepted, settled = (statistics.median(column) for column in zip(*rounds, strict=True))
            print(f"  {size:5d} {accepted:10.2f} {settled:9.2f}")
        print(f"  (budget at 1000: accepted {ACCEPTED:.0f} s, settled {SETTLED:.0f} s)")
        if accepted > ACCEPTED or settled > SETTLED:
            sys.exit("a budget is missed")


if __name__ == "__main__":
    main()
