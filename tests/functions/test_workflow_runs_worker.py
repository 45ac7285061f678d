"""workflow_runs_worker over moto: a batch of runs from its messages to its rows."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from types import ModuleType
from typing import Any

import pytest
from factories import AT, charge_for
from functions.gateway import Context
from functions.loading import load_function
from run_world import RETENTION, a_flow, a_run_batch, inputs_of
from unit.documents.made import a_pdf

from batchwork.adapters import aws
from batchwork.adapters.dynamodb.batches import DynamoBatches
from batchwork.adapters.dynamodb.runs import DynamoRuns
from batchwork.adapters.dynamodb.shelf import DynamoShelf
from batchwork.adapters.dynamodb.workflow_rows import FlowFileCodec, WorkflowVersionCodec
from batchwork.adapters.packing import Packer, run_bucket
from batchwork.domain.batch import Batch
from batchwork.domain.flow_file import FlowFile
from batchwork.domain.item import Json
from batchwork.domain.run import FileType, Run, RunPlace, RunStatus
from batchwork.domain.run_input import RunInput
from batchwork.domain.workflow import WorkflowVersion

SCHEMA = {"type": "object", "properties": {"total": {"type": "number"}}}
STEPS: tuple[Json, ...] = (
    {"name": "trigger", "type": "TRIGGER", "next": [{"step": "parse"}]},
    {"name": "parse", "type": "PARSE", "next": [{"step": "extract"}]},
    {
        "name": "extract",
        "type": "EXTRACT",
        "config": {"extractorConfig": {"schema": SCHEMA}},
        "next": [{"step": "rules"}],
    },
    {
        "name": "rules",
        "type": "RULE_VALIDATION",
        "config": {"rules": [{"name": "r", "formula": "extract.total > 0"}]},
    },
)
UPLOADED = "file_" + "u" * 23


class Runs:
    """Batches in the table, and the worker that works them."""

    def __init__(self, table: str, bucket: str, queue: str) -> None:
        self.table, self.bucket, self.queue = table, bucket, queue
        self.batches = DynamoBatches(table, Packer.in_bucket(bucket), RETENTION)
        self.runs = DynamoRuns(table, run_bucket(bucket))
        self.worker: ModuleType = load_function("workflow_runs_worker")

    def submitted(self, *inputs: RunInput, versioned: bool = True) -> Batch:
        flow = a_flow()
        at = self.worker.clock.now()
        batch = a_run_batch(len(inputs), flow=flow, created_at=at)
        assert self.batches.create(batch, inputs_of(batch, inputs), at, charge_for(batch))
        if versioned:
            DynamoShelf(self.table, WorkflowVersionCodec()).add(
                WorkflowVersion(
                    id=flow.version_id,
                    workspace_id="acme",
                    created_at=AT,
                    updated_at=AT,
                    workflow_id=flow.workflow_id,
                    version=flow.version,
                    steps=STEPS,
                )
            )
        return batch

    def work(self, batch: Batch, chunk: int = 0) -> Any:
        message = {"workspace_id": batch.workspace_id, "batch_id": batch.id, "chunk": chunk}
        record = {"messageId": "m-1", "body": json.dumps(message)}
        return self.worker.handler({"Records": [record]}, Context(timedelta(minutes=10)))

    def row(self, batch: Batch, index: int = 0) -> Run:
        run = self.runs.get(RunPlace("acme", batch.id, index))
        assert run is not None
        return run

    def header(self, batch: Batch) -> Batch:
        header = self.batches.get(batch.ref)
        assert header is not None
        return header


@pytest.fixture
def made(table: str, bucket: str, monkeypatch: pytest.MonkeyPatch) -> Runs:
    queue = str(aws.client("sqs").create_queue(QueueName="runs")["QueueUrl"])
    monkeypatch.setenv("TABLE_NAME", table)
    monkeypatch.setenv("BUCKET_NAME", bucket)
    monkeypatch.setenv("RUNS_QUEUE_URL", queue)
    monkeypatch.setenv("RETENTION_DAYS", "30")
    monkeypatch.setenv("RUN_CONCURRENCY", "1")  # moto loses updates under threads
    return Runs(table, bucket, queue)


def a_text(text: str, **more: Any) -> RunInput:
    return RunInput(file_name="a.txt", text=text, **more)


def test_a_batch_goes_its_way_from_one_message_to_its_rows(made: Runs) -> None:
    batch = made.submitted(a_text("Total: 5", metadata={"n": 1}), a_text("Total: -5"), a_text("a\0b"))
    assert made.work(batch) == {"batchItemFailures": []}
    rows = [made.row(batch, index) for index in range(3)]
    assert [row.status for row in rows] == [RunStatus.PROCESSED, RunStatus.NEEDS_REVIEW, RunStatus.FAILED]
    assert rows[0].metadata == {"n": 1}
    assert [step.type for step in rows[0].steps] == ["PARSE", "EXTRACT", "RULE_VALIDATION"]
    assert rows[2].failure_reason == "FILE_TYPE_NOT_SUPPORTED"
    header = made.header(batch)
    assert (header.succeeded, header.failed) == (2, 1)


def test_a_small_run_needs_one_read_one_write_and_no_bucket(made: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    batch = made.submitted(*(a_text(f"Total: {number}") for number in range(1, 11)))
    calls: list[str] = []
    table = made.worker.dynamodb
    for name in ("get_item", "put_item"):
        monkeypatch.setattr(table, name, counted(getattr(table, name), calls, name))

    def opened() -> Any:
        raise AssertionError("the bucket was opened")

    monkeypatch.setattr(made.worker.processor._recorder.runs, "_blobs", opened)
    assert made.work(batch) == {"batchItemFailures": []}
    assert made.header(batch).succeeded == 10
    # ten rows looked for, the header, the version; ten rows written
    assert calls.count("get_item") <= 10 + 5
    assert calls.count("put_item") == 10


def counted(call: Callable[..., Any], calls: list[str], name: str) -> Callable[..., Any]:
    def counting(**asked: Any) -> Any:
        calls.append(name)
        return call(**asked)

    return counting


def test_the_same_message_again_does_nothing_again(made: Runs) -> None:
    batch = made.submitted(a_text("Total: 5"))
    made.work(batch)
    before = made.row(batch)
    assert made.work(batch) == {"batchItemFailures": []}
    assert made.row(batch) == before


def test_an_uploaded_file_is_read_from_the_bucket(made: Runs) -> None:
    file = FlowFile(
        id=UPLOADED,
        workspace_id="acme",
        created_at=AT,
        updated_at=AT,
        name="up.pdf",
        content_type="application/pdf",
    )
    DynamoShelf(made.table, FlowFileCodec()).add(file)
    run_bucket(made.bucket)().put(file.blob, a_pdf(b"Total: 5", b"more"))
    batch = made.submitted(RunInput(file_name="up.pdf", file_id=UPLOADED))
    made.work(batch)
    (seen,) = made.row(batch).files
    assert (seen.id, seen.type, seen.page_count) == (UPLOADED, FileType.PDF, 2)
    assert made.row(batch).status is RunStatus.PROCESSED


def test_a_url_that_leads_inwards_fails_its_run_only(made: Runs) -> None:
    batch = made.submitted(RunInput(file_name="x", url="https://127.0.0.1/x"), a_text("Total: 5"))
    made.work(batch)
    assert made.row(batch, 0).failure_reason == "UNABLE_TO_DOWNLOAD_FILE"
    assert made.row(batch, 1).status is RunStatus.PROCESSED


def test_a_batch_whose_version_is_gone_fails_as_a_whole(made: Runs) -> None:
    batch = made.submitted(a_text("Total: 5"), versioned=False)
    made.work(batch)
    header = made.header(batch)
    assert (header.failed, header.remaining) == (1, 0)
    assert made.row(batch).status is RunStatus.FAILED


def test_a_message_that_fails_unexpectedly_is_handed_back(made: Runs) -> None:
    broken = {"messageId": "m-2", "body": json.dumps({"workspace_id": "acme"})}
    answer = made.worker.handler({"Records": [broken]}, Context(timedelta(minutes=10)))
    assert answer == {"batchItemFailures": [{"itemIdentifier": "m-2"}]}


def test_nothing_of_an_input_is_logged(made: Runs, capsys: pytest.CaptureFixture[str]) -> None:
    secret = {"token": "s3cr3t-token"}
    batch = made.submitted(a_text("Total: 5 t0p-secret\0", secrets=secret, password="pa55", metadata={"who": "j4ne"}))
    made.work(batch)
    written = "".join(capsys.readouterr())
    assert "worked" in written
    for word in ("s3cr3t", "t0p-secret", "pa55", "j4ne", "a.txt"):
        assert word not in written
