from __future__ import annotations

import io
import subprocess
import sys
import zipfile
import zlib
from pathlib import Path

import pytest
from unit.documents.made import a_docx, a_pdf, an_archive, encrypted

from batchwork.adapters.documents import MAX_BYTES, extract, pdf
from batchwork.adapters.documents.page import MAX_CHARACTERS
from batchwork.adapters.documents.pdf import MAX_DRAWN_BYTES, MAX_PAGES, MAX_STREAM_BYTES
from batchwork.adapters.documents.word import MAX_ARCHIVE_BYTES, MAX_ARCHIVE_ENTRIES, MAX_PART_BYTES
from batchwork.domain.errors import UnreadableDocument

LAYER = Path(__file__).parents[3] / "layers/core/python"
DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"


def reason(name: str, content_type: str, content: bytes) -> str:
    with pytest.raises(UnreadableDocument) as caught:
        extract(name, content_type, content)
    assert str(caught.value) == f"{name} cannot be read: {caught.value.facts['reason']}."
    return str(caught.value.facts["reason"])


class TestPdf:
    def test_the_text_of_every_page_is_read_in_order(self) -> None:
        assert extract("a.pdf", "application/pdf", a_pdf(b"We open at nine.", b"We close at six.")).splitlines() == [
            "We open at nine.",
            "We close at six.",
        ]

    def test_an_encrypted_file_is_refused(self) -> None:
        locked = encrypted(a_pdf(b"secret"), user="user", owner="owner")
        assert reason("a.pdf", "application/pdf", locked) == "it is encrypted"

    def test_a_file_that_only_forbids_printing_is_read(self) -> None:
        restricted = encrypted(a_pdf(b"open to all"), user="", owner="owner")
        assert extract("a.pdf", "application/pdf", restricted) == "open to all"

    def test_too_many_pages_are_refused(self) -> None:
        assert f"{MAX_PAGES + 1} pages" in reason("a.pdf", "application/pdf", a_pdf(*[b"x"] * (MAX_PAGES + 1)))

    def test_a_bomb_in_one_page_is_refused(self) -> None:
        bomb = a_pdf(zlib.compress(b" " * (MAX_STREAM_BYTES + 1)), filtered=True)
        assert len(bomb) < 50_000
        assert reason("a.pdf", "application/pdf", bomb) == "it is too large once unpacked"

    def test_a_bomb_spread_over_pages_is_refused(self) -> None:
        page = zlib.compress(b" " * (MAX_DRAWN_BYTES // 4))
        assert reason("a.pdf", "application/pdf", a_pdf(*[page] * 5, filtered=True)) == "it is too large once unpacked"

    def test_a_form_drawn_without_end_is_refused(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(pdf, "MAX_OPERATORS", 5_000)
        form = b"q Q " * 500
        few = zlib.compress(b"/X Do BT /F1 12 Tf (Hello) Tj ET")
        assert extract("a.pdf", "application/pdf", a_pdf(few, filtered=True, form=form)) == "Hello"
        many = zlib.compress(b"/X Do " * 1_000)
        assert reason("a.pdf", "application/pdf", a_pdf(many, filtered=True, form=form)) == (
            "it is too large once unpacked"
        )

    def test_a_scan_is_told_from_a_text(self) -> None:
        assert "no text" in reason("a.pdf", "application/pdf", a_pdf(b""))

    @pytest.mark.parametrize("content", [b"%PDF-1.4", b"%PDF-1.4\n" + b"\0" * 500, a_pdf(b"x")[:200]])
    def test_a_damaged_file_is_refused(self, content: bytes) -> None:
        assert "damaged" in reason("a.pdf", "application/pdf", content)

    def test_nothing_of_an_odd_file_is_logged(self, caplog: pytest.LogCaptureFixture) -> None:
        odd = a_pdf(b"fine").replace(b"startxref\n", b"startxref\n9")
        assert extract("a.pdf", "application/pdf", odd) == "fine"
        assert caplog.records == []


class TestWord:
    def test_headings_paragraphs_and_tables_are_read_in_order(self) -> None:
        lines = [line for line in extract("a.docx", DOCX, a_docx()).splitlines() if line]
        assert lines == ["# Returns", "You may return anything.", "Days | 30", "Without a receipt too."]

    def test_a_bomb_is_refused_before_it_is_unpacked(self) -> None:
        bomb = an_archive(**{"word/document.xml": b"<w/>", "word/media/a.bin": b"\0" * (MAX_ARCHIVE_BYTES + 1)})
        assert len(bomb) < 100_000
        assert reason("a.docx", DOCX, bomb) == "it is too large once unpacked"

    def test_a_single_large_part_is_refused(self) -> None:
        bomb = an_archive(**{"word/document.xml": b" " * (MAX_PART_BYTES + 1)})
        assert reason("a.docx", DOCX, bomb) == "it is too large once unpacked"

    def test_an_archive_of_too_many_entries_is_refused(self) -> None:
        entries = {f"{number}": b"" for number in range(MAX_ARCHIVE_ENTRIES)}
        assert reason("a.docx", DOCX, an_archive(**{"word/document.xml": b"", **entries})) == (
            "it is too large once unpacked"
        )

    def test_entities_that_multiply_are_not_expanded(self) -> None:
        entities = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 12))
        laughs = f'<?xml version="1.0"?><!DOCTYPE w [<!ENTITY e0 "ha">{entities}]><w>&e11;</w>'.encode()
        original = io.BytesIO(a_docx())
        with zipfile.ZipFile(original) as archive:
            entries = {entry: archive.read(entry) for entry in archive.namelist()}
        assert "damaged" in reason("a.docx", DOCX, an_archive(**{**entries, "word/document.xml": laughs}))

    def test_another_archive_is_no_document(self) -> None:
        assert "not a Word document" in reason("a.docx", DOCX, an_archive(**{"a.txt": b"text"}))

    @pytest.mark.parametrize("content", [b"PK\x03\x04", a_docx()[:-50], an_archive(**{"word/document.xml": b"<w"})])
    def test_a_damaged_file_is_refused(self, content: bytes) -> None:
        assert "damaged" in reason("a.docx", DOCX, content)


class TestHtml:
    def test_a_reader_sees_text_without_scripts_and_styles(self) -> None:
        page = b"""<html><head><title>Shop</title><style>p { color: red }</style><script>alert("no")</script></head>
            <body><h2>Hours &amp; days</h2><p>We open
            at <b>nine</b>.</p><ul><li>Monday</li><li>Friday</li></ul>
            <table><tr><th>Day</th><td>Open</td></tr></table><template>hidden</template></body></html>"""
        lines = [line for line in extract("a.html", "text/html; charset=utf-8", page).splitlines() if line]
        assert lines == ["Shop", "# Hours & days", "We open at nine.", "Monday", "Friday", "Day Open"]

    def test_an_unclosed_page_is_read_as_far_as_it_goes(self) -> None:
        assert extract("a.html", "text/html", b"<p>One<p>Two<script>no") == "One\n\nTwo"

    def test_too_large_a_page_is_refused(self) -> None:
        assert "characters" in reason("a.html", "text/html", b"x" * (MAX_CHARACTERS + 1))


class TestTables:
    @pytest.mark.parametrize("content", [b"Day,Hours\nMonday,9 to 6\n", b"Day;Hours\r\nMonday;9 to 6\r\n"])
    def test_rows_are_lines(self, content: bytes) -> None:
        assert extract("a.csv", "text/csv", content) == "Day | Hours\nMonday | 9 to 6"

    def test_a_quoted_cell_stays_one_cell(self) -> None:
        content = b'Day,Note\nMonday,"closed,\nsorry"\nTuesday,open\n'
        assert extract("a.csv", "text/csv", content) == "Day | Note\nMonday | closed, sorry\nTuesday | open"

    def test_a_cell_without_end_is_refused(self) -> None:
        assert "CSV" in reason("a.csv", "text/csv", b'a,b\nc,"' + b"x" * 200_000)


class TestText:
    @pytest.mark.parametrize(
        ("content_type", "content"),
        [
            ("text/plain", "Größe".encode()),
            ("text/plain", "\ufeffGröße".encode()),
            ("text/plain", "Größe".encode("utf-16")),
            ("text/plain", "Größe".encode("cp1252")),
            ("text/plain; charset=iso-8859-15", "Größe".encode("iso-8859-15")),
            ("text/plain; charset=nonsense", "Größe".encode("latin-1")),
            ("text/markdown", "Größe".encode()),
            ("application/json", "Größe".encode()),
        ],
    )
    def test_text_is_decoded_as_what_it_is(self, content_type: str, content: bytes) -> None:
        assert extract("a.txt", content_type, content) == "Größe"

    @pytest.mark.parametrize(("name", "read"), [("a.txt", "a,b"), ("a.csv", "a | b"), ("a.html", "a,b")])
    def test_an_undeclared_type_is_told_by_the_names_ending(self, name: str, read: str) -> None:
        assert extract(name, "application/octet-stream", b"a,b") == read

    def test_an_empty_text_is_empty(self) -> None:
        assert extract("a.txt", "text/plain", b"") == ""


class TestLies:
    @pytest.mark.parametrize("declared", ["text/plain", "image/png", DOCX, "application/octet-stream"])
    def test_a_pdf_is_read_as_one_whatever_it_is_declared(self, declared: str) -> None:
        assert extract("a", declared, a_pdf(b"We open at nine.")) == "We open at nine."

    def test_a_word_document_declared_as_text_is_read_as_what_it_is(self) -> None:
        assert "You may return anything." in extract("a.txt", "text/plain", a_docx())

    @pytest.mark.parametrize("declared", ["application/pdf", DOCX])
    def test_text_declared_as_a_document_is_refused(self, declared: str) -> None:
        assert declared in reason("a", declared, b"just text")

    @pytest.mark.parametrize(
        "content",
        [
            b"\x89PNG\r\n\x1a\n...",
            b"\xff\xd8\xff\xe0...",
            b"\x7fELF...",
            b"\xd0\xcf\x11\xe0...",
            b"text\0text",
            b"\x1f\x8b",
        ],
    )
    def test_what_is_no_text_is_refused_though_declared_as_text(self, content: bytes) -> None:
        assert reason("a.txt", "text/plain", content)

    @pytest.mark.parametrize(
        "declared", ["image/png", "video/mp4", "application/zip", "nonsense", "application/octet-stream"]
    )
    def test_a_type_without_text_is_refused(self, declared: str) -> None:
        assert declared in reason("a.bin", declared, b"just bytes")

    def test_too_large_a_file_is_refused(self) -> None:
        assert str(MAX_BYTES) in reason("a.txt", "text/plain", b"x" * (MAX_BYTES + 1))


def test_the_libraries_are_imported_at_the_first_file_only() -> None:
    program = "import sys, batchwork.adapters.documents as d; d.extract('a', 'text/plain', b'x'); print(*sys.modules)"
    ran = subprocess.run(
        [sys.executable, "-c", program], env={"PYTHONPATH": str(LAYER)}, capture_output=True, check=True
    )
    assert not {"pypdf", "docx", "lxml", "html.parser", "csv"} & set(ran.stdout.decode().split())
