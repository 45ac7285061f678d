"""The functions of batches of operations over moto: called as API Gateway and SQS call them, over the real resources."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from fakes.clock import FakeClock
from functions.loading import load_function

from batchwork.adapters import aws
from batchwork.adapters.clock import SystemClock
from batchwork.adapters.dynamodb.identities import DynamoIdentities
from batchwork.adapters.dynamodb.resource_rows import AccountCodec, PostCodec
from batchwork.adapters.dynamodb.shelf import DynamoShelf
from batchwork.adapters.dynamodb.usage import DynamoUsage
from batchwork.domain.account import Account
from batchwork.domain.post import Post
from batchwork.domain.usage import month_of
from batchwork.domain.workspace import ApiKey, Workspace, digest_of

HOST = "abc123.execute-api.us-east-1.amazonaws.com"
NOW = datetime(2026, 4, 9, 12, 0, tzinfo=UTC)
ACCOUNT = "acc_123"
SECRET = "s3cret-of-the-key"
_requests = itertools.count(1)


@dataclass(frozen=True)
class Answer:
    status: int
    text: str
    headers: dict[str, str]

    @property
    def body(self) -> Any:
        return json.loads(self.text)

    @property
    def statuses(self) -> list[int]:
        return [result["status"] for result in self.body["results"]]


def create(name: str, **fields: Any) -> dict[str, Any]:
    """Return an operation that makes a post."""
    body = {"content": "Hello from batch!", "accountIds": [ACCOUNT], **fields}
    return {"id": name, "method": "POST", "path": "/v1/posts", "body": body}


class OperationsApi:
    """Calls the functions; each is loaded once, as a warm one."""

    def __init__(self, table: str, queue: str, clock: FakeClock) -> None:
        self.table, self.queue, self.clock = table, queue, clock
        self.functions: dict[str, ModuleType] = {}
        self.sqs = aws.client("sqs")
        self.key = self.a_key()
        account = Account(
            id=ACCOUNT,
            workspace_id="acme",
            created_at=NOW,
            updated_at=NOW,
            connected_at=NOW,
            platform="TWITTER",
            username="acme",
            display_name="Acme",
        )
        assert DynamoShelf(table, AccountCodec()).add(account)

    def a_key(
        self,
        workspace: str = "acme",
        *scopes: str,
        key_id: str = "k1",
        revoked_at: datetime | None = None,
        **changes: int,
    ) -> str:
        """Make or replace a workspace and a key of it; return the key."""
        identities = DynamoIdentities(self.table)
        identities.put_workspace(Workspace(id=workspace, name="Acme", plan="pro", created_at=NOW, changes=changes))
        key = ApiKey(
            id=key_id,
            workspace_id=workspace,
            name="CI",
            digest=digest_of(SECRET),
            scopes=frozenset(scopes or ("*",)),
            created_at=NOW,
            revoked_at=revoked_at,
        )
        identities.put_key(key)
        return f"{key.public}.{SECRET}"

    def function(self, name: str) -> ModuleType:
        if name not in self.functions:
            self.functions[name] = load_function(name)
        return self.functions[name]

    def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        key: str | None = None,
        headers: dict[str, str] | None = None,
        query: dict[str, str] | None = None,
        left: timedelta = timedelta(seconds=70),
    ) -> Answer:
        job = path.removeprefix("/v1/batch/async/") if path.startswith("/v1/batch/async/") else None
        event = {
            "httpMethod": method,
            "resource": path if job is None else "/v1/batch/async/{job_id}",
            "path": path,
            "headers": {"Host": HOST, "X-Forwarded-Proto": "https", "Content-Type": "application/json"}
            | {"Authorization": f"Bearer {key or self.key}"}
            | (headers or {}),
            "queryStringParameters": query,
            "pathParameters": None if job is None else {"job_id": job},
            "requestContext": {"path": f"/live{path}", "stage": "live", "requestId": f"request-{next(_requests)}"},
            "body": body if isinstance(body, str) or body is None else json.dumps(body),
            "isBase64Encoded": False,
        }
        answer = self.function("operations_batch").handler(json.loads(json.dumps(event)), self._context(left))
        return Answer(answer["statusCode"], answer["body"], answer["headers"])

    def batch(self, operations: Any, path: str = "/v1/batch", **settings: Any) -> Answer:
        """Send operations; further fields of the body, or `key` and `headers` of the call."""
        fields = {name: value for name, value in settings.items() if name not in {"key", "headers"}}
        settings = {name: value for name, value in settings.items() if name in {"key", "headers"}}
        return self.call("POST", path, {"operations": operations, **fields}, **settings)

    def records(self) -> list[dict[str, Any]]:
        """Take what is queued, as Lambda hands it over."""
        answer = self.sqs.receive_message(QueueUrl=self.queue, MaxNumberOfMessages=10)
        return [{"messageId": each["MessageId"], "body": each["Body"]} for each in answer.get("Messages", ())]

    def work(self, records: list[dict[str, Any]], left: timedelta = timedelta(seconds=300)) -> Any:
        return self.function("operations_worker").handler({"Records": records}, self._context(left))

    def complete(self, workspace: str, job: str) -> None:
        image = {"workspace_id": {"S": workspace}, "id": {"S": job}}
        record = {"dynamodb": {"NewImage": image, "SequenceNumber": "1"}}
        assert self.function("completion").handler({"Records": [record]}, None) == {"batchItemFailures": []}

    def posts(self, workspace: str = "acme") -> list[Post]:
        return DynamoShelf(self.table, PostCodec()).page(workspace, None, 100, lambda _: True).entries

    def used(self, workspace: str = "acme") -> int:
        return DynamoUsage(self.table).used(workspace, month_of(self.clock.now()))

    def _context(self, left: timedelta) -> Any:
        return SimpleNamespace(get_remaining_time_in_millis=lambda: int(left.total_seconds() * 1000))


@pytest.fixture(name="api")
def an_api(table: str, bucket: str, monkeypatch: pytest.MonkeyPatch) -> OperationsApi:
    clock = FakeClock(NOW)
    now: Callable[[SystemClock], datetime] = lambda _: clock.now()  # noqa: E731 -- a method of a class
    monkeypatch.setattr(SystemClock, "now", now)
    queues = {
        name: aws.client("sqs").create_queue(QueueName=name)["QueueUrl"] for name in ("operations", "runs", "delivery")
    }
    settings = {
        "TABLE_NAME": table,
        "BUCKET_NAME": bucket,
        "OPERATIONS_QUEUE_URL": queues["operations"],
        "RUNS_QUEUE_URL": queues["runs"],
        "DELIVERY_QUEUE_URL": queues["delivery"],
        "GATEWAY_TIMEOUT_MILLIS": "29000",
    }
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    return OperationsApi(table, queues["operations"], clock)
