"""Workflow runs as their users make, follow, change and list them, on the whole stack."""

from __future__ import annotations

import hashlib
import hmac
import io
import json
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import ClassVar

import docx
import openpyxl
import pypdf
import pytest

from journeys.client import Stack
from journeys.tenants import a_tenant
from journeys.workflow_client import OPEN, Workflows, pipeline, step
from local.receiver import receiver

INVOICE = "Invoice Number: INV-{n}\nTotal: ${n}.50"


@pytest.fixture
def client(stack: Stack) -> Workflows:
    """A client of a workspace of its own, with a workflow that only parses, deployed as version 1."""
    client = Workflows(stack, a_tenant(stack, per_minute=60_000).presented)
    client.deployed(pipeline())
    return client


class Files(BaseHTTPRequestHandler):
    """Serves files by path. A tuple is an answer: (status, headers, body)."""

    content: ClassVar[dict[str, tuple[int, dict[str, str], bytes]]] = {}
    asked: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        self.asked.append(self.path)
        if self.path == "/endless":
            self.send_response(200)
            self.send_header("Content-Type", "text/plain")
            self.end_headers()
            try:
                while True:
                    self.wfile.write(b"x" * 65_536)
            except OSError:
                return
        status, headers, body = self.content[self.path]
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if "Content-Length" not in headers:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Keep quiet."""


@pytest.fixture(scope="module")
def files() -> Iterator[str]:
    """The URL of a server of files."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Files)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()
    thread.join()


def served(path: str, body: bytes, content_type: str = "", status: int = 200, **headers: str) -> None:
    told = {name.replace("_", "-"): value for name, value in headers.items()}
    Files.content[path] = (status, {**({"Content-Type": content_type} if content_type else {}), **told}, body)


def test_the_seeds_batch_is_accepted_listed_by_its_batch_and_told_whole(stack: Stack) -> None:
    client = Workflows(stack)
    inputs = [{"rawText": INVOICE.format(n=n), "metadata": {"n": n}, "name": f"run {n}"} for n in range(25)]
    batch_id = client.batch(inputs)
    listed = client.listed(7, batchId=batch_id)
    assert len({each["id"] for each in listed}) == 25
    summaries = client.settled(batch_id)
    assert {each["batchId"] for each in summaries} == {batch_id}
    runs = client.runs(batch_id)
    assert [run["metadata"] for run in runs] == [{"n": n} for n in range(25)]
    assert {run["status"] for run in runs} == {"PROCESSED"}
    assert runs[3]["name"] == "run 3"
    assert runs[3]["workflow"]["id"] == stack["workflow_id"]
    assert runs[3]["workflow"]["version"] == "1"
    (extracted,) = (each["output"]["value"] for each in runs[3]["outputs"] if each["type"] == "EXTRACT")
    assert extracted == {"invoice_number": "INV-3", "total": 3.5}
    told = client.ok("GET", f"/workflow_runs/batch/{batch_id}")
    assert told["batch"]["runCount"] == 25
    assert sum(told["batch"]["counts"].values()) == 25


def test_the_routes_also_stand_below_v1(stack: Stack) -> None:
    client = Workflows(stack)
    body = {"workflowId": client.workflow_id, "inputs": [{"rawText": "x"}]}
    batch_id = client.ok("POST", "/v1/workflow_runs/batch", json=body)["batchId"]
    (summary,) = client.settled(batch_id)
    assert client.ok("GET", f"/v1/workflow_runs/{summary['id']}")["workflowRun"]["status"] == "PROCESSED"
    assert client.ok("GET", "/v1/workflow_runs", params={"batchId": batch_id})["workflowRuns"] == [summary]
    for path in ("/v1/workflows", "/v1/files", "/v1/webhook_endpoints", "/v1/webhook_subscriptions"):
        assert client.ok("GET", path)["success"] is True


@pytest.mark.parametrize("sort", ["updatedAt", "createdAt"])
@pytest.mark.parametrize("direction", ["asc", "desc"])
def test_every_run_is_listed_once_in_order_while_others_are_added(client: Workflows, sort: str, direction: str) -> None:
    batches = [client.batch([{"rawText": f"{b} {n}"} for n in range(30)]) for b in range(3)]
    for batch_id in batches:
        client.settled(batch_id)
    first = client.ok("GET", "/workflow_runs", params={"sortBy": sort, "sortDir": direction, "maxPageSize": 20})
    later = client.batch([{"rawText": "later"}] * 15)
    client.settled(later)
    found, page = first["workflowRuns"], first
    while "nextPageToken" in page:
        query = {
            "sortBy": sort,
            "sortDir": direction,
            "maxPageSize": 20,
            "nextPageToken": page["nextPageToken"],
        }
        page = client.ok("GET", "/workflow_runs", params=query)
        found += page["workflowRuns"]
    ids = [each["id"] for each in found]
    assert len(set(ids)) == len(ids)
    before = [each for each in found if each["batchId"] != later]
    assert len(before) == 90
    times = [each[sort] for each in found]
    assert times == sorted(times, reverse=direction == "desc")


@pytest.mark.parametrize("direction", ["asc", "desc"])
def test_a_walk_through_a_batch_that_is_being_worked_shows_every_run_once(client: Workflows, direction: str) -> None:
    batch_id = client.batch([{"rawText": f"text {n}"} for n in range(300)])
    for _ in range(3):
        ids = [each["id"] for each in client.listed(20, batchId=batch_id, sortDir=direction)]
        assert len(ids) == len(set(ids)) == 300
    client.settled(batch_id)


def test_filters_leave_what_was_asked_for(client: Workflows) -> None:
    first = client.workflow_id
    one = client.batch([{"rawText": "a"}] * 3)
    client.deployed(pipeline(step("look", "HUMAN_REVIEW")), name="Second")
    two = client.batch([{"rawText": "b"}] * 4)
    client.settled(one)
    client.settled(two)
    assert len(client.listed(workflowId=first)) == 3
    assert {each["status"] for each in client.listed(workflowId=client.workflow_id)} == {"NEEDS_REVIEW"}
    assert len(client.listed(2, status="NEEDS_REVIEW")) == 4
    assert client.listed(status="FAILED") == []
    assert len(client.listed(3, batchId=one, status="PROCESSED")) == 3
    assert client.listed(batchId=one, status="NEEDS_REVIEW") == []


def test_an_idempotency_key_makes_a_clients_retry_safe(client: Workflows) -> None:
    sent = {"Idempotency-Key": str(uuid.uuid4())}
    body = {"workflowId": client.workflow_id, "inputs": [{"rawText": "x"}] * 5}
    with ThreadPoolExecutor(6) as pool:
        answers = list(
            pool.map(lambda _: client.call("POST", "/workflow_runs/batch", json=body, headers=sent), range(6))
        )
    assert {answer.status_code for answer in answers} <= {200, 409}
    assert len({answer.json()["batchId"] for answer in answers if answer.status_code == 200}) == 1
    assert len(client.listed()) == 5


def test_a_version_never_changes_under_its_runs(client: Workflows) -> None:
    workflow_id = client.workflow_id
    client.ok(
        "POST", f"/workflows/{workflow_id}", json={"name": "Changed", "steps": pipeline(step("look", "HUMAN_REVIEW"))}
    )
    (old,) = client.settled(client.batch([{"rawText": "x"}]))
    (draft,) = client.settled(client.batch([{"rawText": "x"}], version="draft"))
    assert (old["status"], draft["status"]) == ("PROCESSED", "NEEDS_REVIEW")
    client.ok("POST", f"/workflows/{workflow_id}/versions", json={})
    (new,) = client.settled(client.batch([{"rawText": "x"}]))
    (pinned,) = client.settled(client.batch([{"rawText": "x"}], version="1"))
    assert (new["status"], pinned["status"]) == ("NEEDS_REVIEW", "PROCESSED")


def test_a_workflow_that_was_never_deployed_runs_its_draft(client: Workflows) -> None:
    made = client.ok("POST", "/workflows", json={"name": "Never deployed"})
    client.workflow_id = made["workflow"]["id"]
    (run,) = client.runs(client.batch([{"rawText": "x"}]))
    assert (run["status"], run["workflow"]["version"]) == ("PROCESSED", "draft")


def test_a_failed_rule_waits_for_a_person_who_ends_the_run(client: Workflows) -> None:
    schema = {"type": "object", "properties": {"total": {"type": ["number", "null"]}}}
    client.deployed(
        pipeline(
            step("extract", "EXTRACT", "check", config={"extractorConfig": {"schema": schema}}),
            step("check", "RULE_VALIDATION", config={"rules": [{"name": "small", "formula": "extract.total < 100"}]}),
        )
    )
    with receiver() as hook:
        endpoint = client.endpoint(hook.url)
        client.subscribe(
            endpoint["id"],
            client.workflow_id,
            ["workflow_run.completed", "workflow_run.needs_review", "workflow_run.rejected", "workflow_run.failed"],
        )
        batch_id = client.batch([{"rawText": f"Total: {n}"} for n in (50, 500, 5000)])
        runs = client.runs(batch_id)
        assert [run["status"] for run in runs] == ["PROCESSED", "NEEDS_REVIEW", "NEEDS_REVIEW"]
        approved = client.ok(
            "POST",
            f"/workflow_runs/{runs[1]['id']}/review",
            json={"decision": "approve", "reviewer": "jane@example.com"},
        )["workflowRun"]
        rejected = client.ok(
            "POST", f"/workflow_runs/{runs[2]['id']}/review", json={"decision": "reject", "note": "far too much"}
        )["workflowRun"]
        assert (approved["status"], approved["reviewed"], approved["reviewedBy"]) == (
            "PROCESSED",
            True,
            "jane@example.com",
        )
        assert (rejected["status"], rejected["rejectionNote"]) == ("REJECTED", "far too much")
        client.refused("POST", f"/workflow_runs/{runs[2]['id']}/review", 400, json={"decision": "approve"})
        told = [json.loads(hook.arrivals.get(timeout=20).body) for _ in range(5)]
    assert sorted(each["eventType"] for each in told) == [
        "workflow_run.completed",
        "workflow_run.completed",
        "workflow_run.needs_review",
        "workflow_run.needs_review",
        "workflow_run.rejected",
    ]
    assert {each["payload"]["batchId"] for each in told} == {batch_id}
    counts = client.ok("GET", f"/workflow_runs/batch/{batch_id}")["batch"]["counts"]
    assert (counts["PROCESSED"], counts["REJECTED"]) == (2, 1)


def test_webhooks_are_signed_as_the_api_signs_them(client: Workflows) -> None:
    with receiver() as hook:
        endpoint = client.endpoint(hook.url)
        client.subscribe(endpoint["id"], client.workflow_id, ["workflow_run.completed"])
        (run,) = client.runs(client.batch([{"rawText": "x", "metadata": {"a": "é"}}]))
        received = hook.arrivals.get(timeout=20)
    headers = received.headers
    signed = f"v0:{headers['x-extend-request-timestamp']}:".encode() + received.body
    assert headers["x-extend-request-signature"] == (
        hmac.new(endpoint["signingSecret"].encode(), signed, hashlib.sha256).hexdigest()
    )
    told = json.loads(received.body)
    assert told["payload"] == run
    log = client.ok("GET", f"/webhook_endpoints/{endpoint['id']}/deliveries")
    assert len(log["webhookDeliveries"]) == 1


def test_files_of_every_kind_are_fetched_and_parsed(client: Workflows, files: str) -> None:
    sheet = openpyxl.Workbook()
    sheet.active.append(["Item", "Price"])
    sheet.active.append(["Bolt", 2.5])
    excel, word = io.BytesIO(), io.BytesIO()
    sheet.save(excel)
    document = docx.Document()
    document.add_paragraph("Written in Word")
    document.save(word)
    served("/a.xlsx", excel.getvalue())
    served("/a.docx", word.getvalue())
    served("/a.csv", b"Item,Price\nNut,1.5\n", "text/csv")
    served("/a.html", b"<h1>Heading</h1><p>Paragraph</p>", "text/html")
    served("/moved", b"", status=302, Location=f"{files}/a.csv")
    names = ["a.xlsx", "a.docx", "a.csv", "a.html", "moved"]
    batch_id = client.batch([{"file": {"fileUrl": f"{files}/{name}"}} for name in names])
    runs = client.runs(batch_id)
    assert [run["status"] for run in runs] == ["PROCESSED"] * 5
    assert [run["files"][0]["type"] for run in runs] == ["EXCEL", "DOCX", "CSV", "HTML", "CSV"]
    texts = [
        client.ok("GET", f"/files/{run['files'][0]['id']}", params={"rawText": "true"})["file"]["contents"]["rawText"]
        for run in runs
    ]
    for text, words in zip(texts, ["Bolt", "Written in Word", "Nut", "Paragraph", "Nut"], strict=True):
        assert words in text


def test_a_url_that_leads_nowhere_good_fails_its_run_and_no_other(client: Workflows, files: str) -> None:
    served("/private", b"", status=302, Location="https://10.0.0.7/secret")
    served("/metadata", b"", status=302, Location="http://169.254.169.254/latest/meta-data/")
    served("/gone", b"no", status=404)
    served("/program", b"\x7fELF\x02\x01\x01", "application/pdf")
    served("/huge", b"", "application/pdf", Content_Length=str(200 * 1024 * 1024))
    names = ["private", "metadata", "gone", "program", "huge", "endless"]
    inputs = [{"file": {"fileUrl": f"{files}/{name}"}} for name in names] + [{"rawText": "fine"}]
    runs = client.runs(client.batch(inputs))
    assert [run["status"] for run in runs] == ["FAILED"] * 6 + ["PROCESSED"]
    for run in runs[:6]:
        assert run["failureReason"]
        assert run["failureMessage"]
    assert "10.0.0.7" not in json.dumps(runs)


def test_a_run_is_changed_cancelled_and_deleted(client: Workflows) -> None:
    single = client.ok(
        "POST",
        "/workflow_runs",
        json={"workflowId": client.workflow_id, "rawTexts": ["one", "two"], "metadata": {"a": 1}},
    )["workflowRuns"]
    assert len(single) == 2
    assert all("batchId" not in run or run["batchId"] is None for run in single)
    changed = client.ok("POST", f"/workflow_runs/{single[0]['id']}", json={"name": "New", "metadata": {"b": 2}})
    assert changed["workflowRun"]["metadata"] == {"a": 1, "b": 2}
    until = time.monotonic() + 30
    while client.get(single[0]["id"])["status"] in OPEN and time.monotonic() < until:
        time.sleep(0.05)
    ended = client.get(single[0]["id"])
    assert (ended["status"], ended["name"], ended["metadata"]) == ("PROCESSED", "New", {"a": 1, "b": 2})
    client.refused("POST", f"/workflow_runs/{single[0]['id']}/cancel", 400)
    deleted = client.ok("DELETE", f"/workflow_runs/{single[0]['id']}")
    assert deleted["workflowRunId"] == single[0]["id"]
    client.refused("GET", f"/workflow_runs/{single[0]['id']}", 404)
    assert single[0]["id"] not in {each["id"] for each in client.listed()}


def test_a_cancelled_batch_ends_every_run_and_tells_of_each_once(client: Workflows, files: str) -> None:
    class Slow(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            time.sleep(1)
            self.send_response(200)
            self.send_header("Content-Length", "4")
            self.end_headers()
            self.wfile.write(b"slow")

        def log_message(self, *_: object) -> None:
            """Keep quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Slow)
    Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_address[1]}/a.txt"
    with receiver() as hook:
        endpoint = client.endpoint(hook.url, "2026-02-09")
        client.subscribe(endpoint["id"], client.workflow_id, ["workflow_run.completed", "workflow_run.cancelled"])
        batch_id = client.batch([{"file": {"fileUrl": url}} for _ in range(200)])
        time.sleep(0.5)
        run_id = client.listed(1000, batchId=batch_id)[-1]["id"]
        cancelled = client.ok("POST", f"/workflow_runs/{run_id}/cancel")["workflowRun"]
        assert cancelled["status"] == "CANCELLED"
        client.ok("POST", f"/workflow_runs/batch/{batch_id}/cancel")
        at_once = client.listed(1000, batchId=batch_id)
        assert len({each["id"] for each in at_once}) == 200
        summaries = client.settled(batch_id)
        statuses = {each["id"]: each["status"] for each in summaries}
        assert len(statuses) == 200
        assert set(statuses.values()) <= {"PROCESSED", "CANCELLED"}
        assert list(statuses.values()).count("CANCELLED") >= 100
        events = [json.loads(hook.arrivals.get(timeout=30).body) for _ in range(200)]
        assert hook.arrivals.empty()
    server.shutdown()
    server.server_close()
    told = {each["payload"]["id"]: each["payload"]["status"] for each in events}
    assert told == statuses
    counts = client.ok("GET", f"/workflow_runs/batch/{batch_id}")["batch"]["counts"]
    assert sum(counts.values()) == 200
    assert counts["CANCELLED"] == list(statuses.values()).count("CANCELLED")
    client.refused("POST", f"/workflow_runs/batch/{batch_id}/cancel", 400)


def test_an_upload_goes_through_a_workflow(client: Workflows) -> None:
    uploaded = client.ok("POST", "/files/upload", files={"file": ("häufig.txt", b"Total: 7", "text/plain")})["file"]
    (run,) = client.runs(client.batch([{"file": {"fileId": uploaded["id"]}}]))
    assert run["status"] == "PROCESSED"
    assert (run["files"][0]["id"], run["files"][0]["name"]) == (uploaded["id"], "häufig.txt")


def test_a_large_file_is_put_straight_to_the_bucket(client: Workflows) -> None:
    content = b"line\n" * 1_500_000
    body = {"fileName": "large.txt", "contentType": "text/plain", "size": len(content)}
    announced = client.ok("POST", "/files/upload/presigned", json=body)
    upload = announced["upload"]
    import requests

    put = requests.put(upload["url"], data=content, headers=upload["headers"], timeout=60)
    assert put.status_code == 200, put.text
    shown = client.ok("GET", f"/files/{announced['file']['id']}")["file"]
    assert shown["type"] == "TXT"
    assert requests.get(shown["presignedUrl"], timeout=60).content == content


def a_pdf(*texts: str, password: str | None = None) -> bytes:
    """Return a PDF with a page for each text."""
    writer = pypdf.PdfWriter()
    for text in texts:
        page = writer.add_blank_page(300, 300)
        font = pypdf.generic.DictionaryObject(
            {
                pypdf.generic.NameObject("/Type"): pypdf.generic.NameObject("/Font"),
                pypdf.generic.NameObject("/Subtype"): pypdf.generic.NameObject("/Type1"),
                pypdf.generic.NameObject("/BaseFont"): pypdf.generic.NameObject("/Helvetica"),
            }
        )
        fonts = pypdf.generic.DictionaryObject({pypdf.generic.NameObject("/F1"): font})
        page[pypdf.generic.NameObject("/Resources")] = pypdf.generic.DictionaryObject(
            {pypdf.generic.NameObject("/Font"): fonts}
        )
        drawn = pypdf.generic.DecodedStreamObject()
        lines = " T* ".join(f"({line}) Tj" for line in text.split("\n"))
        drawn.set_data(f"BT /F1 12 Tf 14 TL 20 250 Td {lines} ET".encode())
        page[pypdf.generic.NameObject("/Contents")] = writer._add_object(drawn)
    if password is not None:
        writer.encrypt(password, algorithm="RC4-128")
    written = io.BytesIO()
    writer.write(written)
    return written.getvalue()


def test_an_encrypted_pdf_needs_its_password(client: Workflows, files: str) -> None:
    locked = a_pdf("Total: 7", password="open sesame")
    part = {"file": ("locked.pdf", locked, "application/pdf")}
    assert "password" in client.refused("POST", "/files/upload", 400, files=part)
    client.refused("POST", "/files/upload", 400, files=part, data={"password": "wrong"})
    opened = client.ok("POST", "/files/upload", files=part, data={"password": "open sesame"})["file"]
    assert "open sesame" not in json.dumps(opened)
    served("/locked.pdf", locked, "application/pdf")
    inputs = [{"file": {"fileId": opened["id"]}}, {"file": {"fileUrl": f"{files}/locked.pdf"}}]
    runs = client.runs(client.batch(inputs))
    assert [run["status"] for run in runs] == ["PROCESSED", "FAILED"]
    assert runs[1]["failureReason"] == "PASSWORD_PROTECTED_FILE"


def test_a_pdf_of_several_documents_is_split_and_each_is_read(client: Workflows, files: str) -> None:
    total = {"schema": {"type": "object", "properties": {"total": {"type": ["number", "null"]}}}}
    kinds = {
        "splitClassifications": [
            {"id": "cls_invoice", "type": "invoice", "description": "An invoice", "keywords": ["invoice"]},
            {"id": "cls_receipt", "type": "receipt", "description": "A receipt", "keywords": ["receipt"]},
        ]
    }
    client.deployed(
        pipeline(
            step("cut", "SPLIT", config={"splitterConfig": kinds}, cls_invoice="read"),
            step("read", "EXTRACT", config={"extractorConfig": total}),
        )
    )
    served("/many.pdf", a_pdf("Invoice 1\nTotal: 10", "more of it", "Receipt\nTotal: 3", "Invoice 2\nTotal: 20"))
    (run,) = client.runs(client.batch([{"file": {"fileUrl": f"{files}/many.pdf"}}]))
    assert run["status"] == "PROCESSED"
    (cut,) = (each["output"]["splits"] for each in run["outputs"] if each["type"] == "SPLITTER")
    assert [(each["type"], each["startPage"], each["endPage"]) for each in cut] == [
        ("invoice", 1, 2),
        ("receipt", 3, 3),
        ("invoice", 4, 4),
    ]
    read = [each["output"]["value"] for each in run["outputs"] if each["type"] == "EXTRACT"]
    assert read == [{"total": 10}, {"total": 20}]
    part = client.ok("GET", f"/files/{cut[0]['fileId']}", params={"rawText": "true"})["file"]
    assert part["parentFileId"] == run["files"][0]["id"]
    assert "Invoice 1" in part["contents"]["rawText"]
    assert "Receipt" not in part["contents"]["rawText"]


def test_an_external_service_is_asked_with_the_runs_secrets_and_its_answer_is_kept(client: Workflows) -> None:
    seen: list[tuple[dict[str, str], bytes]] = []

    class Service(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            seen.append(({name.lower(): value for name, value in self.headers.items()}, body))
            answer = b'{"limit": 500}'
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            """Keep quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Service)
    Thread(target=server.serve_forever, daemon=True).start()
    asked = {
        "requestOptions": {
            "url": f"http://127.0.0.1:{server.server_address[1]}/limits",
            "method": "POST",
            "headers": {"Authorization": "Bearer {{secrets.token}}"},
        }
    }
    client.deployed(
        pipeline(
            step("limits", "EXTERNAL_DATA_VALIDATION", "check", config=asked),
            step("check", "RULE_VALIDATION", config={"rules": [{"name": "known", "formula": "limits.limit = 500"}]}),
        )
    )
    batch_id = client.batch([{"rawText": "x", "metadata": {"customer": 7}, "secrets": {"token": "s3cret-t0ken"}}])
    (run,) = client.runs(batch_id)
    server.shutdown()
    server.server_close()
    assert run["status"] == "PROCESSED"
    ((headers, body),) = seen
    assert headers["authorization"] == "Bearer s3cret-t0ken"
    assert b'"customer"' in body
    assert "s3cret" not in json.dumps(run)
    external, rules = run["stepRuns"]
    assert external["output"] == {"limit": 500}
    assert rules["output"]["rules"] == [{"name": "known", "valid": True}]
