"""Forms with a file, as clients really send them (RFC 7578)."""

from __future__ import annotations

import os
from typing import Any

import pytest
import requests

from batchwork.domain.errors import InvalidRequest, UnsupportedMediaType
from batchwork.edge.http import Request
from batchwork.edge.multipart import form_of, uploaded

EVERY_BYTE = bytes(range(256)) * 3


def a_request(content_type: str, body: bytes) -> Request:
    return Request(
        method="POST",
        resource="/api/v1/chats/upload-file",
        path="/api/v1/chats/upload-file",
        headers={"content-type": content_type},
        body=body,
    )


def a_form(files: Any) -> Request:
    """What the requests library sends."""
    sent = requests.Request("POST", "http://localhost/", files=files).prepare()
    assert isinstance(sent.body, bytes)
    return a_request(sent.headers["Content-Type"], sent.body)


@pytest.mark.parametrize(
    "content",
    [b"", b"x", b"\r\n", b"\r\n\r\n", b"--", b"\n\r", EVERY_BYTE, b"\r\n--not-the-boundary\r\n", os.urandom(300_000)],
)
def test_a_file_comes_out_byte_by_byte(content: bytes) -> None:
    part = uploaded(a_form({"file": ("a.bin", content, "application/pdf")}), "file")
    assert (part.name, part.content_type, part.content) == ("a.bin", "application/pdf", content)


def test_other_fields_stand_aside() -> None:
    request = a_form([("name", (None, "x")), ("file", ("a.txt", b"yes", "text/plain")), ("other", ("b.txt", b"no"))])
    assert uploaded(request, "file").content == b"yes"


@pytest.mark.parametrize(
    ("disposition", "name"),
    [
        ('form-data; name="file"; filename="a.txt"', "a.txt"),
        ("form-data; name=file; filename=a.txt", "a.txt"),
        ('form-data; name="file"; filename="größen.txt"', "größen.txt"),
        ("form-data; name=\"file\"; filename*=utf-8''gr%C3%B6%C3%9Fen.txt", "größen.txt"),
        ('form-data; name="file"; filename="../../etc/passwd"', "passwd"),
        ('form-data; name="file"; filename="C:\\\\dir\\\\a.txt"', "a.txt"),
        ('form-data; name="file"; filename="a\x00\x1b[31m.txt"', "a[31m.txt"),
        ('form-data; name="file"; filename="/"', "file"),
        (f'form-data; name="file"; filename="{"a" * 300}.txt"', f"{'a' * 251}.txt"),
    ],
)
def test_a_file_name_is_a_name_without_folders_and_control_characters(disposition: str, name: str) -> None:
    body = f"--b\r\nContent-Disposition: {disposition}\r\n\r\nyes\r\n--b--\r\n".encode()
    part = uploaded(a_request("multipart/form-data; boundary=b", body), "file")
    assert (part.name, part.content_type, part.content) == (name, "", b"yes")


def test_a_preamble_and_an_epilogue_are_passed_over() -> None:
    body = b'hi\r\n--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\nyes\r\n--b--\r\nbye'
    assert uploaded(a_request('multipart/form-data; boundary="b"', body), "file").content == b"yes"


@pytest.mark.parametrize("content_type", ["", "application/json", "multipart/mixed; boundary=b", "text/plain"])
def test_what_is_no_form_is_refused(content_type: str) -> None:
    with pytest.raises(UnsupportedMediaType):
        uploaded(a_request(content_type, b"--b--"), "file")


NESTED = b"".join(b"--b\r\nContent-Type: multipart/mixed; boundary=b%d\r\n\r\n" % n for n in range(2000))


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("multipart/form-data", b"--b--"),
        ("multipart/form-data; boundary=", b"--b--"),
        ("multipart/form-data; boundary=" + "b" * 300, b"--b--"),
        ("multipart/form-data; boundary=b", b""),
        ("multipart/form-data; boundary=b", b"garbage"),
        ("multipart/form-data; boundary=b", b"--b\r\n\r\nno headers"),
        ("multipart/form-data; boundary=b", b'--b\r\nContent-Disposition: form-data; name="file"\r\n\r\ncut of'),
        ("multipart/form-data; boundary=b", b"--b\r\nno end of headers\r\n--b--"),
        ("multipart/form-data; boundary=b", b"--b\r\n\r\n\r\nx\r\n" * 200 + b"--b--"),
        ("multipart/form-data; boundary=b", NESTED),
        ("multipart/form-data; boundary=b", NESTED + b"\r\n--b--"),
    ],
)
def test_a_form_that_cannot_be_read_is_refused(content_type: str, body: bytes) -> None:
    with pytest.raises(InvalidRequest):
        uploaded(a_request(content_type, body), "file")


def test_a_form_without_the_file_names_what_is_missing() -> None:
    with pytest.raises(InvalidRequest) as refused:
        uploaded(a_form({"document": ("a.txt", b"x")}), "file")
    assert [(problem.place, problem.kind) for problem in refused.value.problems] == [("file", "missing")]


def test_a_field_that_is_no_file_is_refused() -> None:
    with pytest.raises(InvalidRequest) as refused:
        uploaded(a_form({"file": (None, "just text")}), "file")
    assert [problem.place for problem in refused.value.problems] == ["file"]


# ── texts beside the file ──


def test_a_text_field_is_read_beside_the_file() -> None:
    form = form_of(a_form([("password", (None, "geheim ß")), ("file", ("a.txt", b"yes", "text/plain"))]))
    assert (form.text("password"), form.file("file").content, form.text("other")) == ("geheim ß", b"yes", None)


@pytest.mark.parametrize("field", [("a.txt", b"secret"), (None, b"\xff\xfe")])
def test_a_text_field_that_is_a_file_or_no_text_is_refused(field: Any) -> None:
    with pytest.raises(InvalidRequest) as refused:
        form_of(a_form([("password", field)])).text("password")
    assert [problem.place for problem in refused.value.problems] == ["password"]
