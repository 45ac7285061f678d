"""Runs, workflows and endpoints to be told of."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

from factories import AT
from unit.webhooks.deliveries import an_endpoint

from batchwork.domain.run import FileType, Run, RunFile, RunPlace, RunStatus, StepRun
from batchwork.domain.webhook_endpoint import WebhookEndpoint
from batchwork.domain.workflow import Flow, Workflow

CORE = "0mksd8z2o80abcdefghijkl"
BATCH = "0mksd8z2o90abcdefghijkl"


def a_workflow(**changes: Any) -> Workflow:
    made = Workflow(id=f"workflow_{CORE}", workspace_id="acme", created_at=AT, updated_at=AT, name="Invoices")
    return replace(made, **changes)


def a_step(number: int = 0, **changes: Any) -> StepRun:
    step = StepRun(
        id=f"workflow_step_run_{BATCH}_0_{number}",
        name="check",
        type="RULE_VALIDATION",
        status="PROCESSED",
        file_ids=(f"file_{BATCH}_0",),
        result={"rules": [{"name": "total", "valid": True}], "allPassed": True},
    )
    return replace(step, **changes)


def a_run(*, workspace_id: str = "acme", index: int = 0, **changes: Any) -> Run:
    run = Run(
        place=RunPlace(workspace_id, BATCH, index),
        flow=Flow(
            workflow_id=f"workflow_{CORE}",
            workflow_name="Invoices",
            workflow_created_at=AT,
            workflow_updated_at=AT,
            version="1",
            version_id=f"workflow_version_{CORE}_1",
            version_created_at=AT,
        ),
        status=RunStatus.PROCESSED,
        created_at=AT,
        updated_at=AT + timedelta(seconds=9),
        ended_at=AT + timedelta(seconds=9),
        files=(RunFile(id=f"file_{BATCH}_0", name="one.txt", type=FileType.TXT, created_at=AT),),
        metadata={"n": 1.0, "ü": "✓"},
        steps=(a_step(),),
        base_url="https://api.example.com",
        revision=1,
    )
    return replace(run, **changes)


def extend_endpoint(name: str = "wh_c1", version: str = "2026-02-09", **changes: Any) -> WebhookEndpoint:
    endpoint = replace(
        an_endpoint(id=name, events=(), secret="wss_test_secret_123", url="https://hooks.example.com/extend"),
        style="extend",
        version=version,
        name="Receiver",
    )
    return replace(endpoint, **changes)
