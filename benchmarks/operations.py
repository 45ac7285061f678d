"""CPU and AWS calls of a hundred operations, in process, with AWS answering from memory."""

from __future__ import annotations

import json
import statistics
import sys
import uuid
from datetime import UTC, datetime
from types import ModuleType
from typing import Any

from batchwork.adapters.clock import SystemClock
from batchwork.adapters.dynamodb.identities import DynamoIdentities
from batchwork.adapters.dynamodb.resource_rows import AccountCodec
from batchwork.adapters.dynamodb.sequences import DynamoSequences
from batchwork.adapters.dynamodb.shelf import DynamoShelf
from batchwork.domain.account import Account
from batchwork.use_cases.keys import EVERY_SCOPE, Keys, Workspaces
from benchmarks.functions import load
from benchmarks.meter import Meter, metered
from benchmarks.tape import BUCKET, TABLE, Tape
from benchmarks.texts import text

ROUNDS = 15
#: Jobs are not measured here: nothing is sent.
QUEUE = "https://sqs.us-east-1.amazonaws.com/0/operations"
OPERATIONS = 100
#: Milliseconds of CPU of a batch.
CPU = 60


def post(number: int) -> dict[str, Any]:
    """Return the body of a post of 280 characters."""
    return {"content": text(280, number), "accountIds": ["acc_123"]}


def event(key: str, path: str, body: dict[str, Any]) -> dict[str, Any]:
    """Return API Gateway's event of a POST."""
    return {
        "httpMethod": "POST",
        "resource": path,
        "path": path,
        "headers": {"authorization": f"Bearer {key}", "content-type": "application/json", "Host": "localhost"},
        "requestContext": {"requestId": str(uuid.uuid4()), "path": f"/live{path}", "stage": "live"},
        "body": json.dumps(body),
        "isBase64Encoded": False,
    }


def batch(key: str, parallel: bool) -> dict[str, Any]:
    """Return the event of a batch of creates."""
    operations = [{"id": f"op-{n}", "method": "POST", "path": "/v1/posts", "body": post(n)} for n in range(OPERATIONS)]
    return event(key, "/v1/batch", {"operations": operations, "parallel": parallel})


def workspace_with_account(table: str) -> str:
    """Make a workspace with an account; return its key."""
    clock, identities, at = SystemClock(), DynamoIdentities(table), datetime.now(UTC)
    workspace = Workspaces(identities, clock, DynamoSequences(table)).create("bench", "enterprise").id
    account = Account(
        id="acc_123",
        workspace_id=workspace,
        created_at=at,
        updated_at=at,
        connected_at=at,
        platform="TWITTER",
        username="bench",
        display_name="Bench",
    )
    assert DynamoShelf(table, AccountCodec()).add(account)
    return Keys(identities, clock).create(workspace, "bench", [EVERY_SCOPE])[1]


def run(function: ModuleType, asked: dict[str, Any]) -> Meter:
    """Return what a request cost, all of whose operations went well."""
    with metered() as meter:
        answer = function.handler(asked, None)
    assert answer["statusCode"] == 200, answer
    summary = json.loads(answer["body"])["summary"]
    assert summary["succeeded"] == OPERATIONS, answer["body"][:1000]
    return meter


def main() -> None:
    """Print the table; ends with an error when the budget is missed."""
    tape = Tape()
    with tape.recording():
        key = workspace_with_account(TABLE)
        function = load("operations_batch", TABLE_NAME=TABLE, BUCKET_NAME=BUCKET, OPERATIONS_QUEUE_URL=QUEUE)
        run(function, batch(key, parallel=False))
    function = load("operations_batch", TABLE_NAME=TABLE, BUCKET_NAME=BUCKET, OPERATIONS_QUEUE_URL=QUEUE)
    run(function, batch(key, parallel=False))
    print(f"Run {OPERATIONS} creates, in process, AWS answering from memory, median of {ROUNDS}")
    print("  mode          AWS calls   CPU ms (least)")
    met = True
    for mode in ("sequential", "parallel"):
        rounds = [run(function, batch(key, mode == "parallel")) for _ in range(ROUNDS)]
        median = statistics.median(each.cpu for each in rounds) * 1000
        print(f"  {mode:12s} {rounds[-1].total:10d} {median:8.1f} ({min(each.cpu for each in rounds) * 1000:.1f})")
        met = met and median <= CPU
    print(f"  (budget: {CPU} ms)")
    if not met:
        sys.exit("a budget is missed")


if __name__ == "__main__":
    main()
