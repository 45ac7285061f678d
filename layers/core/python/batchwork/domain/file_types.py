"""What a file is, by its content first: what its sender or its name says of it counts only where bytes cannot tell."""

from __future__ import annotations

import codecs

from batchwork.domain.document import Unreadable, unreadable
from batchwork.domain.run import FileType

#: What is looked at of a text; also what the beginning of a large file has to hold at least.
BEGINNING = 65_536

_IMAGES = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF87a", b"GIF89a")
_ARCHIVE, _OLE = b"PK\x03\x04", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
#: What says inside an archive which Office document it is.
_OFFICE = ((b"word/document.xml", FileType.DOCX), (b"xl/workbook.xml", FileType.EXCEL))
#: Folders of the same, for who sees no more than a large archive's beginning.
_FOLDERS = ((b"word/", FileType.DOCX), (b"xl/", FileType.EXCEL))
#: Office files with a password are a container of the old kind around the encrypted new one (MS-OFFCRYPTO 1.4).
_ENCRYPTED = "EncryptedPackage".encode("utf-16-le")
_UNSUPPORTED = {
    b"\x1f\x8b": "compressed files",
    b"\x7fELF": "programs",
    b"7z\xbc\xaf\x27\x1c": "archives",
    b"PK\x05\x06": "archives",
    b"\xfd7zXZ\x00": "compressed files",
    b"\x28\xb5\x2f\xfd": "compressed files",
    b"II*\x00": "TIFF images",
    b"MM\x00*": "TIFF images",
    b"{\\rtf": "RTF files",
    b"%!PS": "PostScript files",
}
#: What a text may begin with as well.
_UNSUPPORTED_BINARY = {b"MZ": "programs", b"BZh": "compressed files", b"Rar!": "archives", b"BM": "BMP images"}
_BY_TYPE = {
    "application/csv": FileType.CSV,
    "text/csv": FileType.CSV,
    "text/tab-separated-values": FileType.CSV,
    "text/html": FileType.HTML,
    "application/xhtml+xml": FileType.HTML,
    "text/xml": FileType.XML,
    "application/xml": FileType.XML,
    "application/json": FileType.TXT,
    "application/x-ndjson": FileType.TXT,
    "application/yaml": FileType.TXT,
    "text/markdown": FileType.TXT,
    "application/pdf": FileType.PDF,
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": FileType.DOCX,
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": FileType.EXCEL,
    "application/vnd.ms-excel": FileType.EXCEL,
    "application/msword": FileType.DOCX,
}
_BY_ENDING = {
    "csv": FileType.CSV,
    "tsv": FileType.CSV,
    "htm": FileType.HTML,
    "html": FileType.HTML,
    "xhtml": FileType.HTML,
    "xml": FileType.XML,
    "pdf": FileType.PDF,
    "doc": FileType.DOCX,
    "docx": FileType.DOCX,
    "xls": FileType.EXCEL,
    "xlsx": FileType.EXCEL,
    "png": FileType.IMG,
    "jpg": FileType.IMG,
    "jpeg": FileType.IMG,
    "gif": FileType.IMG,
}
_TEXTS = frozenset({FileType.CSV, FileType.HTML, FileType.XML, FileType.TXT})
#: Declarations that say nothing: many uploaders send them for everything.
_VAGUE = frozenset({"", "application/octet-stream", "binary/octet-stream", "text/plain", "multipart/form-data"})


def sniffed(name: str, declared: str, content: bytes) -> FileType:
    """Return what a file is. content: all of it, or at least its first BEGINNING bytes. declared: a Content-Type, may be
    empty.

    What the bytes say beats declaration and name. Raises UnreadableDocument (facts `name`, `reason`, `kind`) for types that
    are not read, and for text that claims to be a PDF, an image or an Office document.
    """
    if not content:
        raise unreadable(name, "it is empty")
    found = _by_magic(name, content)
    if found is not None:
        return found
    if not _is_text(content):
        _refuse(name, content, _UNSUPPORTED_BINARY)
        raise unreadable(name, "its content is of no type that is supported", Unreadable.FILE_TYPE_NOT_SUPPORTED)
    claimed = _claimed(name, declared)
    if claimed not in _TEXTS:
        raise unreadable(name, f"it is text, not a file of type {claimed}", Unreadable.FILE_TYPE_NOT_SUPPORTED)
    return _by_markup(content) or claimed


def _by_magic(name: str, content: bytes) -> FileType | None:
    if b"%PDF-" in content[:1024]:
        return FileType.PDF
    if content.startswith(_IMAGES):
        return FileType.IMG
    if content.startswith(_ARCHIVE):
        for mark, kind in (*_OFFICE, *_FOLDERS):
            if mark in content:
                return kind
        raise unreadable(
            name,
            "it is an archive, not a Word document (.docx) or workbook (.xlsx)",
            Unreadable.FILE_TYPE_NOT_SUPPORTED,
        )
    if content.startswith(_OLE):
        if _ENCRYPTED in content:
            raise unreadable(name, "it is encrypted", Unreadable.PASSWORD_PROTECTED_FILE)
        raise unreadable(name, "Office files of before 2007 are not supported", Unreadable.FILE_TYPE_NOT_SUPPORTED)
    _refuse(name, content, _UNSUPPORTED)
    return None


def _refuse(name: str, content: bytes, unsupported: dict[bytes, str]) -> None:
    for magic, kind in unsupported.items():
        if content.startswith(magic):
            raise unreadable(name, f"{kind} are not supported", Unreadable.FILE_TYPE_NOT_SUPPORTED)


def _is_text(content: bytes) -> bool:
    """Whether content can be text: with the byte order mark of UTF-16, or without zero bytes and all but few controls."""
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return True
    beginning = content[:BEGINNING]
    if b"\0" in beginning:
        return False
    controls = len(beginning) - len(beginning.translate(None, bytes([*range(1, 9), *range(14, 27), *range(28, 32)])))
    return controls * 20 <= len(beginning)


def _claimed(name: str, declared: str) -> FileType:
    """Return what a text is said to be: by a declaration that says something, else by the name's ending."""
    said = declared.partition(";")[0].strip().lower()
    if said not in _VAGUE:
        if said in _BY_TYPE:
            return _BY_TYPE[said]
        if said.startswith("image/"):
            return FileType.IMG
        if said.endswith("+xml"):
            return FileType.XML
    return _BY_ENDING.get(name.rpartition(".")[2].lower(), FileType.TXT) if "." in name else FileType.TXT


def _by_markup(content: bytes) -> FileType | None:
    """Return what a text says itself to be in its first characters."""
    beginning = content[:1024].removeprefix(codecs.BOM_UTF8).lstrip().lower()
    if beginning.startswith((b"<!doctype html", b"<html")):
        return FileType.HTML
    if beginning.startswith(b"<?xml"):
        return FileType.HTML if b"<html" in beginning else FileType.XML
    return None
