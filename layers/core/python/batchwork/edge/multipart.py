"""multipart/form-data (RFC 7578), as much of it as an uploaded file with a few texts beside it needs.

The body is cut at its boundary here, and only the headers of each part go through the standard library's parser: that
parser would follow multiparts within multiparts as deep as a client cares to nest them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from email.message import Message
from email.parser import HeaderParser
from typing import NoReturn

from batchwork.domain.errors import InvalidRequest, Problem, UnsupportedMediaType
from batchwork.edge.http import Request
from batchwork.use_cases.files import plain_name

FORM = "multipart/form-data"
#: Parts of a form beyond which nobody means well.
MAX_PARTS = 100


@dataclass(frozen=True, slots=True)
class Part:
    """An uploaded file: its name without folders, the content type it declares, its bytes."""

    name: str
    content_type: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Form:
    """A form that was read: headers and content of each part, in their order."""

    parts: tuple[tuple[Message, bytes], ...]

    def file(self, field: str) -> Part:
        """Return the file in a field. Raises InvalidRequest where there is none."""
        part, content = self._part(field) or _missing(field)
        name = part.get_filename()
        if name is None:
            raise InvalidRequest([Problem(field, "Must be a file, with a file name", "file_type")])
        return Part(plain_name(name), part.get("Content-Type", "").strip(), content)

    def text(self, field: str) -> str | None:
        """Return the text in a field, None for a field that there is not. Raises InvalidRequest for a file, or no text."""
        found = self._part(field)
        if found is None:
            return None
        part, content = found
        try:
            text = content.decode()
        except UnicodeDecodeError:
            text = None
        if text is None or part.get_filename() is not None:
            raise InvalidRequest([Problem(field, "Must be text in UTF-8, without a file name", "text_type")])
        return text

    def _part(self, field: str) -> tuple[Message, bytes] | None:
        named = (each for each in self.parts if each[0].get_param("name", header="content-disposition") == field)
        return next(named, None)


def uploaded(request: Request, field: str) -> Part:
    """Return the file in a form's field.

    Raises UnsupportedMediaType for a body that is no form, InvalidRequest for a form that cannot be read or has no file
    in that field.
    """
    return form_of(request).file(field)


def form_of(request: Request) -> Form:
    """Return a request's form. Raises UnsupportedMediaType for a body that is none, InvalidRequest for one that cannot be
    read.
    """
    header = Message()
    header["Content-Type"] = request.headers.get("content-type", "")
    if header.get_content_type() != FORM:
        received = request.headers.get("content-type", "").partition(";")[0].strip()
        raise UnsupportedMediaType(expected=FORM, received=received[:80].encode("ascii", "replace").decode())
    boundary = header.get_param("boundary")
    if not isinstance(boundary, str) or not 1 <= len(boundary) <= 200 or not boundary.isascii():
        raise _unreadable("the Content-Type names no boundary")
    return Form(tuple(_parts(request.body, boundary.encode())))


def _missing(field: str) -> NoReturn:
    raise InvalidRequest([Problem(field, "Field required", "missing")])


def _parts(body: bytes, boundary: bytes) -> Iterator[tuple[Message, bytes]]:
    # The first boundary may open the body; every other one stands on a line of its own.
    _, *parts = (b"\r\n" + body).split(b"\r\n--" + boundary)
    if len(parts) < 2 or not parts[-1].startswith(b"--"):
        raise _unreadable("its last boundary is missing")
    if len(parts) > MAX_PARTS:
        raise _unreadable(f"it has more than {MAX_PARTS} parts")
    for part in parts[:-1]:
        padding, _, rest = part.partition(b"\r\n")
        headers, separator, content = rest.partition(b"\r\n\r\n")
        if padding.strip(b" \t") or not separator or len(headers) > 16_384:
            raise _unreadable("a part has no headers")
        # Browsers and curl send UTF-8 as it is, which the standard library's parser of bytes does not expect.
        yield HeaderParser().parsestr(headers.decode("utf-8", "replace")), content


def _unreadable(reason: str) -> InvalidRequest:
    return InvalidRequest([Problem("body", f"The form cannot be read: {reason}", "multipart")])
