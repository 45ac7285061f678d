"""GET /workflow_runs, /workflow_runs/{id}, /workflow_runs/batch/{batch_id} in three dialects (spec 4.4, 4.5)."""

from __future__ import annotations

import base64
import json
from datetime import timedelta
from typing import Any

import pytest
from functions.gateway import a_key
from functions.workflow_runs_api import BASE, BATCH, NEW, RUNS, TEXT, RunsApi, an_api  # noqa: F401 -- the fixture `api`

from batchwork.domain.run import RunStatus, StepRun
from batchwork.families.workflow_runs import runs

NOBODY = f"workflow_run_{'z' * 23}_0"
EXTRACTED = {"output": {"value": {"total": 5}, "metadata": {}}}


def a_step(run_id: str = "x") -> StepRun:
    return StepRun(
        id=f"workflow_step_run_{run_id}",
        name="extract",
        type="EXTRACT",
        status="PROCESSED",
        file_ids=(),
        result=EXTRACTED,
        config={"schema": {}},
    )


def ids(batch_id: str, *indexes: int) -> list[str]:
    return [f"workflow_run_{batch_id.removeprefix('batch_')}_{index}" for index in indexes]


# ── One run ──


def test_a_run_that_nobody_began_with_is_pending(api: RunsApi) -> None:
    (run_id,) = ids(api.submit({**TEXT, "metadata": {"row": 1}, "name": "First"}), 0)
    answer = api.call("GET", f"{RUNS}/{run_id}")
    assert (answer.status, answer.body["success"]) == (200, True)
    run = answer.body["workflowRun"]
    assert (run["id"], run["status"], run["name"], run["metadata"]) == (run_id, "PENDING", "First", {"row": 1})
    assert run["initialRunAt"] == "2026-02-09T12:00:00.123Z"
    assert run["url"] == f"{BASE}{RUNS}/{run_id}"
    assert api.call("GET", f"/v1{RUNS}/{run_id}").body == answer.body


def test_a_run_that_a_worker_is_at_is_processing(api: RunsApi) -> None:
    batch_id = api.submit()
    api.lease(batch_id)
    assert api.call("GET", f"{RUNS}/{ids(batch_id, 0)[0]}").body["workflowRun"]["status"] == "PROCESSING"


def test_a_run_that_ended_is_told_with_its_outputs_in_each_dialect(api: RunsApi) -> None:
    batch_id = api.submit()
    api.work(batch_id, steps=(a_step(),))
    path = f"{RUNS}/{ids(batch_id, 0)[0]}"
    old = api.call("GET", path).body["workflowRun"]
    assert (old["status"], old["batchId"], old["workflow"]["version"]) == ("PROCESSED", batch_id, "1")
    assert [each["output"] for each in old["outputs"]] == [EXTRACTED["output"]]
    new = api.speaking(NEW).call("GET", path).body
    assert (new["object"], new["status"], new["batchId"]) == ("workflow_run", "PROCESSED", batch_id)
    assert [each["stepType"] for each in new["stepRuns"]] == ["EXTRACT"]
    assert new["failureReason"] is None


def test_a_run_that_failed_tells_why(api: RunsApi) -> None:
    batch_id = api.submit()
    api.work(batch_id, status=RunStatus.FAILED, failure_reason="FAILED_TO_FETCH_FILE", failure_message="404")
    run = api.call("GET", f"{RUNS}/{ids(batch_id, 0)[0]}").body["workflowRun"]
    assert (run["status"], run["failureReason"], run["failureMessage"]) == ("FAILED", "FAILED_TO_FETCH_FILE", "404")


def test_what_is_no_run_or_anothers_is_404(api: RunsApi) -> None:
    batch_id = api.submit()
    (mine,) = ids(batch_id, 0)
    other = a_key(api.table, "other", "*")
    assert api.call("GET", f"{RUNS}/{mine}", key=other).status == 404
    for name in (NOBODY, *ids(batch_id, 1), "nonsense", "workflow_run_", batch_id):
        answer = api.call("GET", f"{RUNS}/{name}")
        assert (answer.status, answer.body) == (404, {"success": False, "error": "Workflow run not found"})


def test_reading_needs_its_scope(api: RunsApi) -> None:
    writer = a_key(api.table, "acme", "workflow_runs:write")
    for path in (RUNS, f"{RUNS}/{NOBODY}", f"{BATCH}/batch_{'z' * 23}"):
        answer = api.call("GET", path, key=writer)
        assert answer.status == 403
        assert answer.error.startswith("The API token does not have permission to access the specified workflow")


# ── Batches ──


def test_a_batch_tells_how_far_it_has_come(api: RunsApi) -> None:
    batch_id = api.submit(*[TEXT] * 25)
    api.work(batch_id, 0)
    api.work(batch_id, 1, RunStatus.NEEDS_REVIEW)
    told = api.call("GET", f"{BATCH}/{batch_id}").body
    assert told["success"] is True
    batch = told["batch"]
    assert (batch["id"], batch["status"], batch["runCount"]) == (batch_id, "PROCESSING", 25)
    counts = {status: count for status, count in batch["counts"].items() if count}
    assert counts == {"PROCESSED": 10, "NEEDS_REVIEW": 10, "PENDING": 5}
    assert api.speaking(NEW).call("GET", f"{BATCH}/{batch_id}").body["object"] == "batch_run"


def test_what_is_no_batch_is_404_also_a_request_for_single_runs(api: RunsApi) -> None:
    single = api.call("POST", RUNS, {"workflowId": api.workflow.id, "rawTexts": ["a"]}).body["workflowRuns"][0]
    core = single["id"].removeprefix("workflow_run_").rpartition("_")[0]
    for name in (f"batch_{core}", f"batch_{'z' * 23}", "nonsense"):
        assert api.call("GET", f"{BATCH}/{name}").status == 404


# ── Lists ──


def test_a_list_is_of_summaries_in_each_dialect(api: RunsApi) -> None:
    batch_id = api.submit({**TEXT, "metadata": {"row": 1}})
    api.work(batch_id, steps=(a_step(),))
    old = api.listed()
    assert list(old) == ["success", "workflowRuns"]
    (run,) = old["workflowRuns"]
    assert (run["id"], run["batchId"], run["status"]) == (*ids(batch_id, 0), batch_id, "PROCESSED")
    assert not {"metadata", "files", "outputs"} & set(run)
    new = api.speaking(NEW).listed()
    assert list(new) == ["object", "data"]
    assert new["object"] == "list"
    assert [file["name"] for file in new["data"][0]["files"]] == ["text-0.txt"]


def test_a_batch_is_listed_page_by_page_without_a_gap_or_a_double(api: RunsApi) -> None:
    batch_id = api.submit(*[TEXT] * 35)
    api.submit(TEXT)
    api.work(batch_id, 1)
    first = api.listed(batchId=batch_id, maxPageSize=10)
    assert len(first["workflowRuns"]) <= 10
    assert first["nextPageToken"]
    for sort in ("updatedAt", "createdAt"):
        for direction in ("asc", "desc"):
            walked = api.walk(batchId=batch_id, maxPageSize=10, sortBy=sort, sortDir=direction)
            assert sorted(walked) == sorted(ids(batch_id, *range(35)))


def test_the_last_page_has_no_token(api: RunsApi) -> None:
    batch_id = api.submit(*[TEXT] * 3)
    assert "nextPageToken" not in api.listed(batchId=batch_id, maxPageSize=3)
    assert "nextPageToken" not in api.listed(batchId=batch_id)
    assert "nextPageToken" not in api.listed(batchId=f"batch_{'z' * 23}")


def test_a_walk_goes_on_where_it_was_though_runs_come_and_end(api: RunsApi) -> None:
    batch_id = api.submit(*[TEXT] * 30)
    page = api.listed(maxPageSize=10)
    seen = [run["id"] for run in page["workflowRuns"]]
    while "nextPageToken" in page:
        api.submit(*[TEXT] * 2)
        if api.stored(batch_id).succeeded == 0:
            api.work(batch_id, 0)
        page = api.listed(maxPageSize=10, nextPageToken=page["nextPageToken"])
        seen += [run["id"] for run in page["workflowRuns"]]
    mine = [run_id for run_id in seen if run_id in set(ids(batch_id, *range(30)))]
    assert sorted(mine) == sorted(ids(batch_id, *range(30)))
    assert len(set(seen)) == len(seen)


def test_filters_leave_what_was_asked_for(api: RunsApi) -> None:
    mine = api.submit(TEXT, {"file": {"fileUrl": "https://files.example.com/Invoice-July.pdf"}})
    done = api.submit()
    api.work(done)
    api.workflow = api.a_workflow("Other")
    other = api.submit()
    assert api.walk(status="PROCESSED") == ids(done, 0)
    assert api.walk(workflowId=api.workflow.id) == ids(other, 0)
    assert api.walk(fileNameContains="invoice-j") == ids(mine, 1)
    assert sorted(api.walk(batchId=mine)) == ids(mine, 0, 1)
    assert api.walk(batchId=mine, status="FAILED") == []
    assert api.walk(batchId="nonsense") == []


def test_runs_that_were_asked_for_alone_are_listed_without_a_batch(api: RunsApi) -> None:
    single = api.call("POST", RUNS, {"workflowId": api.workflow.id, "rawTexts": ["a"]}).body["workflowRuns"][0]
    (run,) = api.listed()["workflowRuns"]
    assert run["id"] == single["id"]
    assert "batchId" not in run


def test_another_workspaces_runs_are_not_listed(api: RunsApi) -> None:
    batch_id = api.submit()
    answer = api.call("GET", RUNS, key=a_key(api.table, "other", "*"), query=[("batchId", batch_id)])
    assert answer.body["workflowRuns"] == []


@pytest.mark.parametrize(
    ("query", "places"),
    [
        ([("status", "DONE")], ["status"]),
        ([("status", "processed")], ["status"]),
        ([("sortBy", "name")], ["sortBy"]),
        ([("sortDir", "up")], ["sortDir"]),
        ([("maxPageSize", "0")], ["maxPageSize"]),
        ([("maxPageSize", "1001")], ["maxPageSize"]),
        ([("maxPageSize", "ten")], ["maxPageSize"]),
        ([("maxPageSize", "1.0"), ("sortBy", "id"), ("status", "x")], ["status", "sortBy", "maxPageSize"]),
        ([("batchId", "a"), ("batchId", "b")], ["batchId"]),
        ([("status", "FAILED"), ("status", "FAILED")], ["status"]),
        ([("fileNameContains", "x" * 256)], ["fileNameContains"]),
        ([("nextPageToken", "nonsense")], ["nextPageToken"]),
        ([("nextPageToken", "W10=")], ["nextPageToken"]),
        ([("nextPageToken", "a"), ("nextPageToken", "b")], ["nextPageToken"]),
    ],
)
def test_a_query_that_is_none_is_400_and_told_by_name(
    api: RunsApi, query: list[tuple[str, str]], places: list[str]
) -> None:
    answer = api.call("GET", RUNS, query=query)
    assert answer.status == 400
    told = {problem.partition(":")[0] for problem in answer.error.split("; ") if ":" in problem}
    assert told >= set(places)
    newer = api.speaking(NEW).call("GET", RUNS, query=query)
    assert (newer.status, newer.body["code"]) == (400, "INVALID_REQUEST")


def a_token(api: RunsApi, batch_id: str) -> str:
    token: str = api.listed(batchId=batch_id, maxPageSize=1)["nextPageToken"]
    return token


def test_a_token_is_good_for_its_own_list_only(api: RunsApi) -> None:
    batch_id = api.submit(TEXT, TEXT, TEXT)
    token = a_token(api, batch_id)
    assert api.listed(batchId=batch_id, maxPageSize=2, nextPageToken=token)["workflowRuns"], "a page may grow"
    others: list[list[tuple[str, str]]] = [
        [],
        [("batchId", batch_id), ("sortDir", "asc")],
        [("batchId", batch_id), ("sortBy", "createdAt")],
        [("batchId", batch_id), ("status", "PENDING")],
    ]
    for query in others:
        answer = api.call("GET", RUNS, query=[*query, ("nextPageToken", token)])
        assert (answer.status, answer.error.partition(":")[0]) == (400, "nextPageToken")
    foreign = a_key(api.table, "other", "*")
    query = [("batchId", batch_id), ("nextPageToken", token)]
    assert api.call("GET", RUNS, key=foreign, query=query).status == 400


def test_a_token_that_was_changed_is_refused(api: RunsApi) -> None:
    batch_id = api.submit(TEXT, TEXT, TEXT)
    token = a_token(api, batch_id)
    bound, last = json.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))

    def sealed(value: Any) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).decode()

    changed = [{**last[0], "at": 0}]
    for text in (token[:-3], token[1:], sealed([bound, changed]), sealed([bound]), sealed({}), sealed([bound, None])):
        answer = api.call("GET", RUNS, query=[("batchId", batch_id), ("nextPageToken", text)])
        assert (answer.status, answer.error.partition(":")[0]) == (400, "nextPageToken")


def test_a_token_needs_no_escaping_in_a_url(api: RunsApi) -> None:
    token = a_token(api, api.submit(*[TEXT] * 3))
    assert set(token) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")


def test_a_page_that_an_answer_has_no_room_for_is_shorter_and_goes_on(
    api: RunsApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch_id = api.submit(*[TEXT] * 20)
    monkeypatch.setattr(runs, "ANSWER_LIMIT", 4_000)
    page = api.listed(batchId=batch_id, maxPageSize=20)
    assert 0 < len(page["workflowRuns"]) < 20
    assert sorted(api.walk(batchId=batch_id, maxPageSize=20)) == sorted(ids(batch_id, *range(20)))


def test_the_order_is_the_latest_change_first_unless_asked_otherwise(api: RunsApi) -> None:
    first, second = api.submit(), api.submit()
    api.work(second)
    api.clock.pass_(timedelta(seconds=5))
    api.work(first)
    assert api.walk() == [*ids(first, 0), *ids(second, 0)]
    assert api.walk(sortDir="asc") == [*ids(second, 0), *ids(first, 0)]
    assert api.walk(sortBy="createdAt") == [*ids(second, 0), *ids(first, 0)]
    assert api.walk(sortBy="createdAt", sortDir="asc") == [*ids(first, 0), *ids(second, 0)]
