"""What files are: content beats declaration and name (spec workflow runs 4.5)."""

from __future__ import annotations

import codecs

import pytest
from unit.documents.made import a_docx, a_pdf, a_png, a_workbook, an_archive

from batchwork.domain.document import Unreadable, reason_of
from batchwork.domain.errors import UnreadableDocument
from batchwork.domain.file_types import BEGINNING, sniffed
from batchwork.domain.run import FileType

DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
JPEG, GIF = b"\xff\xd8\xff\xe0\0\x10JFIF\0", b"GIF89a\1\0\1\0"
PDF, BOOK, WORD = a_pdf(b"x"), a_workbook({"S": [["a"]]}), a_docx()


def refused(name: str, declared: str, content: bytes) -> Unreadable:
    """Return why a file is refused."""
    with pytest.raises(UnreadableDocument) as caught:
        sniffed(name, declared, content)
    assert caught.value.facts["name"] == name
    return reason_of(caught.value)


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (PDF, FileType.PDF),
        (b"\r\n\r\n" + PDF, FileType.PDF),
        (a_png(), FileType.IMG),
        (JPEG, FileType.IMG),
        (GIF, FileType.IMG),
        (WORD, FileType.DOCX),
        (BOOK, FileType.EXCEL),
    ],
)
@pytest.mark.parametrize(("name", "declared"), [("a.txt", "text/csv"), ("a.pdf", "application/pdf"), ("a", "")])
def test_what_the_bytes_say_beats_declaration_and_name(
    content: bytes, kind: FileType, name: str, declared: str
) -> None:
    assert sniffed(name, declared, content) is kind


@pytest.mark.parametrize(
    ("name", "declared", "kind"),
    [
        ("a.csv", "", FileType.CSV),
        ("a.tsv", "application/octet-stream", FileType.CSV),
        ("A.CSV", "text/plain", FileType.CSV),
        ("a.txt", "text/csv; charset=utf-8", FileType.CSV),
        ("a.html", "", FileType.HTML),
        ("a.csv", "text/html", FileType.HTML),
        ("a.xml", "", FileType.XML),
        ("a", "application/atom+xml", FileType.XML),
        ("a.json", "application/json", FileType.TXT),
        ("a.txt", "text/plain", FileType.TXT),
        ("a.md", "text/markdown", FileType.TXT),
        ("csv", "", FileType.TXT),
        ("a", "", FileType.TXT),
    ],
)
def test_text_is_what_it_is_said_to_be(name: str, declared: str, kind: FileType) -> None:
    assert sniffed(name, declared, b"a,b\n1,2\n") is kind


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"<!DOCTYPE html><p>x", FileType.HTML),
        (b"\xef\xbb\xbf  <html lang=en>", FileType.HTML),
        (b'<?xml version="1.0"?><order/>', FileType.XML),
        (b'<?xml version="1.0"?>\n<html xmlns="http://www.w3.org/1999/xhtml">', FileType.HTML),
    ],
)
def test_markup_says_what_it_is_itself(content: bytes, kind: FileType) -> None:
    assert sniffed("a.txt", "text/plain", content) is kind


@pytest.mark.parametrize(
    "content", ["Größe".encode("utf-16"), codecs.BOM_UTF16_BE + "x".encode("utf-16-be"), b"Gr\xf6\xdfe"]
)
def test_text_of_any_charset_is_text(content: bytes) -> None:
    assert sniffed("a.txt", "", content) is FileType.TXT


@pytest.mark.parametrize(
    "content",
    [
        b"\x1f\x8b\x08",
        b"\x7fELF\x02",
        b"MZ\x90\0\3\0\0\0",
        b"Rar!\x1a\x07\0",
        b"BM\x46\0\0\0",
        b"II*\0\x08\0",
        b"{\\rtf1 x}",
        b"PK\x05\x06" + b"\0" * 18,
        an_archive(**{"a.txt": b"text"}),
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600,
        b"text\0text",
        bytes(range(1, 32)) * 4,
    ],
)
def test_what_is_not_read_is_refused_whatever_it_is_called(content: bytes) -> None:
    assert refused("a.txt", "text/plain", content) is Unreadable.FILE_TYPE_NOT_SUPPORTED
    assert refused("a.pdf", "application/pdf", content) is Unreadable.FILE_TYPE_NOT_SUPPORTED


@pytest.mark.parametrize("text", [b"MZ is a code for Mozambique", b"BM: a bill", b"Rar! he cried"])
def test_a_text_may_begin_as_a_program_does(text: bytes) -> None:
    assert sniffed("a.txt", "", text) is FileType.TXT


@pytest.mark.parametrize(
    ("name", "declared"),
    [("a.pdf", ""), ("a", "application/pdf"), ("a.png", ""), ("a", "image/jpeg"), ("a.docx", DOCX), ("a.xlsx", "")],
)
def test_text_that_claims_to_be_something_else_is_refused(name: str, declared: str) -> None:
    assert refused(name, declared, b"just text") is Unreadable.FILE_TYPE_NOT_SUPPORTED


def test_an_office_file_with_a_password_is_told_from_an_old_one() -> None:
    locked = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600 + "EncryptedPackage".encode("utf-16-le")
    assert refused("a.docx", DOCX, locked) is Unreadable.PASSWORD_PROTECTED_FILE


def test_an_empty_file_is_refused() -> None:
    assert refused("a.txt", "text/plain", b"") is Unreadable.CORRUPT_FILE


def test_the_beginning_of_a_large_file_is_enough() -> None:
    rows = [[f"cell {row} {column}" for column in range(20)] for row in range(3_000)]
    book = a_workbook({"Large": rows})
    assert len(book) > BEGINNING
    assert sniffed("a.bin", "", book[:BEGINNING]) is FileType.EXCEL
    assert sniffed("a.txt", "", (b"line\n" * BEGINNING)[:BEGINNING]) is FileType.TXT
