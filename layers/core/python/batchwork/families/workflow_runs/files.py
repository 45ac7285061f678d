"""The routes of files: /files and below (spec workflow runs 4.6).

What the spec leaves open is chosen here: nothing is converted, so convertToPdf is taken for PDFs only; files that do not fit
into a request are announced and then put straight into the bucket.
"""

from __future__ import annotations

from dataclasses import dataclass

from batchwork.domain.errors import InvalidRequest, Problem
from batchwork.domain.run import FileType
from batchwork.domain.workspace import Caller
from batchwork.edge.endpoint import Act, Route, Routes
from batchwork.edge.http import Request, Response
from batchwork.families.workflow_runs.dialect import Dialect, answered, dialect_of
from batchwork.families.workflow_runs.file_objects import (
    HTML,
    MARKDOWN,
    RAW_TEXT,
    contents_object,
    seen_object,
    uploaded_object,
)
from batchwork.families.workflow_runs.lists import ListQuery
from batchwork.families.workflow_runs.times import timestamp
from batchwork.use_cases.flow_files import FlowFiles, NewFile, Upload
from batchwork.use_cases.look_at_files import LookAtFiles
from batchwork.use_cases.once import Errand

TOP = "/files"
READ, WRITE = "files:read", "files:write"
#: How answers before 2026-02-09 call one, and the part of a form that holds one.
FILE = "file"
PASSWORD, TO_PDF = "password", "convertToPdf"
MAX_PASSWORD = 255


@dataclass(frozen=True, slots=True)
class FileRoutes:
    """Every route of files."""

    files: FlowFiles
    look: LookAtFiles

    def routes(self) -> Routes:
        """Return the routes by (method, template)."""
        return {
            ("POST", f"{TOP}/upload"): Route(self.upload, WRITE),
            ("POST", f"{TOP}/upload/presigned"): Route(self.announce, WRITE),
            ("GET", TOP): Route(self.listed, READ),
            ("GET", f"{TOP}/{{id}}"): Route(self.one, READ),
            ("DELETE", f"{TOP}/{{id}}"): Route(self.remove, WRITE),
        }

    def upload(self, request: Request, caller: Caller) -> Act:
        """Take a file whole: the part `file` of a form, and the password that opens it."""
        dialect, to_pdf = dialect_of(request), _flags(request, TO_PDF)
        new = self._received(request)
        if to_pdf and new.type is not FileType.PDF:
            message = f"Only PDFs can be uploaded with it: this file is {new.type}, and files are not converted"
            raise InvalidRequest([Problem(TO_PDF, message, "unsupported", structural=False)])

        def act(errand: Errand) -> Response:
            file = self.files.store(caller.workspace.id, new, errand.ticket)
            return answered(FILE, uploaded_object(file, dialect), dialect)

        return act

    def announce(self, request: Request, caller: Caller) -> Act:
        """Prepare the upload of a file that does not fit into a request."""
        # Uploads of this kind are rare: what reads their bodies is not paid for at every cold start.
        from batchwork.families.workflow_runs.file_schemas import announced

        dialect, body = dialect_of(request), announced(request)
        new = self.files.announced(body.file_name, body.content_type, body.password)

        def act(errand: Errand) -> Response:
            upload = self.files.announce(caller.workspace.id, new, body.size, errand.ticket)
            return _announced(upload, dialect)

        return act

    def listed(self, request: Request, caller: Caller) -> Response:
        """List uploaded files, the newest first unless the oldest are asked for; the last page has no token."""
        query = ListQuery(request, caller.workspace.id, "files", "nameContains")
        name, after = query.text("nameContains"), query.last(str)
        query.end()
        part = self.files.page(
            caller.workspace.id, after[0] if after else None, query.limit, name, ascending=query.ascending
        )
        entries = ((uploaded_object(each, query.dialect), (each.id,)) for each in part.entries)
        return query.listed("files", entries, None if part.next is None else (part.next,))

    def one(self, request: Request, caller: Caller) -> Response:
        """Show a file, uploaded or a run's, with a URL to download it and as much of its contents as is asked for."""
        dialect, flags = dialect_of(request), _flags(request, RAW_TEXT, MARKDOWN, HTML)
        seen = self.look.find(caller.workspace.id, request.parameters["id"])
        contents = self.look.contents(seen) if flags else None
        told = None if contents is None else contents_object(contents, flags, dialect)
        return answered(FILE, seen_object(seen, self.look.url(seen), told, dialect), dialect)

    def remove(self, request: Request, caller: Caller) -> Act:
        """Remove a file; runs that named it keep what they found."""
        dialect, file_id = dialect_of(request), request.parameters["id"]

        def act(errand: Errand) -> Response:
            self.files.remove(caller.workspace.id, file_id, again=errand.ticket.again)
            if dialect is Dialect.V2026:
                return Response(200, {"id": file_id})
            return Response(200, {"success": True, "fileId": file_id, "message": "The file is deleted"})

        return act

    def _received(self, request: Request) -> NewFile:
        # Uploads are rarer than looks: their parser is not paid for at every cold start.
        from batchwork.edge.multipart import form_of

        form = form_of(request)
        part, password = form.file(FILE), form.text(PASSWORD)
        if password is not None and len(password) > MAX_PASSWORD:
            message = f"Must have at most {MAX_PASSWORD} characters"
            raise InvalidRequest([Problem(PASSWORD, message, "string_too_long")])
        return self.files.judged(part.name, part.content_type, part.content, password or None)


def _announced(upload: Upload, dialect: Dialect) -> Response:
    shown = {
        "file": uploaded_object(upload.file, dialect),
        "upload": {
            "url": upload.url,
            "method": "PUT",
            "headers": upload.headers,
            "expiresAt": timestamp(upload.expires_at),
        },
    }
    return Response(200, shown if dialect is Dialect.V2026 else {"success": True, **shown})


def _flags(request: Request, *names: str) -> set[str]:
    """Return which flags of a query say ``true``. Raises InvalidRequest for what says neither yes nor no."""
    told = {name: (request.query.get(name) or "false").lower() for name in names}
    wrong = [
        Problem(name, "Must be true or false", "query") for name, text in told.items() if text not in {"true", "false"}
    ]
    if wrong:
        raise InvalidRequest(wrong)
    return {name for name, text in told.items() if text == "true"}
