"""Announce files, judge what was uploaded, list and remove them (spec operations 1.8).

What the spec leaves open is chosen here: bytes are judged when the bucket tells of them, and also when somebody looks at
the file before that; what is not what was announced has failed for good; a file can be removed though posts show it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from batchwork.domain import media
from batchwork.domain.errors import NotFound, NotPermitted
from batchwork.domain.idempotency import Ticket
from batchwork.domain.ids import ordered_id
from batchwork.domain.media import Media, MediaStatus, says
from batchwork.domain.resource import checked_id, to_millis
from batchwork.ports import Clock
from batchwork.ports.operations import MediaBlobs, Shelf, Slice
from batchwork.use_cases.revise import found, revised

#: How long an upload may take to begin.
UPLOAD_WINDOW = timedelta(minutes=15)
#: How long the URL of a file is good.
URL_LIFE = timedelta(hours=1)
#: Bytes that tell what a file is, and how large an image: the headers of cameras take up to 64 KB before that.
BEGINNING = 128 * 1024
UPLOADED = "media.uploaded"
ID = f"{media.PREFIX}c"


@dataclass(frozen=True, slots=True)
class Announcement:
    """What a file is said to be."""

    filename: str
    content_type: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Upload:
    """Where a file is to be PUT, and with which headers, until when."""

    file: Media
    url: str
    headers: dict[str, str]
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class MediaFiles:
    """The life of a file. measured: returns (width, height) of an image by its first bytes, None where they do not tell."""

    media: Shelf[Media]
    blobs: Callable[[], MediaBlobs]
    measured: Callable[[bytes], tuple[int, int] | None]
    clock: Clock

    def announce(self, workspace_id: str, announcement: Announcement, ticket: Ticket) -> Upload:
        """Keep what a file is said to be, and return how to upload it; an earlier try's file is announced again."""
        at = to_millis(ticket.at)
        file = Media(
            id=ordered_id(ID, ticket),
            workspace_id=workspace_id,
            created_at=at,
            updated_at=at,
            filename=announcement.filename,
            content_type=announcement.content_type,
            size_bytes=announcement.size_bytes,
        )
        self.media.add(file)
        return self.upload(file)

    def upload(self, file: Media) -> Upload:
        """Return how to upload a file that was announced."""
        expires_at = self.clock.now() + UPLOAD_WINDOW
        return Upload(file, *self.blobs().upload_url(file, UPLOAD_WINDOW), expires_at)

    def awaited(self, workspace_id: str, media_id: str) -> Media:
        """Return a file that can still be uploaded. Raises MalformedId, NotFound, NotPermitted."""
        file = self._found(workspace_id, media_id)
        if file.status is not MediaStatus.PENDING:
            raise NotPermitted(reason=f"Only a pending file can be uploaded; this one is {file.status}.")
        return file

    def get(self, workspace_id: str, media_id: str) -> Media:
        """Return a file, judged if its bytes have come. Raises MalformedId, NotFound."""
        return self.settled(self._found(workspace_id, media_id))

    def get_many(self, workspace_id: str, media_ids: Iterable[str]) -> dict[str, Media]:
        """Return the files there are by id, as they were judged so far."""
        wanted = set(media_ids)
        return self.media.get_many(workspace_id, wanted) if wanted else {}

    def page(self, workspace_id: str, after: str | None, limit: int, status: MediaStatus | None) -> Slice[Media]:
        """Return part of the files, newest first."""
        return self.media.page(workspace_id, after, limit, lambda each: status in {None, each.status})

    def url(self, file: Media) -> str | None:
        """Return a URL that answers with a file's bytes for an hour, None while there are none to be shown."""
        return self.blobs().url(file, URL_LIFE) if file.status is MediaStatus.READY else None

    def arrived(self, workspace_id: str, media_id: str) -> None:
        """Judge a file whose bytes the bucket told of; one that was removed meanwhile is nobody's."""
        file = self.media.get(workspace_id, media_id)
        if file is not None:
            self.settled(file)

    def settled(self, file: Media) -> Media:
        """Return a file, judged if it was not yet and its bytes have come.

        Whoever judges at the same time comes to the same; one of them writes it, and with it the event.
        """
        if file.status is not MediaStatus.PENDING:
            return file
        found_bytes = self.blobs().beginning(file, BEGINNING)
        if found_bytes is None:
            return file

        def step(current: Media) -> tuple[Media, tuple[str, ...]] | None:
            if current.status is not MediaStatus.PENDING:
                return None
            return self._judged(current, *found_bytes)

        try:
            return revised(self.media, file, step, "Media")
        except NotFound:
            return file  # removed meanwhile, after it was read

    def remove(self, file: Media) -> None:
        """Remove a file: its bytes first, so that one whose removal was cut short can be removed again."""
        self.blobs().remove(file)
        self.media.remove(file.workspace_id, file.id)

    def removable(self, workspace_id: str, media_id: str, *, again: bool) -> Media | None:
        """Return a file that may be removed; None when an earlier try did it. Raises MalformedId, NotFound."""
        file = self.media.get(workspace_id, checked_id(media_id, media.PREFIX))
        if file is None and not again:
            raise NotFound(what="Media")
        return file

    def _found(self, workspace_id: str, media_id: str) -> Media:
        return found(self.media, workspace_id, checked_id(media_id, media.PREFIX), "Media")

    def _judged(self, file: Media, beginning: bytes, size: int) -> tuple[Media, tuple[str, ...]]:
        newer = replace(file, revision=file.revision + 1, updated_at=to_millis(self.clock.now()))
        if size != file.size_bytes or not says(file.content_type, beginning):
            return replace(newer, status=MediaStatus.FAILED), ()
        width, height = (self.measured(beginning) if file.kind == "image" else None) or (None, None)
        return replace(newer, status=MediaStatus.READY, width=width, height=height), (UPLOADED,)
