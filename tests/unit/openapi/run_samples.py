"""What the examples of the workflow runs family are about: one of each thing that answers show."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from batchwork.domain.flow_file import FlowFile
from batchwork.domain.run import FileType, Run, RunFile, RunPlace, RunStatus, StepRun
from batchwork.domain.webhook import Attempt, Delivery, DeliveryStatus
from batchwork.domain.webhook_endpoint import WebhookEndpoint, WebhookSubscription
from batchwork.domain.workflow import Flow, Workflow, version_id
from batchwork.use_cases.read_runs import BatchSummary, BatchWord

AT = datetime(2026, 4, 9, 12, tzinfo=UTC)
BASE_URL = "https://api.example.com"
WORKFLOW_ID = "workflow_hhg1uu96o0ckk4on5d2g2pn"
BATCH_ID = "hhg1uv0rs0q2n7x4b9c1d5e"

A_WORKFLOW = Workflow(
    id=WORKFLOW_ID,
    workspace_id="acme",
    created_at=AT,
    updated_at=AT,
    draft_at=AT,
    name="Invoices",
)
A_FLOW = Flow(
    workflow_id=WORKFLOW_ID,
    workflow_name="Invoices",
    workflow_created_at=AT,
    workflow_updated_at=AT,
    version="1",
    version_id=version_id(WORKFLOW_ID, "1"),
    version_created_at=AT,
)
PLACE = RunPlace("acme", BATCH_ID, 0)
PENDING = Run(
    place=PLACE,
    flow=A_FLOW,
    status=RunStatus.PENDING,
    created_at=AT,
    updated_at=AT,
    files=(RunFile(id=PLACE.file_id, name="invoice.pdf", type=None, created_at=AT),),
    metadata={"order": 4711},
    base_url=BASE_URL,
)
#: One that was asked for alone.
SINGLE = replace(PENDING, listed=False)
A_RUN = replace(
    PENDING,
    status=RunStatus.NEEDS_REVIEW,
    updated_at=AT + timedelta(seconds=2),
    started_at=AT + timedelta(seconds=1),
    files=(replace(PENDING.files[0], type=FileType.PDF, page_count=1),),
    steps=(
        StepRun(
            id=f"workflow_step_run_{BATCH_ID}_0_0",
            name="read",
            type="EXTRACT",
            status="PROCESSED",
            file_ids=(PLACE.file_id,),
            result={
                "output": {
                    "value": {"total": 12000},
                    "metadata": {
                        "total": {
                            "ocrConfidence": None,
                            "logprobsConfidence": 0.9,
                            "citations": [{"page": 1, "referenceText": "Total: 12000"}],
                        }
                    },
                }
            },
            config={"schema": {"type": "object", "properties": {"total": {"type": ["number", "null"]}}}},
        ),
        StepRun(
            id=f"workflow_step_run_{BATCH_ID}_0_1",
            name="check",
            type="RULE_VALIDATION",
            status="PROCESSED",
            file_ids=(PLACE.file_id,),
            result={
                "rules": [{"name": "total below 10,000", "valid": False, "failureReason": "RULE_FAILED"}],
                "allPassed": False,
            },
        ),
    ),
    revision=1,
)
REJECTED = replace(
    A_RUN,
    status=RunStatus.REJECTED,
    updated_at=AT + timedelta(seconds=60),
    ended_at=AT + timedelta(seconds=60),
    reviewed_by="jane.doe@example.com",
    reviewed_at=AT + timedelta(seconds=60),
    rejection_note="Invalid invoice format",
)
A_BATCH = BatchSummary(
    batch_id=f"batch_{BATCH_ID}",
    flow=A_FLOW,
    status=BatchWord.PROCESSING,
    total=1000,
    counts={RunStatus.PENDING: 940, RunStatus.PROCESSING: 10, RunStatus.PROCESSED: 48, RunStatus.FAILED: 2},
    created_at=AT,
    updated_at=AT + timedelta(seconds=2),
)
A_FILE = FlowFile(
    id="file_hhg1uw8ay1m0p5q9r3s7t2v",
    workspace_id="acme",
    created_at=AT,
    updated_at=AT,
    name="invoice.pdf",
    content_type="application/pdf",
    type=FileType.PDF,
    size=84_211,
    page_count=1,
)
AN_ENDPOINT = WebhookEndpoint(
    id="wh_chhg1uu96o0ckk4on5d2g2pn",
    workspace_id="acme",
    created_at=AT,
    updated_at=AT,
    url="https://example.com/webhooks",
    name="Production",
    events=("workflow.deployed",),
    secret="wss_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYo",
    style="extend",
    version="2025-04-21",
)
A_SUBSCRIPTION = WebhookSubscription(
    id="whes_hhg1uu96o0n2uxpcbir3jit",
    workspace_id="acme",
    created_at=AT,
    updated_at=AT,
    endpoint_id=AN_ENDPOINT.id,
    resource_type="workflow",
    resource_id=WORKFLOW_ID,
    events=("workflow_run.completed", "workflow_run.failed"),
)
A_DELIVERY = Delivery(
    id="6f1c1c52-3c8e-5f0a-9e43-0f5f7d1b7c11",
    workspace_id="acme",
    event_id="evt_hhg1uu96o0n2uxpcbir3jit",
    event_type="workflow_run.completed",
    subject=PLACE.id,
    style="extend",
    url=AN_ENDPOINT.url,
    body=b"",
    created_at=AT,
    due_at=AT + timedelta(minutes=6),
    status=DeliveryStatus.PENDING,
    attempts=(
        Attempt(
            number=1,
            started_at=AT + timedelta(seconds=1),
            latency=timedelta(milliseconds=84),
            status=503,
            error="The receiver answered 503",
        ),
    ),
    endpoint_id=AN_ENDPOINT.id,
    version=AN_ENDPOINT.version,
)
