"""A run through every type of step, with what the steps store (processors/workflow_runs/steps says the shapes)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from batchwork.domain.item import Json
from batchwork.domain.run import FileType, Run, RunFile, RunPlace, RunStatus, StepRun
from batchwork.domain.workflow import Flow

AT = datetime(2026, 2, 9, 12, 0, 0, 123456, tzinfo=UTC)
CORE = "k" * 23
PLACE = RunPlace("acme", "b" * 23, 7)
WORKFLOW = f"workflow_{CORE}"
FLOW = Flow(
    workflow_id=WORKFLOW,
    workflow_name="Invoices",
    workflow_created_at=AT,
    workflow_updated_at=AT,
    version="3",
    version_id=f"workflow_version_{CORE}_3",
    version_created_at=AT,
)
FILE = RunFile(id=PLACE.file_id, name="invoices.pdf", type=FileType.PDF, created_at=AT, page_count=3)
PART = RunFile(
    id=f"{PLACE.file_id}_1",
    name="invoice 1",
    type=FileType.PDF,
    created_at=AT,
    page_count=2,
    parent_id=FILE.id,
    split={"id": "split_1", "type": "invoice", "identifier": "INV-7", "startPage": 1, "endPage": 2},
)
CLASSES = [{"id": "cls_invoice", "type": "invoice", "description": "An invoice"}]
PARSED: Json = {
    "chunks": [{"page": 1, "content": "Total: 5", "width": 612.0, "height": 792.0}, {"page": 2, "content": "…"}],
    "pageCount": 3,
    "type": "PDF",
    "processingTimeMs": 12,
    "cut": True,
}
CLASSIFIED: Json = {
    "output": {
        "id": "cls_invoice",
        "type": "invoice",
        "confidence": 0.8,
        "insights": [{"type": "reasoning", "content": "It says so."}],
    }
}
EXTRACTED: Json = {
    "output": {
        "value": {"total": 5, "vendor": None},
        "metadata": {
            "total": {
                "ocrConfidence": None,
                "logprobsConfidence": 0.9,
                "citations": [{"page": 1, "referenceText": "Total: 5"}],
            },
            "vendor": {"ocrConfidence": None, "logprobsConfidence": None, "citations": []},
        },
    }
}
SPLIT: Json = {
    "output": {
        "splits": [
            {
                "id": "split_1",
                "type": "invoice",
                "classificationId": "cls_invoice",
                "identifier": "INV-7",
                "observation": "Begins with a title.",
                "startPage": 1,
                "endPage": 2,
                "fileId": PART.id,
                "name": "invoice 1",
            }
        ]
    }
}
RULES: Json = {
    "rules": [
        {"name": "sum", "valid": False, "validArray": [True, False], "failureReason": "RULE_FAILED"},
        {"name": "odd", "valid": False, "failureReason": "PARSE_ERROR", "error": "Unexpected end"},
        {"name": "fine", "valid": True},
    ],
    "allPassed": False,
}
ROUTED: Json = {
    "matchedBranch": {"id": "b1", "name": "Small"},
    "branches": [{"id": "b1", "name": "Small", "matched": True}, {"id": "b2", "name": "Large", "matched": False}],
}
CHECKED: Json = {"response": {"status": 200, "data": {"known": True}}}
UNANSWERED: Json = {"response": None, "error": "The service did not answer."}
FAILED: Json = {"failureReason": "FAILED_TO_PROCESS_FILE", "failureMessage": "The PDF is encrypted."}


def a_step(
    kind: str,
    result: Json | None,
    number: int = 0,
    *,
    status: str = "PROCESSED",
    files: tuple[str, ...] = (FILE.id,),
    config: Json | None = None,
) -> StepRun:
    """Return a step run. number: of the step run in its run."""
    return StepRun(
        id=f"workflow_step_run_{PLACE.batch_id}_{PLACE.index}_{number}",
        name=kind.lower(),
        type=kind,
        status=status,
        file_ids=files,
        result=result,
        config=config,
    )


STEPS = (
    a_step("PARSE", PARSED, 0, config={"target": "markdown"}),
    a_step("CLASSIFY", CLASSIFIED, 1, config={"classifications": CLASSES}),
    a_step("SPLIT", SPLIT, 2, config={"splitClassifications": CLASSES}),
    a_step("EXTRACT", EXTRACTED, 3, files=(PART.id,), config={"schema": {"type": "object", "properties": {}}}),
    a_step("RULE_VALIDATION", RULES, 4),
    a_step("ROUTER", ROUTED, 5),
    a_step("EXTERNAL_DATA_VALIDATION", CHECKED, 6),
)


def a_run(**fields: Any) -> Run:
    """Return a run as it ended; or another one, by its fields."""
    return Run(
        **{
            "place": PLACE,
            "flow": FLOW,
            "status": RunStatus.PROCESSED,
            "created_at": AT,
            "updated_at": AT + timedelta(seconds=3),
            "files": (FILE, PART),
            "metadata": {"customer": "c-1", "extend:usage_tags": ["production"]},
            "steps": STEPS,
            "started_at": AT + timedelta(seconds=1),
            "ended_at": AT + timedelta(seconds=2),
            "base_url": "https://api.example.com",
            "revision": 1,
            **fields,
        }
    )


def a_pending_run(**fields: Any) -> Run:
    """Return a run that nobody has begun with."""
    file = RunFile(id=PLACE.file_id, name="scan.tiff", type=None, created_at=AT)
    bare: dict[str, Any] = {
        "status": RunStatus.PENDING,
        "updated_at": AT,
        "files": (file,),
        "metadata": {},
        "steps": (),
        "started_at": None,
        "ended_at": None,
        "revision": 0,
    }
    return a_run(**{**bare, **fields})
