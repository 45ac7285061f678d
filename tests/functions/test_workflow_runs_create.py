"""POST /workflow_runs/batch and POST /workflow_runs: the seed to the letter, and its successors (seed 003, spec 4.3, 4.5)."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from botocore.client import BaseClient
from functions.gateway import a_key, almost_over
from functions.workflow_runs_api import BASE, BATCH, NEW, OLD, RUNS, TEXT, RunsApi, an_api  # noqa: F401 -- the fixture

from batchwork.adapters.sqs import SqsWorkQueue
from batchwork.domain.run import FileType
from batchwork.domain.run_input import RunInput, flow_of

URL = "https://files.example.com/in/July.pdf"
UNKNOWN = "workflow_BMdfq_yWM3sT-ZzvCnA3f"


def a_body(api: RunsApi, *inputs: Any, **fields: Any) -> dict[str, Any]:
    return {"workflowId": api.workflow.id, "inputs": list(inputs or [TEXT]), **fields}


def a_new_body(api: RunsApi, *inputs: Any, **workflow: Any) -> dict[str, Any]:
    return {"workflow": {"id": api.workflow.id, **workflow}, "inputs": list(inputs or [{"file": {"text": "Total: 5"}}])}


# ── Batches ──


def test_a_batch_is_answered_with_its_id_and_nothing_else(api: RunsApi) -> None:
    answer = api.call("POST", BATCH, a_body(api))
    assert answer.status == 200
    assert list(answer.body) == ["success", "batchId"]
    assert answer.body["success"] is True
    assert re.fullmatch("batch_[a-z0-9]{23}", answer.body["batchId"])
    assert api.call("POST", f"/v1{BATCH}", a_body(api)).status == 200


def test_the_dialect_of_2026_is_answered_bare(api: RunsApi) -> None:
    answer = api.speaking(NEW).call("POST", BATCH, a_new_body(api))
    assert (answer.status, list(answer.body)) == (200, ["batchId"])


def test_what_is_accepted_is_stored_whole_and_queued_chunk_by_chunk(api: RunsApi) -> None:
    file = api.a_file(type=FileType.PDF)
    inputs = [
        {"file": {"fileUrl": URL}, "metadata": {"row": 1}, "name": "First"},
        {"file": {"fileId": file.id}, "secrets": {"token": "t"}},
        *[TEXT] * 12,
    ]
    batch = api.stored(api.submit(*inputs))
    assert (batch.family, batch.total, batch.cut.slice_size) == ("workflow_runs", 14, 10)
    stored = api.inputs(batch)
    assert stored[0] == RunInput(file_name="July.pdf", url=URL, metadata={"row": 1}, name="First")
    assert stored[1] == RunInput(
        file_name="uploaded.pdf", file_id=file.id, file_type=FileType.PDF, secrets={"token": "t"}
    )
    assert stored[13] == RunInput(file_name="text-13.txt", text="Total: 5")
    assert api.queued() == [{"workspace_id": "acme", "batch_id": batch.id, "chunk": chunk} for chunk in (0, 1)]


def test_a_batch_knows_its_flow_and_where_it_was_asked_for(api: RunsApi) -> None:
    batch = api.stored(api.submit())
    flow = flow_of(batch)
    assert (flow.workflow_id, flow.workflow_name, flow.version) == (api.workflow.id, "Invoices", "1")
    assert (batch.attributes["base_url"], batch.attributes["listed"]) == (BASE, True)


@pytest.mark.parametrize(
    ("deployed", "version", "through"),
    [(2, None, "2"), (2, "1", "1"), (2, "draft", "draft"), (0, None, "draft")],
)
def test_the_version_is_the_one_asked_for_or_the_latest_or_the_draft(
    api: RunsApi, deployed: int, version: str | None, through: str
) -> None:
    api.workflow = api.a_workflow(deployed=deployed)
    named = {} if version is None else {"version": version}
    assert flow_of(api.stored(api.submit(**named))).version == through
    answer = api.speaking(NEW).call("POST", BATCH, a_new_body(api, **named))
    assert flow_of(api.stored(answer.body["batchId"])).version == through


@pytest.mark.parametrize("version", ["2", "999999999"])
def test_a_version_that_was_never_deployed_is_404(api: RunsApi, version: str) -> None:
    answer = api.call("POST", BATCH, a_body(api, version=version))
    assert (answer.status, answer.body) == (404, {"success": False, "error": "Workflow version not found"})


@pytest.mark.parametrize("version", ["0", "abc"])
def test_what_is_no_version_is_400(api: RunsApi, version: str) -> None:
    answer = api.call("POST", BATCH, a_body(api, version=version))
    assert answer.status == 400
    assert answer.error.startswith("version: ")


def test_a_workflow_that_is_not_there_or_anothers_is_404(api: RunsApi) -> None:
    foreign = api.a_workflow(workspace="other").id
    for workflow in (UNKNOWN, foreign, "workflow_" + "z" * 23):
        answer = api.call("POST", BATCH, a_body(api, workflowId=workflow))
        assert (answer.status, answer.body) == (404, {"success": False, "error": "Workflow not found"})
    new = api.speaking(NEW).call("POST", BATCH, {**a_new_body(api), "workflow": {"id": UNKNOWN}})
    assert new.body == {
        "code": "NOT_FOUND",
        "message": "Workflow not found",
        "retryable": False,
        "requestId": new.headers["X-Request-Id"],
    }
    assert api.queued() == []
    assert api.used() == 0


def test_files_that_are_not_there_or_anothers_are_400_by_input(api: RunsApi) -> None:
    mine, foreign = api.a_file(), api.a_file("file_" + "g" * 23, "other")
    run_file = f"file_{'b' * 23}_0"
    ids = [mine.id, foreign.id, "file_1", mine.id, run_file]
    answer = api.call("POST", BATCH, a_body(api, *({"file": {"fileId": each}} for each in ids)))
    assert answer.status == 400
    assert re.findall(r"inputs\[\d\]\.file\.fileId", answer.error) == [
        *("inputs[1].file.fileId", "inputs[2].file.fileId", "inputs[4].file.fileId")
    ]
    new = api.speaking(NEW).call("POST", BATCH, a_new_body(api, {"file": {"id": "file_1"}}))
    assert (new.status, new.body["code"]) == (400, "INVALID_REQUEST")
    assert new.body["message"].startswith("inputs[0].file.id: ")
    assert api.used() == 0


def test_a_file_keeps_the_name_that_its_request_gives_it(api: RunsApi) -> None:
    file = api.a_file()
    batch = api.stored(api.submit({"file": {"fileId": file.id, "fileName": "mine.pdf"}}))
    assert [each.file_name for each in api.inputs(batch)] == ["mine.pdf"]


@pytest.mark.parametrize("total", [0, 1001])
def test_no_inputs_and_one_too_many_are_400(api: RunsApi, total: int) -> None:
    answer = api.call("POST", BATCH, {"workflowId": api.workflow.id, "inputs": [TEXT] * total})
    assert answer.status == 400
    assert answer.error.startswith("inputs: ")


def test_everything_wrong_is_told_in_one_answer(api: RunsApi) -> None:
    answer = api.call("POST", BATCH, a_body(api, TEXT, {"file": {"fileUrl": "https://10.0.0.1/"}}, {}, version="01"))
    assert answer.status == 400
    assert [each.partition(":")[0] for each in answer.error.split("; ")] == [
        *("version", "inputs[1].file.fileUrl", "inputs[2]")
    ]


def test_a_url_on_a_private_network_is_400_but_on_a_laptop(api: RunsApi, monkeypatch: pytest.MonkeyPatch) -> None:
    body = a_body(api, {"file": {"fileUrl": "http://127.0.0.1:9000/a.pdf"}})
    assert api.call("POST", BATCH, body).status == 400
    monkeypatch.setenv("ALLOW_LOOPBACK_EGRESS", "true")
    api.functions.clear()
    assert api.call("POST", BATCH, body).status == 200


@pytest.mark.parametrize("body", ["", "{", "nonsense", "[" * 5000, None, "[]"])
def test_a_body_that_is_no_request_is_400(api: RunsApi, body: str | None) -> None:
    answer = api.call("POST", BATCH, body)
    assert (answer.status, answer.body["success"]) == (400, False)


def test_a_version_of_the_api_that_there_is_not_is_400(api: RunsApi) -> None:
    answer = api.call("POST", BATCH, a_body(api), headers={"x-extend-api-version": "2027-01-01"})
    assert answer.status == 400
    assert answer.error.startswith("x-extend-api-version: Must be one of 2024-02-01")


def test_a_body_of_six_megabytes_is_413_and_a_form_415(api: RunsApi) -> None:
    large = api.call("POST", BATCH, a_body(api, padding="x" * 6_000_000))
    assert (large.status, large.body["success"]) == (413, False)
    form = api.call("POST", BATCH, "a=b", headers={"content-type": "application/x-www-form-urlencoded"})
    assert (form.status, form.body["success"]) == (415, False)


def test_without_a_token_it_is_401_and_without_the_scope_403(api: RunsApi) -> None:
    for key in ("", "nonsense", "bw_acme_k1.wrong"):
        answer = api.call("POST", BATCH, a_body(api), key=key)
        assert (answer.status, answer.body) == (401, {"success": False, "error": "Missing or invalid API token"})
    reader = a_key(api.table, "acme", "workflow_runs:read")
    answer = api.call("POST", BATCH, a_body(api), key=reader)
    assert answer.status == 403
    assert answer.error.startswith("The API token does not have permission to access the specified workflow")


def test_too_many_requests_are_429_with_the_time_to_wait(api: RunsApi) -> None:
    busy = a_key(api.table, "busy", "*", per_minute=1)
    api.call("POST", BATCH, a_body(api), key=busy)
    answer = api.call("POST", BATCH, a_body(api), key=busy)
    assert answer.status == 429
    assert answer.error.startswith("The request was rate limited")
    assert int(answer.headers["Retry-After"]) >= 1
    assert int(answer.headers["X-RateLimit-Reset"]) > api.clock.now().timestamp()


def test_secrets_are_never_echoed(api: RunsApi) -> None:
    single = api.call("POST", RUNS, {"workflowId": api.workflow.id, "rawTexts": ["a"], "secrets": {"token": "hush-1"}})
    assert single.status == 200
    assert "hush-1" not in single.text


# ── Units ──


def test_a_run_is_a_unit_under_the_batchs_own_id(api: RunsApi) -> None:
    api.submit(*[TEXT] * 3)
    api.call("POST", RUNS, {"workflowId": api.workflow.id, "rawTexts": ["a", "b"]})
    assert api.used() == 5


def test_a_batch_beyond_the_quota_is_402_and_leaves_nothing(api: RunsApi) -> None:
    poor = a_key(api.table, "acme", "*", monthly_quota=3)
    api.functions.clear()
    assert api.call("POST", BATCH, a_body(api, TEXT, TEXT), key=poor).status == 200
    api.queued()
    answer = api.call("POST", BATCH, a_body(api, TEXT, TEXT), key=poor)
    assert answer.status == 402
    assert "quota" in answer.error
    new = api.speaking(NEW).call("POST", BATCH, a_new_body(api, *[{"file": {"text": "a"}}] * 2), key=poor)
    assert (new.status, new.body["code"]) == (402, "USAGE_BLOCKED")
    assert api.queued() == []
    assert api.used() == 2


# ── Calls of AWS ──


@pytest.fixture
def calls(api: RunsApi, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The calls of AWS from now on; the function has served another workspace before."""
    api.call("POST", BATCH, {}, key=a_key(api.table, "other", "*"))
    calls: list[str] = []
    real = BaseClient._make_api_call  # type: ignore[attr-defined] # botocore's one way to AWS; stubs leave it out

    def counted(client: Any, operation: str, arguments: Any) -> Any:
        calls.append(operation)
        return real(client, operation, arguments)

    monkeypatch.setattr(BaseClient, "_make_api_call", counted)
    return calls


def test_accepting_a_thousand_texts_takes_five_calls_of_aws_beside_key_and_limit(
    api: RunsApi, calls: list[str]
) -> None:
    api.submit(*[TEXT] * 1000)
    key, limit = "BatchGetItem", "UpdateItem"
    workflow, version = "GetItem", "GetItem"
    assert calls == [key, limit, workflow, version, "BatchWriteItem", "TransactWriteItems", "SendMessageBatch"]


# ── Singles ──


def test_single_runs_are_answered_whole_as_they_were_accepted(api: RunsApi) -> None:
    files = [{"fileUrl": URL}, {"fileId": api.a_file(type=FileType.PDF).id}]
    body = {"workflowId": api.workflow.id, "files": files, "metadata": {"row": 1}, "priority": 7}
    answer = api.speaking(OLD).call("POST", RUNS, body)
    assert (answer.status, answer.body["success"]) == (200, True)
    first, second = answer.body["workflowRuns"]
    assert first["id"].endswith("_0")
    assert second["id"].endswith("_1")
    assert (first["status"], first["name"], first["metadata"]) == ("PENDING", "July.pdf", {"row": 1})
    assert (second["name"], second["files"][0]["type"]) == ("uploaded.pdf", "PDF")
    assert second["files"][0]["id"] == files[1]["fileId"]
    assert "batchId" not in first
    assert (first["outputs"], first["stepRuns"]) == ([], [])
    assert first["url"] == f"{BASE}/workflow_runs/{first['id']}"
    assert len(api.queued()) == 1


def test_a_single_run_of_2026_is_answered_bare(api: RunsApi) -> None:
    body = {"workflow": {"id": api.workflow.id}, "file": {"text": "Total: 5", "name": "a.txt"}, "metadata": {"row": 1}}
    answer = api.speaking(NEW).call("POST", RUNS, body)
    assert (answer.status, answer.body["object"]) == (200, "workflow_run")
    assert (answer.body["status"], answer.body["batchId"], answer.body["metadata"]) == ("PENDING", None, {"row": 1})
    assert [(file["name"], file["type"]) for file in answer.body["files"]] == [("a.txt", "TXT")]


def test_what_of_the_wire_is_not_supported_is_400(api: RunsApi) -> None:
    new = api.speaking(NEW)
    package = {"files": [{"id": "file_1"}, {"id": "file_2"}]}
    answer = new.call("POST", RUNS, {"workflow": {"id": api.workflow.id}, "package": package})
    assert answer.status == 400
    assert "not supported" in answer.body["message"]


# ── Once ──


def die(*_: Any) -> None:
    raise DiedError


class DiedError(BaseException):
    """A function is gone, not failed."""


SUBMISSIONS: list[tuple[str, Callable[[RunsApi], dict[str, Any]]]] = [
    (BATCH, lambda api: a_body(api, TEXT, {**TEXT, "metadata": {"row": 1}})),
    (RUNS, lambda api: {"workflowId": api.workflow.id, "rawTexts": ["a", "b"], "metadata": {"row": 1}}),
]


@pytest.mark.parametrize(("path", "body"), SUBMISSIONS, ids=["batch", "singles"])
def test_a_retried_submit_under_one_key_is_replayed(
    api: RunsApi, path: str, body: Callable[[RunsApi], dict[str, Any]]
) -> None:
    first, again = (api.call("POST", path, body(api), headers={"Idempotency-Key": "order-1"}) for _ in range(2))
    assert (again.status, again.text) == (200, first.text)
    assert again.headers["Idempotency-Replayed"] == "true"
    assert len(api.queued()) == 1
    assert api.used() == 2


@pytest.mark.parametrize(("path", "body"), SUBMISSIONS, ids=["batch", "singles"])
def test_what_a_function_that_died_accepted_is_found_and_not_made_again(
    api: RunsApi,
    monkeypatch: pytest.MonkeyPatch,
    path: str,
    body: Callable[[RunsApi], dict[str, Any]],
) -> None:
    headers = {"Idempotency-Key": "order-1"}
    with monkeypatch.context() as patch:
        patch.setattr(SqsWorkQueue, "send", die)
        with pytest.raises(DiedError):
            api.call("POST", path, body(api), headers=headers, left=almost_over())
    accepted_at = api.clock.now()
    time.sleep(0.01)
    api.clock.pass_(timedelta(seconds=5))
    api.workflows.deploy("acme", api.workflow.id, None, None, api.a_ticket())
    again = api.call("POST", path, body(api), headers=headers)
    assert again.status == 200
    (queued,) = api.queued()
    batch = api.stored(f"batch_{queued['batch_id']}")
    assert flow_of(batch).version == "1", "the version that was the latest when it was accepted"
    assert api.used() == 2
    if path == RUNS:
        shown = again.body["workflowRuns"]
        assert [run["id"] for run in shown] == [f"workflow_run_{batch.id}_{index}" for index in (0, 1)]
        assert {run["initialRunAt"] for run in shown} == {f"{accepted_at:%Y-%m-%dT%H:%M:%S}.123Z"}
        assert [run["metadata"] for run in shown] == [{"row": 1}] * 2


def test_a_batch_that_could_not_be_queued_is_accepted_all_the_same(
    api: RunsApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    def down(*_: Any) -> None:
        raise ConnectionError

    monkeypatch.setattr(SqsWorkQueue, "send", down)
    assert api.stored(api.submit()).total == 1


def test_a_key_used_for_another_body_is_422_so_that_clients_do_not_ask_again(api: RunsApi) -> None:
    headers = {"Idempotency-Key": "order-1"}
    assert api.call("POST", BATCH, a_body(api), headers=headers).status == 200
    assert api.call("POST", BATCH, a_body(api, TEXT, TEXT), headers=headers).status == 422
