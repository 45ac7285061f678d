"""Bad input to workflow runs gets a clear error that names the field, changes nothing and costs nothing (seed 003)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from journeys.client import Stack
from journeys.tenants import Tenant, a_tenant
from journeys.workflow_client import Workflows, pipeline, step

OK: dict[str, Any] = {"rawText": "Total: 1"}
UNKNOWN = "workflow_" + "a" * 23


@pytest.fixture(scope="module")
def tenant(stack: Stack) -> Iterator[Tenant]:
    """A workspace in which no run may appear, and which is charged nothing."""
    tenant = a_tenant(stack, per_minute=60_000)
    yield tenant
    assert Workflows(stack, tenant.presented).listed() == []
    assert tenant.used() == 0


@pytest.fixture(scope="module")
def client(stack: Stack, tenant: Tenant) -> Workflows:
    client = Workflows(stack, tenant.presented)
    client.deployed(pipeline())
    return client


def file(**fields: Any) -> dict[str, Any]:
    return {"file": fields}


#: What is wrong, the changed fields of a good body, and the place that the error names.
SHAPES: list[tuple[str, dict[str, Any], str]] = [
    ("no workflow", {"workflowId": None}, "workflowId"),
    ("workflow id a number", {"workflowId": 7}, "workflowId"),
    ("no workflow's id", {"workflowId": "flow-1"}, "workflowId"),
    ("256-character workflow id", {"workflowId": "workflow_" + "x" * 256}, "workflowId"),
    ("no inputs", {"inputs": None}, "inputs"),
    ("0 inputs", {"inputs": []}, "inputs"),
    ("1001 inputs", {"inputs": [OK] * 1001}, "inputs"),
    ("inputs not a list", {"inputs": {"a": OK}}, "inputs"),
    ("an input not an object", {"inputs": [OK, "text"]}, "inputs[1]"),
    ("an input without file or text", {"inputs": [OK, {"metadata": {}}]}, "inputs[1]"),
    ("an input with file and text", {"inputs": [{**OK, **file(fileUrl="https://example.com/a.pdf")}]}, "inputs[0]"),
    ("a file that is nowhere", {"inputs": [file(fileName="a.pdf")]}, "inputs[0].file"),
    (
        "a file in two places",
        {"inputs": [file(fileUrl="https://example.com/a", fileId="file_" + "a" * 23)]},
        "inputs[0].file",
    ),
    ("an empty text", {"inputs": [{"rawText": ""}]}, "inputs[0].rawText"),
    ("a text that is none", {"inputs": [{"rawText": 7}]}, "inputs[0].rawText"),
    ("a URL that is none", {"inputs": [file(fileUrl="not a url")]}, "inputs[0].file.fileUrl"),
    ("a URL of another kind", {"inputs": [file(fileUrl="ftp://example.com/a")]}, "inputs[0].file.fileUrl"),
    ("a file's URL", {"inputs": [file(fileUrl="file:///etc/passwd")]}, "inputs[0].file.fileUrl"),
    ("a private address", {"inputs": [file(fileUrl="https://10.0.0.1/a.pdf")]}, "inputs[0].file.fileUrl"),
    ("AWS's own address", {"inputs": [file(fileUrl="https://169.254.169.254/latest")]}, "inputs[0].file.fileUrl"),
    ("a URL of 2049 characters", {"inputs": [file(fileUrl="https://example.com/" + "a" * 2029)]}, "fileUrl"),
    ("a file id of another kind", {"inputs": [file(fileId="media_1")]}, "inputs[0].file.fileId"),
    ("a file that is not there", {"inputs": [OK, file(fileId="file_" + "a" * 23)]}, "inputs[1].file.fileId"),
    ("metadata not an object", {"inputs": [{**OK, "metadata": ["a"]}]}, "inputs[0].metadata"),
    ("metadata over 10 KB", {"inputs": [{**OK, "metadata": {"a": "x" * 10_240}}]}, "inputs[0].metadata"),
    ("secrets not an object", {"inputs": [{**OK, "secrets": "x"}]}, "inputs[0].secrets"),
    ("a name of 256 characters", {"inputs": [{**OK, "name": "x" * 256}]}, "inputs[0].name"),
    ("version 0", {"version": "0"}, "version"),
    ("version abc", {"version": "abc"}, "version"),
    ("version 01", {"version": "01"}, "version"),
    ("a version that is a number", {"version": 1}, "version"),
    ("a NUL in metadata", {"inputs": [{**OK, "metadata": {"a": "\x00"}}]}, "inputs"),
]


@pytest.mark.parametrize(("fault", "changes", "place"), SHAPES, ids=[each[0] for each in SHAPES])
@pytest.mark.parametrize("prefix", ["", "/v1"])
def test_what_is_wrong_with_a_batch_is_named(
    client: Workflows, fault: str, changes: dict[str, Any], place: str, prefix: str
) -> None:
    body = {"workflowId": client.workflow_id, "inputs": [OK], **changes}
    body = {name: value for name, value in body.items() if value is not None}
    assert place in client.refused("POST", f"{prefix}/workflow_runs/batch", 400, json=body), fault


def test_all_that_is_wrong_is_told_at_once(client: Workflows) -> None:
    inputs = [{}, {"rawText": 7}, file(fileUrl="ftp://x"), {**OK, "metadata": 1}]
    told = client.refused(
        "POST",
        "/workflow_runs/batch",
        400,
        json={"workflowId": client.workflow_id, "version": "0", "inputs": inputs},
    )
    for place in ("version", "inputs[0]", "inputs[1].rawText", "inputs[2].file.fileUrl", "inputs[3].metadata"):
        assert place in told


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        (b"{", 400, "JSON"),
        (b"", 400, "empty"),
        (b"[]", 400, "object"),
        (b"x" * (5 * 1024 * 1024 + 1), 413, "limit"),
    ],
)
def test_a_body_that_cannot_be_read_is_told(client: Workflows, body: bytes, status: int, words: str) -> None:
    sent = {"Content-Type": "application/json"}
    assert words in client.refused("POST", "/workflow_runs/batch", status, data=body, headers=sent)


def test_another_content_type_is_refused(client: Workflows) -> None:
    body = json.dumps({"workflowId": client.workflow_id, "inputs": [OK]})
    client.refused("POST", "/workflow_runs/batch", 415, data=body, headers={"Content-Type": "text/plain"})


def test_workflows_and_versions_that_are_not_there_are_404(client: Workflows) -> None:
    body = {"workflowId": UNKNOWN, "inputs": [OK]}
    assert "Workflow" in client.refused("POST", "/workflow_runs/batch", 404, json=body)
    body = {"workflowId": client.workflow_id, "version": "2", "inputs": [OK]}
    assert "version" in client.refused("POST", "/workflow_runs/batch", 404, json=body)


def test_another_workspaces_workflow_run_and_file_are_as_unknown_as_those_that_never_were(
    stack: Stack, client: Workflows
) -> None:
    owner = Workflows(stack, "pro")
    batch_id = owner.batch([OK])
    run_id = owner.listed(batchId=batch_id)[0]["id"]
    uploaded = owner.ok("POST", "/files/upload", files={"file": ("a.txt", b"text", "text/plain")})["file"]["id"]
    body = {"workflowId": owner.workflow_id, "inputs": [OK]}
    never = client.refused("POST", "/workflow_runs/batch", 404, json={**body, "workflowId": UNKNOWN})
    assert client.refused("POST", "/workflow_runs/batch", 404, json=body) == never
    unknown = "workflow_run_" + "a" * 23 + "_0"
    for method, suffix, sent in (
        ("GET", "", None),
        ("DELETE", "", None),
        ("POST", "", {"metadata": {}}),
        ("POST", "/cancel", None),
        ("POST", "/review", {"decision": "approve"}),
    ):
        told = {client.refused(method, f"/workflow_runs/{each}{suffix}", 404, json=sent) for each in (run_id, unknown)}
        assert len(told) == 1
    assert client.listed(batchId=batch_id) == []
    assert client.listed(workflowId=owner.workflow_id) == []
    for path in (f"/workflow_runs/batch/{batch_id}", f"/files/{uploaded}", f"/workflows/{owner.workflow_id}"):
        client.refused("GET", path, 404)
    client.refused("POST", f"/workflow_runs/batch/{batch_id}/cancel", 404)
    client.refused("DELETE", f"/files/{uploaded}", 404)
    body = {"workflowId": client.workflow_id, "inputs": [file(fileId=uploaded)]}
    assert "inputs[0].file.fileId" in client.refused("POST", "/workflow_runs/batch", 400, json=body)
    owner.settled(batch_id)


QUERIES: list[tuple[dict[str, str], str]] = [
    ({"status": "DONE"}, "status"),
    ({"sortBy": "name"}, "sortBy"),
    ({"sortDir": "up"}, "sortDir"),
    ({"maxPageSize": "0"}, "maxPageSize"),
    ({"maxPageSize": "1001"}, "maxPageSize"),
    ({"maxPageSize": "many"}, "maxPageSize"),
    ({"nextPageToken": "xyz"}, "nextPageToken"),
    ({"nextPageToken": "a" * 5000}, "nextPageToken"),
]


@pytest.mark.parametrize(("query", "place"), QUERIES)
def test_what_is_wrong_with_a_list_is_named(client: Workflows, query: dict[str, str], place: str) -> None:
    assert place in client.refused("GET", "/workflow_runs", 400, params=query)


def test_an_unknown_version_of_the_api_is_told_with_those_that_there_are(client: Workflows) -> None:
    told = client.refused("GET", "/workflow_runs", 400, headers={"x-extend-api-version": "2030-01-01"})
    assert "x-extend-api-version" in told
    assert "2026-02-09" in told


def test_errors_of_2026_have_a_code_and_say_whether_to_try_again(stack: Stack, tenant: Tenant) -> None:
    client = Workflows(stack, tenant.presented, "2026-02-09")
    answer = client.call("POST", "/workflow_runs/batch", json={"workflow": {"id": UNKNOWN}, "inputs": []})
    told = answer.json()
    assert answer.status_code == 400
    assert (told["code"], told["retryable"]) == ("INVALID_REQUEST", False)
    assert told["requestId"] == answer.headers["x-request-id"]
    assert "inputs" in told["message"]


@pytest.mark.parametrize(("key", "status"), [("revoked", 401), ("nonsense", 401), ("no_scopes", 403)])
def test_who_may_not_is_told_in_the_familys_envelope(stack: Stack, key: str, status: int) -> None:
    client = Workflows(stack, key)
    body = {"workflowId": client.workflow_id, "inputs": [OK]}
    told = client.refused("POST", "/workflow_runs/batch", status, json=body)
    if status == 403:
        assert "permission" in told


DEFINITIONS: list[tuple[str, list[dict[str, Any]], str]] = [
    ("no trigger", [step("parse", "PARSE")], "steps"),
    ("two triggers", [*pipeline(), step("again", "TRIGGER", "parse")], "steps"),
    (
        "a step that is nowhere",
        [step("trigger", "TRIGGER", "parse"), step("parse", "PARSE", "nowhere")],
        "steps[1].next",
    ),
    ("a circle", pipeline(step("a", "HUMAN_REVIEW", "b"), step("b", "HUMAN_REVIEW", "a")), "steps"),
    ("two steps of one name", [*pipeline(), step("parse", "HUMAN_REVIEW")], "steps[2].name"),
    ("an unknown type", pipeline(step("a", "TRANSMUTE")), "steps[2].type"),
    (
        "a rule that is none",
        pipeline(step("r", "RULE_VALIDATION", config={"rules": [{"name": "a"}]})),
        "steps[2].config",
    ),
    (
        "a formula that is none",
        pipeline(step("r", "RULE_VALIDATION", config={"rules": [{"name": "a", "formula": "1 +"}]})),
        "formula",
    ),
    (
        "a pattern that is none",
        pipeline(
            step(
                "e",
                "EXTRACT",
                config={
                    "extractorConfig": {
                        "schema": {"type": "object", "properties": {"a": {"type": "string", "x-pattern": "("}}}
                    }
                },
            )
        ),
        "x-pattern",
    ),
]


@pytest.mark.parametrize(("fault", "steps", "place"), DEFINITIONS, ids=[each[0] for each in DEFINITIONS])
def test_what_is_wrong_with_a_workflow_is_named(
    client: Workflows, fault: str, steps: list[dict[str, Any]], place: str
) -> None:
    assert place in client.refused("POST", "/workflows", 400, json={"name": "Wrong", "steps": steps}), fault
    told = client.refused("POST", f"/workflows/{client.workflow_id}/versions", 400, json={"steps": steps})
    assert place in told, fault


PDF = b"%PDF-1.4 nothing more"
UPLOADS: list[tuple[str, tuple[str, bytes, str], int, str]] = [
    ("an empty file", ("a.txt", b"", "text/plain"), 400, "empty"),
    ("a program", ("a.txt", b"\x7fELF\x02\x01\x01", "text/plain"), 400, "not"),
    ("a text that says it is a PDF", ("a.pdf", b"just text", "application/pdf"), 400, "PDF"),
    ("a broken PDF", ("a.pdf", PDF, "application/pdf"), 400, "PDF"),
    ("an archive", ("a.zip", b"PK\x03\x04" + b"\0" * 60, "application/zip"), 400, "not"),
]


@pytest.mark.parametrize(("fault", "part", "status", "words"), UPLOADS, ids=[each[0] for each in UPLOADS])
def test_a_file_that_cannot_be_used_is_refused(
    client: Workflows, fault: str, part: tuple[str, bytes, str], status: int, words: str
) -> None:
    assert words in client.refused("POST", "/files/upload", status, files={"file": part}), fault
    assert client.ok("GET", "/files")["files"] == []


def test_an_upload_without_its_part_is_refused(client: Workflows) -> None:
    assert "file" in client.refused("POST", "/files/upload", 400, files={"document": ("a.txt", b"x", "text/plain")})
    client.refused("POST", "/files/upload", 415, json={"file": "x"})
