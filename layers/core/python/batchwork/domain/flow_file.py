"""Files that clients upload for their runs (spec 4.6)."""

from __future__ import annotations

from dataclasses import dataclass, field

from batchwork.domain.resource import Resource
from batchwork.domain.run import FileType

#: Bytes of one file, however it comes: uploaded, by a URL, or as text.
MAX_FILE = 20 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowFile(Resource):
    """An uploaded file. type: by its content; None while it is announced and not uploaded, or not looked at since.

    size: in bytes, None until then. page_count: of what has pages. password: opens an encrypted PDF; never shown.
    """

    name: str
    content_type: str
    type: FileType | None = None
    size: int | None = None
    page_count: int | None = None
    password: str | None = field(default=None, repr=False)

    @property
    def blob(self) -> str:
        """Return where its bytes are in the bucket; a customer's name for it never is part of a key."""
        return f"documents/{self.workspace_id}/{self.id}"
