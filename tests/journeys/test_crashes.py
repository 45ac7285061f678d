"""Invariant 1 on the whole stack: workers that are killed at any point lose nothing and count nothing twice."""

from __future__ import annotations

import os
import signal
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from journeys.client import Client, Stack
from journeys.model import Model, model
from local.limits import lift
from local.process import stack_in
from local.receiver import receiver

TOTAL = 300
#: Seconds that an answer takes: long enough for every kill to hit workers with items in their hands.
PAUSE = 0.3
#: The kills: each when this many further messages were asked.
KILL_AFTER = (15, 40, 40)


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack of its own, since the workers of others' batches must live; its leases end 20 s after they began, so that
    the sweeper's first look at the batch, after 45 to 55 s, finds all that the dead have left.
    """
    with stack_in(tmp_path_factory.mktemp("crashes"), "--parameter", "ItemTimeoutSeconds=5") as running:
        lift(running)
        yield running


def workers(stack: Stack) -> list[int]:
    """Return the processes that work messages now: children of this stack's emulator, and of no other's."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            line = (folder / "cmdline").read_text(errors="replace")
            parent = int((folder / "stat").read_text(errors="replace").rpartition(")")[2].split()[1])
        except (FileNotFoundError, ProcessLookupError):
            continue  # ended meanwhile
        if parent == stack["emulator_pid"] and "MessagesWorker" in line:
            found.append(int(folder.name))
    return found


def kill_workers(stack: Stack, endpoint: Model, more: int) -> int:
    """Kill every worker once `more` messages were asked; return how many workers were killed."""
    asked, until = len(endpoint.asked) + more, time.monotonic() + 60
    while len(endpoint.asked) < asked or not (doomed := workers(stack)):
        assert time.monotonic() < until, f"only {len(endpoint.asked)} messages were asked"
        time.sleep(0.01)
    for pid in doomed:
        os.kill(pid, signal.SIGKILL)
    return len(doomed)


@pytest.mark.timeout(240)
def test_every_item_settles_exactly_once_though_all_workers_are_killed_again_and_again(stack: Stack) -> None:
    """Breaks when a lease has no end, or when use_cases/work.Work counts results that it did not write itself."""
    client = Client(stack, "free")

    def say(message: str) -> tuple[int, str]:
        time.sleep(PAUSE)
        return 200, f"answer to {message}"

    with model(say) as endpoint, receiver() as hook:
        asked = {"name": "Slow", "provider": endpoint.provider()}
        made = client.ok("POST", "/external/agents", 201, json=asked)["data"]
        client.ok("POST", f"/external/agents/{made['id']}/versions/{made['version']['id']}:publish")
        chats_before = client.ok("GET", "/chats")["pagination"]["total_records"]
        body = {
            "agent_id": made["id"],
            "requests": [{"custom_id": f"r-{n:03d}", "message": f"message {n:03d}"} for n in range(TOTAL)],
            "webhook": {"url": hook.url},
        }
        batch = client.ok("POST", "/batches", 202, json=body)["data"]
        killed = [kill_workers(stack, endpoint, more) for more in KILL_AFTER]
        assert all(killed), killed
        at = time.monotonic()
        while not client.get(batch["id"])["completed_requests"]:
            assert time.monotonic() < at + 140, "nothing was settled"
            time.sleep(0.1)
        early = {row["custom_id"]: row for row in client.results(batch["id"], limit=TOTAL, status="success")["data"]}
        ended = client.wait(batch["id"], seconds=140)
        print(f"killed {killed} workers; all was settled {time.monotonic() - at:.0f} s later")
        rows = client.results(batch["id"], limit=TOTAL)["data"]
        hook.arrivals.get(timeout=20)
        time.sleep(2)
        assert hook.arrivals.empty(), "the end was told twice"
    assert (ended["status"], ended["completed_requests"], ended["failed_requests"]) == ("completed", TOTAL, 0)
    assert [(row["custom_id"], row["response_content"]) for row in rows] == [
        (f"r-{n:03d}", f"answer to message {n:03d}") for n in range(TOTAL)
    ]
    # Invariant 3: what could be read did not change.
    assert [row for row in rows if row["custom_id"] in early] == list(early.values())
    # Killed in the middle, some were asked again; none more often than it has attempts.
    times = Counter(endpoint.asked)
    assert (len(times), max(times.values()) <= 3, sum(times.values()) > TOTAL) == (TOTAL, True, True)
    # One chat each, with one turn: what a killed worker wrote already was written again, not beside it.
    assert len({row["history_id"] for row in rows}) == len({row["conversation_id"] for row in rows}) == TOTAL
    assert client.ok("GET", "/chats")["pagination"]["total_records"] == chats_before + TOTAL
    for row in rows[::50]:
        turns = client.ok("GET", f"/chats/{row['history_id']}/messages")["data"]
        assert [turn["conversation_id"] for turn in turns] == [row["conversation_id"]]
