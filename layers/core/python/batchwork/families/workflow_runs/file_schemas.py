"""What announces a file that is then uploaded to the bucket (ours; for files that do not fit into a request)."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import Field

from batchwork.domain.errors import InvalidRequest, Problem
from batchwork.domain.flow_file import MAX_FILE
from batchwork.edge.http import Request
from batchwork.edge.shapes import shaped
from batchwork.families.workflow_runs.schemas import MAX_NAME, Shape

#: Types that browsers show or run are no harm: what is downloaded is never shown.
_MEDIA_TYPE = re.compile(r"[a-z0-9!#$&^_.+-]{1,80}/[a-z0-9!#$&^_.+-]{1,80}( *; *charset=[a-z0-9_.:-]{1,40})?")


class Announced(Shape):
    """POST /files/upload/presigned. size: of the bytes that are to come."""

    file_name: Annotated[str, Field(min_length=1, max_length=MAX_NAME)]
    content_type: Annotated[str, Field(min_length=1, max_length=MAX_NAME)]
    size: Annotated[int, Field(ge=1, le=MAX_FILE)]
    password: Annotated[str, Field(min_length=1, max_length=MAX_NAME)] | None = None


def announced(request: Request) -> Announced:
    """Return the body that announces a file. Raises UnsupportedMediaType, MalformedBody, InvalidRequest."""
    body = shaped(Announced, request)
    if not _MEDIA_TYPE.fullmatch(body.content_type.lower()):
        raise InvalidRequest([Problem("contentType", "Must be a media type, such as application/pdf", "media_type")])
    return body
