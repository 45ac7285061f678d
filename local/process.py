"""A stack in a process of its own, for what needs one and may find none: the demo, the journeys, the benchmarks."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from local import stack

START_SECONDS = 90
STOP_SECONDS = 15


@contextmanager
def stack_in(directory: Path, *options: str) -> Iterator[dict[str, Any]]:
    """Run local.serve until its stack.json is there, yield that, and stop it.

    Raises RuntimeError with the process's own words when it ends instead.
    """
    directory.mkdir(parents=True, exist_ok=True)
    log = directory / "serve.log"
    with log.open("wb") as sink:
        process = subprocess.Popen(
            [sys.executable, "-m", "local.serve", "--directory", str(directory), *options],
            cwd=stack.ROOT,
            env=stack.clean_environment() | {"PORT": "0"},
            stdout=sink,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield _ready(process, directory, log)
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(STOP_SECONDS)


def _ready(process: subprocess.Popen[bytes], directory: Path, log: Path) -> dict[str, Any]:
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until:
        found = stack.running(directory)
        if found and found["pid"] == process.pid:
            return found
        if process.poll() is not None:
            raise RuntimeError(f"the stack did not start:\n{log.read_text(errors='replace')}")
        time.sleep(0.05)
    raise RuntimeError(f"the stack did not start within {START_SECONDS} s; see {log}")
