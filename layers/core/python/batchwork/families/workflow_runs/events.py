"""What the workflow runs family tells webhook endpoints (spec workflow runs 4.9).

``{"eventId", "eventType", "payload"}``, printed as JSON.stringify prints it, in the shapes of the endpoint's own version.
What the spec leaves open is chosen here: of the client's global events only `workflow.created` and `workflow.deployed`
happen here; the others (those of extractors, classifiers, splitters, and of runs that are not a workflow's) can be asked
for, as existing clients do, and never come. `webhook_endpoint.disabled`, which is ours, tells the other endpoints of one that
was switched off because it failed for days.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from batchwork.domain.event import Event
from batchwork.domain.idempotency import Ticket
from batchwork.domain.ids import ordered_id
from batchwork.domain.item import Json
from batchwork.domain.recent import Recent
from batchwork.domain.resource import Resource
from batchwork.domain.run import EVENTS, STEP_PROCESSED, Run, RunStatus
from batchwork.domain.stringify import stringify
from batchwork.domain.webhook import PayloadRef
from batchwork.domain.webhook_endpoint import DISABLED, WebhookEndpoint
from batchwork.domain.workflow import Workflow
from batchwork.families.workflow_runs.dialect import Dialect, dialect_named
from batchwork.families.workflow_runs.presenters import run_object
from batchwork.families.workflow_runs.step_presenters import step_object
from batchwork.families.workflow_runs.webhook_presenters import told_endpoint
from batchwork.families.workflow_runs.workflow_presenters import workflow_object
from batchwork.use_cases.tell import Told
from batchwork.use_cases.webhook_subscriptions import WORKFLOW

STYLE = "extend"
#: What endpoints can subscribe to of one workflow.
WORKFLOW_EVENTS = (*EVENTS.values(), STEP_PROCESSED)
#: Of those, what endpoints of some versions alone know.
NEW_EVENTS = {EVENTS[RunStatus.CANCELLED]: frozenset({str(Dialect.V2026)})}
#: What endpoints can ask for by themselves, and is told.
GLOBAL_EVENTS = ("workflow.created", "workflow.deployed", "webhook_endpoint.disabled")
#: What they can ask for all the same (clients 1.20.0 and 0.2.0).
SILENT_EVENTS = (
    "workflow.deleted",
    *(f"{run}_run.{end}" for run in ("parse", "edit", "form_detection", "extract") for end in ("processed", "failed")),
    *(f"{run}_run.{end}" for run in ("classify", "split") for end in ("processed", "failed")),
    *(f"{run}_run.{end}" for run in ("processor", "parser") for end in ("processed", "failed")),
    *(f"batch_{run}_run.{end}" for run in ("processor", "parse") for end in ("processed", "failed")),
    *(
        f"{kind}.{what}"
        for kind in ("extractor", "classifier", "splitter", "processor")
        for what in ("created", "updated", "deleted", "draft.updated", "version.published")
    ),
)

ID = "evt_"
#: What a write is called here that is called otherwise where it is made.
_TYPES = {DISABLED: "webhook_endpoint.disabled"}


def event_of(kind: str, resource: Resource, name: str) -> Event:
    """Return the event that a write of a workflow or of an endpoint was.

    kind: as rows name it, such as ``FLOW``.
    """
    return Event(
        id=_event_id(f"{resource.workspace_id}:{kind}:{resource.id}:{resource.revision}:{name}", resource.created_at),
        type=_TYPES.get(name, name),
        style=STYLE,
        workspace_id=resource.workspace_id,
        subject=resource.id,
        created_at=resource.updated_at,
        data=_kept(lambda dialect: _data_of(resource, dialect)),
    )


def run_event(run: Run, name: str, whole: Callable[[], Run | None]) -> Event:
    """Return the event that a write of a run was.

    name: as its row has it; that of a step run ends in the step run's number. run: without metadata and steps, which are
    in what `whole` returns: it is called only when somebody is told, and returns None for a run that was deleted since.
    """
    event_type, _, number = name.partition(":")

    def payload(dialect: Dialect) -> Json | None:
        told = whole()
        if told is None:
            return None
        return step_object(told, told.steps[int(number)], dialect) if number else run_object(told, dialect)

    return Event(
        id=_event_id(f"{run.place.workspace_id}:RUN:{run.id}:{run.revision}:{name}", run.created_at),
        type=event_type,
        style=STYLE,
        workspace_id=run.place.workspace_id,
        subject=run.id,
        created_at=run.updated_at,
        data=_kept(payload),
        topic=(WORKFLOW, run.flow.workflow_id),
        versions=NEW_EVENTS.get(event_type, frozenset()),
    )


def told(event: Event, endpoint: WebhookEndpoint) -> Told | None:
    """Return what an endpoint is sent of an event, None when that is gone: one that asks for it gets a large payload as a
    URL.
    """
    payload = event.data(endpoint.version)
    if payload is None:
        return None
    text = stringify(payload)
    if endpoint.url_threshold is not None and len(text.encode()) > endpoint.url_threshold:
        return Told(text.encode(), PayloadRef(str(payload["id"]), payload.get("metadata")))
    return Told(body(event, text))


def body(event: Event, payload: str) -> bytes:
    """Return what is sent of an event. payload: as it is printed."""
    head = stringify({"eventId": event.id, "eventType": event.type})
    return f'{head[:-1]},"payload":{payload}}}'.encode()


def unfit(endpoint: WebhookEndpoint, names: Sequence[str]) -> list[tuple[int, str]]:
    """Return (place, why) of events of a workflow that an endpoint is not told of, as its version does not know them."""
    return [
        (place, f"Is told only to endpoints of {', '.join(sorted(versions))}; this one is of {endpoint.version}")
        for place, name in enumerate(names)
        if (versions := NEW_EVENTS.get(name)) and endpoint.version not in versions
    ]


def _event_id(about: str, made_at: datetime) -> str:
    """Return the id of an event: it follows from what another try would not do differently, such as the time of a write."""
    return ordered_id(ID, Ticket(about, made_at))


def _kept(data: Callable[[Dialect], Json | None]) -> Callable[[str | None], Json | None]:
    """Return data by version, made once a dialect: many endpoints may be told of one event."""
    made: Recent[Dialect, Json | None] = Recent(len(Dialect))

    def of(version: str | None) -> Json | None:
        dialect = dialect_named(version)
        return made.get(dialect, lambda: data(dialect))

    return of


def _data_of(resource: Resource, dialect: Dialect) -> Json:
    match resource:
        case Workflow():
            return workflow_object(resource, dialect)
        case WebhookEndpoint():
            return told_endpoint(resource)
    raise TypeError(f"{type(resource).__name__} has no events")
