"""Runs, step runs and files as the workflow runs family shows them are what docs/openapi.yaml says, whatever they went through."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace

import pytest
from documented import rules
from unit.openapi.run_samples import AT
from unit.workflow_runs.whole_run import FAILED, STEPS, UNANSWERED, a_pending_run, a_run, a_step

from batchwork.domain.document import Page
from batchwork.domain.file_contents import FileContents
from batchwork.domain.item import Json
from batchwork.domain.run import FileType, Run, RunFile, RunStatus
from batchwork.families.workflow_runs.dialect import Dialect
from batchwork.families.workflow_runs.file_objects import contents_object, seen_object
from batchwork.families.workflow_runs.presenters import run_object, summary_object
from batchwork.families.workflow_runs.room import fitting_run
from batchwork.families.workflow_runs.step_presenters import step_object
from batchwork.use_cases.look_at_files import Seen

DIALECTS = [Dialect.LEGACY, Dialect.V2025, Dialect.V2026]
URL = "https://bucket.s3.amazonaws.com/x?X-Amz-Expires=900"


def check(name: str, value: Json) -> None:
    """Fail unless a value, as JSON, is what a schema says and no more than that."""
    schema = {"unevaluatedProperties": False, "allOf": [{"$ref": f"#/components/schemas/{name}"}]}
    rules(schema).validate(json.loads(json.dumps(value)))


def runs() -> Iterator[Run]:
    """Yield runs that went as far, and ended as differently, as runs do."""
    yield a_run()
    yield a_pending_run()
    yield a_run(listed=False, name="Mine", status=RunStatus.CANCELLED, steps=())
    reviewed = {"reviewed_by": "jane", "reviewed_at": AT, "rejection_note": "no"}
    yield a_run(status=RunStatus.REJECTED, **reviewed)
    yield a_run(status=RunStatus.FAILED, failure_reason="CORRUPT_FILE", failure_message="It is damaged.", files=())
    for step in STEPS:
        yield a_run(status=RunStatus.FAILED, steps=(replace(step, status="FAILED", result=FAILED),))
    yield a_run(steps=(a_step("EXTERNAL_DATA_VALIDATION", UNANSWERED),))


@pytest.mark.parametrize("dialect", DIALECTS)
def test_runs_are_shown_as_documented(dialect: Dialect) -> None:
    new = dialect is Dialect.V2026
    for run in runs():
        check("Run2026" if new else "LegacyRun", run_object(run, dialect))
        check("RunSummary2026" if new else "LegacyRunSummary", summary_object(run, dialect))
        for step in run.steps:
            check("StepRun2026" if new else "LegacyStepRun", step_object(run, step, dialect))


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("room", [1, 10_000])
def test_runs_that_an_answer_has_no_room_for_are_shown_as_documented(dialect: Dialect, room: int) -> None:
    steps = (*STEPS, replace(a_step("EXTERNAL_DATA_VALIDATION", UNANSWERED, 7), name="unanswered"))
    run = a_run(steps=tuple(replace(step, config={"description": "x" * 9_000}) for step in steps))
    shown = fitting_run(run, dialect, room)
    assert shown["truncated"]
    check("Run2026" if dialect is Dialect.V2026 else "LegacyRun", shown)


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("kind", FileType)
def test_files_are_shown_as_documented(kind: FileType, dialect: Dialect) -> None:
    pages = (Page(number=1, text="# Total\n5", name="Sheet1", width=612.0, height=792.0, rows=(("a", "b"),)),)
    flags = ("rawText", "markdown", "html")
    file = RunFile(id="file_x", name="x", type=kind, created_at=AT, page_count=1)
    for asked in ({*flags}, {"markdown"}, {"rawText"}):
        contents = contents_object(FileContents(type=kind, text="Total 5", pages=pages), asked, dialect)
        shown = seen_object(Seen(file=file, updated_at=AT), URL, contents, dialect)
        check("File2026" if dialect is Dialect.V2026 else "LegacyFile", shown)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_file_that_has_not_come_yet_is_shown_as_documented(dialect: Dialect) -> None:
    file = RunFile(id="file_x", name="x", type=None, created_at=AT)
    shown = seen_object(Seen(file=file, updated_at=AT), None, None, dialect)
    check("File2026" if dialect is Dialect.V2026 else "LegacyFile", shown)


def test_what_the_document_does_not_say_is_found() -> None:
    with pytest.raises(Exception, match="surprise"):
        check("LegacyRun", {**run_object(a_run(), Dialect.LEGACY), "surprise": 1})
    with pytest.raises(Exception, match="surprise"):
        check("RunSummary2026", {**summary_object(a_run(), Dialect.V2026), "surprise": 1})
