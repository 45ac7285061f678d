"""Files through the function that serves them, in the dialects of the published clients (spec workflow runs 4.6)."""

from __future__ import annotations

import io
from typing import Any

import docx
import openpyxl
import pypdf
import pytest
from errands import Work
from factories import AT, a_batch, an_item
from functions.gateway import a_key
from functions.loading import load_function
from functions.workflow_api import WorkflowApi

from batchwork.adapters import aws
from batchwork.adapters.dynamodb.batches import DynamoBatches
from batchwork.adapters.packing import Packer
from batchwork.domain.ids import ordered_id
from batchwork.domain.run import RunPlace
from batchwork.domain.run_input import RunInput, attributes_of
from batchwork.domain.workflow import FAMILY, Flow
from batchwork.edge import settings

NEW = "2026-02-09"
SCOPES = ("files:read", "files:write")
TEXT = ("note.txt", "Größe: 1\n".encode(), "text/plain")
UNKNOWN = "file_" + "z" * 23


@pytest.fixture
def call(table: str, bucket: str, monkeypatch: pytest.MonkeyPatch) -> WorkflowApi:
    monkeypatch.setenv("TABLE_NAME", table)
    monkeypatch.setenv("BUCKET_NAME", bucket)
    return WorkflowApi(load_function("workflow_files"), a_key(table, "acme", *SCOPES))


@pytest.fixture
def new(call: WorkflowApi) -> WorkflowApi:
    return call.speaking(NEW)


def a_pdf(pages: int = 2, password: str | None = None) -> bytes:
    writer, written = pypdf.PdfWriter(), io.BytesIO()
    for _ in range(pages):
        writer.add_blank_page(200, 100)
    if password is not None:
        writer.encrypt(password, algorithm="AES-256")
    writer.write(written)
    return written.getvalue()


def a_workbook() -> bytes:
    book, written = openpyxl.Workbook(), io.BytesIO()
    book.active.title = "Prices"
    book.active.append(["Item", "Price"])
    book.active.append(["Bolt, long", 2.5])
    book.create_sheet("Empty")
    book.save(written)
    return written.getvalue()


def a_document() -> bytes:
    document, written = docx.Document(), io.BytesIO()
    document.add_heading("Heading", 1)
    document.add_paragraph("Tom & Jerry <3")
    document.save(written)
    return written.getvalue()


def uploaded(call: WorkflowApi, name: str, content: bytes, declared: str = "") -> Any:
    answer = call.speaking(NEW).upload("/files/upload", {"file": (name, content, declared)})
    assert answer.status == 200, answer.text
    return answer.body


def blobs() -> dict[str, bytes]:
    s3 = aws.client("s3")
    rows = s3.list_objects_v2(Bucket="batchwork-blobs").get("Contents", [])
    return {row["Key"]: s3.get_object(Bucket="batchwork-blobs", Key=row["Key"])["Body"].read() for row in rows}


# ── uploaded ──


def test_a_file_lives_its_life_in_the_dialect_of_2026(new: WorkflowApi) -> None:
    file = new.upload("/files/upload", {"file": TEXT}).body
    assert (file["object"], file["name"], file["type"]) == ("file", "note.txt", "TXT")
    assert file["metadata"] == {}
    assert "presignedUrl" not in file
    shown = new("GET", f"/files/{file['id']}").body
    assert shown.items() >= file.items()
    assert (shown["presignedUrl"].startswith("https://"), shown["contents"]) == (True, None)
    assert blobs() == {f"documents/acme/{file['id']}": TEXT[1]}
    listed = new("GET", "/files").body
    assert (listed["object"], listed["data"]) == ("list", [file])
    assert new("GET", "/files", nameContains="NOTE").body["data"] == [file]
    assert new("GET", "/files", nameContains="other").body["data"] == []
    assert new("DELETE", f"/files/{file['id']}").body == {"id": file["id"]}
    assert new("GET", f"/files/{file['id']}").status == 404
    assert (new("GET", "/files").body["data"], blobs()) == ([], {})


@pytest.mark.parametrize("version", [None, "2024-12-23", "2025-04-21"])
@pytest.mark.parametrize("prefix", ["", "/v1"])
def test_the_older_dialects_answer_with_success(call: WorkflowApi, version: str | None, prefix: str) -> None:
    call = WorkflowApi(call.function, call.key, version, prefix=prefix)
    answer = call.upload("/files/upload", {"file": TEXT}).body
    file = answer["file"]
    assert (answer["success"], file["name"], file["type"]) == (True, "note.txt", "TXT")
    assert None not in file.values()
    shown = call("GET", f"/files/{file['id']}", rawText="true").body
    assert (shown["success"], shown["file"]["contents"]) == (True, {"rawText": "Größe: 1\n"})
    assert call("GET", "/files").body == {"success": True, "files": [file]}
    gone = call("DELETE", f"/files/{file['id']}").body
    assert (gone["success"], gone["fileId"], bool(gone["message"])) == (True, file["id"], True)


@pytest.mark.parametrize(
    ("part", "words"),
    [
        (("a.txt", b"", "text/plain"), "empty"),
        (("a.pdf", b"just text", "application/pdf"), "PDF"),
        (("a.pdf", b"%PDF-1.4 nothing more", "application/pdf"), "PDF"),
        (("a.zip", b"PK\x03\x04" + b"\0" * 60, "application/zip"), "archive"),
        (("a.txt", b"\x7fELF\x02\x01\x01", "text/plain"), "programs"),
        (("a.pdf", a_pdf(password="open"), "application/pdf"), "PASSWORD_PROTECTED_FILE"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_and_nothing_of_it_kept(
    new: WorkflowApi, part: tuple[str, bytes, str], words: str
) -> None:
    answer = new.upload("/files/upload", {"file": part})
    assert (answer.status, answer.body["code"], answer.body["retryable"]) == (400, "INVALID_REQUEST", False)
    assert answer.body["message"].startswith("file: ")
    assert words in answer.body["message"]
    assert (new("GET", "/files").body["data"], blobs()) == ([], {})


def test_a_locked_pdf_is_taken_with_its_password_which_is_never_told(new: WorkflowApi) -> None:
    answer = new.upload(
        "/files/upload", {"file": ("a.pdf", a_pdf(3, "open-sesame"), "application/pdf")}, {"password": "open-sesame"}
    )
    assert (answer.body["type"], answer.body["metadata"]) == ("PDF", {"pageCount": 3})
    shown = new("GET", f"/files/{answer.body['id']}", markdown="true")
    assert [page["pageNumber"] for page in shown.body["contents"]["pages"]] == [1, 2, 3]
    assert "open-sesame" not in answer.text + shown.text


@pytest.mark.parametrize(
    ("files", "data", "place"),
    [
        ({"document": TEXT}, None, "file"),
        ({"file": (None, "text")}, None, "file"),
        ({"file": TEXT}, {"password": "x" * 256}, "password"),
        ({"file": TEXT, "password": ("p.txt", b"x")}, None, "password"),
    ],
)
def test_what_is_wrong_with_a_form_is_named(call: WorkflowApi, files: Any, data: Any, place: str) -> None:
    answer = call.upload("/files/upload", files, data)
    assert (answer.status, answer.body["success"]) == (400, False)
    assert answer.body["error"].startswith(f"{place}: ")


@pytest.mark.parametrize(
    ("content_type", "raw", "status"),
    [
        ("application/json", b"{}", 415),
        ("", b"x", 415),
        ("multipart/form-data", b"--b--", 400),
        ("multipart/form-data; boundary=b", b"garbage", 400),
        ("multipart/form-data; boundary=b", b"x" * (5 * 1024 * 1024 + 1), 413),
    ],
)
def test_a_body_that_is_no_form_is_refused(call: WorkflowApi, content_type: str, raw: bytes, status: int) -> None:
    answer = call.send("POST", "/files/upload", raw, {"content-type": content_type}, {})
    assert (answer.status, answer.body["success"]) == (status, False)


def test_nothing_is_converted_so_only_pdfs_are_taken_with_it(new: WorkflowApi) -> None:
    pdf = {"file": ("a.pdf", a_pdf(), "application/pdf")}
    assert new.upload("/files/upload", pdf, convertToPdf="true").status == 200
    assert new.upload("/files/upload", {"file": TEXT}, convertToPdf="false").status == 200
    for query in ("true", "yes"):
        refused = new.upload("/files/upload", {"file": TEXT}, convertToPdf=query)
        assert (refused.status, "convertToPdf" in refused.body["message"]) == (400, True)


def test_a_names_tricks_come_to_nothing(new: WorkflowApi) -> None:
    file = uploaded(new, "../../x\r\nSet-Cookie: a/é.txt", b"x", "text/plain")
    assert file["name"] == "é.txt"
    assert list(blobs()) == [f"documents/acme/{file['id']}"]


def test_one_key_uploads_once_whatever_the_forms_boundary(new: WorkflowApi) -> None:
    first, again = (new.under("up").upload("/files/upload", {"file": TEXT}) for _ in range(2))
    assert (first.text, again.headers["Idempotency-Replayed"]) == (again.text, "true")
    assert len(blobs()) == 1


def test_who_goes_on_after_a_dead_try_has_the_same_file(new: WorkflowApi, monkeypatch: pytest.MonkeyPatch) -> None:
    first = new.under("up").dying(monkeypatch, lambda call: call.upload("/files/upload", {"file": TEXT}))
    again = new.under("up").upload("/files/upload", {"file": TEXT})
    assert (again.body, len(blobs())) == (first.body, 1)
    path = f"/files/{first.body['id']}"
    gone = new.under("gone").dying(monkeypatch, lambda call: call("DELETE", path))
    assert new.under("gone")("DELETE", path).body == gone.body == {"id": first.body["id"]}


# ── what stands in them ──


def test_a_pdf_is_shown_by_pages(call: WorkflowApi) -> None:
    path = f"/files/{uploaded(call, 'a.pdf', a_pdf())['id']}"
    bare = {"pageNumber": 1, "pageHeight": 100.0, "pageWidth": 200.0}
    contents = call.speaking(NEW)("GET", path, markdown="true").body["contents"]
    assert contents["pages"] == [{**bare, "markdown": ""}, {**bare, "pageNumber": 2, "markdown": ""}]
    assert "rawText" not in contents
    both = call("GET", path, markdown="true", rawText="true").body["file"]["contents"]
    assert {"markdown", "rawText", "pages"} == set(both)


def test_a_workbook_is_shown_by_sheets_and_to_older_clients_as_a_whole_too(call: WorkflowApi) -> None:
    path = f"/files/{uploaded(call, 'a.xlsx', a_workbook())['id']}"
    contents = call.speaking(NEW)("GET", path, rawText="true").body["contents"]
    assert contents["sheets"][0] == {"sheetName": "Prices", "rawText": 'Item,Price\n"Bolt, long",2.5\n'}
    assert "rawText" not in contents
    assert "Bolt" in call("GET", path, rawText="true").body["file"]["contents"]["rawText"]


def test_a_word_document_is_shown_as_html(new: WorkflowApi) -> None:
    path = f"/files/{uploaded(new, 'a.docx', a_document())['id']}"
    contents = new("GET", path, html="true", rawText="true").body["contents"]
    assert contents["pages"][0]["html"] == "<h1>Heading</h1><p>Tom &amp; Jerry &lt;3</p>"
    assert "Tom & Jerry <3" in contents["rawText"]


@pytest.mark.parametrize("flag", ["rawText", "markdown", "html"])
def test_a_flag_that_is_none_is_refused(new: WorkflowApi, flag: str) -> None:
    path = f"/files/{uploaded(new, *TEXT)['id']}"
    refused = new("GET", path, **{flag: "yes"})
    assert (refused.status, flag in refused.body["message"]) == (400, True)
    assert new("GET", path, **{flag: "false"}).body["contents"] is None


# ── announced ──


def test_a_file_is_announced_put_into_the_bucket_and_judged_when_it_is_looked_at(new: WorkflowApi) -> None:
    content = a_pdf()
    body = {"fileName": "big.pdf", "contentType": "application/pdf", "size": len(content)}
    announced = new("POST", "/files/upload/presigned", body).body
    file, upload = announced["file"], announced["upload"]
    assert (file["name"], file["type"], upload["method"]) == ("big.pdf", None, "PUT")
    assert upload["headers"]["Content-Length"] == str(len(content))
    path = f"/files/{file['id']}"
    assert new("GET", path, rawText="true").body["presignedUrl"] is None
    aws.client("s3").put_object(Bucket="batchwork-blobs", Key=f"documents/acme/{file['id']}", Body=content)
    shown = new("GET", path).body
    assert (shown["type"], shown["metadata"]) == ("PDF", {"pageCount": 2})
    assert shown["presignedUrl"].startswith("https://")
    assert new("GET", "/files").body["data"][0]["type"] == "PDF"


def test_older_dialects_announce_with_success(call: WorkflowApi) -> None:
    body = {"fileName": "big.pdf", "contentType": "application/pdf", "size": 10}
    answer = call("POST", "/files/upload/presigned", body).body
    assert (answer["success"], set(answer)) == (True, {"success", "file", "upload"})


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"fileName": ""}, "fileName"),
        ({"fileName": None}, "fileName"),
        ({"contentType": "pdf"}, "contentType"),
        ({"contentType": "a/b\r\nX: y"}, "contentType"),
        ({"size": 0}, "size"),
        ({"size": 20 * 1024 * 1024 + 1}, "size"),
        ({"size": "10"}, "size"),
        ({"password": "x" * 256}, "password"),
    ],
)
def test_what_is_wrong_with_an_announcement_is_named(new: WorkflowApi, changes: dict[str, Any], place: str) -> None:
    body = {"fileName": "big.pdf", "contentType": "application/pdf", "size": 10, **changes}
    answer = new("POST", "/files/upload/presigned", body)
    assert (answer.status, place in answer.body["message"]) == (400, True)


# ── listed, found, allowed ──


def test_lists_go_on_by_their_tokens_in_both_orders(new: WorkflowApi) -> None:
    ids = [uploaded(new, f"{number}.txt", b"x")["id"] for number in range(5)]
    for order, wanted in (("asc", ids), ("desc", ids[::-1])):
        seen, token = list[str](), dict[str, str]()
        while True:
            page = new("GET", "/files", sortDir=order, maxPageSize="2", **token).body
            seen += [each["id"] for each in page["data"]]
            if "nextPageToken" not in page:
                break
            token = {"nextPageToken": page["nextPageToken"]}
        assert seen == wanted
        assert new("GET", "/files", sortDir=order, nameContains="1", **token).status == 400


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", f"/files/{UNKNOWN}"),
        ("DELETE", f"/files/{UNKNOWN}"),
        ("GET", f"/files/{UNKNOWN}_0"),
        ("GET", "/files/nonsense"),
        ("GET", "/files/"),
        ("DELETE", "/files"),
        ("POST", "/files"),
        ("POST", "/files/upload/other"),
    ],
)
def test_what_is_not_there_is_not_found(call: WorkflowApi, method: str, path: str) -> None:
    assert call(method, path).status == 404
    assert call.speaking(NEW)(method, path).body["code"] == "NOT_FOUND"


def test_another_workspaces_file_is_not_found(call: WorkflowApi, table: str) -> None:
    file = uploaded(call, *TEXT)
    other = WorkflowApi(call.function, a_key(table, "other", *SCOPES))
    for method in ("GET", "DELETE"):
        assert other(method, f"/files/{file['id']}").status == 404
    assert other("GET", "/files").body["files"] == []
    assert call("GET", f"/files/{file['id']}").status == 200


@pytest.mark.parametrize(("scope", "method"), [("files:write", "GET"), ("files:read", "DELETE")])
def test_who_may_not_is_told(call: WorkflowApi, table: str, scope: str, method: str) -> None:
    limited = WorkflowApi(call.function, a_key(table, "acme", scope))
    answer = limited(method, f"/files/{UNKNOWN}")
    assert (answer.status, "permission" in answer.body["error"]) == (403, True)


def test_the_text_of_a_run_is_shown_and_can_be_downloaded(call: WorkflowApi, table: str) -> None:
    work = Work()
    flow = Flow(
        workflow_id="workflow_" + "f" * 23,
        workflow_name="Invoices",
        workflow_created_at=AT,
        workflow_updated_at=AT,
        version="1",
        version_id="v",
        version_created_at=AT,
    )
    batch = a_batch(
        id=ordered_id("", work.try_().ticket), family=FAMILY, total=2, attributes=attributes_of(flow, "", listed=True)
    )
    items = [
        an_item(index=0, body=RunInput(file_name="one.txt", text="one").stored),
        an_item(index=1, body=RunInput(file_name="two.txt", text="two ü").stored),
    ]
    store = DynamoBatches(table, Packer.in_bucket("batchwork-blobs"), settings.days("RETENTION_DAYS", 30))
    assert store.create(batch, items, AT, work.charge())
    place = RunPlace("acme", batch.id, 1)
    file = call("GET", f"/files/{place.file_id}", rawText="true").body["file"]
    assert (file["name"], file["type"], file["contents"]) == ("two.txt", "TXT", {"rawText": "two ü"})
    assert file["presignedUrl"].startswith("https://")
    assert blobs()[f"{place.prefix}source"] == "two ü".encode()
    assert call("DELETE", f"/files/{place.file_id}").status == 400
    assert call("GET", f"/files/{RunPlace('acme', batch.id, 2).file_id}").status == 404
