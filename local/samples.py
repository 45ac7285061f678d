"""The table that events/*.json speak of, and what each function must answer to its event on it.

The same events and checks run in containers (local.sam_local) and in process (tests/functions/test_events.py).
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from batchwork.adapters.clock import SystemClock
from batchwork.adapters.dynamodb.agents import DynamoAgents
from batchwork.adapters.dynamodb.batches import DynamoBatches
from batchwork.adapters.dynamodb.deliveries import DynamoDeliveries
from batchwork.adapters.dynamodb.identities import DynamoIdentities
from batchwork.adapters.dynamodb.sequences import DynamoSequences
from batchwork.adapters.packing import Packer
from batchwork.adapters.s3 import S3Blobs
from batchwork.adapters.sqs import SqsWorkQueue
from batchwork.domain.batch import BatchRef
from batchwork.domain.idempotency import Ticket
from batchwork.domain.workspace import Caller
from batchwork.edge.http import Request
from batchwork.families.messages.submissions import BatchSubmitter
from batchwork.use_cases.agents import Agents, Draft
from batchwork.use_cases.keys import EVERY_SCOPE, Keys, Workspaces
from batchwork.use_cases.once import Errand
from batchwork.use_cases.submit import Submit
from local import samples_operations, samples_runs
from local.seed import FAQ, document
from local.stack import ROOT

Json = dict[str, Any]

#: In the order in which they tell a story: a post is read and deleted, a job worked, a webhook made; a workflow is shown, its
#: runs worked, read and changed; a batch is worked, read, completed, its webhook tried and looked up; another cancelled.
FUNCTIONS = (
    "unrouted",
    "me",
    "lookups_batch",
    "operations_resources",
    "operations_batch",
    "operations_worker",
    "resource_events",
    "media_uploaded",
    "workflows",
    "workflow_files",
    "workflow_runs_create",
    "workflow_runs_worker",
    "workflow_runs_read",
    "workflow_runs_change",
    "workflow_webhooks",
    "messages_agents",
    "messages_chats",
    "messages_create",
    "messages_worker",
    "messages_read",
    "completion",
    "webhook_sender",
    "messages_deliveries",
    "messages_cancel",
    "sweeper",
)
#: Workspace, key id and secret of the events' ``bw_events_events.events``.
NAME = "events"
AGENT = "550e8400-e29b-41d4-a716-446655440000"
WORKED = "6f1c1a5e-6d0b-4a55-9a3c-0d5b3f0f7c11"
CANCELLED = "6f1c1a5e-6d0b-4a55-9a3c-0d5b3f0f7c12"
#: Nobody listens there, on any machine and in any container: the attempt is made, refused and recorded.
WEBHOOK = "http://127.0.0.1:9/webhooks/codeer"


def event(function: str) -> Json:
    """Return a function's event."""
    loaded: Json = json.loads((ROOT / "events" / f"{function}.json").read_text())
    return loaded


def events() -> set[str]:
    """Return the functions that have an event."""
    return {path.stem for path in (ROOT / "events").glob("*.json")}


def seed(table: str, bucket: str, work_queue: str, operations_queue: str, runs_queue: str) -> None:
    """Make the workspace, key, agent, two batches, the resources and job, the workflow and runs of the events, with the ids
    they name.
    """
    clock = SystemClock()
    identities, packer = DynamoIdentities(table), Packer(lambda: S3Blobs(bucket))
    workspace = Workspaces(identities, clock, DynamoSequences(table), lambda: NAME).create("Events", "pro")
    key, _ = Keys(identities, clock, lambda: NAME, lambda: NAME).create(NAME, "events", [EVERY_SCOPE])
    agents = DynamoAgents(table, packer)
    ids = iter((AGENT, "7c9e6679-7425-40de-944b-e07fc1f90ae7"))
    life = Agents(agents, clock, lambda: next(ids))
    documents = tuple(document(path) for path in sorted(FAQ.glob("*.md")))
    agent, version = life.create(NAME, Draft(name="Shop assistant", documents=documents))
    life.publish(NAME, agent.id, version.id)
    submitter = BatchSubmitter(
        submit=Submit(
            batches=DynamoBatches(table, packer, timedelta(days=1)),
            queue=SqsWorkQueue(work_queue),
            clock=clock,
            deadline=timedelta(hours=1),
            unqueued=_refuse,
        ),
        agents=agents,
        sequences=DynamoSequences(table),
        check_url=lambda _: None,
    )
    asked = event("messages_create")
    body = json.loads(asked["body"]) | {"webhook": {"url": WEBHOOK, "secret": "your-webhook-secret"}}
    caller = Caller(workspace, key)
    samples_operations.seed(table, bucket, operations_queue, caller, WEBHOOK)
    samples_runs.seed(table, runs_queue, caller)
    act = submitter.accept(Request.from_event({**asked, "body": json.dumps(body)}), caller)
    for batch_id in (WORKED, CANCELLED):
        act(Errand(Ticket(batch_id, clock.now())))


def _refuse(problem: Exception) -> None:
    raise problem


def checks(table: str) -> dict[str, Callable[[Any], bool]]:
    """Return by function whether its answer to its event is right."""
    return {
        **samples_operations.checks(table, NAME),
        **samples_runs.checks(table, NAME),
        "unrouted": lambda answer: _told(answer, 404)["error_code"] == 10003,
        "me": lambda answer: _told(answer, 200)["data"]["organization"]["name"] == "Events",
        "lookups_batch": lambda answer: _told(answer, 200)["meta"]["batch"]["succeeded"] == 2,
        "messages_agents": lambda answer: [each["id"] for each in _told(answer, 200)["data"]] == [AGENT],
        "messages_chats": lambda answer: isinstance(_told(answer)["data"]["id"], int),
        "messages_create": lambda answer: _told(answer, 202)["data"]["total_requests"] == 2,
        "messages_worker": lambda answer: answer == {"batchItemFailures": []} and _succeeded(table) == 2,
        "messages_read": lambda answer: "9 AM to 6 PM EST" in _told(answer, 200)["data"][0]["response_content"],
        "completion": lambda answer: answer == {"batchItemFailures": []},
        "webhook_sender": lambda answer: answer == {"batchItemFailures": []} and _attempts(table) == [1],
        "messages_deliveries": lambda answer: len(_told(answer, 200)["data"]) == 1,
        "messages_cancel": lambda answer: _told(answer, 202)["data"]["status"] == "cancelling",
        "sweeper": lambda answer: isinstance(answer, dict) and all(isinstance(n, int) for n in answer.values()),
    }


def _told(answer: Any, status: int | None = None) -> Any:
    """Return the JSON of an HTTP answer, an empty envelope for another status than expected."""
    if answer["statusCode"] != (status or answer["statusCode"]):
        return {"data": None, "error_code": None}
    return json.loads(answer["body"])


def _succeeded(table: str) -> int:
    """Return how many items of the worked batch succeeded."""
    packer = Packer(lambda: S3Blobs("unused: a header has no blob"))
    batch = DynamoBatches(table, packer, timedelta(days=1)).get(BatchRef(NAME, WORKED))
    return batch.succeeded if batch else 0


def _attempts(table: str) -> list[int]:
    """Return the numbers of the attempts at the worked batch's webhook."""
    asked = json.loads(event("webhook_sender")["Records"][0]["body"])
    delivery = DynamoDeliveries(table).get(NAME, asked["delivery_id"])
    return [attempt.number for attempt in delivery.attempts] if delivery else []
