"""The files of runs as runs show them (spec workflow runs 4.5)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from batchwork.families.workflow_runs.dialect import Dialect, known
from batchwork.families.workflow_runs.times import timestamp

if TYPE_CHECKING:
    from collections.abc import Iterable

    from batchwork.domain.item import Json
    from batchwork.domain.run import Run, RunFile


def file_object(file: RunFile, dialect: Dialect) -> Json:
    """Return a file as runs show it: without its contents, and without a URL, which only GET /files/{id} makes."""
    at = timestamp(file.created_at)
    shown = {
        "object": "file",
        "id": file.id,
        "name": file.name,
        "type": None if file.type is None else str(file.type),
        "parentFileId": file.parent_id,
        "metadata": known({"pageCount": file.page_count, "parentSplit": file.split}),
        "createdAt": at,
        "updatedAt": at,
    }
    return shown if dialect is Dialect.V2026 else known(shown)


def files_of(run: Run, file_ids: Iterable[str], dialect: Dialect) -> list[Json]:
    """Return the files of a run that have certain ids, in their order."""
    files = {file.id: file for file in run.files}
    return [file_object(files[each], dialect) for each in file_ids if each in files]
