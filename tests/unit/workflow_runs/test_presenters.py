"""Runs as the types of the published clients have them (0.2.0 and 1.20.0; spec workflow runs 4.4, 4.5)."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from unit.workflow_runs.whole_run import (
    AT,
    CHECKED,
    CLASSES,
    CLASSIFIED,
    EXTRACTED,
    FAILED,
    FILE,
    FLOW,
    PART,
    PLACE,
    ROUTED,
    RULES,
    SPLIT,
    UNANSWERED,
    WORKFLOW,
    a_pending_run,
    a_run,
    a_step,
)

from batchwork.domain.run import RunStatus
from batchwork.families.workflow_runs.dialect import Dialect
from batchwork.families.workflow_runs.presenters import batch_object, run_object, summary_object
from batchwork.families.workflow_runs.step_presenters import step_object
from batchwork.use_cases.read_runs import BatchSummary, BatchWord

OLD = (Dialect.LEGACY, Dialect.V2025)
NEW = Dialect.V2026
ID = f"workflow_run_{PLACE.batch_id}_7"
RUN_ID = f"{PLACE.batch_id}_7"
#: What client 0.2.0 requires of a run, and what it takes for unknown when it is absent.
RUN_OLD = {
    *("object", "id", "name", "url", "status", "metadata", "files", "initialRunAt", "reviewed"),
    *("outputs", "stepRuns", "workflow"),
}
#: What client 1.20.0 has in a run.
RUN_NEW = {
    *("object", "id", "workflow", "workflowVersion", "dashboardUrl", "status", "metadata", "batchId", "files"),
    *("failureReason", "failureMessage", "initialRunAt", "reviewedByUser", "reviewed", "rejectionNote", "reviewedAt"),
    *("startTime", "endTime", "stepRuns", "usage"),
}
SUMMARY_NEW = {
    *("object", "id", "status", "workflow", "workflowVersion", "dashboardUrl", "reviewedByUser", "reviewedAt"),
    *("initialRunAt", "startTime", "endTime", "batchId", "rejectionNote", "files", "createdAt", "updatedAt", "usage"),
}


@pytest.mark.parametrize("dialect", OLD)
def test_an_old_run_has_what_its_client_requires_and_leaves_the_unknown_out(dialect: Dialect) -> None:
    assert set(run_object(a_pending_run(listed=False), dialect)) == RUN_OLD
    whole = run_object(a_run(), dialect)
    assert set(whole) == RUN_OLD | {"batchId", "startTime", "endTime"}
    assert None not in whole.values()


def test_a_new_run_has_every_field_and_null_for_the_unknown() -> None:
    for run in (a_run(), a_pending_run(listed=False)):
        assert set(run_object(run, NEW)) == RUN_NEW | {"createdAt", "updatedAt"}
    bare = run_object(a_pending_run(listed=False), NEW)
    unknown = {name for name, value in bare.items() if value is None}
    assert unknown == {
        *("batchId", "failureReason", "failureMessage", "reviewedByUser", "rejectionNote", "reviewedAt"),
        *("startTime", "endTime", "usage"),
    }


def test_an_old_run_is_told_as_it_is() -> None:
    shown = run_object(a_run(), Dialect.LEGACY)
    assert {name: shown[name] for name in RUN_OLD - {"files", "outputs", "stepRuns"}} == {
        "object": "workflow_run",
        "id": ID,
        "name": "invoices.pdf",
        "url": f"https://api.example.com/workflow_runs/{ID}",
        "status": "PROCESSED",
        "metadata": {"customer": "c-1", "extend:usage_tags": ["production"]},
        "initialRunAt": "2026-02-09T12:00:00.123Z",
        "reviewed": False,
        "workflow": {"object": "workflow", "id": WORKFLOW, "version": "3", "name": "Invoices"},
    }
    assert shown["batchId"] == f"batch_{PLACE.batch_id}"
    assert (shown["startTime"], shown["endTime"]) == ("2026-02-09T12:00:01.123Z", "2026-02-09T12:00:02.123Z")


def test_a_runs_own_name_goes_before_its_files() -> None:
    assert run_object(a_run(name="First"), Dialect.LEGACY)["name"] == "First"


def test_a_new_run_is_told_as_it_is() -> None:
    shown = run_object(a_run(), NEW)
    at = "2026-02-09T12:00:00.123Z"
    assert shown["workflow"] == {
        "object": "workflow",
        "id": WORKFLOW,
        "name": "Invoices",
        "createdAt": at,
        "updatedAt": at,
        "createdBy": None,
    }
    assert shown["workflowVersion"] == {
        "object": "workflow_version",
        "id": FLOW.version_id,
        "version": "3",
        "name": None,
        "createdAt": at,
        "createdBy": None,
    }
    assert shown["dashboardUrl"] == f"https://api.example.com/workflow_runs/{ID}"


def test_a_review_is_told() -> None:
    run = a_run(status=RunStatus.REJECTED, reviewed_by="jane", reviewed_at=AT, rejection_note="No invoice")
    old, new = run_object(run, Dialect.LEGACY), run_object(run, NEW)
    assert (old["status"], old["reviewed"], old["reviewedBy"], old["rejectionNote"]) == (
        *("REJECTED", True, "jane"),
        "No invoice",
    )
    assert (new["reviewed"], new["reviewedByUser"], new["reviewedAt"]) == (True, "jane", "2026-02-09T12:00:00.123Z")
    assert summary_object(run, Dialect.LEGACY)["reviewedByUser"] == "jane"


@pytest.mark.parametrize("dialect", OLD)
def test_an_old_summary_has_neither_metadata_nor_files(dialect: Dialect) -> None:
    bare = {"id", "status", "initialRunAt", "workflowId", "workflowName", "workflowVersionId", "createdAt", "updatedAt"}
    assert set(summary_object(a_pending_run(listed=False), dialect)) == bare
    shown = summary_object(a_run(), dialect)
    assert set(shown) == bare | {"batchId", "startTime", "endTime"}
    assert shown["workflowVersionId"] == FLOW.version_id
    assert (shown["createdAt"], shown["updatedAt"]) == ("2026-02-09T12:00:00.123Z", "2026-02-09T12:00:03.123Z")


def test_a_new_summary_has_files_and_no_metadata() -> None:
    shown = summary_object(a_run(), NEW)
    assert set(shown) == SUMMARY_NEW
    assert [file["id"] for file in shown["files"]] == [FILE.id, PART.id]


def test_a_file_is_told_with_its_part_of_another() -> None:
    whole, part = run_object(a_run(), Dialect.LEGACY)["files"]
    assert whole == {
        "object": "file",
        "id": FILE.id,
        "name": "invoices.pdf",
        "type": "PDF",
        "metadata": {"pageCount": 3},
        "createdAt": "2026-02-09T12:00:00.123Z",
        "updatedAt": "2026-02-09T12:00:00.123Z",
    }
    assert part["parentFileId"] == FILE.id
    assert part["metadata"]["parentSplit"] == PART.split
    unread = run_object(a_pending_run(), NEW)["files"][0]
    assert (unread["type"], unread["parentFileId"], unread["metadata"]) == (None, None, {})
    assert "type" not in run_object(a_pending_run(), Dialect.LEGACY)["files"][0]


# ── Steps ──


def test_old_outputs_are_of_what_reads_documents_and_old_steps_of_what_checks() -> None:
    shown = run_object(a_run(), Dialect.V2025)
    assert [each["type"] for each in shown["outputs"]] == ["CLASSIFY", "SPLITTER", "EXTRACT"]
    assert [each["step"]["type"] for each in shown["stepRuns"]] == ["RULE_VALIDATION", "EXTERNAL_DATA_VALIDATION"]


def test_an_old_output_has_what_its_client_requires() -> None:
    _, split, extract = run_object(a_run(), Dialect.V2025)["outputs"]
    assert extract == {
        "object": "document_processor_run",
        "id": f"dpr_{RUN_ID}_3",
        "processorId": extract["processorId"],
        "processorVersionId": f"{extract['processorId'].replace('dp_', 'dpv_')}_3",
        "processorName": "extract",
        "status": "PROCESSED",
        "output": EXTRACTED["output"],
        "metadata": {},
        "reviewed": False,
        "edited": False,
        "edits": {},
        "type": "EXTRACT",
        "config": {"type": "EXTRACT", "schema": {"type": "object", "properties": {}}},
        "initialOutput": EXTRACTED["output"],
        "files": extract["files"],
        "mergedProcessors": [],
        "url": f"https://api.example.com/workflow_runs/{ID}",
    }
    assert [file["id"] for file in extract["files"]] == [PART.id]
    assert extract["processorId"] != split["processorId"]
    assert split["output"] == SPLIT["output"]
    assert split["config"] == {"type": "SPLITTER", "splitClassifications": CLASSES}


def test_an_old_check_has_its_rules_and_truths_as_texts() -> None:
    rules, external = run_object(a_run(), Dialect.LEGACY)["stepRuns"]
    assert rules["output"]["rules"][0] == {**RULES["rules"][0], "validArray": ["true", "false"]}
    assert rules["output"]["rules"][1:] == RULES["rules"][1:]
    assert external["output"] == CHECKED["response"]["data"]
    assert set(external) == {"object", "id", "status", "step", "output"}
    assert set(external["step"]) == {"object", "id", "name", "type"}


def test_a_new_step_run_has_what_its_client_requires() -> None:
    shown = run_object(a_run(), NEW)["stepRuns"]
    kinds = ["PARSE", "CLASSIFY", "SPLIT", "EXTRACT", "RULE_VALIDATION", "ROUTER", "EXTERNAL_DATA_VALIDATION"]
    assert [each["stepType"] for each in shown] == kinds
    for each in shown:
        assert set(each) == {"object", "id", "workflowRunId", "status", "files", "stepType", "step", "result"}
        assert each["workflowRunId"] == ID
        assert each["step"]["type"] == each["stepType"]
        assert (each["object"], each["step"]["object"]) == ("workflow_step_run", "workflow_step")
    assert len({each["step"]["id"] for each in shown}) == len(shown)
    assert [list(each["result"]) for each in shown[:4]] == [["parseRun"], ["classifyRun"], ["splitRun"], ["extractRun"]]
    assert [each["result"] for each in shown[4:]] == [RULES, ROUTED, CHECKED]


def test_a_new_parse_run_has_a_chunk_a_page() -> None:
    parsed = run_object(a_run(), NEW)["stepRuns"][0]["result"]["parseRun"]
    assert set(parsed) == {
        *("object", "id", "file", "status", "failureReason", "failureMessage", "metadata", "output", "outputUrl"),
        *("metrics", "config", "usage"),
    }
    assert parsed["output"]["chunks"][0] == {
        "object": "chunk",
        "type": "page",
        "content": "Total: 5",
        "metadata": {"pageRange": {"start": 1, "end": 1}},
        "blocks": [],
    }
    assert parsed["output"]["truncated"] is True
    assert parsed["metrics"] == {"processingTimeMs": 12, "pageCount": 3}
    assert parsed["config"] == {"target": "markdown"}


def test_what_a_parse_run_did_not_cut_is_not_called_so() -> None:
    uncut = {"chunks": [], "pageCount": 1, "type": "TXT", "processingTimeMs": 1}
    shown = step_object(a_run(), a_step("PARSE", uncut), NEW)
    assert shown["result"]["parseRun"]["output"] == {"chunks": []}


def test_a_new_extract_run_cites_pages_by_number_and_knows_who_read_the_file() -> None:
    run = a_run(steps=(a_step("PARSE", None, 0), a_step("EXTRACT", EXTRACTED, 1)))
    extracted = run_object(run, NEW)["stepRuns"][1]["result"]["extractRun"]
    found = extracted["output"]["metadata"]
    assert found["total"]["citations"] == [{"page": {"number": 1}, "referenceText": "Total: 5"}]
    assert found["vendor"] == EXTRACTED["output"]["metadata"]["vendor"]
    assert EXTRACTED["output"]["metadata"]["total"]["citations"][0]["page"] == 1, "what is stored is not changed"
    assert extracted["parseRunId"] == f"pr_{RUN_ID}_0"
    assert {"edits", "files", "extractor", "extractorVersion"} <= set(extracted)


@pytest.mark.parametrize(
    ("kind", "name", "result"),
    [("CLASSIFY", "classify", CLASSIFIED), ("SPLIT", "split", SPLIT), ("EXTRACT", "extract", EXTRACTED)],
)
def test_a_new_run_of_what_reads_documents_has_what_its_client_requires(kind: str, name: str, result: Any) -> None:
    maker = {"CLASSIFY": "classifier", "SPLIT": "splitter", "EXTRACT": "extractor"}[kind]
    shown = step_object(a_run(), a_step(kind, result), NEW)["result"][f"{name}Run"]
    assert shown["object"] == f"{name}_run"
    assert {
        *("id", "status", "output", "initialOutput", "reviewedOutput", "failureReason", "failureMessage"),
        *("metadata", "reviewed", "edited", "config", maker, f"{maker}Version", "file", "parseRunId"),
        *("dashboardUrl", "usage", "createdAt", "updatedAt"),
    } <= set(shown)


@pytest.mark.parametrize("kind", ["PARSE", "CLASSIFY", "SPLIT", "EXTRACT"])
def test_a_new_failed_reader_tells_why_within_its_run(kind: str) -> None:
    (shown,) = step_object(a_run(), a_step(kind, FAILED, status="FAILED"), NEW)["result"].values()
    assert (shown["status"], shown["output"]) == ("FAILED", None)
    assert (shown["failureReason"], shown["failureMessage"]) == (FAILED["failureReason"], FAILED["failureMessage"])


@pytest.mark.parametrize("kind", ["RULE_VALIDATION", "ROUTER", "EXTERNAL_DATA_VALIDATION"])
def test_a_failed_check_has_no_result(kind: str) -> None:
    step = a_step(kind, FAILED, status="FAILED")
    assert step_object(a_run(), step, NEW)["result"] is None
    assert "output" not in step_object(a_run(), step, Dialect.LEGACY)


def test_an_old_failed_output_tells_why() -> None:
    run = a_run(steps=(a_step("EXTRACT", FAILED, status="FAILED"),))
    (shown,) = run_object(run, Dialect.LEGACY)["outputs"]
    assert (shown["status"], shown["output"], shown["failureMessage"]) == ("FAILED", {}, "The PDF is encrypted.")
    assert "initialOutput" not in shown


def test_a_service_that_did_not_answer_is_told_where_the_dialect_has_room() -> None:
    step = a_step("EXTERNAL_DATA_VALIDATION", UNANSWERED)
    assert step_object(a_run(), step, Dialect.LEGACY)["output"] == {"error": UNANSWERED["error"]}
    assert step_object(a_run(), step, NEW)["result"] is None


# ── Batches ──


def test_a_batch_counts_each_status_and_they_add_up() -> None:
    batch = BatchSummary(
        batch_id=f"batch_{PLACE.batch_id}",
        flow=FLOW,
        status=BatchWord.PROCESSING,
        total=5,
        counts={RunStatus.PENDING: 2, RunStatus.PROCESSED: 3},
        created_at=AT,
        updated_at=AT + timedelta(seconds=1),
    )
    old, new = batch_object(batch, Dialect.LEGACY), batch_object(batch, NEW)
    for shown in (old, new):
        assert set(shown["counts"]) == set(RunStatus)
        assert sum(shown["counts"].values()) == shown["runCount"] == 5
        assert (shown["object"], shown["id"], shown["status"]) == ("batch_run", batch.batch_id, "PROCESSING")
        assert shown["createdAt"] == "2026-02-09T12:00:00.123Z"
    assert (old["workflowId"], old["workflowName"]) == (WORKFLOW, "Invoices")
    assert "endTime" not in old
    assert new["endTime"] is None
    assert new["workflow"]["id"] == WORKFLOW


def test_a_list_tells_how_many_files_a_run_has_where_it_shows_but_some() -> None:
    run = a_run()
    assert "fileCount" not in summary_object(run, Dialect.V2026)
    shown = summary_object(replace(run, more_files=490), Dialect.V2026)
    assert shown["fileCount"] == len(shown["files"]) + 490
