"""What a hundred operations cost: CPU with AWS answering from memory, and write units beside those of the calls alone."""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
import uuid
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import Any

from batchwork.adapters.clock import SystemClock
from batchwork.adapters.dynamodb.account_rows import ACCOUNTS
from batchwork.adapters.dynamodb.identities import DynamoIdentities
from batchwork.adapters.dynamodb.sequences import DynamoSequences
from batchwork.adapters.dynamodb.shelf import DynamoShelf
from batchwork.domain.account import Account
from batchwork.use_cases.keys import EVERY_SCOPE, Keys, Workspaces
from benchmarks.functions import load
from benchmarks.meter import Meter, install, metered
from benchmarks.tape import BUCKET, TABLE, Tape
from benchmarks.texts import text
from local.process import stack_in
from local.stack import point_at
from local.table import definition

ROUNDS = 15
OPERATIONS = 100
#: Milliseconds of CPU of a batch; write units of a batch beyond those of its calls made directly.
CPU, EXTRA = 60, 0.15


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
    assert DynamoShelf(table, ACCOUNTS).add(account)
    return Keys(identities, clock).create(workspace, "bench", [EVERY_SCOPE])[1]


def run(function: ModuleType, asked: dict[str, Any]) -> Meter:
    """Return what a request cost, all of whose operations went well."""
    with metered() as meter:
        answer = function.handler(asked, None)
    assert answer["statusCode"] == 200, answer
    summary = json.loads(answer["body"])["summary"]
    assert summary["succeeded"] == OPERATIONS, answer["body"][:1000]
    return meter


def cpu() -> bool:
    """Print the CPU's table; return whether its budget is met."""
    tape = Tape()
    with tape.recording():
        key = workspace_with_account(TABLE)
        function = load("operations_batch", TABLE_NAME=TABLE, BUCKET_NAME=BUCKET)
        run(function, batch(key, parallel=False))
    function = load("operations_batch", TABLE_NAME=TABLE, BUCKET_NAME=BUCKET)
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
    return met


def writes() -> bool:
    """Print the write units' table; return whether their budget is met."""
    with tempfile.TemporaryDirectory() as scratch, stack_in(Path(scratch)) as stack:
        point_at(stack["aws"]["endpoint_url"])
        install()
        from batchwork.adapters import aws

        table = "bench"
        aws.client("dynamodb").create_table(**definition(table))
        key = workspace_with_account(table)
        names = {"TABLE_NAME": table, "BUCKET_NAME": stack["outputs"]["BucketName"]}
        together, alone = (load(name, **names) for name in ("operations_batch", "operations_resources"))
        one = run(together, batch(key, parallel=False))
        with metered() as direct:
            for number in range(OPERATIONS):
                answer = alone.handler(event(key, "/v1/posts", post(number)), None)
                assert answer["statusCode"] == 201, answer
    ratio = one.write_units / direct.write_units
    print(f"Write units of {OPERATIONS} creates (emulator figures)")
    print(f"  in one batch {one.write_units:.0f}, as direct calls {direct.write_units:.0f}: {ratio:.2f} times as many")
    print(f"  (budget: {1 + EXTRA:.2f})")
    return ratio <= 1 + EXTRA


def main() -> None:
    """Print the tables; ends with an error when a budget is missed."""
    if not all([cpu(), writes()]):
        sys.exit("a budget is missed")


if __name__ == "__main__":
    main()
