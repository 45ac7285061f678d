"""stack.json: there whole while a stack runs, gone or disbelieved when none does."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from local import stack


def test_what_a_running_stack_announced_is_found(tmp_path: Path) -> None:
    stack.announce({"pid": os.getpid(), "base_url": "http://127.0.0.1:1"}, tmp_path)
    assert stack.running(tmp_path) == {"pid": os.getpid(), "base_url": "http://127.0.0.1:1"}
    assert [path.name for path in tmp_path.iterdir()] == ["stack.json"]


def test_only_its_owner_reads_the_keys_in_it(tmp_path: Path) -> None:
    stack.announce({"pid": os.getpid()}, tmp_path)
    assert stat.S_IMODE((tmp_path / "stack.json").stat().st_mode) == 0o600


def test_the_file_of_a_stack_that_was_killed_is_not_believed(tmp_path: Path) -> None:
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    stack.announce({"pid": dead.pid}, tmp_path)
    assert stack.running(tmp_path) is None


def test_a_stack_withdraws_its_own_file_and_no_other(tmp_path: Path) -> None:
    stack.announce({"pid": os.getpid()}, tmp_path)
    stack.withdraw(tmp_path)
    assert not (tmp_path / "stack.json").exists()
    (tmp_path / "stack.json").write_text(json.dumps({"pid": os.getppid()}))
    stack.withdraw(tmp_path)
    assert (tmp_path / "stack.json").exists()


def test_no_aws_setting_of_the_user_reaches_the_emulator(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "production")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "https://elsewhere.example")
    assert not [name for name in stack.clean_environment() if name.startswith("AWS_")]
