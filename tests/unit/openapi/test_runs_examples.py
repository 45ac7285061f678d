"""The examples of the workflow runs family's answers are what the code answers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from documented import document
from unit.openapi.run_samples import (
    A_BATCH,
    A_DELIVERY,
    A_FILE,
    A_RUN,
    A_SUBSCRIPTION,
    A_WORKFLOW,
    AN_ENDPOINT,
    AT,
    SINGLE,
)

from batchwork.domain.item import Json
from batchwork.domain.run import RunFile
from batchwork.domain.webhook import DeliveryStatus
from batchwork.domain.workflow import DEFAULT_STEPS, WorkflowVersion, version_id
from batchwork.families.workflow_runs.answers import batch_answer, run_answer, runs_answer
from batchwork.families.workflow_runs.dialect import Dialect, answered
from batchwork.families.workflow_runs.file_objects import seen_object, uploaded_object
from batchwork.families.workflow_runs.presenters import summary_object
from batchwork.families.workflow_runs.times import timestamp
from batchwork.families.workflow_runs.webhook_presenters import delivery_object, endpoint_object, subscription_object
from batchwork.families.workflow_runs.workflow_presenters import (
    created_object,
    line_object,
    version_object,
    workflow_object,
)
from batchwork.families.workflow_runs.workflow_presenters import (
    summary_object as workflow_summary,
)
from batchwork.use_cases.look_at_files import Seen
from batchwork.use_cases.workflows import Deployed, draft_of

TOKEN = "WyI4ZjE0ZTQ1ZmNlZWExNjdhIixbMTc3NTczNjAwMDAwMCwieCJdXQ"
VERSION = WorkflowVersion(
    id=version_id(A_WORKFLOW.id, "1"),
    workspace_id="acme",
    created_at=AT,
    updated_at=AT,
    workflow_id=A_WORKFLOW.id,
    version="1",
    name="First",
    steps=DEFAULT_STEPS,
)
DELIVERED = replace(
    A_DELIVERY,
    status=DeliveryStatus.DELIVERED,
    attempts=(replace(A_DELIVERY.attempts[0], status=200, error=None),),
)
BODY = '{"eventId":"evt_hhg1uu96o0n2uxpcbir3jit","eventType":"workflow.deployed","payload":{}}'


def listed(name: str, shown: Json, dialect: Dialect, *, more: bool = False) -> Json:
    following = {"nextPageToken": TOKEN} if more else {}
    if dialect is Dialect.V2026:
        return {"object": "list", "data": [shown], **following}
    return {"success": True, name: [shown], **following}


def one(name: str, shown: Json, dialect: Dialect) -> Json:
    return answered(name, shown, dialect).body or {}


def version_line(dialect: Dialect) -> Json:
    draft = draft_of(A_WORKFLOW)
    line = line_object(Deployed(draft.id, draft.version, draft.name, draft.created_at))
    return listed("workflowVersions", line, dialect)


def made(dialect: Dialect) -> Json:
    shown = workflow_object(A_WORKFLOW, dialect) if dialect is Dialect.V2026 else created_object(A_WORKFLOW)
    return one("workflow", shown, dialect)


def seen(dialect: Dialect) -> Json:
    file = RunFile(
        id=A_FILE.id,
        name=A_FILE.name,
        type=A_FILE.type,
        created_at=A_FILE.created_at,
        page_count=1,
        blob=A_FILE.blob,
    )
    url = "https://bucket.s3.amazonaws.com/file_hhg1uw8ay1m0p5q9r3s7t2v?X-Amz-Expires=900"
    contents: Json = {"pages": [], "sheets": [], "rawText": "Total: 12000"}
    if dialect is Dialect.V2026:
        contents["pages"] = [{"pageNumber": 1, "pageHeight": 792.0, "pageWidth": 612.0}]
    else:
        contents = {"rawText": "Total: 12000"}
    return one("file", seen_object(Seen(file=file, updated_at=AT), url, contents, dialect), dialect)


def announced(dialect: Dialect) -> Json:
    file = replace(A_FILE, name="invoices.pdf", type=None, size=None, page_count=None)
    told = {
        "file": uploaded_object(file, dialect),
        "upload": {
            "url": "https://bucket.s3.amazonaws.com/file_hhg1uw8ay1m0p5q9r3s7t2v?X-Amz-Expires=900",
            "method": "PUT",
            "headers": {"Content-Type": "application/pdf", "Content-Length": "7340032", "If-None-Match": "*"},
            "expiresAt": timestamp(AT + timedelta(minutes=15)),
        },
    }
    return told if dialect is Dialect.V2026 else {"success": True, **told}


def endpoint(dialect: Dialect, **more: Any) -> Json:
    return one("webhookEndpoint", {**endpoint_object(AN_ENDPOINT), **more}, dialect)


def rotated(dialect: Dialect) -> Json:
    until = timestamp(AT + timedelta(hours=1))
    return endpoint(dialect, signingSecret=AN_ENDPOINT.secret, previousSecretExpiresAt=until)


def tried(dialect: Dialect) -> Json:
    trial = replace(DELIVERED, event_type="webhook_endpoint.test", subject=AN_ENDPOINT.id, trial=True)
    return one("webhookDelivery", {**delivery_object(trial), "responseBody": "ok"}, dialect)


def delivery(dialect: Dialect) -> Json:
    shown = {**delivery_object(DELIVERED), "url": AN_ENDPOINT.url, "body": BODY, "bodyUrl": None}
    return one("webhookDelivery", shown, dialect)


def replayed(dialect: Dialect) -> Json:
    again = replace(A_DELIVERY, id="0b9c61ce-2a3f-5d0e-8f43-5a0c0f3c1d27", attempts=(), replay_of=A_DELIVERY.id)
    return one("webhookDelivery", delivery_object(again), dialect)


def recovery(dialect: Dialect) -> Json:
    shown = {
        "object": "webhook_recovery",
        "id": "5b1f7a52-7c41-4c1c-9a54-0c1f8e4c2f10",
        "webhookEndpointId": AN_ENDPOINT.id,
        "since": timestamp(AT - timedelta(hours=12)),
        "until": timestamp(AT),
    }
    return one("webhookRecovery", shown, dialect)


#: Component of the document → what it shows in a dialect.
SHOWN: dict[str, Callable[[Dialect], Json]] = {
    "RunList": lambda dialect: listed("workflowRuns", summary_object(A_RUN, dialect), dialect, more=True),
    "RunsMade": lambda dialect: runs_answer([SINGLE], dialect).body or {},
    "Run": lambda dialect: run_answer(A_RUN, dialect).body or {},
    "RunBatch": lambda dialect: batch_answer(A_BATCH, dialect).body or {},
    "WorkflowList": lambda dialect: listed("workflows", workflow_summary(A_WORKFLOW, dialect), dialect),
    "WorkflowMade": made,
    "Workflow": lambda dialect: one("workflow", workflow_object(A_WORKFLOW, dialect), dialect),
    "WorkflowVersionList": version_line,
    "WorkflowVersion": lambda dialect: one("workflowVersion", version_object(VERSION), dialect),
    "FlowFileList": lambda dialect: listed("files", uploaded_object(A_FILE, dialect), dialect),
    "FlowFileMade": lambda dialect: one("file", uploaded_object(A_FILE, dialect), dialect),
    "FlowFile": seen,
    "FlowFileAnnounced": announced,
    "RunEndpointList": lambda dialect: listed("webhookEndpoints", endpoint_object(AN_ENDPOINT), dialect),
    "RunEndpointMade": lambda dialect: endpoint(dialect, signingSecret=AN_ENDPOINT.secret),
    "RunEndpoint": endpoint,
    "RunSecretRotated": rotated,
    "RunEndpointTried": tried,
    "RunRecoveryBegun": recovery,
    "RunDeliveryList": lambda dialect: listed("webhookDeliveries", delivery_object(A_DELIVERY), dialect),
    "RunDelivery": delivery,
    "RunDeliveryReplayed": replayed,
    "SubscriptionList": lambda dialect: listed("webhookSubscriptions", subscription_object(A_SUBSCRIPTION), dialect),
    "Subscription": lambda dialect: one("webhookSubscription", subscription_object(A_SUBSCRIPTION), dialect),
}


@pytest.mark.parametrize("name", SHOWN)
def test_an_answer_is_shown_as_it_is_answered(name: str) -> None:
    media = document()["components"]["responses"][name]["content"]["application/json"]
    shown = {called: example["value"] for called, example in media["examples"].items()}
    assert shown == {"legacy": SHOWN[name](Dialect.V2025), "2026": SHOWN[name](Dialect.V2026)}


@pytest.mark.parametrize("name", SHOWN)
def test_the_seeds_clients_and_those_of_2025_are_answered_the_same(name: str) -> None:
    assert SHOWN[name](Dialect.LEGACY) == SHOWN[name](Dialect.V2025)


def test_what_both_generations_answer_is_shown_of_both() -> None:
    responses = document()["components"]["responses"]
    both = {
        name
        for name, response in responses.items()
        if {"legacy", "2026"} <= response.get("content", {}).get("application/json", {}).get("examples", {}).keys()
    }
    aliases = {"RunDone", "RunBatchDone", "WorkflowDone", "WorkflowDeployed", "RunEndpointDone", "SubscriptionDone"}
    assert both == SHOWN.keys() | aliases
