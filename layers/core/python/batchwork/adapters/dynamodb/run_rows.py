"""Runs as rows and back: what lists show is the brief, the rest the document.

A brief is short, since both indexes hold it; the document stands beside it while the row stays small, else in the bucket.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from typing import Any

from batchwork.adapters.dynamodb import keys
from batchwork.adapters.dynamodb.attributes import maybe_millis, maybe_time, millis, row, time_of, told
from batchwork.adapters.packing import pack, unpack
from batchwork.domain.item import Json
from batchwork.domain.run import SETTLED, FileType, Run, RunFile, RunPlace, RunStatus, StepRun, in_brief
from batchwork.domain.workflow import Flow

KIND = "RUN"
#: A row is two write units at the most (AWS counts each begun KB).
INLINE_LIMIT = 2048


def place_of_row(r: dict[str, Any]) -> RunPlace:
    """Return a run's place from the values of its row's key."""
    _, workspace_id, batch_id, _ = r["pk"].split("#")
    return RunPlace(workspace_id, batch_id, int(r["sk"]))


def run_row(run: Run, events: Iterable[str], token: str, expires: datetime) -> dict[str, Any]:
    """Return a run's row in wire form, its document left out. Only settled runs stand in the indexes."""
    place = run.place
    listed_at = f"{millis(run.updated_at):013d}#{place.batch_id}#{place.index:03d}"
    shown = run.status in SETTLED and not run.deleted
    grouped = shown and run.listed
    values = {
        "kind": KIND,
        "status": str(run.status),
        "revision": run.revision,
        "deleted": True if run.deleted else None,
        "brief": pack(_brief(in_brief(run))),
        "events": joined(events) or None,
        "token": token,
        "list_pk": keys.runs_of(place.workspace_id, None) if shown else None,
        "list_sk": listed_at if shown else None,
        "group_pk": keys.runs_of(place.workspace_id, place.batch_id) if grouped else None,
        "group_sk": listed_at if grouped else None,
        "expires_at": int(expires.timestamp()),
    }
    return keys.run(place.workspace_id, place.batch_id, place.index) | row(values)


def size_of(wired: dict[str, Any]) -> int:
    """Return about how many bytes a row has, as AWS counts them; numbers are counted as their digits."""
    return sum(
        len(name) + (len(value.encode()) if isinstance(value, str) else len(value) if isinstance(value, bytes) else 1)
        for name, typed in wired.items()
        for value in typed.values()
    )


def brief_of(r: dict[str, Any]) -> Run:
    """Return a run without metadata and steps from its row's values."""
    kept = unpack(r["brief"])
    workflow_id, name, created, updated, version, version_id, version_at, version_name = kept["flow"]
    return Run(
        place=place_of_row(r),
        flow=Flow(
            workflow_id=workflow_id,
            workflow_name=name,
            workflow_created_at=time_of(created),
            workflow_updated_at=time_of(updated),
            version=version,
            version_id=version_id,
            version_created_at=time_of(version_at),
            version_name=version_name,
        ),
        status=RunStatus(r["status"]),
        created_at=time_of(kept["created"]),
        updated_at=time_of(kept["updated"]),
        listed=not kept.get("alone", False),
        name=kept.get("name"),
        files=tuple(_file(each) for each in kept.get("files", ())),
        more_files=kept.get("more", 0),
        failure_reason=kept.get("reason"),
        failure_message=kept.get("message"),
        started_at=maybe_time(kept.get("started")),
        ended_at=maybe_time(kept.get("ended")),
        settled_at=maybe_time(kept.get("settled")),
        reviewed_by=kept.get("reviewer"),
        reviewed_at=maybe_time(kept.get("reviewed")),
        rejection_note=kept.get("note"),
        base_url=kept.get("url", ""),
        revision=kept["revision"],
        deleted=r.get("deleted", False),
    )


def document_of(run: Run) -> list[Any]:
    """Return what a run's brief lacks: its files only where it has not all of them whole. Each step's configuration stands once, by its name: a split runs it for every part."""
    steps = [[s.id, s.name, s.type, s.status, list(s.file_ids), s.result] for s in run.steps]
    files = [] if in_brief(run).files == run.files else [[_kept_file(each) for each in run.files]]
    return [run.metadata, steps, {s.name: s.config for s in run.steps if s.config is not None}, *files]


def whole(brief: Run, document: list[Any]) -> Run:
    """Return a run of its brief and its document."""
    metadata, steps, configs, *files = document
    kept = tuple(_file(each) for each in files[0]) if files else brief.files
    read = tuple(
        StepRun(
            id=id_, name=name, type=type_, status=status, file_ids=tuple(ids), result=result, config=configs.get(name)
        )
        for id_, name, type_, status, ids, result in steps
    )
    return replace(brief, metadata=metadata, steps=read, files=kept, more_files=0)


def joined(events: Iterable[str]) -> str:
    """Return events as a row keeps them: numbers that follow one name stand after it, with commas between them."""
    numbers: dict[str, list[str]] = {}
    for event in events:
        name, _, number = event.partition(":")
        numbers.setdefault(name, []).extend([number] if number else [])
    return " ".join(f"{name}:{','.join(found)}" if found else name for name, found in numbers.items())


def parted(text: str) -> tuple[str, ...]:
    """Return the events of a row's text."""
    found: list[str] = []
    for event in text.split():
        name, _, numbers = event.partition(":")
        found += [f"{name}:{number}" for number in numbers.split(",")] if numbers else [name]
    return tuple(found)


def _brief(run: Run) -> Json:
    flow = run.flow
    kept = {
        "flow": [
            *(flow.workflow_id, flow.workflow_name),
            *(millis(flow.workflow_created_at), millis(flow.workflow_updated_at)),
            *(flow.version, flow.version_id, millis(flow.version_created_at), flow.version_name),
        ],
        "revision": run.revision,
        "created": millis(run.created_at),
        "updated": millis(run.updated_at),
        "alone": None if run.listed else True,
        "name": run.name,
        "files": [_kept_file(each) for each in run.files] or None,
        "more": run.more_files or None,
        "reason": run.failure_reason,
        "message": run.failure_message,
        "started": maybe_millis(run.started_at),
        "ended": maybe_millis(run.ended_at),
        "settled": maybe_millis(run.settled_at),
        "reviewer": run.reviewed_by,
        "reviewed": maybe_millis(run.reviewed_at),
        "note": run.rejection_note,
        "url": run.base_url or None,
    }
    return told(kept)


def _kept_file(file: RunFile) -> list[Any]:
    kind = None if file.type is None else str(file.type)
    kept = [file.id, file.name, kind, millis(file.created_at), file.page_count, file.blob, file.parent_id, file.split]
    while kept[-1] is None:
        kept.pop()
    return kept


def _file(kept: list[Any]) -> RunFile:
    id_, name, kind, created, pages, blob, parent, split = kept + [None] * (8 - len(kept))
    return RunFile(
        id=id_,
        name=name,
        type=None if kind is None else FileType(kind),
        created_at=time_of(created),
        page_count=pages,
        blob=blob,
        parent_id=parent,
        split=split,
    )
