"""The batches functions over moto: their routes, a workspace with keys and agents, and a queue to look into."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import ModuleType
from typing import Any
from uuid import uuid4

import pytest
from functions.loading import load_function

from batchwork.adapters import aws
from batchwork.adapters.clock import SystemClock
from batchwork.adapters.dynamodb.agents import DynamoAgents
from batchwork.adapters.dynamodb.batches import DynamoBatches
from batchwork.adapters.dynamodb.identities import DynamoIdentities
from batchwork.adapters.dynamodb.sequences import DynamoSequences
from batchwork.adapters.dynamodb.usage import DynamoUsage
from batchwork.adapters.packing import Packer
from batchwork.adapters.s3 import S3Blobs
from batchwork.domain.batch import Batch, BatchRef, Tally
from batchwork.domain.chunk import Unit
from batchwork.domain.item import ItemError, Result
from batchwork.domain.lease import Lease
from batchwork.domain.usage import month_of
from batchwork.use_cases import settle
from batchwork.use_cases.agents import Agents, Draft
from batchwork.use_cases.keys import Keys, Workspaces

HOST = "abc123.execute-api.us-east-1.amazonaws.com"
BASE = f"https://{HOST}/live"
ROUTES = {
    ("POST", "/api/v1/batches"): "messages_create",
    ("GET", "/api/v1/batches"): "messages_read",
    ("GET", "/api/v1/batches/{batch_id}"): "messages_read",
    ("GET", "/api/v1/batches/{batch_id}/results"): "messages_read",
    ("POST", "/api/v1/batches/{batch_id}/cancel"): "messages_cancel",
    ("GET", "/api/v1/batches/{batch_id}/deliveries"): "messages_deliveries",
    ("GET", "/api/v1/batches/{batch_id}/deliveries/{delivery_id}"): "messages_deliveries",
    ("POST", "/api/v1/batches/{batch_id}/deliveries/{delivery_id}/replay"): "messages_deliveries",
}
_requests = itertools.count(1)


@dataclass(frozen=True)
class Answer:
    status: int
    body: dict[str, Any]
    headers: dict[str, str]

    @property
    def data(self) -> Any:
        return self.body["data"]

    @property
    def fields(self) -> list[str]:
        """The places of what is wrong."""
        return [error["field"] for error in self.body["data"]["errors"]]


@dataclass
class MessagesApi:
    """Calls the functions as API Gateway does; each is loaded once."""

    table: str
    bucket: str
    queue_url: str
    functions: dict[str, ModuleType] = field(default_factory=dict)

    def __post_init__(self) -> None:
        identities, clock = DynamoIdentities(self.table), SystemClock()
        self._workspaces, self._keys = (
            Workspaces(identities, clock, DynamoSequences(self.table)),
            Keys(identities, clock),
        )
        packer = Packer(lambda: S3Blobs(self.bucket))
        self.agents = Agents(DynamoAgents(self.table, packer), clock, lambda: str(uuid4()))
        self.batches = DynamoBatches(self.table, packer, timedelta(days=30))
        self.workspace = self.a_workspace()
        self.key = self.a_key()
        self.agent = self.an_agent()

    def a_workspace(self) -> str:
        return self._workspaces.create("Acme", "pro").id

    def change(self, **terms: int) -> None:
        """Set terms of the workspace otherwise; before its first request, since functions remember it."""
        self._workspaces.change(self.workspace, terms)

    def used(self) -> int:
        """Return the workspace's units of this month, which its ledger adds up to."""
        usage, month = DynamoUsage(self.table), month_of(datetime.now(UTC))
        used = usage.used(self.workspace, month)
        assert used == sum(charge.units for charge in usage.charges(self.workspace, month))
        return used

    def a_key(self, workspace: str | None = None, scopes: Sequence[str] = ("*",)) -> str:
        return self._keys.create(workspace or self.workspace, "test", scopes)[1]

    def an_agent(self, workspace: str | None = None, *, published: bool = True) -> str:
        workspace = workspace or self.workspace
        agent, version = self.agents.create(workspace, Draft(name="Shop assistant"))
        if published:
            self.agents.publish(workspace, agent.id, version.id)
        return agent.id

    def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        query: dict[str, str] | None = None,
        key: str | None = None,
        headers: dict[str, str] | None = None,
        context: Any = None,
    ) -> Answer:
        """body: JSON, or text as it is. key: an API key, the workspace's own by default, none when empty.

        context: Lambda's.
        """
        resource, parameters = self._resource(path)
        name = ROUTES[method, resource]
        if name not in self.functions:
            self.functions[name] = load_function(name)
        key = self.key if key is None else key
        event = {
            "httpMethod": method,
            "resource": resource,
            "path": path,
            "headers": {"Host": HOST, "X-Forwarded-Proto": "https"}
            | ({"x-api-key": key} if key else {})
            | (headers or {}),
            "multiValueQueryStringParameters": {name: [value] for name, value in (query or {}).items()} or None,
            "pathParameters": parameters or None,
            "requestContext": {
                "path": f"/live{path}",
                "stage": "live",
                "domainName": HOST,
                "requestId": f"request-{next(_requests)}",
            },
            "body": body if isinstance(body, str) or body is None else json.dumps(body),
            "isBase64Encoded": False,
        }
        answer = self.functions[name].handler(json.loads(json.dumps(event)), context)
        return Answer(answer["statusCode"], json.loads(answer["body"]), answer["headers"])

    @staticmethod
    def _resource(path: str) -> tuple[str, dict[str, str]]:
        parts = path.split("/")
        parameters: dict[str, str] = {}
        for place, name in ((4, "batch_id"), (6, "delivery_id")):
            if len(parts) > place:
                parameters[name], parts[place] = parts[place], f"{{{name}}}"
        return "/".join(parts), parameters

    def submit(self, total: int = 2, **changes: Any) -> Any:
        """Submit a batch and return its object."""
        requests = [{"custom_id": f"req-{number}", "message": f"Question {number}"} for number in range(total)]
        answer = self.call("POST", "/api/v1/batches", {"agent_id": self.agent, "requests": requests} | changes)
        assert answer.status == 202, answer
        return answer.data

    def queued(self) -> list[dict[str, Any]]:
        sqs = aws.client("sqs")
        messages = sqs.receive_message(QueueUrl=self.queue_url, MaxNumberOfMessages=10).get("Messages", [])
        return sorted((json.loads(message["Body"]) for message in messages), key=lambda body: body["chunk"])

    def stored(self, batch_id: str) -> Batch:
        batch = self.batches.get(BatchRef(self.workspace, batch_id))
        assert batch is not None
        return batch

    def lease(self, batch: Batch, number: int) -> Unit:
        """Let a worker hold a unit."""
        unit, now = batch.cut.unit(number), datetime.now(UTC)
        assert self.batches.lease(batch, unit, Lease("worker", now + timedelta(minutes=5), 1), now)
        return unit

    def work(self, batch: Batch, number: int, outcome: Callable[[int], Result]) -> None:
        """Let a worker settle a unit and count it."""
        unit = self.lease(batch, number)
        results = [outcome(index) for index in unit.indexes]
        assert self.batches.settle(batch, unit, "worker", results, [])
        good = sum(result.succeeded for result in results)
        self.batches.count(batch, [Tally(unit.number, good, len(results) - good)])


AT = datetime(2024, 1, 15, 10, 31, 0, 999000, tzinfo=UTC)
USAGE = {
    "tool_calls": [],
    "total_calls": 1,
    "total_tokens": 195,
    "main_response": None,
    "total_prompt_tokens": 150,
    "total_completion_tokens": 45,
}


def well(index: int) -> Result:
    output = {
        "response_content": f"Answer {index}",
        "response_usage": USAGE,
        "history_id": 12345 + index,
        "conversation_id": 6789 + index,
    }
    return Result(index=index, finished_at=AT, attempts=1, output=output)


def badly(index: int) -> Result:
    error = ItemError(500, "Internal server error during processing")
    return Result(index=index, finished_at=AT, attempts=3, error=error)


@pytest.fixture
def api(table: str, bucket: str, monkeypatch: pytest.MonkeyPatch) -> MessagesApi:
    queue_url = str(aws.client("sqs").create_queue(QueueName="work")["QueueUrl"])
    for name, value in {"TABLE_NAME": table, "BUCKET_NAME": bucket, "WORK_QUEUE_URL": queue_url}.items():
        monkeypatch.setenv(name, value)
    # moto loses updates under threads: here chunks are settled one after the other.
    monkeypatch.setattr(settle, "_AT_ONCE", 1)
    return MessagesApi(table, bucket, queue_url)
