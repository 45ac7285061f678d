"""What an endpoint is sent to try it: an event of a type that it can be told of, with a payload made up.

A made-up run or workflow has an id of zeros, and ``{"test": true}`` as its metadata.
"""

from __future__ import annotations

from datetime import timedelta

from batchwork.domain.event import Event
from batchwork.domain.idempotency import Ticket
from batchwork.domain.ids import ordered_id
from batchwork.domain.item import Json
from batchwork.domain.resource import to_millis
from batchwork.domain.run import EVENTS, STEP_PREFIX, STEP_PROCESSED, FileType, Run, RunFile, RunPlace, StepRun
from batchwork.domain.stringify import stringify
from batchwork.domain.webhook_endpoint import WebhookEndpoint
from batchwork.domain.workflow import PREFIX, Flow, Workflow, version_id
from batchwork.families.workflow_runs.dialect import Dialect, dialect_named
from batchwork.families.workflow_runs.events import ID, STYLE, body
from batchwork.families.workflow_runs.presenters import run_object
from batchwork.families.workflow_runs.step_presenters import step_object
from batchwork.families.workflow_runs.webhook_presenters import told_endpoint
from batchwork.families.workflow_runs.workflow_presenters import workflow_object

#: What one is sent unless another type is asked for: nothing that happens.
TEST = "webhook_endpoint.test"
_ZEROS = "0" * 23
#: Which status a run has that an event tells of.
_STATUSES = {name: status for status, name in EVENTS.items()}


def trial_of(endpoint: WebhookEndpoint, event_type: str, ticket: Ticket) -> Event:
    """Return the event that an endpoint is tried with; its id follows from the ticket."""
    return Event(
        id=ordered_id(ID, ticket),
        type=event_type,
        style=STYLE,
        workspace_id=endpoint.workspace_id,
        subject=endpoint.id,
        created_at=to_millis(ticket.at),
        data=lambda version: _sample(endpoint, event_type, dialect_named(version)),
    )


def trial_body(event: Event, endpoint: WebhookEndpoint) -> bytes:
    """Return what an endpoint is sent of a trial: its payload is small, and never goes as a URL."""
    return body(event, stringify(event.data(endpoint.version)))


def _sample(endpoint: WebhookEndpoint, event_type: str, dialect: Dialect) -> Json:
    if event_type == STEP_PROCESSED:
        run = _run(endpoint, "workflow_run.completed")
        return step_object(run, run.steps[0], dialect)
    if event_type in _STATUSES:
        return run_object(_run(endpoint, event_type), dialect)
    if event_type.startswith("workflow."):
        return workflow_object(_workflow(endpoint), dialect)
    return told_endpoint(endpoint)


def _workflow(endpoint: WebhookEndpoint) -> Workflow:
    return Workflow(
        id=f"{PREFIX}{_ZEROS}",
        workspace_id=endpoint.workspace_id,
        created_at=endpoint.created_at,
        updated_at=endpoint.created_at,
        name="Test",
        deployed=1,
    )


def _run(endpoint: WebhookEndpoint, event_type: str) -> Run:
    workflow, place = _workflow(endpoint), RunPlace(endpoint.workspace_id, _ZEROS, 0)
    at = workflow.created_at
    step = StepRun(
        id=f"{STEP_PREFIX}{_ZEROS}_0_0",
        name="rules",
        type="RULE_VALIDATION",
        status="PROCESSED",
        file_ids=(place.file_id,),
        result={"rules": [], "allPassed": True},
    )
    return Run(
        place=place,
        flow=Flow(
            workflow_id=workflow.id,
            workflow_name=workflow.name,
            workflow_created_at=at,
            workflow_updated_at=at,
            version="1",
            version_id=version_id(workflow.id, "1"),
            version_created_at=at,
        ),
        status=_STATUSES[event_type],
        created_at=at,
        updated_at=at + timedelta(seconds=1),
        started_at=at,
        ended_at=at + timedelta(seconds=1),
        name="Test",
        files=(RunFile(id=place.file_id, name="test.txt", type=FileType.TXT, created_at=at),),
        metadata={"test": True},
        steps=(step,),
        base_url="https://example.com",
        revision=1,
    )
