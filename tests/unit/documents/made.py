"""Files of every kind, made by hand."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from collections.abc import Iterable
from typing import Any

import docx
import openpyxl
import pypdf


def a_pdf(*pages: bytes, filtered: bool = False, form: bytes | None = None) -> bytes:
    """A PDF by hand: each page draws its text, or the drawing instructions given as they are when filtered.

    form: instructions of the form /X, which pages may draw.
    """
    kids = " ".join(f"{5 + 2 * number} 0 R" for number in range(len(pages)))
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Kids [{kids}] /Count {len(pages)} >>".encode(),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
        a_stream(
            form or b"", b"/Type /XObject /Subtype /Form /BBox [0 0 612 792] /Resources << /Font << /F1 3 0 R >> >> "
        ),
    ]
    for number, page in enumerate(pages):
        drawn = page if filtered else zlib.compress(b"BT /F1 12 Tf 72 720 Td (" + page + b") Tj ET")
        objects.append(
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] "
            b"/Resources << /Font << /F1 3 0 R >> /XObject << /X 4 0 R >> >> /Contents %d 0 R >>" % (6 + 2 * number)
        )
        objects.append(a_stream(drawn, b"/Filter /FlateDecode "))
    made, places = b"%PDF-1.4\n", []
    for number, content in enumerate(objects, 1):
        places.append(len(made))
        made += b"%d 0 obj\n%s\nendobj\n" % (number, content)
    entries = b"".join(b"%010d 00000 n \n" % place for place in places)
    size = len(objects) + 1
    return made + b"xref\n0 %d\n0000000000 65535 f \n%strailer << /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF" % (
        size,
        entries,
        size,
        len(made),
    )


def a_stream(content: bytes, about: bytes) -> bytes:
    return b"<< %s/Length %d >>\nstream\n%s\nendstream" % (about, len(content), content)


def a_docx() -> bytes:
    document = docx.Document()
    document.add_heading("Returns", 1)
    document.add_paragraph("You may return anything.")
    table = document.add_table(1, 2)
    table.rows[0].cells[0].text, table.rows[0].cells[1].text = "Days", "30"
    document.add_paragraph("Without a receipt too.")
    kept = io.BytesIO()
    document.save(kept)
    return kept.getvalue()


def an_archive(**entries: bytes) -> bytes:
    kept = io.BytesIO()
    with zipfile.ZipFile(kept, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
    return kept.getvalue()


def encrypted(content: bytes, *, user: str, owner: str) -> bytes:
    writer = pypdf.PdfWriter(clone_from=io.BytesIO(content))
    writer.encrypt(user, owner, algorithm="RC4-128")
    kept = io.BytesIO()
    writer.write(kept)
    return kept.getvalue()


def a_workbook(sheets: dict[str, Iterable[Iterable[Any]]], *, hidden: Iterable[str] = ()) -> bytes:
    """A workbook of sheets by their titles."""
    book = openpyxl.Workbook()
    book.remove(book.active)
    for title, rows in sheets.items():
        sheet = book.create_sheet(title)
        sheet.sheet_state = "hidden" if title in hidden else "visible"
        for row in rows:
            sheet.append(list(row))
    kept = io.BytesIO()
    book.save(kept)
    return kept.getvalue()


def changed(archive: bytes, **entries: bytes) -> bytes:
    """An archive with other content in some of its entries; `__` stands for a slash, `_` for a dot."""
    with zipfile.ZipFile(io.BytesIO(archive)) as original:
        kept = {name: original.read(name) for name in original.namelist()}
    return an_archive(**{**kept, **{name.replace("__", "/").replace("_", "."): body for name, body in entries.items()}})


def a_png(width: int = 3, height: int = 2) -> bytes:
    """A picture, of one colour."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    lines = zlib.compress((b"\0" + b"\0" * width) * height)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", lines) + chunk(b"IEND", b"")
