"""completion, where the stream tells it of units of runs that no worker settled."""

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
from run_world import RETENTION, a_run_batch, an_input, inputs_of

from batchwork.adapters import aws
from batchwork.adapters.dynamodb import keys
from batchwork.adapters.dynamodb.batches import DynamoBatches
from batchwork.adapters.dynamodb.runs import DynamoRuns
from batchwork.adapters.packing import Packer
from batchwork.adapters.packing import bucket as in_bucket
from batchwork.domain.batch import Batch, StopCause
from batchwork.domain.run import Run, RunPlace, RunStatus
from batchwork.use_cases.settle import SettleStopped

SOON = Context(timedelta(seconds=60))


class _At:
    """The time of the tests' batches."""

    def now(self) -> Any:
        return AT

    def chance(self) -> float:
        return 0.5


@pytest.fixture
def completion(table: str, bucket: str, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.setenv("TABLE_NAME", table)
    monkeypatch.setenv("BUCKET_NAME", bucket)
    monkeypatch.setenv("DELIVERY_QUEUE_URL", str(aws.client("sqs").create_queue(QueueName="deliveries")["QueueUrl"]))
    monkeypatch.setenv("RETENTION_DAYS", "30")
    monkeypatch.setenv("JOB_RETENTION_DAYS", "7")
    return load_function("completion")


@pytest.fixture
def runs(table: str, bucket: str) -> DynamoRuns:
    return DynamoRuns(table, in_bucket(bucket))


@pytest.fixture
def stopped(table: str, bucket: str) -> Callable[[Batch], list[dict[str, Any]]]:
    """Store a batch, cancel it, and return the records that the stream has of its units."""
    batches = DynamoBatches(table, Packer.in_bucket(bucket), RETENTION)

    def stop(batch: Batch) -> list[dict[str, Any]]:
        inputs = [an_input(index, metadata={"secret": "content-of-a-customer"}) for index in range(batch.total)]
        assert batches.create(batch, inputs_of(batch, inputs), AT, charge_for(batch))
        header = batches.stop(batch.ref, StopCause.CANCELLED, None, AT)
        assert header is not None
        SettleStopped(batches, _At()).all(header, StopCause.CANCELLED)
        return records(table, batch)

    return stop


def records(table: str, batch: Batch) -> list[dict[str, Any]]:
    """Return what the event source's filter lets through of a batch's rows, each as JSON."""
    found = aws.client("dynamodb").scan(TableName=table)["Items"]
    units = [row for row in found if row.get("unworked") == {"S": "workflow_runs"} and batch.id in row["pk"]["S"]]
    return [
        {"eventName": "INSERT", "dynamodb": {"SequenceNumber": f"{number}00", "NewImage": json.loads(_text(row))}}
        for number, row in enumerate(units, start=1)
    ]


def _text(row: dict[str, Any]) -> str:
    return json.dumps(row, default=lambda raw: raw.hex())


def stored(runs: DynamoRuns, batch: Batch) -> list[Run | None]:
    return [runs.get(RunPlace(batch.workspace_id, batch.id, index)) for index in range(batch.total)]


def test_runs_that_nobody_worked_get_a_row_that_names_its_event_however_often_they_are_told_of(
    completion: ModuleType, stopped: Callable[[Batch], list[dict[str, Any]]], runs: DynamoRuns, table: str
) -> None:
    batch = a_run_batch(25)
    told = stopped(batch)
    assert len(told) == 3
    for _ in range(2):
        assert completion.handler({"Records": told}, SOON) == {"batchItemFailures": []}
    found = stored(runs, batch)
    assert {(run.status, run.revision) for run in found if run is not None} == {(RunStatus.CANCELLED, 1)}
    assert None not in found
    row = aws.client("dynamodb").get_item(TableName=table, Key=keys.run("acme", batch.id, 24))["Item"]
    assert row["events"] == {"S": "workflow_run.cancelled"}
    assert row["expires_at"] == {"N": str(int((batch.deadline_at + RETENTION).timestamp()))}


def test_what_fails_comes_again_and_nothing_of_a_run_is_logged(
    completion: ModuleType,
    stopped: Callable[[Batch], list[dict[str, Any]]],
    runs: DynamoRuns,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    good, bad = a_run_batch(3), a_run_batch(3)
    (first,), (second,) = stopped(good), stopped(bad)
    second["dynamodb"]["SequenceNumber"] = "900"
    add = DynamoRuns.add

    def refusing(self: DynamoRuns, run: Run, *given: Any) -> bool:
        if run.place.batch_id == bad.id:
            raise RuntimeError("content-of-a-customer")
        return add(self, run, *given)

    with monkeypatch.context() as patch:
        patch.setattr(DynamoRuns, "add", refusing)
        answer = completion.handler({"Records": [first, second]}, SOON)
    assert answer == {"batchItemFailures": [{"itemIdentifier": "900"}]}
    assert None not in stored(runs, good)
    assert stored(runs, bad) == [None] * 3
    assert "content-of" not in capsys.readouterr().out
    assert completion.handler({"Records": [second]}, SOON) == {"batchItemFailures": []}
    assert None not in stored(runs, bad)
