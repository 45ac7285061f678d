"""Workflow runs: one file through one version of a workflow (seed 003, spec 4.3 to 4.5).

A run is an item of a batch of the engine, and its id says which. While nobody has written anything about it there is no
row of its own: it is what its batch's rows say. Its row is written when it ends, or when a client changes it before that.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

from batchwork.domain.item import Json
from batchwork.domain.workflow import Flow

#: Inputs of one batch (seed 003), and of one request that is no batch (spec 4.5).
MAX_INPUTS, MAX_SINGLES = 1000, 50
#: Characters of text of one file.
MAX_TEXT = 2_000_000
#: Items leased and settled together.
SLICE_SIZE = 10
BATCH_PREFIX, RUN_PREFIX, STEP_PREFIX, FILE_PREFIX = "batch_", "workflow_run_", "workflow_step_run_", "file_"
_RUN = re.compile(rf"{RUN_PREFIX}([a-z0-9]{{23}})_(0|[1-9][0-9]{{0,2}})")
_BATCH = re.compile(rf"{BATCH_PREFIX}([a-z0-9]{{23}})")
_FILE = re.compile(rf"{FILE_PREFIX}([a-z0-9]{{23}})_(0|[1-9][0-9]{{0,2}})(?:_([0-9]{{1,4}}))?")


class RunStatus(StrEnum):
    """Where a run stands (spec 4.5)."""

    #: Accepted; nobody works on it.
    PENDING = "PENDING"
    #: A worker is at it.
    PROCESSING = "PROCESSING"
    #: A step asks for a person; a review ends it.
    NEEDS_REVIEW = "NEEDS_REVIEW"
    #: A reviewer refused it.
    REJECTED = "REJECTED"
    #: It went through, or a reviewer approved it.
    PROCESSED = "PROCESSED"
    #: It could not go through.
    FAILED = "FAILED"
    #: A client cancelled it, or its batch, before it ended.
    CANCELLED = "CANCELLED"
    #: Its batch is being cancelled while a worker is at it.
    CANCELLING = "CANCELLING"


#: Nothing changes the status any more.
ENDED = frozenset({RunStatus.REJECTED, RunStatus.PROCESSED, RunStatus.FAILED, RunStatus.CANCELLED})
#: No worker is wanted any more.
SETTLED = ENDED | {RunStatus.NEEDS_REVIEW}
#: What a row says while the run is the engine's: its state is then what the batch's rows say.
OPEN = frozenset({RunStatus.PENDING, RunStatus.PROCESSING, RunStatus.CANCELLING})


class FileType(StrEnum):
    """What a file is, by its content (spec 4.5)."""

    PDF = "PDF"
    CSV = "CSV"
    IMG = "IMG"
    TXT = "TXT"
    DOCX = "DOCX"
    EXCEL = "EXCEL"
    XML = "XML"
    HTML = "HTML"


@dataclass(frozen=True, slots=True, order=True)
class RunPlace:
    """Names a run: its place in a batch of a workspace."""

    workspace_id: str
    batch_id: str
    index: int

    @property
    def id(self) -> str:
        """Return the run's id as clients see it."""
        return f"{RUN_PREFIX}{self.batch_id}_{self.index}"

    @property
    def file_id(self) -> str:
        """Return the id of the input's file, unless that is one that was uploaded before."""
        return f"{FILE_PREFIX}{self.batch_id}_{self.index}"

    @property
    def prefix(self) -> str:
        """Return what the keys of its bytes in the bucket begin with."""
        return f"runs/{self.workspace_id}/{self.batch_id}/{self.index}/"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFile:
    """A file of a run. id: of an uploaded file, or one that follows from the run's place; blob: where its bytes are in the
    bucket, None while they are nowhere but in the batch's input (raw text).

    split: what a SPLIT step said of it: ``{"id", "type", "identifier", "startPage", "endPage"}``; parent_id: of which file.
    """

    id: str
    name: str
    type: FileType | None
    created_at: datetime
    page_count: int | None = None
    parent_id: str | None = None
    split: Json | None = None
    blob: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StepRun:
    """One step's work on one file. id: ``workflow_step_run_...``; type: such as ``EXTRACT``; file_ids: what it worked on.

    status: PROCESSED or FAILED. result: JSON of the step's own kind (processors.workflow_runs says which); config: what
    answers repeat of the step's configuration.
    """

    id: str
    name: str
    type: str
    status: str
    file_ids: tuple[str, ...]
    result: Json | None = None
    config: Json | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A run. listed: whether its batch is told of (the seed's batch endpoint made it) or is a request's own affair.

    revision: how often its row was written, 0 for a run without one. metadata, steps: empty in a brief, which is what
    lists hold. more_files: of a brief, how many files it lacks; 0 of a whole run. settled_at: when its row first said that no worker is wanted any more (SETTLED). deleted: the row only
    remembers that there was a run. base_url: of the request that asked for it.
    """

    place: RunPlace
    flow: Flow
    status: RunStatus
    created_at: datetime
    updated_at: datetime
    listed: bool = True
    name: str | None = None
    files: tuple[RunFile, ...] = ()
    more_files: int = 0
    metadata: Json = field(default_factory=dict)
    steps: tuple[StepRun, ...] = ()
    failure_reason: str | None = None
    failure_message: str | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    settled_at: datetime | None = None
    reviewed_by: str | None = None
    reviewed_at: datetime | None = None
    rejection_note: str | None = None
    base_url: str = ""
    revision: int = 0
    deleted: bool = False

    @property
    def id(self) -> str:
        """Return the run's id."""
        return self.place.id

    @property
    def batch_id(self) -> str | None:
        """Return the batch's id as clients see it, None for a run that was asked for alone."""
        return f"{BATCH_PREFIX}{self.place.batch_id}" if self.listed else None


#: Files that a brief holds (the input's, and parts that were cut from it), and characters of each part's identifier.
BRIEF_FILES, BRIEF_IDENTIFIER = 11, 40


def in_brief(run: Run) -> Run:
    """Return a run as lists hold it: short, whatever its steps found and however many parts they cut it into."""
    kept = tuple(_in_brief(file) for file in run.files[:BRIEF_FILES])
    return replace(run, metadata={}, steps=(), files=kept, more_files=run.more_files + len(run.files) - len(kept))


def _in_brief(file: RunFile) -> RunFile:
    identifier = (file.split or {}).get("identifier")
    if not isinstance(identifier, str) or len(identifier) <= BRIEF_IDENTIFIER:
        return file
    return replace(file, split={**(file.split or {}), "identifier": identifier[:BRIEF_IDENTIFIER]})


#: What the write of a run's row that brought it to a status is told as (spec 4.9).
EVENTS = {
    RunStatus.PROCESSED: "workflow_run.completed",
    RunStatus.FAILED: "workflow_run.failed",
    RunStatus.NEEDS_REVIEW: "workflow_run.needs_review",
    RunStatus.REJECTED: "workflow_run.rejected",
    RunStatus.CANCELLED: "workflow_run.cancelled",
}
#: Told once a step run, after the run's end and of the first hundred only; the step's number follows a colon in the row's list of events.
STEP_PROCESSED = "workflow_run.step_run.processed"


def place_of(workspace_id: str, run_id: str) -> RunPlace | None:
    """Return a run's place, None for what is no run's id."""
    found = _RUN.fullmatch(run_id)
    return RunPlace(workspace_id, found[1], int(found[2])) if found else None


def core_of(batch_id: str) -> str | None:
    """Return the engine's id of a batch from the one that clients see, None for what is none."""
    found = _BATCH.fullmatch(batch_id)
    return found[1] if found else None


def place_of_file(workspace_id: str, file_id: str) -> tuple[RunPlace, int | None] | None:
    """Return (run's place, number of the part that a SPLIT step cut) of a file's id, None for an uploaded file's."""
    found = _FILE.fullmatch(file_id)
    if found is None:
        return None
    return RunPlace(workspace_id, found[1], int(found[2])), None if found[3] is None else int(found[3])
