"""Text out of uploaded files: pdf, docx, html, csv and plain text. What the bytes say beats what the client said.

Files come from customers: each kind has a bound on the work it may cause, stated where it is checked. A kind's module is
imported when the first file of that kind comes.
"""

from __future__ import annotations

from batchwork.domain.errors import UnreadableDocument

MAX_BYTES = 20 * 1024 * 1024
_TEXT_TYPES = {"application/json", "application/xml", "application/x-ndjson", "application/yaml", "application/csv"}
_BY_ENDING = {
    "csv": "text/csv",
    "htm": "text/html",
    "html": "text/html",
    "json": "text/plain",
    "md": "text/plain",
    "txt": "text/plain",
    "xml": "text/plain",
}
_MAGIC = {
    b"\x89PNG\r\n\x1a\n": "images",
    b"\xff\xd8\xff": "images",
    b"GIF8": "images",
    b"\xd0\xcf\x11\xe0": "Office files of before 2007",
    b"\x1f\x8b": "compressed files",
    b"\x7fELF": "programs",
}


def extract(name: str, content_type: str, content: bytes) -> str:
    """Return a file's text. content_type: what the client declared. Raises UnreadableDocument."""
    if len(content) > MAX_BYTES:
        raise UnreadableDocument(name=name, reason=f"it has more than {MAX_BYTES} bytes")
    for magic, kind in _MAGIC.items():
        if content.startswith(magic):
            raise UnreadableDocument(name=name, reason=f"{kind} are not supported")
    if b"%PDF-" in content[:1024]:
        from batchwork.adapters.documents.pdf import text_of_pdf

        return text_of_pdf(name, content)
    if content.startswith(b"PK\x03\x04"):
        from batchwork.adapters.documents.word import text_of_docx

        return text_of_docx(name, content)
    declared = content_type.partition(";")[0].strip().lower()
    if declared in {"", "application/octet-stream", "binary/octet-stream"}:
        declared = _BY_ENDING.get(name.rpartition(".")[2].lower(), declared)
    if declared not in _TEXT_TYPES and not declared.startswith("text/") and declared != "application/xhtml+xml":
        reason = (
            f"it is not a file of type {declared}" if _is_known(declared) else f"type {declared!r} is not supported"
        )
        raise UnreadableDocument(name=name, reason=reason)
    from batchwork.adapters.documents.plain import decoded

    text = decoded(name, content_type, content)
    if declared in {"text/html", "application/xhtml+xml"}:
        from batchwork.adapters.documents.page import text_of_html

        return text_of_html(name, text)
    if declared in {"text/csv", "application/csv"}:
        from batchwork.adapters.documents.table import text_of_csv

        return text_of_csv(name, text)
    return text


def _is_known(declared: str) -> bool:
    return declared == "application/pdf" or declared.endswith("wordprocessingml.document")
