"""The calls of media: /v1/media and below (spec operations 1.8).

What the spec leaves open is chosen here: an upload answers 201; a file has no variants and no thumbnail of its own, since
nothing is made of it; captions are text/vtt and application/x-subrip; only a pending file can be uploaded.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from batchwork.domain.errors import InvalidRequest, Problem
from batchwork.domain.item import Json
from batchwork.domain.media import LIMITS, MB, Media, MediaStatus
from batchwork.domain.workspace import Caller
from batchwork.edge.endpoint import Act, Intent
from batchwork.edge.http import Request, Response
from batchwork.families.operations.lists import Query, listed
from batchwork.families.operations.resources import Calls
from batchwork.families.operations.shapes import Shape, shaped
from batchwork.families.operations.times import timestamp
from batchwork.use_cases.media import Announcement, MediaFiles, Upload
from batchwork.use_cases.once import Errand

ROOT = "/v1/media"
_STATUSES = [status.upper() for status in MediaStatus]


class UploadBody(Shape):
    """The body that announces a file."""

    filename: Annotated[str, Field(min_length=1, max_length=255)]
    content_type: Annotated[str, Field(min_length=1, max_length=255)]
    size_bytes: Annotated[int, Field(ge=1)]


@dataclass(frozen=True, slots=True)
class MediaCalls:
    """Every call of media."""

    files: MediaFiles

    def calls(self) -> Calls:
        """Return the calls by (method, template)."""
        one = f"{ROOT}/{{id}}"
        return {
            ("POST", f"{ROOT}/upload"): self.announce,
            ("GET", ROOT): self.listed,
            ("GET", one): self.one,
            ("POST", f"{one}/refresh-presign"): self.again,
            ("DELETE", one): self.remove,
        }

    def announce(self, request: Request, caller: Caller) -> Act:
        """Prepare an upload."""
        announcement = _announcement(shaped(UploadBody, request))

        def act(_checked: None, errand: Errand) -> Response:
            upload = self.files.announce(caller.workspace.id, announcement, errand.ticket)
            return Response(201, upload_object(upload))

        return Intent(lambda _again: None, act)

    def again(self, request: Request, caller: Caller) -> Act:
        """Prepare the upload of a file once more."""
        workspace_id, media_id = caller.workspace.id, request.parameters["id"]
        return Intent(
            lambda _again: self.files.awaited(workspace_id, media_id),
            lambda file, _errand: Response(200, upload_object(self.files.upload(file))),
        )

    def listed(self, request: Request, caller: Caller) -> Response:
        """List files, newest first."""
        query = Query(request.query)
        part, status = query.part(), query.one_of("status", _STATUSES)
        query.end()
        wanted = None if status is None else MediaStatus(status.lower())
        page = self.files.page(caller.workspace.id, part.after, part.limit, wanted)
        return listed([self._shown(file) for file in page.entries], page.next, part.limit)

    def one(self, request: Request, caller: Caller) -> Response:
        """Show a file."""
        return Response(200, self._shown(self.files.get(caller.workspace.id, request.parameters["id"])))

    def remove(self, request: Request, caller: Caller) -> Act:
        """Remove a file."""
        workspace_id, media_id = caller.workspace.id, request.parameters["id"]

        def act(file: Media | None, _errand: Errand) -> Response:
            if file is not None:
                self.files.remove(file)
            return Response(204)

        return Intent(lambda again: self.files.removable(workspace_id, media_id, again=again), act)

    def _shown(self, file: Media) -> Json:
        known = file.width is not None
        return {
            "id": file.id,
            "filename": file.filename,
            "contentType": file.content_type,
            "sizeBytes": file.size_bytes,
            "status": file.status,
            "url": self.files.url(file),
            "variants": None,
            "dimensions": {"width": file.width, "height": file.height} if known else None,
            "thumbnailUrl": None,
            "createdAt": timestamp(file.created_at),
        }


def upload_object(upload: Upload) -> Json:
    """Return where and how a file is to be PUT."""
    return {
        "mediaId": upload.file.id,
        "uploadUrl": upload.url,
        "uploadHeaders": upload.headers,
        "expiresAt": timestamp(upload.expires_at),
    }


def _announcement(body: UploadBody) -> Announcement:
    """Return what a body announces. Raises InvalidRequest naming the limit that it passes."""
    content_type = body.content_type.strip().lower()
    problems = []
    if not body.filename.isprintable():
        problems.append(Problem("filename", "Must be printable", "string"))
    if content_type not in LIMITS:
        problems.append(Problem("contentType", f"Must be one of {', '.join(LIMITS)}", "enum", structural=False))
    elif body.size_bytes > (limit := LIMITS[content_type]):
        message = f"Must be at most {limit // MB} MB ({limit} bytes) for {content_type}"
        facts = {"limit": limit, "actual": body.size_bytes}
        problems.append(Problem("sizeBytes", message, "too_large", structural=False, facts=facts))
    if problems:
        raise InvalidRequest(problems)
    return Announcement(body.filename, content_type, body.size_bytes)
