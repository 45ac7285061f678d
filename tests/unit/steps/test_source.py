"""A run's file: its text, an uploaded file, or what a URL answers, each bounded and judged by its content."""

from __future__ import annotations

import io
from datetime import timedelta
from typing import Any

import pypdf
import pytest
from factories import AT
from fakes.egress import Receiver, Sent
from unit.documents.made import a_pdf
from unit.steps.stand import Stand, steps_after_parse

from batchwork.domain.flow_file import MAX_FILE, FlowFile
from batchwork.domain.item import Failure, Success
from batchwork.domain.run import FileType, Run, RunStatus
from batchwork.domain.run_input import RunInput
from batchwork.ports import Answer
from batchwork.processors.workflow_runs.processor import RETRY

ORIGIN = "https://files.example.com"
URL = f"{ORIGIN}/a/report.pdf"
PDF = a_pdf(b"Total: 5")


def a_locked_pdf() -> bytes:
    """Encrypted as programs do it today."""
    writer, written = pypdf.PdfWriter(clone_from=io.BytesIO(PDF)), io.BytesIO()
    writer.encrypt("open", algorithm="AES-256")
    writer.write(written)
    return written.getvalue()


LOCKED = a_locked_pdf()
STEPS = steps_after_parse()
FILE = "file_" + "f" * 23


@pytest.fixture
def stand() -> Stand:
    stand = Stand()
    stand.egress.names.update({"files.example.com": ["93.184.216.34"], "inside.example.com": ["10.0.0.5"]})
    return stand


def serve(stand: Stand, answer: Answer | Exception | Receiver, origin: str = ORIGIN) -> None:
    def receive(sent: Sent) -> Answer:
        if isinstance(answer, Exception):
            raise answer
        return answer if isinstance(answer, Answer) else answer(sent)

    stand.egress.receivers[origin] = receive


def fetched(stand: Stand, url: str = URL, *, attempt: int = 3, **given: Any) -> tuple[Any, Run]:
    outcome, run = stand.work(STEPS, RunInput(file_name="report.pdf", url=url, **given), attempt=attempt)
    assert run is not None
    return outcome, run


def failed(stand: Stand, url: str = URL, *, attempt: int = 3, **given: Any) -> Run:
    outcome, run = fetched(stand, url, attempt=attempt, **given)
    assert isinstance(outcome, Failure)
    assert run.status is RunStatus.FAILED
    return run


def test_the_bytes_of_a_url_are_kept_with_the_run(stand: Stand) -> None:
    serve(stand, Answer(200, body=PDF, content_type="application/pdf"))
    outcome, run = fetched(stand, attempt=1)
    assert outcome == Success({"status": "PROCESSED"})
    (file,) = run.files
    assert (file.type, file.page_count, file.blob) == (FileType.PDF, 1, f"{run.place.prefix}source")
    assert stand.blobs.kept == {f"{run.place.prefix}source": PDF}
    (sent,) = stand.egress.sent
    assert (sent.method, sent.url, sent.body) == ("GET", URL, b"")


def test_what_was_fetched_by_an_earlier_try_is_not_fetched_again(stand: Stand) -> None:
    serve(stand, Answer(200, body=PDF))
    batch, (item,) = stand.batch(STEPS, RunInput(file_name="report.pdf", url=URL))
    stand.process(batch, item)
    stand.runs.stored.clear()
    outcome, _ = stand.process(batch, item, attempt=2)
    assert outcome == Success({"status": "PROCESSED"})
    assert len(stand.egress.sent) == 1


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_followed_by_hand(stand: Stand, status: int) -> None:
    stand.egress.names["cdn.example.com"] = ["93.184.216.35"]
    serve(stand, Answer(status, location="//cdn.example.com/b?c=1"))
    serve(stand, Answer(200, body=PDF), "https://cdn.example.com")
    assert fetched(stand)[1].status is RunStatus.PROCESSED
    assert [sent.url for sent in stand.egress.sent] == [URL, "https://cdn.example.com/b?c=1"]


@pytest.mark.parametrize(
    "location", ["https://inside.example.com/", "https://127.0.0.1/", "http://files.example.com/", "file:///etc/passwd"]
)
def test_a_redirect_leads_nowhere_that_the_url_itself_could_not(stand: Stand, location: str) -> None:
    serve(stand, Answer(302, location=location))
    run = failed(stand)
    assert (run.failure_reason, run.failure_message) == (
        "UNABLE_TO_DOWNLOAD_FILE",
        "The file could not be fetched: requests to its address are not allowed",
    )
    assert len(stand.egress.sent) == 1


def test_redirects_have_an_end(stand: Stand) -> None:
    serve(stand, lambda sent: Answer(302, location=f"{sent.path}x"))
    assert "more than 5 times" in (failed(stand).failure_message or "")
    assert len(stand.egress.sent) == 6


def test_a_redirect_without_a_location_is_an_error(stand: Stand) -> None:
    serve(stand, Answer(302))
    assert failed(stand).failure_message == "The file could not be fetched: HTTP 302 without a Location"


@pytest.mark.parametrize(
    ("answer", "retryable"),
    [
        (Answer(404), False),
        (Answer(403), False),
        (Answer(429, timedelta(seconds=30)), True),
        (Answer(500), True),
        (Answer(503, timedelta(seconds=30)), True),
        (TimeoutError("timeout after 60 s"), True),
        (ConnectionRefusedError("connection refused"), True),
        (Answer(200, body=PDF, cut=True), True),
    ],
)
def test_what_may_pass_is_tried_again_and_the_rest_is_not(
    stand: Stand, answer: Answer | Exception, retryable: bool
) -> None:
    serve(stand, answer)
    outcome, run = stand.work(STEPS, RunInput(file_name="report.pdf", url=URL))
    assert isinstance(outcome, Failure)
    assert outcome.retryable is retryable
    assert outcome.error.code == (502 if retryable else 400)
    assert (run is None) is retryable
    if isinstance(answer, Answer):
        assert outcome.retry_after == answer.retry_after
    assert failed(stand, attempt=RETRY.attempts).failure_reason == "UNABLE_TO_DOWNLOAD_FILE"


def test_a_private_address_is_never_asked(stand: Stand) -> None:
    serve(stand, Answer(200, body=PDF), "https://inside.example.com")
    assert failed(stand, "https://inside.example.com/x", attempt=1).failure_reason == "UNABLE_TO_DOWNLOAD_FILE"
    assert not stand.egress.sent


def test_an_answer_that_is_too_large_is_not_kept(stand: Stand) -> None:
    serve(stand, Answer(200, body=b"%PDF-" + bytes(MAX_FILE)))
    run = failed(stand, attempt=1)
    assert run.failure_reason == "FILE_SIZE_TOO_LARGE"
    assert not stand.blobs.kept


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"\x7fELF....", "FILE_TYPE_NOT_SUPPORTED"),
        (b"<html>not a pdf</html>", "FILE_TYPE_NOT_SUPPORTED"),
        (b"%PDF-1.7 and no more", "CORRUPT_FILE"),
        (b"", "CORRUPT_FILE"),
        (LOCKED, "PASSWORD_PROTECTED_FILE"),
    ],
)
def test_content_beats_what_a_url_and_its_answer_say(stand: Stand, content: bytes, reason: str) -> None:
    serve(stand, Answer(200, body=content, content_type="application/pdf"))
    assert failed(stand, attempt=1).failure_reason == reason


def test_a_password_opens_an_encrypted_pdf(stand: Stand) -> None:
    serve(stand, Answer(200, body=LOCKED))
    assert fetched(stand, password="open")[1].status is RunStatus.PROCESSED
    wrong = failed(stand, password="shut")
    assert wrong.failure_reason == "PASSWORD_PROTECTED_FILE"
    assert "shut" not in repr(wrong)


def a_file(**changes: Any) -> FlowFile:
    values: dict[str, Any] = {
        "id": FILE,
        "workspace_id": "acme",
        "created_at": AT,
        "updated_at": AT,
        "name": "upload.pdf",
        "content_type": "application/pdf",
        "size": len(PDF),
    }
    return FlowFile(**{**values, **changes})


def uploaded(stand: Stand, file: FlowFile | None, content: bytes | None = PDF, **given: Any) -> Run:
    if file is not None:
        stand.files.add(file)
        if content is not None:
            stand.blobs.put(file.blob, content)
    _, run = stand.work(STEPS, RunInput(file_name="upload.pdf", file_id=FILE, **given))
    assert run is not None
    return run


def test_an_uploaded_file_is_read_where_it_is(stand: Stand) -> None:
    run = uploaded(stand, a_file(size=None))
    assert run.status is RunStatus.PROCESSED
    (file,) = run.files
    assert (file.id, file.name, file.type, file.blob) == (FILE, "upload.pdf", FileType.PDF, a_file().blob)
    assert list(stand.blobs.kept) == [a_file().blob]


def test_the_password_of_an_uploaded_file_opens_it_unless_the_input_has_its_own(stand: Stand) -> None:
    assert uploaded(stand, a_file(password="open"), LOCKED).status is RunStatus.PROCESSED
    assert uploaded(Stand(), a_file(password="old"), LOCKED, password="open").status is RunStatus.PROCESSED
    assert uploaded(Stand(), a_file(), LOCKED).failure_reason == "PASSWORD_PROTECTED_FILE"


@pytest.mark.parametrize(
    ("file", "content", "says"),
    [
        (None, None, "was deleted"),
        (a_file(workspace_id="other"), PDF, "was deleted"),
        (a_file(size=None), None, "is not uploaded yet"),
        (a_file(), None, "was deleted"),
        (a_file(size=MAX_FILE + 1), PDF, "more than"),
    ],
)
def test_a_file_that_is_not_there_fails_the_run(
    stand: Stand, file: FlowFile | None, content: bytes | None, says: str
) -> None:
    run = uploaded(stand, file, content)
    assert run.status is RunStatus.FAILED
    assert says in (run.failure_message or "")


def test_a_store_that_is_down_is_no_failure_of_the_file(stand: Stand) -> None:
    stand.files.add(a_file())
    stand.blobs.failing = ("documents/",)
    with pytest.raises(ConnectionError):
        stand.work(STEPS, RunInput(file_name="upload.pdf", file_id=FILE))


@pytest.mark.parametrize("text", ["plain", "{\\rtf no", "%PDF-1.7 no", "PK\x03\x04 no"])
def test_a_raw_text_is_text_whatever_it_looks_like(stand: Stand, text: str) -> None:
    run = stand.run(STEPS, text)
    assert run.status is RunStatus.PROCESSED
    assert run.files[0].type is FileType.TXT


def test_halves_of_characters_in_a_text_do_no_harm(stand: Stand) -> None:
    run = stand.run(STEPS, "a\ud800b")
    assert (run.steps[0].result or {})["chunks"][0]["content"] == "a?b"
