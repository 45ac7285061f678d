"""Look at a file by its id: one that was uploaded, or one of a run; what stands in it, and where its bytes are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from batchwork.domain.batch import BatchRef
from batchwork.domain.document import Unreadable, unreadable
from batchwork.domain.errors import NotFound
from batchwork.domain.file_contents import FileContents
from batchwork.domain.run import FileType, Run, RunFile, RunPlace, place_of_file
from batchwork.domain.run_input import RunInput
from batchwork.domain.workflow import FAMILY
from batchwork.ports import BatchStore
from batchwork.ports.workflow_runs import RunBlobs
from batchwork.use_cases.flow_files import FILE, FlowFiles

#: How long the URL of a file is good (spec workflow runs 4.5).
URL_LIFE = timedelta(minutes=15)
#: Bytes of text that are shown of one file: with its pages beside it, it has room in an answer.
MAX_SHOWN = 1_500_000
TEXT_TYPE = "text/plain; charset=utf-8"

#: (name, type, declared Content-Type, content, password) -> contents; raises UnreadableDocument.
Parse = Callable[[str, FileType, str, bytes, str | None], FileContents]
#: (workspace id, run id) -> run; raises NotFound.
FindRun = Callable[[str, str], Run]


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A file as it was found. declared: its Content-Type, as far as one was told. password: opens it; never shown."""

    file: RunFile
    updated_at: datetime
    declared: str = ""
    password: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class LookAtFiles:
    """Find files, wherever they are kept.

    A text that came with a run's input is nowhere but there until somebody looks at it: then it is put where the files of its
    run are, so that it can have a URL.

    run: finds a run whole.
    """

    uploaded: FlowFiles
    run: FindRun
    batches: BatchStore
    blobs: Callable[[], RunBlobs]
    parse: Parse

    def find(self, workspace_id: str, file_id: str) -> Seen:
        """Return a file. Raises NotFound, also for what is no file's id."""
        place = place_of_file(workspace_id, file_id)
        if place is not None:
            return self._of_run(place[0], file_id)
        file = self.uploaded.look(workspace_id, file_id)
        seen = RunFile(
            id=file.id,
            name=file.name,
            type=file.type,
            created_at=file.created_at,
            page_count=file.page_count,
            blob=None if file.size is None else file.blob,
        )
        return Seen(file=seen, updated_at=file.updated_at, declared=file.content_type, password=file.password)

    def url(self, seen: Seen) -> str | None:
        """Return a URL that answers with a file's bytes for 15 minutes, None where there are none."""
        file = seen.file
        return None if file.blob is None else self.blobs().download_url(file.blob, URL_LIFE, file.name)

    def contents(self, seen: Seen) -> FileContents | None:
        """Return what stands in a file, None while its bytes are not there. Raises UnreadableDocument."""
        file = seen.file
        if file.blob is None:
            return None
        if file.type is None:
            raise unreadable(file.name, "it is of no type that is supported", Unreadable.FILE_TYPE_NOT_SUPPORTED)
        try:
            content = self.blobs().get(file.blob)
        except KeyError:
            return None
        contents = self.parse(file.name, file.type, seen.declared, content, seen.password)
        if contents.size > MAX_SHOWN:
            reason = f"it has more than {MAX_SHOWN} bytes of text; download it by its presignedUrl"
            raise unreadable(file.name, reason, Unreadable.FILE_SIZE_TOO_LARGE)
        return contents

    def _of_run(self, place: RunPlace, file_id: str) -> Seen:
        run = self.run(place.workspace_id, place.id)
        file = next((each for each in run.files if each.id == file_id), None)
        if file is None:
            raise NotFound(what=FILE)
        seen = Seen(file=file, updated_at=file.created_at)
        # Its input is read for what it alone tells: a text, and the password of a PDF.
        given = self._input(place) if file.blob is None or file.type is FileType.PDF else None
        if given is None or file.blob is not None or given.text is None or file_id != place.file_id:
            return replace(seen, password=given.password if given else None)
        key = f"{place.prefix}source"
        if self.blobs().size(key) is None:
            self.blobs().put(key, given.text.encode("utf-8", "replace"), TEXT_TYPE)
        return replace(seen, file=replace(file, blob=key))

    def _input(self, place: RunPlace) -> RunInput | None:
        """Return a run's input, None once it was removed."""
        batch = self.batches.get(BatchRef(place.workspace_id, place.batch_id))
        if batch is None or batch.family != FAMILY or place.index >= batch.total:
            return None
        state = self.batches.chunk(batch, batch.cut.single(place.index).chunk)
        return RunInput.of(state.item(place.index)) if state.items else None
