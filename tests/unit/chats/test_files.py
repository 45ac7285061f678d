"""Files that messages and agents attach (spec messages 3.5)."""

from __future__ import annotations

import io
import zipfile
from datetime import timedelta

import pytest
from errands import Work, an_errand
from fakes.files import FakeFiles

from batchwork.domain.chat import StoredFile
from batchwork.domain.errors import InvalidRequest
from batchwork.processors.messages.attachments import FILE_LIMIT
from batchwork.use_cases.files import DOCX, Announced, Files, Upload

PDF = b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n"


def an_archive() -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("word/document.xml", "<w:document/>")
    return content.getvalue()


@pytest.fixture
def store() -> FakeFiles:
    return FakeFiles()


@pytest.fixture
def files(store: FakeFiles) -> Files:
    return Files(store)


def stored(files: Files, upload: Upload) -> StoredFile:
    return files.store("acme", upload, "chat", an_errand().ticket)


def announced(files: Files, name: str, declared: str) -> Announced:
    return files.announce("acme", Upload.announced(name, declared), "chat", an_errand().ticket)


def test_a_file_is_stored_as_it_came(files: Files, store: FakeFiles) -> None:
    file = stored(files, Upload.received("Größen.txt", "text/plain", b"S, M, L"))
    assert (file.name, file.content_type, file.size, file.scope) == ("Größen.txt", "text/plain", 7, "chat")
    assert store.get("acme", file.id) == file
    assert store.content(file, 100) == b"S, M, L"
    assert files.url(file).startswith("https://")


@pytest.mark.parametrize(
    ("name", "declared", "content", "content_type"),
    [
        ("a.pdf", "application/pdf", PDF, "application/pdf"),
        ("a.PDF", "application/octet-stream", PDF, "application/pdf"),
        ("a.docx", "application/octet-stream", an_archive(), DOCX),
        ("a.docx", DOCX.upper(), an_archive(), DOCX),
        ("a.csv", "", b"a;b", "text/csv"),
        ("a.html", "text/html; charset=iso-8859-1", b"<p>", "text/html; charset=iso-8859-1"),
        ("notes", "text/markdown", b"# Hi", "text/markdown"),
        ("utf16.txt", "text/plain", "Grüße".encode("utf-16"), "text/plain"),
    ],
)
def test_supported_kinds_are_taken(files: Files, name: str, declared: str, content: bytes, content_type: str) -> None:
    assert stored(files, Upload.received(name, declared, content)).content_type == content_type


@pytest.mark.parametrize(
    ("name", "declared", "content", "kind"),
    [
        ("a.txt", "text/plain", b"", "empty"),
        ("a.pdf", "application/pdf", b"<html>", "content_type_mismatch"),
        ("a.docx", DOCX, PDF, "content_type_mismatch"),
        ("a.txt", "text/plain", PDF, "content_type_mismatch"),
        ("a.csv", "text/csv", an_archive(), "content_type_mismatch"),
        ("a.txt", "text/plain", b"\x7fELF\x00\x01", "content_type_mismatch"),
        ("a.png", "image/png", b"\x89PNG", "unsupported_type"),
        ("a.exe", "application/octet-stream", b"MZ", "unsupported_type"),
        ("a", "", b"text", "unsupported_type"),
        ("a.zip", "application/zip", an_archive(), "unsupported_type"),
    ],
)
def test_what_is_empty_unsupported_or_a_lie_is_refused(name: str, declared: str, content: bytes, kind: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        Upload.received(name, declared, content)
    (problem,) = refused.value.problems
    assert (problem.place, problem.kind, problem.structural) == ("file", kind, False)


def test_a_large_file_is_announced_and_then_uploaded(files: Files, store: FakeFiles) -> None:
    large = announced(files, "catalogue.pdf", "application/pdf")
    assert large.fields["limit"] == FILE_LIMIT
    assert 0 < large.fields["seconds"] <= timedelta(hours=1).total_seconds()
    assert store.get("acme", large.file.id) == large.file
    assert large.file.size is None
    store.upload(large.fields, PDF)
    assert store.content(large.file, 1000) == PDF


def test_a_file_brought_again_is_the_same_file(files: Files, store: FakeFiles) -> None:
    work, upload = Work(), Upload.received("a.txt", "text/plain", b"text")
    file = files.store("acme", upload, "chat", work.try_().ticket)
    assert (file.id, file.created_at) == (work.id, work.at)
    assert files.store("acme", upload, "chat", work.try_().ticket) == file
    assert store.get("acme", work.id) == file


def test_a_file_announced_again_is_the_same_file_even_once_it_is_there(files: Files, store: FakeFiles) -> None:
    work, upload = Work(), Upload.announced("catalogue.pdf", "application/pdf")
    first = files.announce("acme", upload, "chat", work.try_().ticket)
    store.upload(first.fields, PDF)
    again = files.announce("acme", upload, "chat", work.try_().ticket)
    assert again.file == first.file
    assert store.content(again.file, 1000) == PDF


def test_a_large_file_of_an_unsupported_type_is_refused() -> None:
    with pytest.raises(InvalidRequest) as refused:
        Upload.announced("film.mp4", "video/mp4")
    assert [problem.place for problem in refused.value.problems] == ["content_type"]


def test_an_announced_files_name_is_cleaned_like_an_uploaded_ones(files: Files) -> None:
    assert announced(files, "../a\r\nb\\c\u202e.txt", "text/plain").file.name == "c.txt"
    assert announced(files, "/", "text/plain").file.name == "file"


@pytest.mark.parametrize(
    "declared", ["text/plain\r\nX-Evil: 1", "text/", "text/pl ain", "text/\N{CYRILLIC SMALL LETTER ZHE}"]
)
def test_a_content_type_that_is_none_is_refused(files: Files, declared: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        Upload.announced("a.txt", declared)
    assert [problem.kind for problem in refused.value.problems] == ["media_type"]
    kept = announced(files, "a.txt", "text/plain; charset=utf-8\r\nX-Evil: 1").file.content_type
    assert kept == "text/plain; charset=utf-8X-Evil: 1"
