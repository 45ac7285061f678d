"""The functions of runs over moto: called as API Gateway calls them, with a workflow to run and a worker to play."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from types import ModuleType
from typing import Any

import pytest
from fakes.clock import FakeClock
from functions.gateway import a_key
from functions.loading import load_function

from batchwork.adapters import aws
from batchwork.adapters.clock import SystemClock
from batchwork.adapters.dynamodb.batches import DynamoBatches
from batchwork.adapters.dynamodb.runs import DynamoRuns
from batchwork.adapters.dynamodb.shelf import DynamoShelf
from batchwork.adapters.dynamodb.usage import DynamoUsage
from batchwork.adapters.dynamodb.workflow_rows import FlowFileCodec, WorkflowCodec, WorkflowVersionCodec
from batchwork.adapters.packing import Packer
from batchwork.adapters.run_blobs import S3RunBlobs
from batchwork.domain.batch import Batch, BatchRef, Tally
from batchwork.domain.flow_file import FlowFile
from batchwork.domain.idempotency import Ticket
from batchwork.domain.item import Item, Json, Result
from batchwork.domain.lease import Lease
from batchwork.domain.run import Run, RunStatus, core_of, place_of
from batchwork.domain.run_input import RunInput, run_of
from batchwork.domain.run_writes import following
from batchwork.domain.usage import month_of
from batchwork.domain.workflow import Workflow
from batchwork.use_cases import settle
from batchwork.use_cases.workflows import Workflows

HOST = "abc123.execute-api.us-east-1.amazonaws.com"
BASE = f"https://{HOST}/live"
NOW = datetime(2026, 2, 9, 12, 0, 0, 123456, tzinfo=UTC)
BATCH, RUNS = "/workflow_runs/batch", "/workflow_runs"
OLD, NEW = "2025-04-21", "2026-02-09"
ROUTES = {
    ("POST", BATCH): "workflow_runs_create",
    ("POST", RUNS): "workflow_runs_create",
    ("GET", RUNS): "workflow_runs_read",
    ("GET", f"{RUNS}/{{id}}"): "workflow_runs_read",
    ("GET", f"{BATCH}/{{batch_id}}"): "workflow_runs_read",
    ("POST", f"{RUNS}/{{id}}"): "workflow_runs_change",
    ("DELETE", f"{RUNS}/{{id}}"): "workflow_runs_change",
    ("POST", f"{RUNS}/{{id}}/cancel"): "workflow_runs_change",
    ("POST", f"{RUNS}/{{id}}/review"): "workflow_runs_change",
    ("POST", f"{BATCH}/{{batch_id}}/cancel"): "workflow_runs_change",
}
TEXT: Json = {"rawText": "Total: 5"}
_requests, _tickets = itertools.count(1), itertools.count(1)


@dataclass(frozen=True)
class Answer:
    status: int
    text: str
    headers: dict[str, str]

    @property
    def body(self) -> Any:
        return json.loads(self.text)

    @property
    def error(self) -> str:
        """What the seed's clients are told."""
        error: str = self.body["error"]
        return error


def split_path(path: str) -> tuple[str, dict[str, str]]:
    """Return (API Gateway's template of a path, what its braces match)."""
    before = "/v1" if path.startswith("/v1/") else ""
    parts = path.removeprefix(before).split("/")
    names = {}
    if len(parts) > 3 and parts[2] == "batch":
        names["batch_id"], parts[3] = parts[3], "{batch_id}"
    elif len(parts) > 2 and parts[2] != "batch":
        names["id"], parts[2] = parts[2], "{id}"
    return before + "/".join(parts), names


@dataclass
class RunsApi:
    """Calls the functions; each is loaded once, as a warm one. version: sent as x-extend-api-version."""

    table: str
    bucket: str
    queue: str
    clock: FakeClock
    version: str | None = None
    key: str = ""
    functions: dict[str, ModuleType] = field(default_factory=dict)

    def __post_init__(self) -> None:
        blobs = S3RunBlobs(self.bucket)
        self.batches = DynamoBatches(self.table, Packer(lambda: blobs), timedelta(days=30))
        self.runs = DynamoRuns(self.table, lambda: blobs)
        self.files = DynamoShelf(self.table, FlowFileCodec())
        self.workflows = Workflows(
            workflows=DynamoShelf(self.table, WorkflowCodec()),
            versions=DynamoShelf(self.table, WorkflowVersionCodec()),
            clock=self.clock,
        )
        self.key = self.key or a_key(self.table, "acme", "*")
        if not self.version:
            self.workflow = self.a_workflow()

    def speaking(self, version: str) -> RunsApi:
        """Return the same for a client of another version."""
        other = replace(self, version=version)
        other.workflow = self.workflow
        return other

    def a_ticket(self) -> Ticket:
        return Ticket(f"00000000-0000-4000-8000-{next(_tickets):012d}", self.clock.now())

    def a_workflow(self, name: str = "Invoices", workspace: str = "acme", *, deployed: int = 1) -> Workflow:
        """Make a workflow with so many deployed versions."""
        workflow = self.workflows.create(workspace, name, None, self.a_ticket())
        for _ in range(deployed):
            self.workflows.deploy(workspace, workflow.id, None, None, self.a_ticket())
        return workflow

    def a_file(self, file_id: str = "file_" + "f" * 23, workspace: str = "acme", **fields: Any) -> FlowFile:
        """Store what is known of an uploaded file."""
        at = self.clock.now()
        told: dict[str, Any] = {"name": "uploaded.pdf", "content_type": "application/pdf", **fields}
        file = FlowFile(id=file_id, workspace_id=workspace, created_at=at, updated_at=at, **told)
        assert self.files.add(file)
        return file

    def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        key: str | None = None,
        headers: dict[str, str] | None = None,
        query: Iterable[tuple[str, str]] = (),
        left: Any = None,
    ) -> Answer:
        """body: JSON, or text as it is. key: the workspace's own by default, none when empty. left: Lambda's context."""
        resource, names = split_path(path)
        name = ROUTES[method, resource.removeprefix("/v1")]
        if name not in self.functions:
            self.functions[name] = load_function(name)
        key = self.key if key is None else key
        many: dict[str, list[str]] = {}
        for parameter, text in query:
            many.setdefault(parameter, []).append(text)
        event = {
            "httpMethod": method,
            "resource": resource,
            "path": path,
            "headers": {"Host": HOST, "X-Forwarded-Proto": "https"}
            | ({"Authorization": f"Bearer {key}"} if key else {})
            | ({"x-extend-api-version": self.version} if self.version else {})
            | ({} if body is None else {"content-type": "application/json"})
            | (headers or {}),
            "multiValueQueryStringParameters": many or None,
            "pathParameters": names or None,
            "requestContext": {
                "path": f"/live{path}",
                "stage": "live",
                "domainName": HOST,
                "requestId": f"request-{next(_requests)}",
            },
            "body": body if isinstance(body, str) or body is None else json.dumps(body),
            "isBase64Encoded": False,
        }
        answer = self.functions[name].handler(json.loads(json.dumps(event)), left)
        return Answer(answer["statusCode"], answer["body"], answer["headers"])

    def submit(self, *inputs: Any, **fields: Any) -> str:
        """Submit a batch of the seed and return its id; the clock goes on, as no two requests come at once."""
        body = {"workflowId": self.workflow.id, "inputs": list(inputs or [TEXT]), **fields}
        answer = self.call("POST", BATCH, body, headers={"x-extend-api-version": "2024-12-23"})
        assert answer.status == 200, answer.text
        self.clock.pass_(timedelta(seconds=1))
        batch_id: str = answer.body["batchId"]
        return batch_id

    def listed(self, **query: Any) -> Any:
        """Return the answer of a list."""
        answer = self.call("GET", RUNS, query=[(name, str(value)) for name, value in query.items()])
        assert answer.status == 200, answer.text
        return answer.body

    def walk(self, **query: Any) -> list[str]:
        """Return the ids of a whole list, page after page."""
        found: list[str] = []
        token: dict[str, str] = {}
        for _ in range(200):
            page = self.listed(**query, **token)
            found += [each["id"] for each in page.get("workflowRuns", page.get("data"))]
            if "nextPageToken" not in page:
                return found
            token = {"nextPageToken": page["nextPageToken"]}
        raise AssertionError("the list has no end")

    # ── What stands in the stores, and what workers do ──

    def stored(self, batch_id: str) -> Batch:
        """batch_id: as clients see it."""
        batch = self.batches.get(BatchRef("acme", core_of(batch_id) or ""))
        assert batch is not None
        return batch

    def inputs(self, batch: Batch) -> list[RunInput]:
        return [RunInput.of(item) for item in self.items(batch)]

    def items(self, batch: Batch) -> list[Item]:
        return [item for chunk in range(batch.cut.chunks) for item in self.batches.chunk(batch, chunk).items]

    def queued(self) -> list[dict[str, Any]]:
        answer = aws.client("sqs").receive_message(QueueUrl=self.queue, MaxNumberOfMessages=10)
        return sorted((json.loads(each["Body"]) for each in answer.get("Messages", [])), key=lambda body: body["chunk"])

    def used(self) -> int:
        usage, month = DynamoUsage(self.table), month_of(self.clock.now())
        used = usage.used("acme", month)
        assert used == sum(charge.units for charge in usage.charges("acme", month))
        return used

    def lease(self, batch_id: str, unit: int = 0) -> None:
        """Let a worker hold a unit."""
        batch, now = self.stored(batch_id), self.clock.now()
        held = Lease("worker", now + timedelta(minutes=5), 1)
        assert self.batches.lease(batch, batch.cut.unit(unit), held, now)

    def work(self, batch_id: str, unit: int = 0, status: RunStatus = RunStatus.PROCESSED, **fields: Any) -> list[Run]:
        """Let a worker end the runs of a unit, with these fields of each, and settle and count it."""
        self.lease(batch_id, unit)
        batch = self.stored(batch_id)
        items = self.items(batch)
        ended = []
        for index in batch.cut.unit(unit).indexes:
            now = self.clock.now()
            run = replace(run_of(batch, items[index]), status=status, started_at=now, ended_at=now, **fields)
            row, events = following(None, run, now)
            assert self.runs.add(row, batch.deadline_at + timedelta(days=30), *events)
            ended.append(row)
            self.clock.pass_(timedelta(milliseconds=5))
        output = {"status": str(status)}
        results = [
            Result(index=run.place.index, finished_at=self.clock.now(), attempts=1, output=output) for run in ended
        ]
        assert self.batches.settle(batch, batch.cut.unit(unit), "worker", results, [])
        self.batches.count(batch, [Tally(unit, len(ended), 0)])
        return ended

    def row(self, run_id: str) -> Run | None:
        place = place_of("acme", run_id)
        assert place is not None
        return self.runs.get(place)


@pytest.fixture(name="api")
def an_api(table: str, bucket: str, monkeypatch: pytest.MonkeyPatch) -> RunsApi:
    clock = FakeClock(NOW)
    monkeypatch.setattr(SystemClock, "now", lambda _: clock.now())
    queue = str(aws.client("sqs").create_queue(QueueName="runs")["QueueUrl"])
    for name, value in {"TABLE_NAME": table, "BUCKET_NAME": bucket, "RUNS_QUEUE_URL": queue}.items():
        monkeypatch.setenv(name, value)
    # moto loses updates under threads: here chunks are settled one after the other.
    monkeypatch.setattr(settle, "_AT_ONCE", 1)
    return RunsApi(table, bucket, queue, clock)
