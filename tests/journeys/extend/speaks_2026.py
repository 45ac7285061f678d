"""What a user of extend-ai 1.20.0 does: run by tests/journeys/test_extend_clients.py in an environment of the client's own.

Arguments: base URL, token, a receiver's URL, folder for files. Prints what it saw as JSON; every object that came back is
validated against the client's own types, which the client itself does not do.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

from extend_ai import Extend
from extend_ai.core.api_error import ApiError

base_url, token, receiver, folder = sys.argv[1:]
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


EXTRACTOR = {
    "schema": {
        "type": "object",
        "properties": {
            "invoice_number": {"type": ["string", "null"]},
            "total": {"type": ["number", "null"]},
        },
    }
}
STEPS: list[Any] = [
    {"type": "TRIGGER", "name": "trigger", "next": [{"step": "parse"}]},
    {"type": "PARSE", "name": "parse", "next": [{"step": "kind"}]},
    {
        "type": "CLASSIFY",
        "name": "kind",
        "config": {
            "classifier_config": {
                "classifications": [
                    {"id": "cls_invoice", "type": "invoice", "description": "An invoice with a number and a total"},
                    {"id": "cls_other", "type": "other", "description": "Anything else"},
                ]
            }
        },
        "next": [{"step": "extract", "classification_id": "cls_invoice"}],
    },
    {"type": "EXTRACT", "name": "extract", "config": {"extractor_config": EXTRACTOR}, "next": [{"step": "rules"}]},
    {
        "type": "RULE_VALIDATION",
        "name": "rules",
        "config": {"rules": [{"name": "total is known", "formula": "ISPRESENT(extract.total)"}]},
    },
]
seen: dict[str, Any] = {}
workflow = checked(client.workflows.create(name="Invoices", steps=STEPS))
seen["created"] = [workflow.name, workflow.draft_version.version, len(workflow.draft_version.steps)]
version = checked(client.workflow_versions.create(workflow.id, name="first"))
seen["deployed"] = [version.version, version.name]
seen["versions"] = [each.version for each in checked(client.workflow_versions.list(workflow.id)).data]
seen["version"] = checked(client.workflow_versions.retrieve(workflow.id, version.id)).id == version.id
seen["renamed"] = checked(client.workflows.update(workflow.id, name="All invoices")).name
seen["retrieved"] = checked(client.workflows.retrieve(workflow.id)).name
seen["listed"] = workflow.id in [each.id for each in checked(client.workflows.list()).data]

endpoint = checked(
    client.webhook_endpoints.create(
        url=receiver,
        name="Receiver",
        enabled_events=["workflow.deployed"],
        api_version="2026-02-09",
        advanced_options={"headers": {"x-ours": "yes"}},
    )
)
subscription = checked(
    client.webhook_subscriptions.create(
        webhook_endpoint_id=endpoint.id,
        resource_type="workflow",
        resource_id=workflow.id,
        enabled_events=["workflow_run.completed", "workflow_run.needs_review", "workflow_run.cancelled"],
    )
)
seen["secret"] = endpoint.signing_secret
seen["endpoint"] = [checked(client.webhook_endpoints.retrieve(endpoint.id)).name, endpoint.status]
seen["endpoints"] = [each.id == endpoint.id for each in checked(client.webhook_endpoints.list()).data]
seen["subscriptions"] = [each.id == subscription.id for each in checked(client.webhook_subscriptions.list()).data]

path = Path(folder) / "plain.txt"
path.write_text("Invoice\nInvoice Number: INV-9\nTotal: 99.50\n")
with path.open("rb") as file:
    uploaded = checked(client.files.upload(file=("plain.txt", file, "text/plain")))
batch = checked(
    client.workflow_runs.create_batch(
        workflow={"id": workflow.id},
        inputs=[
            {"file": {"text": "Invoice\nInvoice Number: INV-1\nTotal: 1.25", "name": "one.txt"}, "metadata": {"n": 1}},
            {"file": {"text": "Invoice\nInvoice Number: INV-2", "name": "two.txt"}, "metadata": {"n": 2}},
            {"file": {"id": uploaded.id}, "metadata": {"n": 3}, "secrets": {"k": "s3cret"}},
        ],
        priority=10,
    )
)
until = time.monotonic() + 60
while time.monotonic() < until:
    found: list[Any] = []
    page = client.workflow_runs.list(batch_id=batch.batch_id, max_page_size=2)
    while True:
        found += checked(page).data
        if page.next_page_token is None:
            break
        page = client.workflow_runs.list(batch_id=batch.batch_id, max_page_size=2, next_page_token=page.next_page_token)
    if not {each.status for each in found} & {"PENDING", "PROCESSING"}:
        break
    time.sleep(0.2)
runs = [checked(client.workflow_runs.retrieve(each.id)) for each in found]
runs.sort(key=lambda run: run.metadata["n"])
seen["statuses"] = [run.status for run in runs]
seen["steps"] = [step.step_type for step in runs[0].step_runs]
seen["names"] = [run.files[0].name for run in runs]
seen["value"] = next(step for step in runs[0].step_runs if step.step_type == "EXTRACT").result.extract_run.output.value
seen["classified"] = next(s for s in runs[0].step_runs if s.step_type == "CLASSIFY").result.classify_run.output.type
seen["rules"] = [
    [rule.name, rule.valid]
    for run in runs
    for step in run.step_runs
    if step.step_type == "RULE_VALIDATION"
    for rule in step.result.rules
]
seen["told_secret"] = "s3cret" in "".join(run.model_dump_json() for run in runs)
polled = checked(
    client.workflow_runs.create_and_poll(
        workflow={"id": workflow.id, "version": "draft"},
        file={"text": "Invoice\nInvoice Number: INV-4\nTotal: 4", "name": "four.txt"},
    )
)
seen["polled"] = [polled.status, polled.batch_id, polled.workflow_version.version]
updated = checked(client.workflow_runs.update(runs[0].id, metadata={"more": [1, 2]}))
seen["updated"] = updated.metadata
seen["deleted"] = client.workflow_runs.delete(runs[0].id).id == runs[0].id
seen["gone"] = refused(lambda: client.workflow_runs.retrieve(runs[0].id))
seen["cancel_ended"] = refused(lambda: client.workflow_runs.cancel(runs[2].id))
shown = checked(client.files.retrieve(uploaded.id, raw_text=True))
seen["file"] = [shown.name, shown.type, shown.contents.raw_text]
seen["files"] = uploaded.id in [each.id for each in checked(client.files.list()).data]
seen["file_deleted"] = client.files.delete(uploaded.id).id == uploaded.id
seen["bad"] = refused(
    lambda: client.workflow_runs.create_batch(workflow={"id": workflow.id, "version": "0"}, inputs=[])
)
client.webhook_subscriptions.delete(subscription.id)
seen["no_subscriptions"] = client.webhook_subscriptions.list().data
seen["disabled"] = checked(client.webhook_endpoints.update(endpoint.id, status="disabled")).status
seen["endpoint_deleted"] = client.webhook_endpoints.delete(endpoint.id).id == endpoint.id
print(json.dumps(seen, default=str))
