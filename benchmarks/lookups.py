"""CPU and DynamoDB calls of one lookups request of 250 items, in process, with AWS answering from memory."""

from __future__ import annotations

import json
import statistics
import sys
import uuid
from datetime import UTC, datetime
from types import ModuleType
from typing import Any

from batchwork.adapters.clock import SystemClock
from batchwork.adapters.dynamodb.datasets import DynamoDatasets
from batchwork.adapters.dynamodb.identities import DynamoIdentities
from batchwork.adapters.dynamodb.lookups import DynamoLookups
from batchwork.adapters.dynamodb.sequences import DynamoSequences
from batchwork.domain.lookup import Dataset, Lookup, LookupKind
from batchwork.use_cases.keys import EVERY_SCOPE, Keys, Workspaces
from benchmarks.functions import load
from benchmarks.meter import Meter, metered
from benchmarks.tape import BUCKET, TABLE, Tape
from benchmarks.texts import text

ROUNDS = 31
ITEMS = 250
#: DynamoDB calls beyond identity, rate limit, idempotency and metering; milliseconds of CPU.
CALLS, CPU = 5, 15
#: Reads of what was chosen and of the rows: what a request's own calls are.
OWN = ("dynamodb.GetItem", "dynamodb.BatchGetItem")


def event(key: str, endpoint: str, named: str | None = None) -> dict[str, Any]:
    """Return API Gateway's event of a request; named: its Idempotency-Key."""
    headers = {"authorization": f"Bearer {key}", "content-type": "application/json", "Host": "localhost"}
    path = f"/api/v1/{endpoint}/batch"
    return {
        "httpMethod": "POST",
        "resource": path,
        "path": path,
        "headers": headers if named is None else {**headers, "Idempotency-Key": named},
        "requestContext": {"requestId": str(uuid.uuid4()), "path": f"/live{path}", "stage": "live"},
        "body": json.dumps({"requests": [{"sku": f"SKU-{n:05d}"} for n in range(ITEMS)]}),
        "isBase64Encoded": False,
    }


def workspace_with_dataset() -> str:
    """Make a workspace whose enrichment reads a dataset of 250 rows of about 300 bytes; return its key."""
    clock, identities = SystemClock(), DynamoIdentities(TABLE)
    workspace = Workspaces(identities, clock, DynamoSequences(TABLE)).create("bench", "enterprise").id
    datasets = DynamoDatasets(TABLE)
    version, oldest = datasets.begin(workspace, "products")
    dataset = Dataset(
        workspace_id=workspace, name="products", version=version, key="sku", rows=ITEMS, loaded_at=datetime.now(UTC)
    )
    rows = (
        (f"SKU-{n:05d}", {"sku": f"SKU-{n:05d}", "name": text(200, n), "stock": n, "open": True}) for n in range(ITEMS)
    )
    datasets.write(dataset, rows)
    assert datasets.publish(dataset, oldest)
    DynamoLookups(TABLE).put(
        workspace, "enrichment", Lookup(LookupKind.DATASET, {"dataset": "products", "field": "sku"})
    )
    _, key = Keys(identities, clock).create(workspace, "bench", [EVERY_SCOPE])
    return key


def looked_up(function: ModuleType, asked: dict[str, Any]) -> Meter:
    """Return what a request cost."""
    with metered() as meter:
        answer = function.handler(asked, None)
    assert answer["statusCode"] == 200, answer
    return meter


def main() -> None:
    """Print the table; ends with an error when a budget is missed."""
    tape = Tape()
    with tape.recording():
        key = workspace_with_dataset()
        function = load("lookups_batch", TABLE_NAME=TABLE, BUCKET_NAME=BUCKET)
        for endpoint in ("enrichment", "signals"):
            answer = function.handler(event(key, endpoint, f"recorded-{endpoint}"), None)
            assert answer["statusCode"] == 200, answer
    function = load("lookups_batch", TABLE_NAME=TABLE, BUCKET_NAME=BUCKET)
    first = looked_up(function, event(key, "enrichment"))
    print(f"Look up {ITEMS} items, in process, AWS answering from memory, median of {ROUNDS}")
    print("  what              own calls   all calls   CPU ms (least)")
    cpu = {}
    for name, endpoint, keyed in (
        ("dataset", "enrichment", False),
        ("dataset, one key", "enrichment", True),
        ("echo", "signals", False),
    ):
        rounds = [
            looked_up(function, event(key, endpoint, str(uuid.uuid4()) if keyed else None)) for _ in range(ROUNDS)
        ]
        cpu[name] = statistics.median(each.cpu for each in rounds) * 1000
        least = min(each.cpu for each in rounds) * 1000
        own = sum(rounds[-1].calls[call] for call in OWN)
        print(f"  {name:16s} {own:10d} {rounds[-1].total:11d} {cpu[name]:8.1f} ({least:.1f})")
    own = sum(first.calls[call] for call in OWN) - 1  # one BatchGetItem is the key's
    print(f"  a cold function's first request on the dataset: {own} own calls (budget {CALLS}), {first.total} in all")
    print(f"  (budget: {CPU} ms)")
    if own > CALLS or cpu["dataset"] > CPU:
        sys.exit("a budget is missed")


if __name__ == "__main__":
    main()
