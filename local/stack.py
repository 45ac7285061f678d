"""The file that tells others of a running stack: .local/stack.json, the contract of `make serve`."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
DIRECTORY = ROOT / ".local"
#: Credentials of the emulator's root user: any access key that reads ``test`` (ministack).
CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_DEFAULT_REGION": "us-east-1",
}


def clean_environment() -> dict[str, str]:
    """Return the environment without anything of AWS: a user's profile must reach neither emulator nor functions."""
    return {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}


def point_at(endpoint: str) -> None:
    """Let every AWS client of this process talk to the emulator."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        del os.environ[name]
    os.environ.update(CREDENTIALS, AWS_ENDPOINT_URL=endpoint)


def running(directory: Path = DIRECTORY) -> dict[str, Any] | None:
    """Return what a running stack wrote; None when there is no file or its process is gone."""
    try:
        stack: dict[str, Any] = json.loads((directory / "stack.json").read_text())
        os.kill(stack["pid"], 0)
    except (FileNotFoundError, ProcessLookupError):
        return None
    return stack


def announce(stack: dict[str, Any], directory: Path) -> None:
    """Write the file whole or not at all."""
    fresh = directory / f"stack.json.{os.getpid()}"
    # The keys in it open a stack that listens on loopback only; still, they are their owner's.
    fresh.touch(mode=0o600)
    fresh.write_text(json.dumps(stack, indent=2) + "\n")
    fresh.replace(directory / "stack.json")


def withdraw(directory: Path) -> None:
    """Remove the file if it is this process's own."""
    stack = running(directory)
    if stack and stack["pid"] == os.getpid():
        (directory / "stack.json").unlink()
