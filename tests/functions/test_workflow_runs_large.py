"""Runs that are larger than an answer may be: what is asked for is done, and answered."""

from __future__ import annotations

import json

import pytest
from functions.workflow_runs_api import NEW, OLD, RUNS, TEXT, RunsApi, an_api
from unit.workflow_runs.whole_run import a_step

from batchwork.domain.run import RunStatus

__all__ = ["an_api"]
LARGE = (a_step("EXTRACT", {"output": {"value": {"text": "x" * 7_000_000}, "metadata": {}}}),)


@pytest.mark.parametrize("version", [OLD, NEW, None])
def test_a_run_whose_answer_would_be_too_large_is_read_changed_and_reviewed(api: RunsApi, version: str | None) -> None:
    api = api.speaking(version or "2024-12-23")
    (run,) = api.work(api.submit(TEXT), status=RunStatus.NEEDS_REVIEW, steps=LARGE)
    path = f"{RUNS}/{run.id}"
    for method, place, body in (
        ("GET", path, None),
        ("POST", path, {"name": "renamed"}),
        ("POST", f"{path}/review", {"decision": "approve"}),
    ):
        key = {"Idempotency-Key": f"k-{place}"} if body else {}
        answer = api.call(method, place, body, headers=key)
        assert answer.status == 200, answer.text[:200]
        shown = answer.body if version == NEW else answer.body["workflowRun"]
        assert (shown["id"], shown["truncated"]) == (run.id, True)
    row = api.row(run.id)
    assert row is not None
    assert (row.status, row.name) == (RunStatus.PROCESSED, "renamed")
    assert row.steps == LARGE, "what is stored is whole"
    assert "x" * 1000 not in json.dumps(shown)
