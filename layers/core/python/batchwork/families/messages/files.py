"""The routes of uploads (spec messages 3.5).

What the spec leaves open is chosen here: an upload answers 200 as its sibling route does; `file_url` is a URL that
answers GET without a key for an hour; files that do not fit into a request (about 4 MB) are announced and then posted
straight to the bucket.
"""

from __future__ import annotations

from dataclasses import dataclass

from batchwork.domain.chat import StoredFile
from batchwork.domain.errors import InvalidRequest, Problem
from batchwork.domain.item import Json
from batchwork.domain.workspace import Caller
from batchwork.edge.endpoint import Act, Route, Routes
from batchwork.edge.http import Request, Response
from batchwork.edge.shapes import shaped
from batchwork.families.messages.chat_schemas import NewUpload
from batchwork.families.messages.presenters import answer
from batchwork.use_cases.files import MAX_UPLOAD, UPLOAD_WINDOW, Files, Upload
from batchwork.use_cases.once import Errand

CHAT, PERSISTENT = "chat", "persistent"


@dataclass(frozen=True, slots=True)
class FileRoutes:
    """Every route of uploads."""

    files: Files

    def routes(self) -> Routes:
        """Return the routes by (method, resource)."""
        return {
            ("POST", "/api/v1/chats/upload-file"): Route(self.attach, "chats:write"),
            ("POST", "/api/v1/chats/upload-file/presigned"): Route(self.announce, "chats:write"),
            ("POST", "/api/v1/external/files"): Route(self.keep, "agents:write"),
        }

    def attach(self, request: Request, caller: Caller) -> Act:
        """Take a file that messages attach."""
        return self._stored(request, caller, CHAT)

    def keep(self, request: Request, caller: Caller) -> Act:
        """Take a file that agents attach."""
        scope = request.query.get("scope", PERSISTENT)
        if scope not in {CHAT, PERSISTENT}:
            raise InvalidRequest([Problem("scope", f"Input should be one of: {CHAT}, {PERSISTENT}", "enum")])
        return self._stored(request, caller, scope)

    def announce(self, request: Request, caller: Caller) -> Act:
        """Prepare the upload of a large file."""
        new = shaped(NewUpload, request)
        upload = Upload.announced(new.name, new.content_type)

        def act(errand: Errand) -> Response:
            announced = self.files.announce(caller.workspace.id, upload, CHAT, errand.ticket)
            return answer(
                {
                    "uuid": announced.file.id,
                    "url": announced.url,
                    "fields": announced.fields,
                    "expires_in": int(UPLOAD_WINDOW.total_seconds()),
                    "max_size": MAX_UPLOAD,
                }
            )

        return act

    def _stored(self, request: Request, caller: Caller, scope: str) -> Act:
        # Uploads are the rarest of this function's routes: their parser is not paid for at every cold start.
        from batchwork.edge.multipart import uploaded

        part = uploaded(request, "file")
        upload = Upload.received(part.name, part.content_type, part.content)

        def act(errand: Errand) -> Response:
            file = self.files.store(caller.workspace.id, upload, scope, errand.ticket)
            return answer(file_object(file, self.files.url(file)))

        return act


def file_object(file: StoredFile, url: str) -> Json:
    """Return an uploaded file; its uuid is what attached_file_uuids and attachment_ids take."""
    return {
        "original_name": file.name,
        "content_type": file.content_type,
        "size": file.size,
        "file_url": url,
        "uuid": file.id,
        "scope": file.scope,
    }
