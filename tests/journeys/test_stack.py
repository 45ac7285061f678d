"""What `make serve` promises (local-stack.md)."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest
import requests

from local.process import stack_in


def test_every_promised_field_is_there(stack: dict[str, Any]) -> None:
    assert {"base_url", "api_keys", "agent_id", "unpublished_agent_id"} <= set(stack)
    assert set(stack["api_keys"]) == {"free", "starter", "pro", "enterprise", "no_scopes", "other", "revoked"}
    assert not stack["base_url"].endswith("/")


@pytest.mark.parametrize("key", ["free", "starter", "pro", "enterprise", "other"])
@pytest.mark.parametrize("style", ["x-api-key", "bearer"])
def test_every_key_works_in_both_headers(stack: dict[str, Any], key: str, style: str) -> None:
    text = stack["api_keys"][key]
    headers = {"x-api-key": text} if style == "x-api-key" else {"Authorization": f"Bearer {text}"}
    answer = requests.get(f"{stack['base_url']}/api/v1/batches", headers=headers, timeout=30)
    assert (answer.status_code, answer.json()["error_code"]) == (200, 0)


@pytest.mark.parametrize("key", ["no_scopes", "revoked"])
def test_a_key_without_scopes_and_a_revoked_one_are_refused(stack: dict[str, Any], key: str) -> None:
    headers = {"x-api-key": stack["api_keys"][key]}
    answer = requests.get(f"{stack['base_url']}/api/v1/batches", headers=headers, timeout=30)
    assert (answer.status_code, answer.json()["error_code"]) == (403, 10001)


@pytest.mark.parametrize(
    ("method", "path"), [("DELETE", "/api/v1/batches"), ("OPTIONS", "/api/v1/batches"), ("GET", "/api/v1/batchez")]
)
def test_what_no_route_serves_is_404_in_the_envelope_of_messages(stack: dict[str, Any], method: str, path: str) -> None:
    answer = requests.request(method, stack["base_url"] + path, timeout=30)
    body = answer.json()
    assert (answer.status_code, body["data"], body["error_code"]) == (404, None, 10003)


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/"), ("GET", "/nowhere"), ("GET", "/api/v1/signals/batch"), ("PUT", "/api/v1/me")]
)
def test_what_no_route_serves_is_404_in_the_envelope_of_lookups(stack: dict[str, Any], method: str, path: str) -> None:
    answer = requests.request(method, stack["base_url"] + path, timeout=30)
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found")


def test_a_second_stack_runs_beside_the_first_and_leaves_nothing_behind(stack: dict[str, Any], tmp_path: Path) -> None:
    with stack_in(tmp_path) as second:
        assert second["base_url"] != stack["base_url"]
        assert runs(second["emulator_pid"])
    assert not runs(second["emulator_pid"])
    assert not (tmp_path / "stack.json").exists()


def test_a_stack_whose_emulator_dies_ends_with_an_error(tmp_path: Path) -> None:
    with stack_in(tmp_path) as doomed:
        os.kill(doomed["emulator_pid"], signal.SIGKILL)
        until = time.monotonic() + 15
        while (tmp_path / "stack.json").exists() and time.monotonic() < until:
            time.sleep(0.1)
        assert not (tmp_path / "stack.json").exists()
    assert "the emulator ended" in (tmp_path / "serve.log").read_text()


def runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
