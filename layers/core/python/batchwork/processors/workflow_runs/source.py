"""A run's file: the text of its input, an uploaded file, or what its URL answers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from urllib.parse import urljoin

from batchwork.domain.document import Unreadable, reason_of
from batchwork.domain.errors import EgressRefused, UnreadableDocument
from batchwork.domain.file_types import sniffed
from batchwork.domain.flow_file import MAX_FILE, FlowFile
from batchwork.domain.run import FileType, Run, RunFile
from batchwork.domain.run_input import RunInput
from batchwork.ports import Answer, Clock, Egress
from batchwork.ports.operations import Shelf
from batchwork.ports.workflow_runs import RunBlobs
from batchwork.processors.workflow_runs.scope import Scope
from batchwork.processors.workflow_runs.step import BUSY, Piece, StepFailed

#: How long a URL may take to answer with everything, redirects included.
FETCH_TIMEOUT = timedelta(seconds=60)
MAX_REDIRECTS = 5
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_PASSING = frozenset({408, 425, 429})
#: The code of what another try may mend: the far side's fault.
_PASSES = 502


@dataclass(frozen=True, slots=True)
class Source:
    """Brings runs their files. blobs: opens the bucket."""

    files: Shelf[FlowFile]
    blobs: Callable[[], RunBlobs]
    egress: Egress
    clock: Clock

    def file(self, run: Run, given: RunInput, left: timedelta, *, again: bool) -> Piece:
        """Return a run's file with its bytes. again: an earlier try may have fetched it.

        Raises StepFailed, and UnreadableDocument for what is of no type that is read.
        """
        (own,) = run.files[:1]
        scope = Scope(run.metadata)
        if given.text is not None:
            content = given.text.encode("utf-8", "replace")
            return Piece(file=replace(own, type=FileType.TXT), content=content, scope=scope)
        if given.file_id is not None:
            return self._uploaded(run, own, given, scope)
        if given.url is not None:
            return self._fetched(run, own, given, scope, left, again=again)
        raise StepFailed("INTERNAL_ERROR", "The run's input is gone", code=500)

    def _uploaded(self, run: Run, own: RunFile, given: RunInput, scope: Scope) -> Piece:
        workspace_id = run.place.workspace_id
        file = self.files.get(workspace_id, given.file_id or "")
        if file is None:
            raise _not_there(f"The file {own.id} was deleted")
        size = file.size if file.size is not None else self.blobs().size(file.blob)
        if size is None:
            raise _not_there(f"The file {own.id} is not uploaded yet")
        if size > MAX_FILE:
            raise _too_large(own.name)
        try:
            content = self.blobs().get(file.blob)
        except KeyError:
            raise _not_there(f"The file {own.id} was deleted") from None
        kind = sniffed(file.name, file.content_type, content)
        known = replace(own, name=file.name, type=kind, page_count=file.page_count, blob=file.blob)
        password = given.password or file.password
        return Piece(file=known, content=content, scope=scope, declared=file.content_type, password=password)

    def _fetched(self, run: Run, own: RunFile, given: RunInput, scope: Scope, left: timedelta, *, again: bool) -> Piece:
        key = f"{run.place.prefix}source"
        content, declared = self._kept(key) if again else None, ""
        if content is None:
            answer = self._got(given.url or "", own.name, min(left, FETCH_TIMEOUT))
            content, declared = answer.body, answer.content_type
            kind = sniffed(own.name, declared, content)
            self.blobs().put(key, content, "application/octet-stream")
        else:
            kind = sniffed(own.name, declared, content)
        known = replace(own, type=kind, blob=key)
        return Piece(file=known, content=content, scope=scope, declared=declared, password=given.password)

    def _kept(self, key: str) -> bytes | None:
        try:
            return self.blobs().get(key)
        except KeyError:
            return None

    def _got(self, url: str, name: str, timeout: timedelta) -> Answer:
        """GET a URL; each redirect is an address of its own, and judged like one."""
        until = self.clock.now() + timeout
        for _ in range(MAX_REDIRECTS + 1):
            left = until - self.clock.now()
            if left <= timedelta():
                raise _unfetched("it took too long", passing=True)
            try:
                answer = self.egress.send("GET", url, b"", {"Accept": "*/*"}, left, MAX_FILE + 1)
            except EgressRefused as exc:
                raise _unfetched("requests to its address are not allowed", passing=False) from exc
            except OSError as exc:
                raise _unfetched(str(exc), passing=True) from exc
            if answer.status not in _REDIRECTS:
                return _judged(answer, name)
            if not answer.location:
                raise _unfetched(f"HTTP {answer.status} without a Location", passing=False)
            url = urljoin(url, answer.location)
        raise _unfetched(f"it was redirected more than {MAX_REDIRECTS} times", passing=False)


def _judged(answer: Answer, name: str) -> Answer:
    if not 200 <= answer.status < 300:
        passing = answer.status in _PASSING or answer.status >= 500
        failed = _unfetched(f"HTTP {answer.status}", passing=passing)
        failed.retry_after = answer.retry_after
        failed.patient = answer.status in BUSY
        raise failed
    if max(len(answer.body), answer.length or 0) > MAX_FILE:
        raise _too_large(name)
    if answer.cut:
        raise _unfetched("the answer ended before its end", passing=True)
    return answer


def _unfetched(reason: str, *, passing: bool) -> StepFailed:
    message = f"The file could not be fetched: {reason}"[:500]
    code = _PASSES if passing else 400
    return StepFailed(Unreadable.UNABLE_TO_DOWNLOAD_FILE, message, code=code, retryable=passing)


def _not_there(message: str) -> StepFailed:
    return StepFailed(Unreadable.UNABLE_TO_DOWNLOAD_FILE, message)


def _too_large(name: str) -> StepFailed:
    return StepFailed(Unreadable.FILE_SIZE_TOO_LARGE, f"{name} has more than {MAX_FILE} bytes")


def failed_of(exc: UnreadableDocument) -> StepFailed:
    """Return the failure of a run whose file cannot be read."""
    return StepFailed(str(reason_of(exc)), str(exc))
