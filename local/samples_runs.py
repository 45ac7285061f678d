"""The part of local.samples that the workflow runs family's events speak of."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

from batchwork.adapters.clock import SystemClock
from batchwork.adapters.dynamodb.batches import DynamoBatches
from batchwork.adapters.dynamodb.shelf import DynamoShelf
from batchwork.adapters.dynamodb.workflow_rows import WorkflowCodec, WorkflowVersionCodec
from batchwork.adapters.packing import Packer
from batchwork.adapters.s3 import S3Blobs
from batchwork.adapters.sqs import SqsWorkQueue
from batchwork.domain.batch import BatchRef
from batchwork.domain.idempotency import Ticket
from batchwork.domain.resource import to_millis
from batchwork.domain.run import SLICE_SIZE
from batchwork.domain.run_input import RunInput, attributes_of
from batchwork.domain.workflow import FAMILY, Workflow, WorkflowVersion, version_id
from batchwork.domain.workspace import Caller
from batchwork.use_cases.meter import charge_of
from batchwork.use_cases.submit import Submit
from batchwork.use_cases.workflows import Workflows
from local.seed import INVOICE_STEPS

WORKFLOW, BATCH = "workflow_c1events0000000000flow0", "c1events000000000batch0"


def seed(table: str, runs_queue: str, caller: Caller) -> None:
    """Make the workflow and the batch of two runs that the events name."""
    clock, name = SystemClock(), caller.workspace.id
    made: dict[str, Any] = dict.fromkeys(("created_at", "updated_at"), to_millis(clock.now()))
    workflows, versions = DynamoShelf(table, WorkflowCodec()), DynamoShelf(table, WorkflowVersionCodec())
    version = WorkflowVersion(
        id=version_id(WORKFLOW, "1"),
        workspace_id=name,
        workflow_id=WORKFLOW,
        version="1",
        steps=INVOICE_STEPS,
        **made,
    )
    versions.add(version)
    workflows.add(Workflow(id=WORKFLOW, workspace_id=name, name="Invoices", steps=INVOICE_STEPS, deployed=1, **made))
    submit = Submit(
        batches=DynamoBatches(table, Packer(lambda: S3Blobs("unused: small inputs")), timedelta(days=1)),
        queue=SqsWorkQueue(runs_queue),
        clock=clock,
        deadline=timedelta(hours=1),
        unqueued=_refuse,
    )
    flow = Workflows(workflows, versions, clock).flow_for(name, WORKFLOW, "1")
    texts = ["Invoice Number: INV-1\nTotal: $10.00", "Invoice Number: INV-2\nTotal: $20.00"]
    submit(
        charge=replace(charge_of(caller, Ticket(BATCH, clock.now()), FAMILY, len(texts)), id=BATCH),
        bodies=[RunInput(file_name=f"{n}.txt", text=text).stored for n, text in enumerate(texts)],
        slice_size=SLICE_SIZE,
        webhook=None,
        attributes=attributes_of(flow, "https://api.example.com", listed=True),
    )


def _refuse(problem: Exception) -> None:
    raise problem


def checks(table: str, name: str) -> dict[str, Callable[[Any], bool]]:
    """Return by function whether its answer to its event is right. name: the workspace's id."""
    return {
        "workflows": lambda answer: _told(answer)["workflow"]["name"] == "Invoices",
        "workflow_files": lambda answer: _told(answer)["file"]["name"] == "note.txt",
        "workflow_runs_create": lambda answer: _told(answer)["batchId"].startswith("batch_"),
        "workflow_runs_worker": lambda answer: answer == {"batchItemFailures": []} and _succeeded(table, name) == 2,
        "workflow_runs_read": lambda answer: (
            _extracted(_told(answer)["workflowRun"])
            == {
                "invoice_number": "INV-1",
                "total": 10,
            }
        ),
        "workflow_runs_change": lambda answer: _told(answer)["workflowRun"]["metadata"] == {"reviewed": True},
        "workflow_webhooks": lambda answer: _told(answer)["webhookEndpoint"]["signingSecret"].startswith("wss_"),
    }


def _told(answer: Any) -> Any:
    return json.loads(answer["body"]) if answer["statusCode"] == 200 else {}


def _extracted(run: Any) -> Any:
    (output,) = (each["output"]["value"] for each in run["outputs"] if each["type"] == "EXTRACT")
    return output


def _succeeded(table: str, name: str) -> int:
    packer = Packer(lambda: S3Blobs("unused: a header has no blob"))
    batch = DynamoBatches(table, packer, timedelta(days=1)).get(BatchRef(name, BATCH))
    return batch.succeeded if batch else 0
