"""operations_worker over moto: jobs from their message to their results."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from functions.operations_api import NOW, OperationsApi, an_api, create  # noqa: F401 -- a fixture

from batchwork.adapters import aws
from batchwork.adapters.dynamodb.batches import DynamoBatches
from batchwork.adapters.dynamodb.identities import DynamoIdentities
from batchwork.domain.workspace import WorkspaceStatus

GONE = {"id": "gone", "method": "PATCH", "path": "/v1/posts/post_none", "body": {"content": "x"}}
OPERATIONS = [create("a"), GONE, {"id": "copy", "method": "POST", "path": "/v1/posts/{{a.body.id}}/clone"}]


def submitted(api: OperationsApi, operations: Any = OPERATIONS, **fields: Any) -> str:
    answer = api.batch(operations, "/v1/batch/async", **fields)
    assert answer.status == 202
    job: str = answer.body["data"]["jobId"]
    return job


def shown(api: OperationsApi, job: str) -> dict[str, Any]:
    found: dict[str, Any] = api.call("GET", f"/v1/batch/async/{job}").body["data"]
    return found


def test_a_job_goes_its_way_from_one_message_to_its_results(api: OperationsApi) -> None:
    job = submitted(api)
    (record,) = api.records()
    assert json.loads(record["body"]) == {"workspace_id": "acme", "batch_id": job, "chunk": 0}
    assert shown(api, job)["status"] == "QUEUED"
    api.clock.pass_(timedelta(seconds=1))
    assert api.work([record]) == {"batchItemFailures": []}
    assert shown(api, job)["status"] == "PROCESSING"
    api.clock.pass_(timedelta(seconds=2))
    api.complete("acme", job)
    found = shown(api, job)
    assert found["status"] == "COMPLETED"
    assert [result["status"] for result in found["results"]] == [201, 404, 201]
    assert found["results"][1]["error"] == found["results"][1]["body"]["error"]
    assert found["summary"] == {"total": 3, "succeeded": 2, "failed": 1, "skipped": 0}
    assert [found[name] for name in ("createdAt", "startedAt", "completedAt")] == [
        f"2026-04-09T12:00:0{second}.000Z" for second in (0, 1, 3)
    ]
    assert found["error"] is None
    assert len(api.posts()) == 2
    assert api.used() == 3


def test_a_job_that_stops_at_a_failure_counts_what_it_skipped(api: OperationsApi) -> None:
    job = submitted(api, continueOnError=False)
    api.work(api.records())
    api.complete("acme", job)
    found = shown(api, job)
    assert [result["status"] for result in found["results"]] == [201, 404, 424]
    assert found["summary"] == {"total": 3, "succeeded": 1, "failed": 1, "skipped": 1}
    (listed,) = api.call("GET", "/v1/batch/async", query={"status": "COMPLETED"}).body["data"]
    assert listed == {name: value for name, value in found.items() if name != "results"}


def test_a_message_that_comes_twice_does_nothing_twice(api: OperationsApi) -> None:
    submitted(api)
    (record,) = api.records()
    for _ in range(2):
        assert api.work([record, record]) == {"batchItemFailures": []}
    assert len(api.posts()) == 2


def test_a_job_with_large_operations_is_stored_and_read_whole(api: OperationsApi) -> None:
    noise = [create(str(number), content=chr(97 + number % 26) * 9_000) for number in range(100)]
    job = submitted(api, noise)
    api.work(api.records())
    api.complete("acme", job)
    assert [result["body"]["content"] for result in shown(api, job)["results"]] == [
        each["body"]["content"] for each in noise
    ]


def test_a_revoked_key_does_nothing_any_more(api: OperationsApi) -> None:
    job = submitted(api)
    api.a_key(revoked_at=NOW)
    api.clock.pass_(timedelta(seconds=16))
    api.work(api.records())
    api.complete("acme", job)
    api.a_key()
    api.clock.pass_(timedelta(seconds=16))
    assert [result["status"] for result in shown(api, job)["results"]] == [401, 401, 424]
    assert api.posts() == []


def test_only_the_records_that_failed_are_delivered_again(api: OperationsApi, monkeypatch: pytest.MonkeyPatch) -> None:
    jobs = [submitted(api, [create("a")]) for _ in range(2)]
    records = sorted(api.records(), key=lambda record: jobs.index(json.loads(record["body"])["batch_id"]))
    chunk = DynamoBatches.chunk

    def failing(self: DynamoBatches, batch: Any, number: int) -> Any:
        if batch.id == jobs[0]:
            raise ConnectionError
        return chunk(self, batch, number)

    monkeypatch.setattr(DynamoBatches, "chunk", failing)
    assert api.work(records) == {"batchItemFailures": [{"itemIdentifier": records[0]["messageId"]}]}
    assert len(api.posts()) == 1


def test_what_does_not_fit_into_the_invocation_is_queued_again(api: OperationsApi) -> None:
    job = submitted(api)
    (record,) = api.records()
    assert api.work([record], left=timedelta(seconds=35)) == {"batchItemFailures": []}
    assert api.posts() == []
    (again,) = api.records()
    assert json.loads(again["body"]) == json.loads(record["body"])
    api.work([again])
    api.complete("acme", job)
    assert shown(api, job)["status"] == "COMPLETED"


def test_results_stay_for_the_parameters_days_after_the_jobs_deadline(
    api: OperationsApi, table: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JOB_RETENTION_DAYS", "3")
    job = submitted(api)
    api.work(api.records())
    rows = [row for row in aws.client("dynamodb").scan(TableName=table)["Items"] if job in row["pk"]["S"]]
    kinds = {row["sk"]["S"].partition("#")[0] for row in rows}
    assert kinds == {"HEADER", "INPUT", "UNIT"}
    assert {int(row["expires_at"]["N"]) for row in rows} == {int((NOW + timedelta(days=4)).timestamp())}


def test_nothing_of_an_operation_is_logged(api: OperationsApi, capsys: pytest.CaptureFixture[str]) -> None:
    submitted(api, [create("a", content="s3cret-content"), {**GONE, "headers": {"x-mine": "s3cret-header"}}])
    api.work(api.records())
    told = capsys.readouterr().out
    assert '"settled": 2' in told
    assert "s3cret" not in told


# ── posts that are due ──


def swept(api: OperationsApi, monkeypatch: pytest.MonkeyPatch) -> int:
    """Let the sweeper run; return how many posts it queued."""
    monkeypatch.setenv("WORK_QUEUE_URL", api.queue)
    context = SimpleNamespace(get_remaining_time_in_millis=lambda: 55_000)
    posts: int = api.function("sweeper").handler({}, context)["posts"]
    return posts


def test_a_post_that_is_due_is_queued_by_the_sweeper_and_published_by_a_worker(
    api: OperationsApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = api.batch([create("a", scheduledFor="2026-04-09T12:05:00Z")]).body["results"][0]["body"]["id"]
    assert swept(api, monkeypatch) == 0
    api.clock.pass_(timedelta(minutes=5))
    assert swept(api, monkeypatch) == 1
    records = api.records()
    assert [json.loads(record["body"]) for record in records] == [{"workspace_id": "acme", "post_id": made}]
    for _ in range(2):  # a message may come twice
        assert api.work(records) == {"batchItemFailures": []}
    (post,) = api.posts()
    assert (post.status, post.parts[0].rounds) == ("published", 1)
    assert swept(api, monkeypatch) == 0


def test_a_due_post_of_a_suspended_workspace_is_not_published(
    api: OperationsApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Break: PublishDue.__call__, ask for no workspace.
    api.batch([create("a", scheduledFor="2026-04-09T12:05:00Z")])
    api.clock.pass_(timedelta(minutes=5))
    identities = DynamoIdentities(api.table)
    before = identities.workspace("acme")
    assert before is not None
    identities.put_workspace(replace(before, status=WorkspaceStatus.SUSPENDED), before)
    swept(api, monkeypatch)
    api.work(api.records())
    (post,) = api.posts()
    assert post.status == "failed"
    assert post.parts[0].error is not None
    assert post.parts[0].error["code"] == "WORKSPACE_SUSPENDED"
