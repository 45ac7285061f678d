"""Every other path: 404 to anybody, in the envelope of the family whose paths it lies among; a key is counted."""

from __future__ import annotations

from batchwork.adapters import aws
from batchwork.adapters.clock import SystemClock
from batchwork.edge import settings
from batchwork.edge.endpoint import Envelope, Handler, endpoint
from batchwork.edge.paths import ByPath
from batchwork.families.lookups.errors import LookupsEnvelope
from batchwork.families.messages.errors import MessagesEnvelope
from batchwork.families.operations.errors import OperationsEnvelope
from batchwork.families.workflow_runs.errors import WorkflowRunsEnvelope
from batchwork.gates import to_look

gate = to_look(settings.text("TABLE_NAME"), aws.client("dynamodb"), SystemClock())


def lost(envelope: Envelope) -> Handler:
    """Return what answers every path in an envelope."""
    return endpoint(routes={}, gate=gate, envelope=envelope, service="unrouted")


messages, lookups, operations = lost(MessagesEnvelope()), lost(LookupsEnvelope()), lost(OperationsEnvelope())
runs = lost(WorkflowRunsEnvelope())
#: Below these, and below each of them under /v1, is the workflow runs family.
RUNS = ("/workflow_runs", "/workflows", "/files", "/webhook_endpoints", "/webhook_subscriptions")

handler = ByPath(
    {
        "": lookups,
        "/api/v1": messages,
        "/api/v1/intelligence": lookups,
        "/api/v1/signals": lookups,
        "/api/v1/enrichment": lookups,
        "/api/v1/me": lookups,
        "/v1": operations,
        **{before + root: runs for root in RUNS for before in ("", "/v1")},
    }
)
