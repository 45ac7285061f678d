"""Invariants 1 and 7 for workflow runs on the whole stack: workers that are killed at any point lose no run, end none twice,
and each run is told of once.
"""

from __future__ import annotations

import json
import os
import queue
import signal
import time
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Lock, Thread
from typing import Any

import pytest

from journeys.client import Stack
from journeys.workflow_client import Workflows, pipeline, step
from local.limits import lift
from local.process import stack_in
from local.receiver import receiver

TOTAL = 200
#: Seconds that the external call of each run takes: long enough for every kill to hit workers with runs in their hands.
PAUSE = 0.4
#: The kills: each when this many further runs asked the external service.
KILL_AFTER = (10, 30, 30)


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack of its own, since the workers of others' runs must live; its leases end 20 s after they began."""
    with stack_in(tmp_path_factory.mktemp("crashes"), "--parameter", "RunTimeoutSeconds=5") as running:
        lift(running)
        yield running


class Asked:
    """An external service that counts which runs asked it."""

    def __init__(self) -> None:
        self.numbers: list[int] = []
        self.lock = Lock()


@pytest.fixture
def service() -> Iterator[tuple[str, Asked]]:
    asked = Asked()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            told = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            with asked.lock:
                asked.numbers.append(_number(told))
            time.sleep(PAUSE)
            body = b'{"known":true}'
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            try:
                self.wfile.write(body)
            except OSError:
                return  # the worker that asked is dead

        def log_message(self, *_: object) -> None:
            """Keep quiet."""

    class Server(ThreadingHTTPServer):
        request_queue_size = 128

        def handle_error(self, *_: Any) -> None:
            """Keep quiet of workers that died while they were answered."""

    server = Server(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}/check", asked
    server.shutdown()
    server.server_close()


def _number(told: Any) -> int:
    """Return the number in a run's metadata, wherever the body tells it."""
    if isinstance(told, dict):
        if isinstance(told.get("metadata"), dict) and "n" in told["metadata"]:
            return int(told["metadata"]["n"])
        for value in told.values():
            if (found := _number(value)) >= 0:
                return found
    return -1


def workers(stack: Stack) -> list[int]:
    """Return the processes that work runs now: children of this stack's emulator, and of no other's."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            line = (folder / "cmdline").read_text(errors="replace")
            parent = int((folder / "stat").read_text(errors="replace").rpartition(")")[2].split()[1])
        except (FileNotFoundError, ProcessLookupError):
            continue  # ended meanwhile
        if parent == stack["emulator_pid"] and "WorkflowRunsWorker" in line:
            found.append(int(folder.name))
    return found


def kill_workers(stack: Stack, asked: Asked, more: int) -> int:
    """Kill every worker once `more` runs asked; return how many workers were killed."""
    wanted, until = len(asked.numbers) + more, time.monotonic() + 60
    while len(asked.numbers) < wanted or not (doomed := workers(stack)):
        assert time.monotonic() < until, f"only {len(asked.numbers)} runs asked"
        time.sleep(0.01)
    for pid in doomed:
        os.kill(pid, signal.SIGKILL)
    return len(doomed)


@pytest.mark.timeout(240)
def test_every_run_ends_once_and_is_told_once_though_all_workers_are_killed_again_and_again(
    stack: Stack, service: tuple[str, Asked]
) -> None:
    url, asked = service
    client = Workflows(stack)
    external = {"requestOptions": {"url": url, "method": "POST"}, "failureBehavior": "EXIT"}
    client.deployed(pipeline(step("check", "EXTERNAL_DATA_VALIDATION", config=external)))
    with receiver() as hook:
        endpoint = client.endpoint(hook.url)
        client.subscribe(endpoint["id"], client.workflow_id, ["workflow_run.completed", "workflow_run.failed"])
        batch_id = client.batch([{"rawText": f"text {n}", "metadata": {"n": n}} for n in range(TOTAL)])
        killed = sum(kill_workers(stack, asked, more) for more in KILL_AFTER)
        assert killed >= len(KILL_AFTER)
        summaries = client.settled(batch_id, 200)
        assert [each["status"] for each in summaries] == ["PROCESSED"] * TOTAL
        assert len({each["id"] for each in summaries}) == TOTAL
        events: list[Any] = []
        until = time.monotonic() + 60
        while len({each["eventId"] for each in events}) < TOTAL and time.monotonic() < until:
            try:
                events.append(json.loads(hook.arrivals.get(timeout=5).body))
            except queue.Empty:
                continue
    told = {each["eventId"]: each["payload"]["id"] for each in events}
    assert sorted(told.values()) == sorted(each["id"] for each in summaries)
    counts = client.ok("GET", f"/workflow_runs/batch/{batch_id}")["batch"]["counts"]
    assert counts["PROCESSED"] == TOTAL
    again = Counter(asked.numbers)
    assert set(again) == set(range(TOTAL))
    # Who was killed asks again, thrice at most; everybody else asks once.
    assert max(again.values()) <= 1 + len(KILL_AFTER)
    assert sum(count > 1 for count in again.values()) < TOTAL
