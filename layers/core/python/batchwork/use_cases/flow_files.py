"""Take files for runs, judge them, list and remove them (spec workflow runs 4.6).

What the spec leaves open is chosen here: a file that is uploaded whole is judged before it is kept; one that a client puts
into the bucket, when somebody first looks at it, and what is of no type that is read has no type then.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from batchwork.domain.document import Unreadable, reason_of
from batchwork.domain.errors import InvalidRequest, NotFound, NotPermitted, Problem, UnreadableDocument
from batchwork.domain.file_types import sniffed
from batchwork.domain.flow_file import MAX_FILE, FlowFile
from batchwork.domain.idempotency import Ticket
from batchwork.domain.ids import ordered_id
from batchwork.domain.resource import to_millis
from batchwork.domain.run import FILE_PREFIX, FileType, place_of_file
from batchwork.ports import Clock
from batchwork.ports.operations import Shelf, Slice
from batchwork.ports.workflow_runs import RunBlobs
from batchwork.use_cases.files import plain_name
from batchwork.use_cases.revise import found, revised

#: How long an upload may take to begin.
UPLOAD_WINDOW = timedelta(minutes=15)
FILE = "File"
#: Characters of a Content-Type that are kept.
MAX_DECLARED = 255
_UPLOADED = re.compile(rf"{FILE_PREFIX}[a-z0-9]{{23}}")

#: (name, content, password) -> pages of a PDF; raises UnreadableDocument.
Count = Callable[[str, bytes, str | None], int]


@dataclass(frozen=True, slots=True, kw_only=True)
class NewFile:
    """A file that may be kept: with its content, which was judged, or announced without one."""

    name: str
    content_type: str
    password: str | None = field(default=None, repr=False)
    content: bytes = field(default=b"", repr=False)
    type: FileType | None = None
    page_count: int | None = None


@dataclass(frozen=True, slots=True)
class Upload:
    """Where a file is to be PUT, and with which headers, until when."""

    file: FlowFile
    url: str
    headers: dict[str, str]
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class FlowFiles:
    """The life of an uploaded file. Its id is that of the piece of work that brings it: each try keeps the same file."""

    files: Shelf[FlowFile]
    blobs: Callable[[], RunBlobs]
    count: Count
    clock: Clock

    def judged(self, name: str, declared: str, content: bytes, password: str | None, place: str = "file") -> NewFile:
        """Return a file that can be kept, judged by its bytes. declared: a Content-Type, may be empty.

        Raises InvalidRequest for one that is empty, of no type that is read, damaged (PDFs), or does not open with the
        password (PDFs). place: where the request has it.
        """
        name = plain_name(name)
        if len(content) > MAX_FILE:
            raise InvalidRequest([Problem(place, f"Must have at most {MAX_FILE} bytes (20 MiB)", "too_large")])
        try:
            kind = sniffed(name, declared, content)
            pages = self.count(name, content, password) if kind is FileType.PDF else None
        except UnreadableDocument as exc:
            message = f"The file cannot be read: {exc.facts['reason']}"
            if reason_of(exc) is Unreadable.PASSWORD_PROTECTED_FILE:
                message = (
                    f"{message} ({Unreadable.PASSWORD_PROTECTED_FILE}); send the password that opens it as password"
                )
            raise InvalidRequest([Problem(place, message, "unreadable", structural=False)]) from exc
        told = "".join(filter(str.isprintable, declared))[:MAX_DECLARED]
        return NewFile(name=name, content_type=told, password=password, content=content, type=kind, page_count=pages)

    def announced(self, name: str, content_type: str, password: str | None) -> NewFile:
        """Return a file whose content is judged once it is there."""
        return NewFile(name=plain_name(name), content_type=content_type, password=password)

    def store(self, workspace_id: str, new: NewFile, ticket: Ticket) -> FlowFile:
        """Keep a judged file: its bytes first, so that a row that can be read has them."""
        file = _file(workspace_id, new, ticket)
        file = replace(file, type=new.type, size=len(new.content), page_count=new.page_count)
        self.blobs().put(file.blob, new.content, "application/octet-stream")
        if self.files.add(file):
            return file
        return found(self.files, workspace_id, file.id, FILE)

    def announce(self, workspace_id: str, new: NewFile, size: int, ticket: Ticket) -> Upload:
        """Keep what a file is said to be, and return how to upload it; an earlier try's file is announced again."""
        file = _file(workspace_id, new, ticket)
        if not self.files.add(file):
            file = found(self.files, workspace_id, file.id, FILE)
        expires_at = self.clock.now() + UPLOAD_WINDOW
        return Upload(file, *self.blobs().upload_url(file.blob, new.content_type, size, UPLOAD_WINDOW), expires_at)

    def look(self, workspace_id: str, file_id: str) -> FlowFile:
        """Return a file, judged if it was not yet and its bytes have come. Raises NotFound, also for what is no file's id.

        Whoever judges at the same time comes to the same, and one of them writes it.
        """
        if not _UPLOADED.fullmatch(file_id):
            raise NotFound(what=FILE)
        file = found(self.files, workspace_id, file_id, FILE)
        if file.size is not None:
            return file
        size = self.blobs().size(file.blob)
        if size is None:
            return file
        kind, pages = self._told(file, size)

        def step(current: FlowFile) -> tuple[FlowFile, tuple[str, ...]] | None:
            if current.size is not None:
                return None
            at = max(current.updated_at, to_millis(self.clock.now()))
            newer = replace(current, revision=current.revision + 1, updated_at=at)
            return replace(newer, size=size, type=kind, page_count=pages), ()

        return revised(self.files, file, step, FILE)

    def page(
        self, workspace_id: str, after: str | None, limit: int, name_contains: str | None, *, ascending: bool = False
    ) -> Slice[FlowFile]:
        """Return part of the files by their upload, as they were judged so far. name_contains: upper and lower case are the
        same.
        """
        part = (name_contains or "").casefold()
        return self.files.page(
            workspace_id, after, limit, lambda each: part in each.name.casefold(), ascending=ascending
        )

    def remove(self, workspace_id: str, file_id: str, *, again: bool) -> None:
        """Remove a file: its bytes first, so that one whose removal was cut short can be removed again.

        Runs that named it keep what they found; those that have not begun fail. again: an earlier try may have done it.
        Raises NotFound; NotPermitted for the file of a run.
        """
        if place_of_file(workspace_id, file_id) is not None:
            raise NotPermitted(reason="The file of a run goes with its run; delete the run instead")
        file = self.files.get(workspace_id, file_id) if _UPLOADED.fullmatch(file_id) else None
        if file is None:
            if again:
                return
            raise NotFound(what=FILE)
        self.blobs().remove(file.blob)
        self.files.remove(workspace_id, file_id)

    def _told(self, file: FlowFile, size: int) -> tuple[FileType | None, int | None]:
        """Return (type, pages) of a file by its bytes, None for what they do not tell."""
        if size > MAX_FILE:
            return None, None
        try:
            content = self.blobs().get(file.blob)
            kind = sniffed(file.name, file.content_type, content)
        except (KeyError, UnreadableDocument):
            return None, None
        try:
            return kind, self.count(file.name, content, file.password) if kind is FileType.PDF else None
        except UnreadableDocument:
            return kind, None


def _file(workspace_id: str, new: NewFile, ticket: Ticket) -> FlowFile:
    at = to_millis(ticket.at)
    return FlowFile(
        id=ordered_id(FILE_PREFIX, ticket),
        workspace_id=workspace_id,
        created_at=at,
        updated_at=at,
        name=new.name,
        content_type=new.content_type,
        password=new.password,
    )
