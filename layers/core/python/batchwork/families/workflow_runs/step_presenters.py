"""Step runs as answers and webhooks show them, in each dialect (spec workflow runs 4.5).

What a step run has stored is told in processors/workflow_runs/steps. The older dialects show what reads documents
(CLASSIFY, EXTRACT, SPLIT) as outputs of a run, what checks as step runs, and the others not at all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from batchwork.domain.run import STEP_PREFIX, RunStatus
from batchwork.domain.workflow import workflow_core
from batchwork.families.workflow_runs.dialect import Dialect, known
from batchwork.families.workflow_runs.run_files import files_of
from batchwork.families.workflow_runs.times import timestamp

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from batchwork.domain.item import Json
    from batchwork.domain.run import Run, StepRun

#: What the older dialects call the steps that they show as outputs.
OUTPUTS = {"CLASSIFY": "CLASSIFY", "EXTRACT": "EXTRACT", "SPLIT": "SPLITTER"}
#: The steps that they show as step runs.
CHECKS = frozenset({"RULE_VALIDATION", "EXTERNAL_DATA_VALIDATION"})
#: Of the steps that read documents: what their run is called in 2026-02-09, how its id begins, and what their
#: configuration has at the least.
_RUNS: dict[str, tuple[str, str, Json]] = {
    "CLASSIFY": ("classify_run", "clr_", {"classifications": []}),
    "EXTRACT": ("extract_run", "exr_", {"schema": {}}),
    "SPLIT": ("split_run", "splr_", {"splitClassifications": []}),
}
#: Of the same: what made it, as their run names it.
_MAKERS = {"CLASSIFY": "classifier", "EXTRACT": "extractor", "SPLIT": "splitter"}


def run_url(run: Run) -> str:
    """Return where a run can be looked at."""
    return f"{run.base_url}/workflow_runs/{run.id}"


def step_object(run: Run, step: StepRun, dialect: Dialect) -> Json:
    """Return a step run of a run."""
    shown_step = {"object": "workflow_step", "id": _step_id(run, step), "name": step.name, "type": step.type}
    if dialect is not Dialect.V2026:
        return known(
            {
                "object": "workflow_step_run",
                "id": step.id,
                "status": step.status,
                "step": shown_step,
                "output": _old_output(step),
            }
        )
    return {
        "object": "workflow_step_run",
        "id": step.id,
        "workflowRunId": run.id,
        "status": step.status,
        "files": files_of(run, step.file_ids, dialect),
        "stepType": step.type,
        "step": shown_step,
        "result": _result(run, step),
    }


def output_object(run: Run, step: StepRun, dialect: Dialect) -> Json:
    """Return a step run of a type of OUTPUTS as the older dialects show it: a `document_processor_run`."""
    kind, rest, made_by = OUTPUTS[step.type], step.id.removeprefix(STEP_PREFIX), _step_id(run, step)[len("step_") :]
    output = _old_output(step)
    return known(
        {
            "object": "document_processor_run",
            "id": f"dpr_{rest}",
            "processorId": f"dp_{made_by}",
            "processorVersionId": f"dpv_{made_by}_{run.flow.version}",
            "processorName": step.name,
            "status": step.status,
            "output": output or {},
            **_failure(step),
            "metadata": {},
            "reviewed": run.reviewed_at is not None,
            "edited": False,
            "edits": {},
            "type": kind,
            "config": {"type": kind, **_config(step)},
            "initialOutput": output,
            "files": files_of(run, step.file_ids, dialect),
            "mergedProcessors": [],
            "url": run_url(run),
        }
    )


def _step_id(run: Run, step: StepRun) -> str:
    """Return the id of a step: a workflow's steps have names of their own."""
    return f"step_{workflow_core(run.flow.workflow_id)}_{step.name}"


def _config(step: StepRun) -> Json:
    return {**_RUNS[step.type][2], **(step.config or {})}


def _failed(step: StepRun) -> bool:
    return step.status == RunStatus.FAILED


def _failure(step: StepRun) -> Json:
    told: Json = step.result or {} if _failed(step) else {}
    return {"failureReason": told.get("failureReason"), "failureMessage": told.get("failureMessage")}


def _old_output(step: StepRun) -> Json | None:
    """Return what a step found, as the older dialects show it; None for one that failed."""
    if _failed(step) or step.result is None:
        return None
    if step.type in OUTPUTS:
        output: Json = step.result["output"]
        return output
    if step.type == "RULE_VALIDATION":
        return {"rules": [_old_rule(rule) for rule in step.result["rules"]]}
    if step.type == "EXTERNAL_DATA_VALIDATION":
        response = step.result["response"]
        data: Json = {"error": step.result.get("error")} if response is None else response["data"]
        return data
    return step.result


def _old_rule(rule: Json) -> Json:
    """Return a rule's end; each truth of an array is a text (client 0.2.0)."""
    if "validArray" not in rule:
        return rule
    return {**rule, "validArray": ["true" if valid else "false" for valid in rule["validArray"]]}


def _result(run: Run, step: StepRun) -> Json | None:
    """Return the result of a step run as 2026-02-09 shows it, null for a step that found nothing to be shown."""
    if step.type in _RUNS:
        return {f"{step.type.lower()}Run": _document_run(run, step)}
    if step.type == "PARSE":
        return {"parseRun": _parse_run(run, step)}
    if _failed(step) or step.result is None:
        return None
    if step.type == "EXTERNAL_DATA_VALIDATION" and step.result["response"] is None:
        return None
    return step.result


def _document_run(run: Run, step: StepRun) -> Json:
    """Return the run of a step that reads documents."""
    name, prefix, _ = _RUNS[step.type]
    output = None if _failed(step) or step.result is None else _new_output(step)
    files = files_of(run, step.file_ids, Dialect.V2026)
    at = timestamp(run.started_at or run.created_at)
    extracted = {"edits": {}, "files": files} if step.type == "EXTRACT" else {}
    return {
        "object": name,
        "id": prefix + step.id.removeprefix(STEP_PREFIX),
        "status": step.status,
        "output": output,
        "initialOutput": output,
        "reviewedOutput": None,
        **_failure(step),
        "metadata": None,
        "reviewed": run.reviewed_at is not None,
        "edited": False,
        **extracted,
        "config": _config(step),
        _MAKERS[step.type]: None,
        f"{_MAKERS[step.type]}Version": None,
        "file": files[0] if files else None,
        "parseRunId": _parse_run_id(run, step),
        "dashboardUrl": run_url(run),
        "usage": None,
        "createdAt": at,
        "updatedAt": timestamp(run.ended_at or run.updated_at),
    }


def _new_output(step: StepRun) -> Json:
    output: Json = (step.result or {})["output"]
    if step.type != "EXTRACT":
        return output
    found = {name: _new_finding(told) for name, told in output["metadata"].items()}
    return {**output, "metadata": found}


def _new_finding(told: Json) -> Json:
    """Return what is told of an extracted value; 2026-02-09 has pages with numbers where the older dialects have numbers."""
    if not told.get("citations"):
        return told
    return {**told, "citations": [_new_citation(each) for each in told["citations"]]}


def _new_citation(citation: Json) -> Json:
    page: Any = citation.get("page")
    return citation if page is None else {**citation, "page": {"number": page}}


def _parse_run(run: Run, step: StepRun) -> Json:
    files = files_of(run, step.file_ids, Dialect.V2026)
    found = None if _failed(step) else step.result
    return {
        "object": "parse_run",
        "id": f"pr_{step.id.removeprefix(STEP_PREFIX)}",
        "file": files[0] if files else None,
        "status": step.status,
        **_failure(step),
        "metadata": None,
        "output": None if found is None else _parsed(found),
        "outputUrl": None,
        "metrics": found and {"processingTimeMs": found["processingTimeMs"], "pageCount": found["pageCount"]},
        "config": step.config or {},
        "usage": None,
    }


def _parsed(found: Json) -> Json:
    """Return what was read in a file, a chunk a page. truncated: GET /files/{id} has all of it (ours)."""
    chunks = [
        {
            "object": "chunk",
            "type": "page",
            "content": chunk["content"],
            "metadata": {"pageRange": {"start": chunk["page"], "end": chunk["page"]}},
            "blocks": [],
        }
        for chunk in found["chunks"]
    ]
    return {"chunks": chunks, **({"truncated": True} if found.get("cut") else {})}


def _parse_run_id(run: Run, step: StepRun) -> str | None:
    """Return the id of the parse run that read the file of a step before it, None when there is none."""
    read: Iterable[StepRun] = (each for each in run.steps if each.type == "PARSE" and each.file_ids == step.file_ids)
    first = next(iter(read), None)
    return None if first is None else f"pr_{first.id.removeprefix(STEP_PREFIX)}"
