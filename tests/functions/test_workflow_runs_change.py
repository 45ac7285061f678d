"""What clients do to runs and batches: update, cancel, delete, review (spec 4.5; review and batch cancel are ours)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from functions.gateway import a_key
from functions.workflow_runs_api import BATCH, NEW, RUNS, TEXT, Answer, RunsApi, an_api  # noqa: F401 -- the fixture

from batchwork.adapters import aws
from batchwork.domain.run import RunStatus

NOBODY = f"workflow_run_{'z' * 23}_0"


def first_of(batch_id: str) -> str:
    return f"workflow_run_{batch_id.removeprefix('batch_')}_0"


def a_run(api: RunsApi, status: RunStatus | None = None, **given: Any) -> str:
    """Return the id of a run that a worker has brought to a status; one that is pending without."""
    batch_id = api.submit({**TEXT, **given})
    if status is not None:
        api.work(batch_id, status=status)
    return first_of(batch_id)


def status_of(api: RunsApi, run_id: str) -> str:
    status: str = api.call("GET", f"{RUNS}/{run_id}").body["workflowRun"]["status"]
    return status


# ── Update ──


@pytest.mark.parametrize("status", [None, RunStatus.PROCESSED, RunStatus.NEEDS_REVIEW])
def test_an_update_renames_and_merges_metadata(api: RunsApi, status: RunStatus | None) -> None:
    run_id = a_run(api, status, metadata={"a": 1, "b": 2})
    answer = api.call("POST", f"{RUNS}/{run_id}", {"name": "New", "metadata": {"b": 3, "c": None}})
    assert (answer.status, answer.body["success"]) == (200, True)
    run = answer.body["workflowRun"]
    assert (run["name"], run["metadata"]) == ("New", {"a": 1, "b": 3, "c": None})
    assert run["status"] == (status or "PENDING")
    assert api.call("GET", f"{RUNS}/{run_id}").body["workflowRun"] == run
    only = api.speaking(NEW).call("POST", f"/v1{RUNS}/{run_id}", {"metadata": {"d": 4}}).body
    assert (only["object"], only["metadata"]) == ("workflow_run", {"a": 1, "b": 3, "c": None, "d": 4})


def test_an_update_of_nothing_answers_the_run_as_it_is(api: RunsApi) -> None:
    run_id = a_run(api)
    shown = api.call("GET", f"{RUNS}/{run_id}").body
    assert api.call("POST", f"{RUNS}/{run_id}", {}).body == shown
    assert api.row(run_id) is None


@pytest.mark.parametrize(
    ("body", "place"),
    [
        ({"name": ""}, "name"),
        ({"name": "n" * 256}, "name"),
        ({"metadata": []}, "metadata"),
        ({"metadata": {"a": "x" * 10_300}}, "metadata"),
        ([], "body"),
    ],
)
def test_an_update_that_is_none_is_400_by_place(api: RunsApi, body: Any, place: str) -> None:
    answer = api.call("POST", f"{RUNS}/{a_run(api)}", body)
    assert (answer.status, answer.error.partition(":")[0]) == (400, place)


# ── Cancel ──


def test_a_pending_run_is_cancelled_at_once(api: RunsApi) -> None:
    run_id = a_run(api)
    answer = api.call("POST", f"{RUNS}/{run_id}/cancel")
    assert (answer.status, answer.body["success"]) == (200, True)
    assert answer.body["workflowRun"]["status"] == "CANCELLED"
    assert status_of(api, run_id) == "CANCELLED"


def test_a_run_that_a_worker_is_at_is_cancelled_too(api: RunsApi) -> None:
    run_id = a_run(api)
    api.lease(f"batch_{run_id.split('_')[2]}")
    answer = api.speaking(NEW).call("POST", f"{RUNS}/{run_id}/cancel")
    assert (answer.status, answer.body["status"], answer.body["object"]) == (200, "CANCELLED", "workflow_run")


@pytest.mark.parametrize("status", [RunStatus.PROCESSED, RunStatus.FAILED, RunStatus.NEEDS_REVIEW])
def test_a_run_that_no_worker_is_wanted_for_cannot_be_cancelled(api: RunsApi, status: RunStatus) -> None:
    run_id = a_run(api, status)
    answer = api.call("POST", f"{RUNS}/{run_id}/cancel")
    assert answer.status == 400
    assert str(status) in answer.error
    assert status_of(api, run_id) == status


def test_a_run_is_cancelled_once(api: RunsApi) -> None:
    run_id = a_run(api)
    assert api.call("POST", f"{RUNS}/{run_id}/cancel").status == 200
    assert api.call("POST", f"{RUNS}/{run_id}/cancel").status == 400


# ── Delete ──


def keys(api: RunsApi) -> list[str]:
    found = aws.client("s3").list_objects_v2(Bucket=api.bucket, Prefix="runs/").get("Contents", [])
    return [each["Key"] for each in found]


def test_a_run_that_ended_is_deleted_with_its_files(api: RunsApi) -> None:
    run_id = a_run(api, RunStatus.PROCESSED)
    batch_id = f"batch_{run_id.split('_')[2]}"
    row = api.row(run_id)
    assert row is not None
    aws.client("s3").put_object(Bucket=api.bucket, Key=f"{row.place.prefix}source", Body=b"bytes")
    answer = api.call("DELETE", f"{RUNS}/{run_id}")
    assert answer.status == 200
    assert list(answer.body) == ["success", "workflowRunId", "message"]
    assert (answer.body["success"], answer.body["workflowRunId"]) == (True, run_id)
    assert api.call("GET", f"{RUNS}/{run_id}").status == 404
    assert api.walk(batchId=batch_id) == []
    assert keys(api) == []
    assert api.call("DELETE", f"{RUNS}/{run_id}").status == 404


def test_the_dialect_of_2026_is_answered_the_id(api: RunsApi) -> None:
    run_id = a_run(api, RunStatus.FAILED)
    assert api.speaking(NEW).call("DELETE", f"{RUNS}/{run_id}").body == {"id": run_id}


def test_a_run_that_is_still_to_be_worked_cannot_be_deleted_and_it_says_what_to_do(api: RunsApi) -> None:
    run_id = a_run(api)
    answer = api.call("DELETE", f"{RUNS}/{run_id}")
    assert answer.status == 400
    assert "cancel" in answer.error
    assert status_of(api, run_id) == "PENDING"


# ── Review ──


def test_an_approval_ends_a_run_processed(api: RunsApi) -> None:
    run_id = a_run(api, RunStatus.NEEDS_REVIEW)
    answer = api.call("POST", f"{RUNS}/{run_id}/review", {"decision": "approve", "reviewer": "jane@example.com"})
    assert answer.status == 200
    run = answer.body["workflowRun"]
    assert (run["status"], run["reviewed"], run["reviewedBy"]) == ("PROCESSED", True, "jane@example.com")
    assert run["reviewedAt"]


def test_a_rejection_ends_a_run_rejected_with_its_note(api: RunsApi) -> None:
    run_id = a_run(api, RunStatus.NEEDS_REVIEW)
    body = {"decision": "reject", "note": "No invoice"}
    run = api.speaking(NEW).call("POST", f"{RUNS}/{run_id}/review", body).body
    assert (run["status"], run["rejectionNote"]) == ("REJECTED", "No invoice")
    assert run["reviewedByUser"] == "test", "the key's name, where nobody is named"


@pytest.mark.parametrize(
    ("body", "place"),
    [
        ({}, "decision"),
        ({"decision": "maybe"}, "decision"),
        ({"decision": "reject", "note": "n" * 2001}, "note"),
        ({"decision": "approve", "note": "Fine"}, "note"),
        ({"decision": "approve", "reviewer": 7}, "reviewer"),
    ],
)
def test_a_review_that_is_none_is_400_by_place(api: RunsApi, body: Any, place: str) -> None:
    run_id = a_run(api, RunStatus.NEEDS_REVIEW)
    answer = api.call("POST", f"{RUNS}/{run_id}/review", body)
    assert (answer.status, answer.error.partition(":")[0]) == (400, place)
    assert status_of(api, run_id) == "NEEDS_REVIEW"


@pytest.mark.parametrize("status", [None, RunStatus.PROCESSED, RunStatus.FAILED])
def test_what_does_not_wait_for_a_review_cannot_be_reviewed(api: RunsApi, status: RunStatus | None) -> None:
    run_id = a_run(api, status)
    assert api.call("POST", f"{RUNS}/{run_id}/review", {"decision": "approve"}).status == 400
    assert status_of(api, run_id) == (status or "PENDING")


# ── Batches ──


def test_a_batch_is_cancelled_as_far_as_nobody_works_on_it(api: RunsApi) -> None:
    batch_id = api.submit(*[TEXT] * 25)
    api.work(batch_id, 0)
    api.lease(batch_id, 1)
    answer = api.call("POST", f"{BATCH}/{batch_id}/cancel")
    assert (answer.status, answer.body["success"]) == (200, True)
    batch = answer.body["batch"]
    counts = {status: count for status, count in batch["counts"].items() if count}
    assert (batch["status"], counts) == ("CANCELLING", {"PROCESSED": 10, "CANCELLING": 10, "CANCELLED": 5})
    assert api.call("POST", f"{BATCH}/{batch_id}/cancel").status == 400
    assert api.speaking(NEW).call("GET", f"{BATCH}/{batch_id}").body["counts"]["CANCELLED"] == 5


def test_a_batch_that_is_not_there_cannot_be_cancelled(api: RunsApi) -> None:
    for name in (f"batch_{'z' * 23}", "nonsense"):
        assert api.call("POST", f"{BATCH}/{name}/cancel").status == 404


# ── All of them ──


@dataclass(frozen=True)
class Change:
    """A call that changes. status: of the run that it can be made of."""

    method: str
    below: str
    body: Any = None
    status: RunStatus | None = None

    def of(self, api: RunsApi, run_id: str, **settings: Any) -> Answer:
        return api.call(self.method, f"{RUNS}/{run_id}{self.below}", self.body, **settings)


CHANGES = [
    Change("POST", "", {"name": "New"}),
    Change("POST", "/cancel"),
    Change("DELETE", "", status=RunStatus.PROCESSED),
    Change("POST", "/review", {"decision": "approve"}, RunStatus.NEEDS_REVIEW),
]
each_change = pytest.mark.parametrize("change", CHANGES, ids=["update", "cancel", "delete", "review"])


@each_change
def test_what_is_no_run_or_anothers_is_404(api: RunsApi, change: Change) -> None:
    run_id = a_run(api, change.status)
    assert change.of(api, run_id, key=a_key(api.table, "other", "*")).status == 404
    for name in (NOBODY, "nonsense", f"{run_id[:-1]}7"):
        answer = change.of(api, name)
        assert (answer.status, answer.body) == (404, {"success": False, "error": "Workflow run not found"})


@each_change
def test_a_change_needs_its_scope(api: RunsApi, change: Change) -> None:
    reader = a_key(api.table, "acme", "workflow_runs:read")
    assert change.of(api, a_run(api, change.status), key=reader).status == 403


@each_change
def test_a_version_of_the_api_that_there_is_not_changes_nothing(api: RunsApi, change: Change) -> None:
    run_id = a_run(api, change.status)
    shown = api.call("GET", f"{RUNS}/{run_id}").body
    assert change.of(api, run_id, headers={"x-extend-api-version": "2027-01-01"}).status == 400
    assert api.call("GET", f"{RUNS}/{run_id}").body == shown


@each_change
def test_a_change_under_one_key_is_made_once_and_replayed(api: RunsApi, change: Change) -> None:
    run_id = a_run(api, change.status)
    first, again = (change.of(api, run_id, headers={"Idempotency-Key": "change-1"}) for _ in range(2))
    assert (first.status, again.status) == (200, 200)
    assert again.text == first.text
    assert again.headers["Idempotency-Replayed"] == "true"


def test_a_change_without_a_body_takes_none(api: RunsApi) -> None:
    sent: list[Callable[[str], Answer]] = [
        lambda run_id: api.call("POST", f"{RUNS}/{run_id}/cancel", "{}"),
        lambda run_id: api.call("POST", f"{RUNS}/{run_id}/cancel", "anything", headers={"content-type": "text/plain"}),
    ]
    assert [send(a_run(api)).status for send in sent] == [200, 200]
