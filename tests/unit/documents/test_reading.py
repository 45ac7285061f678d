"""Files as steps read them: text by pages, bounded, and why one cannot be read."""

from __future__ import annotations

import contextlib
import datetime as dt
import io
import subprocess
import sys
import time
import tracemalloc
import zipfile
from pathlib import Path
from typing import Any

import docx
import openpyxl
import pypdf
import pytest
from docx.enum.text import WD_BREAK
from unit.documents.made import a_docx, a_pdf, a_png, a_workbook, an_archive, changed, encrypted

from batchwork.adapters.documents import table, word, workbook
from batchwork.adapters.documents.archive import MAX_ARCHIVE_BYTES
from batchwork.adapters.documents.contents import count_of
from batchwork.adapters.documents.pdf import MAX_PAGES, MAX_STREAM_BYTES
from batchwork.adapters.documents.reading import DocumentReader
from batchwork.adapters.documents.workbook import MAX_SHEETS
from batchwork.domain.document import Document, Unreadable, reason_of
from batchwork.domain.errors import UnreadableDocument
from batchwork.domain.flow_file import MAX_FILE
from batchwork.domain.run import MAX_TEXT, FileType

LAYER = Path(__file__).parents[3] / "layers/core/python"
READER = DocumentReader()
#: Seconds: far more than what is tested takes, far less than it took.
QUICK = 10
SHEETS = b"http://schemas.openxmlformats.org/spreadsheetml/2006/main"


def read(name: str, content: bytes, declared: str = "", password: str | None = None) -> Document:
    return READER.read(name, content, declared=declared, password=password)


def texts(document: Document) -> list[str]:
    assert [page.number for page in document.pages] == list(range(1, len(document.pages) + 1))
    return [page.text for page in document.pages]


def refused(name: str, content: bytes, password: str | None = None) -> tuple[Unreadable, str]:
    """Return why a file cannot be read, as a reason and in words."""
    with pytest.raises(UnreadableDocument) as caught:
        read(name, content, password=password)
    return reason_of(caught.value), str(caught.value.facts["reason"])


class TestPdf:
    def test_each_page_is_one_with_its_size_in_points(self) -> None:
        document = read("a.pdf", a_pdf(b"One", b"", b"Three"))
        assert (document.type, document.paged) == (FileType.PDF, True)
        assert [text.strip() for text in texts(document)] == ["One", "", "Three"]
        assert {(page.width, page.height) for page in document.pages} == {(612.0, 792.0)}

    @pytest.mark.parametrize("algorithm", ["RC4-128", "AES-128", "AES-256"])
    def test_a_password_opens_it_and_nothing_else_does(self, algorithm: str) -> None:
        writer, kept = pypdf.PdfWriter(clone_from=io.BytesIO(a_pdf(b"secret"))), io.BytesIO()
        writer.encrypt("open sesame", algorithm=algorithm)
        writer.write(kept)
        assert texts(read("a.pdf", kept.getvalue(), password="open sesame")) == ["secret"]
        missing, wrong = refused("a.pdf", kept.getvalue()), refused("a.pdf", kept.getvalue(), "wrong")
        assert missing == (Unreadable.PASSWORD_PROTECTED_FILE, "it is encrypted")
        assert wrong == (Unreadable.PASSWORD_PROTECTED_FILE, "the password does not open it")

    def test_a_file_that_only_forbids_printing_needs_no_password(self) -> None:
        restricted = encrypted(a_pdf(b"open to all"), user="", owner="owner")
        assert texts(read("a.pdf", restricted)) == ["open to all"]
        assert texts(read("a.pdf", restricted, password="superfluous")) == ["open to all"]

    def test_a_part_is_a_pdf_of_its_own_that_needs_no_password(self) -> None:
        locked = encrypted(a_pdf(b"One", b"Two", b"Three", b"Four"), user="user", owner="owner")
        part = READER.cut("a.pdf", locked, 2, 3, "user")
        assert part.startswith(b"%PDF-")
        assert texts(read("part.pdf", part)) == ["Two", "Three"]
        assert len(READER.cut("a.pdf", a_pdf(b"One", b"Two"), 1, 1)) < len(a_pdf(b"One", b"Two")) + 1_000

    def test_a_part_of_a_damaged_or_locked_file_is_not_made(self) -> None:
        for content, kind in (
            (a_pdf(b"x")[:200], Unreadable.CORRUPT_FILE),
            (encrypted(a_pdf(b"x"), user="u", owner="o"), Unreadable.PASSWORD_PROTECTED_FILE),
        ):
            with pytest.raises(UnreadableDocument) as caught:
                READER.cut("a.pdf", content, 1, 1)
            assert reason_of(caught.value) is kind

    def test_pages_are_counted_without_being_read(self) -> None:
        assert count_of("a.pdf", a_pdf(*[b"x"] * 7), None) == 7
        assert count_of("a.pdf", encrypted(a_pdf(b"x", b"y"), user="u", owner="o"), "u") == 2
        with pytest.raises(UnreadableDocument):
            count_of("a.pdf", encrypted(a_pdf(b"x"), user="u", owner="o"), None)

    def test_too_many_pages_are_refused(self) -> None:
        kind, words = refused("a.pdf", a_pdf(*[b"x"] * (MAX_PAGES + 1)))
        assert (kind, f"{MAX_PAGES + 1} pages" in words) == (Unreadable.FILE_SIZE_TOO_LARGE, True)

    def test_a_bomb_is_refused(self) -> None:
        import zlib

        bomb = a_pdf(zlib.compress(b" " * (MAX_STREAM_BYTES + 1)), filtered=True)
        assert refused("a.pdf", bomb)[0] is Unreadable.FILE_SIZE_TOO_LARGE

    @pytest.mark.parametrize("content", [b"%PDF-1.4", a_pdf(b"x")[:200]])
    def test_a_damaged_file_is_refused(self, content: bytes) -> None:
        assert refused("a.pdf", content)[0] is Unreadable.CORRUPT_FILE


def a_docx_with(old: bytes, new: bytes, part: str = "word/document.xml", content: bytes | None = None) -> bytes:
    """A Word document with something else in its XML, where it first stands."""
    with zipfile.ZipFile(io.BytesIO(content or a_docx())) as archive:
        entries = {entry: archive.read(entry) for entry in archive.namelist()}
    assert old in entries[part]
    return an_archive(**{**entries, part: entries[part].replace(old, new, 1)})


class TestWord:
    def test_pages_end_where_their_author_broke_them(self) -> None:
        document: Any = docx.Document()
        document.add_paragraph("First")
        document.add_page_break()
        document.add_paragraph("Second")
        document.add_paragraph("still second").add_run().add_break(WD_BREAK.PAGE)
        document.add_paragraph("Third")
        kept = io.BytesIO()
        document.save(kept)
        found = read("a.docx", kept.getvalue())
        assert (found.type, found.paged) == (FileType.DOCX, True)
        assert [text.split() for text in texts(found)] == [["First"], ["Second", "still", "second"], ["Third"]]

    def test_cells_of_tables_stand_between_bars(self) -> None:
        assert "Days | 30" in texts(read("a.docx", a_docx()))[0]

    def test_a_cell_that_spans_columns_is_read_once(self) -> None:
        for row in (b'<w:gridSpan w:val="1000000000"/>', b'<w:vMerge w:val="restart"/>'):
            (text,) = texts(read("a.docx", a_docx_with(b"<w:tcPr>", b"<w:tcPr>" + row)))
            assert "Days | 30" in text

    def test_a_cell_that_goes_on_from_the_row_above_is_not_read_again(self) -> None:
        document: Any = docx.Document()
        table = document.add_table(2, 2)
        for at, cell in enumerate(cell for row in table.rows for cell in row.cells):
            cell.text = "abcd"[at]
        merged = table.cell(0, 0).merge(table.cell(1, 0))
        merged.text = "both"
        kept = io.BytesIO()
        document.save(kept)
        assert texts(read("a.docx", kept.getvalue())) == ["both | b\n | d"]

    def test_too_many_cells_are_refused(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(word, "MAX_CELLS", 2)
        assert "Days | 30" in texts(read("a.docx", a_docx()))[0]
        monkeypatch.setattr(word, "MAX_CELLS", 1)
        assert refused("a.docx", a_docx())[0] is Unreadable.FILE_SIZE_TOO_LARGE

    def test_too_much_text_is_refused(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(word, "MAX_TEXT", 20)
        assert refused("a.docx", a_docx())[0] is Unreadable.FILE_SIZE_TOO_LARGE

    def test_many_styles_and_paragraphs_are_read_in_time(self) -> None:
        styles = b"".join(b'<w:style w:type="paragraph" w:styleId="s%d"/>' % number for number in range(50_000))
        content = a_docx_with(b"</w:styles>", styles + b"</w:styles>", "word/styles.xml")
        paragraphs = b'<w:p><w:pPr><w:pStyle w:val="s49999"/></w:pPr><w:r><w:t>x</w:t></w:r></w:p>' * 10_000
        content = a_docx_with(b"<w:body>", b"<w:body>" + paragraphs, content=content)
        began = time.monotonic()
        assert texts(read("a.docx", content))[0].count("x") == 10_000
        assert time.monotonic() - began < QUICK

    def test_a_bomb_is_refused(self) -> None:
        bomb = an_archive(**{"word/document.xml": b"<w/>", "word/media/a.bin": b"\0" * (MAX_ARCHIVE_BYTES + 1)})
        assert refused("a.docx", bomb) == (Unreadable.FILE_SIZE_TOO_LARGE, "it is too large once unpacked")

    def test_a_damaged_file_is_refused(self) -> None:
        assert refused("a.docx", a_docx()[:-50])[0] is Unreadable.CORRUPT_FILE


def a_workbook_of(sheet: bytes, shared: bytes) -> bytes:
    """A workbook of one sheet, with the texts that its cells share."""
    content = a_workbook({"S": []})
    kind = b"application/vnd.openxmlformats-officedocument.spreadsheetml.sharedStrings+xml"
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        entries = {entry: archive.read(entry) for entry in archive.namelist()}
    types = entries["[Content_Types].xml"]
    if b"sharedStrings" not in types:
        types = types.replace(
            b"</Types>", b'<Override PartName="/xl/sharedStrings.xml" ContentType="' + kind + b'"/></Types>'
        )
    parts = {"[Content_Types].xml": types, "xl/worksheets/sheet1.xml": sheet, "xl/sharedStrings.xml": shared}
    return an_archive(**{**entries, **parts})


class TestWorkbook:
    def test_each_sheet_is_a_page_of_rows(self) -> None:
        content = a_workbook({"Prices": [["Item", "Price"], ["Bolt", 2.5], ["Nut", 3.0]], "Notes": [["fine"]]})
        document = read("a.xlsx", content)
        assert (document.type, document.paged) == (FileType.EXCEL, True)
        assert [page.name for page in document.pages] == ["Prices", "Notes"]
        assert document.pages[0].rows == (("Item", "Price"), ("Bolt", "2.5"), ("Nut", "3"))
        assert texts(document) == ["Item | Price\nBolt | 2.5\nNut | 3", "fine"]

    def test_cells_are_told_as_readers_know_them(self) -> None:
        row = [True, dt.datetime(2026, 3, 4), dt.datetime(2026, 3, 4, 5, 6), 12, 1e20, "two\nlines", None, "end"]  # noqa: DTZ001 -- cells have no zone
        (cells,) = read("a.xlsx", a_workbook({"S": [row]})).pages[0].rows
        assert cells == ("TRUE", "2026-03-04", "2026-03-04 05:06:00", "12", "1e+20", "two lines", "", "end")

    def test_hidden_sheets_empty_rows_and_empty_ends_are_left_out(self) -> None:
        rows = [["a", None, None], [], [None, "b"]]
        document = read("a.xlsx", a_workbook({"Shown": rows, "Hidden": [["secret"]]}, hidden=["Hidden"]))
        assert [page.rows for page in document.pages] == [(("a",), ("", "b"))]

    def test_what_a_sheet_says_of_its_size_is_not_believed(self) -> None:
        content = a_workbook({"S": [["a"]]})
        with_lie = changed(
            content,
            xl__worksheets__sheet1_xml=b'<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">'
            b'<dimension ref="A1:XFD1048576"/><sheetData><row r="1"><c r="A1" t="inlineStr"><is><t>a</t></is></c></row>'
            b"</sheetData></worksheet>",
        )
        assert read("a.xlsx", with_lie).pages[0].rows == (("a",),)

    def test_too_many_cells_of_all_sheets_are_refused(self, monkeypatch: pytest.MonkeyPatch) -> None:
        content = a_workbook({"One": [[1, 2, 3]] * 2, "Two": [[1, 2, 3]] * 2})
        monkeypatch.setattr(workbook, "MAX_CELLS", 12)
        assert len(read("a.xlsx", content).pages) == 2
        monkeypatch.setattr(workbook, "MAX_CELLS", 11)
        assert refused("a.xlsx", content)[0] is Unreadable.FILE_SIZE_TOO_LARGE
        monkeypatch.setattr(workbook, "MAX_CELLS", 12)
        monkeypatch.setattr(workbook, "MAX_ROWS", 3)
        assert refused("a.xlsx", content)[0] is Unreadable.FILE_SIZE_TOO_LARGE

    def test_a_text_that_many_cells_share_counts_each_time_and_is_not_copied_before(self) -> None:
        size, cells = MAX_TEXT // 4, 2_000
        row = b'<row><c t="s"><v>0</v></c></row>'
        shared = b'<sst xmlns="%s"><si><t>%s</t></si></sst>' % (SHEETS, b"a " * (size // 2))
        sheet = b'<worksheet xmlns="%s"><sheetData>%s</sheetData></worksheet>'
        few = a_workbook_of(sheet % (SHEETS, row * 3), shared)
        assert len(read("a.xlsx", few).pages[0].rows) == 3
        bomb = a_workbook_of(sheet % (SHEETS, row * cells), shared)
        assert len(bomb) < 20_000
        tracemalloc.start()
        try:
            assert refused("a.xlsx", bomb)[0] is Unreadable.FILE_SIZE_TOO_LARGE
            assert tracemalloc.get_traced_memory()[1] < 30 * size
        finally:
            tracemalloc.stop()

    def test_a_long_row_of_nothing_is_read_in_time(self) -> None:
        sheet = b'<worksheet xmlns="%s"><sheetData><row>%s</row></sheetData></worksheet>'
        content = changed(a_workbook({"S": []}), xl__worksheets__sheet1_xml=sheet % (SHEETS, b"<c/>" * 200_000))
        began = time.monotonic()
        assert read("a.xlsx", content).pages[0].rows == ()
        assert time.monotonic() - began < QUICK

    @pytest.mark.parametrize("limit", ["MAX_TAGS", "MAX_CELLS"])
    def test_too_many_tags_or_cells_are_refused_before_they_are_read(
        self, monkeypatch: pytest.MonkeyPatch, limit: str
    ) -> None:
        content = a_workbook({"S": [[1] * 2_000]})
        assert read("a.xlsx", content).pages
        monkeypatch.setattr(workbook, limit, 1_999)
        monkeypatch.setattr(openpyxl, "load_workbook", lambda *_, **__: pytest.fail("it was read"))
        assert refused("a.xlsx", content) == (Unreadable.FILE_SIZE_TOO_LARGE, "it is too large once unpacked")

    def test_too_many_sheets_are_refused(self) -> None:
        content = a_workbook({f"S{number}": [] for number in range(MAX_SHEETS + 1)})
        assert refused("a.xlsx", content)[0] is Unreadable.FILE_SIZE_TOO_LARGE

    def test_a_bomb_is_refused(self) -> None:
        bomb = an_archive(**{"xl/workbook.xml": b"<w/>", "xl/media/a.bin": b"\0" * (MAX_ARCHIVE_BYTES + 1)})
        assert refused("a.xlsx", bomb) == (Unreadable.FILE_SIZE_TOO_LARGE, "it is too large once unpacked")

    @pytest.mark.parametrize("content", [a_workbook({"S": [["a"]]})[:-50], an_archive(**{"xl/workbook.xml": b"<w"})])
    def test_a_damaged_file_is_refused(self, content: bytes) -> None:
        assert refused("a.xlsx", content)[0] is Unreadable.CORRUPT_FILE


class TestCsv:
    @pytest.mark.parametrize(
        "content", [b"Item,Price\nBolt,2.5\n", b"Item;Price\r\nBolt;2.5\r\n", b"Item\tPrice\nBolt\t2.5\n\n"]
    )
    def test_rows_are_kept_whatever_divides_them(self, content: bytes) -> None:
        document = read("a.csv", content)
        assert (document.type, document.paged, len(document.pages)) == (FileType.CSV, False, 1)
        assert document.pages[0].rows == (("Item", "Price"), ("Bolt", "2.5"))
        assert texts(document) == ["Item | Price\nBolt | 2.5"]

    def test_a_quoted_cell_stays_one_cell(self) -> None:
        document = read("a.csv", b'Day,Note\nMonday,"closed,\nsorry"\n')
        assert document.pages[0].rows == (("Day", "Note"), ("Monday", "closed, sorry"))

    def test_too_many_rows_or_cells_are_refused(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(table, "MAX_ROWS", 3)
        assert len(read("a.csv", b"a,b\n" * 3).pages[0].rows) == 3
        assert refused("a.csv", b"a,b\n" * 4)[0] is Unreadable.FILE_SIZE_TOO_LARGE
        monkeypatch.setattr(table, "MAX_CELLS", 5)
        assert refused("a.csv", b"a,b\n" * 3)[0] is Unreadable.FILE_SIZE_TOO_LARGE

    @pytest.mark.parametrize("content", [b"'\n", b'"\n', b'",', b'"a",', b'"', b";'a'", b'a,"b\n'])
    def test_quotes_that_never_close_are_read_in_time(self, content: bytes) -> None:
        began = time.monotonic()
        with contextlib.suppress(UnreadableDocument):
            read("a.csv", content * 8_192)
        assert time.monotonic() - began < 1

    @pytest.mark.parametrize(
        ("content", "rows"),
        [
            (b"Item;Price\nBolt;2,50\nNut;3,00\n", (("Item", "Price"), ("Bolt", "2,50"), ("Nut", "3,00"))),
            (b'Name|Note\na|"x, y|z"\n', (("Name", "Note"), ("a", "x, y|z"))),
            (b"one\ntwo\n", (("one",), ("two",))),
            (b'a, "b, c"\n', (("a", "b, c"),)),
            (b"a,b\nonly\nc;d,e\n", (("a", "b"), ("only",), ("c;d", "e"))),
        ],
    )
    def test_cells_are_divided_by_what_the_lines_share(self, content: bytes, rows: tuple[tuple[str, ...], ...]) -> None:
        assert read("a.csv", content).pages[0].rows == rows

    def test_a_cell_without_end_is_refused(self) -> None:
        assert refused("a.csv", b'a,b\nc,"' + b"x" * 200_000)[0] is Unreadable.CORRUPT_FILE


class TestHtml:
    def test_cells_of_a_row_stand_between_bars(self) -> None:
        page = b"""<html><table><thead><tr><th>Item</th><th>Price</th></tr></thead>
            <tr><td><b>Bolt</b></td><td>2.5</td></tr>
            <tr><td>Nut</td><td></td></tr></table><p>Total: $2.50</p></html>"""
        (text,) = texts(read("a.html", page))
        lines = [line for line in text.splitlines() if line]
        assert [line.split(" | ") for line in lines[:2]] == [["Item", "Price"], ["Bolt", "2.5"]]
        assert lines[2].replace(" ", "") == "Nut|"
        assert lines[3] == "Total: $2.50"

    @pytest.mark.parametrize(
        "what", ["<a ", "<!--", "<![CDATA[", "</", "<?", "&", '<a b="', "<script>", "<a\n/", "<td>"]
    )
    def test_what_is_never_closed_is_read_in_time(self, what: str) -> None:
        began = time.monotonic()
        read("a.html", f"<html><body>{what * (400_000 // len(what))}".encode())
        assert time.monotonic() - began < QUICK

    def test_tags_in_tags_are_read_however_deep(self) -> None:
        (text,) = texts(read("a.html", b"<html>" + b"<div>" * 10_000 + b"deep" + b"</div>" * 10_000 + b"<p>after"))
        assert text.split() == ["deep", "after"]

    def test_signs_are_what_they_stand_for_whatever_the_page_says_of_its_bytes(self) -> None:
        page = '<html><meta charset="iso-8859-1"><p>5 &lt; 6 &amp; Größe &#9731; &euro;<br>next</p></html>'
        assert texts(read("a.html", page.encode())) == ["5 < 6 & Größe ☃ €\nnext"]

    def test_it_is_decoded_as_it_was_declared(self) -> None:
        document = read("a.html", "<p>Größe".encode("iso-8859-15"), "text/html; charset=iso-8859-15")
        assert texts(document) == ["Größe"]


class TestText:
    def test_form_feeds_divide_it_into_pages(self) -> None:
        document = read("a.txt", b"One\n\fTwo\f\n\fFour\f\n")
        assert texts(document) == ["One", "Two", "", "Four"]

    def test_without_them_there_is_one_page_and_nothing_is_lost(self) -> None:
        document = read("a.json", b'{"a": 1}', "application/json")
        assert (document.type, document.paged, texts(document)) == (FileType.TXT, False, ['{"a": 1}'])

    def test_xml_stays_as_it_is(self) -> None:
        document = read("a.xml", b"<a>1</a>")
        assert (document.type, texts(document)) == (FileType.XML, ["<a>1</a>"])

    def test_too_much_text_is_refused(self) -> None:
        assert texts(read("a.txt", b"x" * MAX_TEXT)) == ["x" * MAX_TEXT]
        assert refused("a.txt", b"x" * (MAX_TEXT + 1))[0] is Unreadable.FILE_SIZE_TOO_LARGE


class TestImages:
    def test_a_picture_has_a_size_and_no_text(self) -> None:
        document = read("a.txt", a_png(30, 20), "text/plain")
        assert (document.type, texts(document)) == (FileType.IMG, [""])
        assert (document.pages[0].width, document.pages[0].height) == (30.0, 20.0)

    def test_a_damaged_picture_is_refused(self) -> None:
        assert refused("a.png", a_png()[:10])[0] is Unreadable.CORRUPT_FILE


def test_too_large_a_file_is_refused_before_it_is_looked_at() -> None:
    kind, words = refused("a.txt", b"x" * (MAX_FILE + 1))
    assert (kind, str(MAX_FILE) in words) == (Unreadable.FILE_SIZE_TOO_LARGE, True)


def test_a_known_type_is_not_guessed_again() -> None:
    document = READER.read("a.txt", b"a,b\n", kind=FileType.CSV)
    assert document.pages[0].rows == (("a", "b"),)


def test_a_part_of_a_document_is_numbered_anew() -> None:
    part = read("a.xlsx", a_workbook({"One": [["a"]], "Two": [["b"]], "Three": [["c"]]})).part(2, 3)
    assert [(page.number, page.name, page.rows) for page in part.pages] == [
        (1, "Two", (("b",),)),
        (2, "Three", (("c",),)),
    ]
    assert part.paged


def test_the_libraries_are_imported_at_the_first_file_only() -> None:
    program = (
        "import sys; from batchwork.adapters.documents.reading import DocumentReader;"
        " DocumentReader().read('a', b'x'); print(*sys.modules)"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program], env={"PYTHONPATH": str(LAYER)}, capture_output=True, check=True
    )
    heavy = {"pypdf", "docx", "lxml", "openpyxl", "imagesize", "html.parser", "csv"}
    assert not heavy & set(ran.stdout.decode().split())
