"""What a user of extend-ai 0.2.0 does: run by tests/journeys/test_extend_clients.py in an environment of the client's own.

Arguments: base URL, token, workflow id, folder for files. Prints what it saw as JSON; every object that came back is
validated against the client's own types, which the client itself does not do.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

from extend_ai import BatchWorkflowRunCreateRequestInputsItem, BatchWorkflowRunFileInput, Extend, WorkflowRunFileInput
from extend_ai.core.api_error import ApiError

base_url, token, workflow_id, folder = sys.argv[1:]
client = Extend(base_url=base_url, token=token)


def checked(answer: Any) -> Any:
    """Validate an answer by its own type, and return it."""
    type(answer).model_validate(json.loads(answer.model_dump_json(by_alias=True, exclude_unset=True)))
    return answer


def refused(call: Any) -> list[Any]:
    """Return status and body of a call that is refused."""
    try:
        call()
    except ApiError as exc:
        body = exc.body
        return [exc.status_code, body if isinstance(body, dict) else json.loads(body.model_dump_json(by_alias=True))]
    raise SystemExit("a call that should be refused was not")


seen: dict[str, Any] = {}
created = checked(client.workflow.create(name="Made by the client"))
seen["created"] = [created.success, created.workflow.version, created.workflow.name]

path = Path(folder) / "note.txt"
path.write_text("Invoice Number: INV-77\nTotal: $12.50\n")
with path.open("rb") as file:
    uploaded = checked(client.file.upload(file=("note.txt", file, "text/plain")))
seen["uploaded"] = [uploaded.file.name, uploaded.file.type]

Input = BatchWorkflowRunCreateRequestInputsItem
inputs = [Input(raw_text=f"Invoice Number: INV-{n}\nTotal: ${n}.00", metadata={"n": n, "tag": "ü"}) for n in range(10)]
inputs.append(
    Input(file=BatchWorkflowRunFileInput(file_id=uploaded.file.id), metadata={"n": 10}, secrets={"k": "s3cret"})
)
accepted = checked(client.batch_workflow_run.create(workflow_id=workflow_id, inputs=inputs, version="1"))
seen["accepted"] = [accepted.success, accepted.batch_id.startswith("batch_")]


def walked(size: int, **filters: Any) -> list[Any]:
    """Return all summaries of a list, page by page."""
    found: list[Any] = []
    page = client.workflow_run.list(max_page_size=size, **filters)
    while True:
        found += checked(page).workflow_runs
        if page.next_page_token is None:
            return found
        page = client.workflow_run.list(max_page_size=size, next_page_token=page.next_page_token, **filters)


until = time.monotonic() + 60
while True:
    summaries = walked(4, batch_id=accepted.batch_id)
    if {each.status for each in summaries} == {"PROCESSED"} or time.monotonic() > until:
        break
    time.sleep(0.2)
seen["statuses"] = sorted(each.status for each in summaries)
seen["distinct"] = len({each.id for each in summaries})
seen["by_creation"] = [
    len(walked(3, batch_id=accepted.batch_id, sort_by="createdAt", sort_dir=direction)) for direction in ("asc", "desc")
]
seen["failed_of_batch"] = len(walked(50, batch_id=accepted.batch_id, status="FAILED"))
seen["named"] = len(walked(50, batch_id=accepted.batch_id, file_name_contains="note"))

runs = [checked(client.workflow_run.get(each.id)).workflow_run for each in summaries]
seen["metadata"] = sorted(run.metadata["n"] for run in runs)
seen["batch_ids"] = sorted({run.batch_id == accepted.batch_id for run in runs})
first = next(run for run in runs if run.metadata["n"] == 7)
seen["tag"] = first.metadata["tag"]
seen["extracted"] = [output.output.value for output in first.outputs if output.type == "EXTRACT"]
seen["told_secret"] = "s3cret" in "".join(run.model_dump_json() for run in runs)

updated = checked(client.workflow_run.update(first.id, name="Renamed", metadata={"more": True})).workflow_run
seen["updated"] = [updated.name, updated.metadata["n"], updated.metadata["more"]]
singles = checked(
    client.workflow_run.create(
        workflow_id=workflow_id,
        files=[WorkflowRunFileInput(file_id=uploaded.file.id, file_name="again.txt")],
        metadata={"single": True},
    )
).workflow_runs
seen["single"] = [len(singles), singles[0].batch_id, singles[0].metadata]
deleted = checked(client.workflow_run.delete(first.id))
seen["deleted"] = [deleted.success, deleted.workflow_run_id == first.id]
seen["gone"] = refused(lambda: client.workflow_run.get(first.id))
seen["cancel_ended"] = refused(lambda: client.workflow_run.cancel(runs[0].id if runs[0].id != first.id else runs[1].id))

shown = checked(client.file.get(uploaded.file.id, raw_text=True)).file
seen["file"] = [shown.name, shown.contents.raw_text, (shown.presigned_url or "").startswith("http")]
seen["files"] = uploaded.file.id in [each.id for each in checked(client.file.list(name_contains="note")).files]
seen["file_deleted"] = checked(client.file.delete(uploaded.file.id)).success
seen["unknown_workflow"] = refused(
    lambda: client.batch_workflow_run.create(workflow_id="workflow_" + "a" * 23, inputs=[Input(raw_text="x")])
)
seen["no_inputs"] = refused(lambda: client.batch_workflow_run.create(workflow_id=workflow_id, inputs=[]))
print(json.dumps(seen))
