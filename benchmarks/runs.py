"""What workflow runs cost in AWS requests, DynamoDB units and memory, from accept to close, and what a list of them reads.

The real functions run in this process against the emulator's DynamoDB, SQS and S3, so that every request is seen and every
answer says what it consumed. Each input is a text of about 1000 characters that goes through PARSE and EXTRACT. Units are
the emulator's reckoning of DynamoDB's rules.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
import tracemalloc
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.capacity import Context
from benchmarks.functions import load
from benchmarks.meter import Meter, install, metered
from benchmarks.texts import text
from local.process import stack_in
from local.seed import INVOICE_STEPS
from local.stack import point_at
from local.table import definition

SIZES = (1, 10, 100, 1000)
PAGES = (10, 100, 1000)
#: Write units a run; AWS calls to accept a batch; CPU to accept 1000, in milliseconds.
UNITS, CALLS = 6.0, 6
#: A page may look at so many rows, and so many more for each of its runs.
PAGE_ROWS, RUN_ROWS = 20, 1
#: Bytes that a worker may hold for a batch of 1000 beyond what it holds for one of 100.
GROWTH = 4 * 1024 * 1024


def inputs(size: int) -> list[dict[str, Any]]:
    """Return inputs of about 1000 characters, none like another."""
    return [
        {"rawText": f"Invoice Number: INV-{n}\nTotal: ${n}.00\n{text(960, n)}", "metadata": {"n": n}}
        for n in range(size)
    ]


def event(
    key: str,
    method: str,
    path: str,
    body: dict[str, Any] | None = None,
    query: dict[str, str] | None = None,
    **parts: str,
) -> dict[str, Any]:
    """Return API Gateway's event. parts: what the template's braces match; its text follows from them."""
    resource = path
    for name, value in parts.items():
        resource = resource.replace(value, f"{{{name}+}}" if name == "proxy" else f"{{{name}}}")
    return {
        "httpMethod": method,
        "resource": resource,
        "path": path,
        "headers": {"x-api-key": key, "content-type": "application/json", "Host": "localhost"},
        "queryStringParameters": query,
        "multiValueQueryStringParameters": {name: [value] for name, value in (query or {}).items()} or None,
        "pathParameters": parts or None,
        "requestContext": {"requestId": str(uuid.uuid4()), "path": f"/live{path}", "stage": "live"},
        "body": None if body is None else json.dumps(body),
        "isBase64Encoded": False,
    }


def answered(function: Any, asked: dict[str, Any]) -> Any:
    """Return the JSON of an answer that is 200."""
    answer = function.handler(asked, None)
    assert answer["statusCode"] == 200, answer
    return json.loads(answer["body"])


@dataclass(frozen=True)
class Cost:
    """One batch's cost. held: bytes that Python held at most while a worker was at its first chunk."""

    size: int
    batch_id: str
    accept: Meter
    work: Meter
    close: Meter
    held: int

    @property
    def units(self) -> float:
        """Return the write units a run."""
        return (self.accept.write_units + self.work.write_units + self.close.write_units) / self.size

    def line(self) -> str:
        """Return a row of the table."""
        writes = [part.write_units / self.size for part in (self.accept, self.work, self.close)]
        reads = sum(part.read_units for part in (self.accept, self.work, self.close)) / self.size
        calls = (self.accept.total + self.work.total + self.close.total) / self.size
        cells = [f"{value:8.2f}" for value in (*writes, sum(writes), reads, calls)]
        return f"  {self.size:5d} {''.join(cells)} {self.accept.total:8d} {self.held / 1024 / 1024:12.1f}"


def measure(size: int, key: str, workflow_id: str, functions: dict[str, Any], queue_url: str) -> Cost:
    """Submit, work and close one batch."""
    from batchwork.adapters import aws

    sqs = aws.client("sqs")
    asked = event(key, "POST", "/workflow_runs/batch", {"workflowId": workflow_id, "inputs": inputs(size)})
    with metered() as accept:
        batch_id = answered(functions["workflow_runs_create"], asked)["batchId"]
    messages = []
    while found := sqs.receive_message(QueueUrl=queue_url, MaxNumberOfMessages=10).get("Messages"):
        messages += found
    held = 0
    with metered() as work:
        for place, message in enumerate(messages):
            record = {"messageId": message["MessageId"], "body": message["Body"]}
            if not place:
                tracemalloc.start()
            failed = functions["workflow_runs_worker"].handler({"Records": [record]}, Context())
            if not place:
                held = tracemalloc.get_traced_memory()[1]
                tracemalloc.stop()
            assert failed == {"batchItemFailures": []}
    told = json.loads(messages[0]["Body"])
    image = {"kind": {"S": "batch"}, "workspace_id": {"S": told["workspace_id"]}, "id": {"S": told["batch_id"]}}
    with metered() as close:
        functions["completion"].handler(
            {"Records": [{"dynamodb": {"NewImage": image, "SequenceNumber": "1"}}]}, Context()
        )
    for message in messages:
        sqs.delete_message(QueueUrl=queue_url, ReceiptHandle=message["ReceiptHandle"])
    return Cost(size, batch_id, accept, work, close, held)


def lists(key: str, batch_id: str, read: Any) -> bool:
    """Print what pages of a batch of 1000 settled runs read; return whether that is in proportion to the page.

    Rows and their bytes, since the emulator counts one unit for any read: DynamoDB takes half a unit for 4 KB of a query,
    and for each row that is read by its key, twice that when the read is strongly consistent.
    """
    print("What a page of a batch of 1000 settled runs reads: rows (KB)")
    # A first page looks at up to 400 entries of the last second more (decision 33).
    time.sleep(2)
    heads = [f"{size} runs" for size in PAGES]
    print(f"   sorted by {''.join(f'{head:>16}' for head in heads)}")
    within = True
    for sort in ("updatedAt", "createdAt"):
        cells = []
        for size in PAGES:
            query = {"batchId": batch_id, "maxPageSize": str(size), "sortBy": sort}
            asked = event(key, "GET", "/workflow_runs", None, query)
            with metered() as meter:
                page = answered(read, asked)
            assert len(page["workflowRuns"]) == size, (sort, size, len(page["workflowRuns"]))
            cells.append(f"{meter.rows} ({meter.bytes / 1024:.0f})")
            within = within and meter.rows <= PAGE_ROWS + RUN_ROWS * size
        print(f"   {sort:9} {''.join(f'{cell:>16}' for cell in cells)}")
    print(f"  (budget: {PAGE_ROWS} rows, and {RUN_ROWS} a run)")
    return within


def main() -> None:
    """Print the tables; ends with an error when a budget is missed."""
    with tempfile.TemporaryDirectory() as scratch, stack_in(Path(scratch)) as stack:
        point_at(stack["aws"]["endpoint_url"])
        install()
        from batchwork.adapters import aws
        from batchwork.adapters.clock import SystemClock
        from batchwork.adapters.dynamodb.identities import DynamoIdentities
        from batchwork.adapters.dynamodb.sequences import DynamoSequences
        from batchwork.use_cases.keys import EVERY_SCOPE, Keys, Workspaces

        table, bucket = "bench", stack["outputs"]["BucketName"]
        aws.client("dynamodb").create_table(**definition(table))
        sqs = aws.client("sqs")
        queue = sqs.create_queue(QueueName="bench-runs", Attributes={"VisibilityTimeout": "300"})["QueueUrl"]
        deliveries = sqs.create_queue(QueueName="bench-deliveries")["QueueUrl"]
        clock, identities = SystemClock(), DynamoIdentities(table)
        workspace = Workspaces(identities, clock, DynamoSequences(table)).create("bench", "enterprise").id
        _, key = Keys(identities, clock).create(workspace, "bench", [EVERY_SCOPE])
        settings = {
            "TABLE_NAME": table,
            "BUCKET_NAME": bucket,
            "RUNS_QUEUE_URL": queue,
            "DELIVERY_QUEUE_URL": deliveries,
        }
        names = ("workflows", "workflow_runs_create", "workflow_runs_worker", "workflow_runs_read", "completion")
        functions = {name: load(name, **settings) for name in names}
        made = answered(
            functions["workflows"], event(key, "POST", "/workflows", {"name": "bench", "steps": INVOICE_STEPS})
        )
        workflow_id = made["workflow"]["id"]
        below = f"{workflow_id}/versions"
        answered(functions["workflows"], event(key, "POST", f"/workflows/{below}", {}, proxy=below))
        measure(1, key, workflow_id, functions, queue)  # caches and connections warm
        print("Cost of a batch of workflow runs through PARSE and EXTRACT, per run (emulator figures)")
        print("   size   write units: accept, work, close, all   reads   calls   calls to accept   MB held")
        costs = [measure(size, key, workflow_id, functions, queue) for size in SIZES]
        for cost in costs:
            print(cost.line())
        last = costs[-1]
        growth = last.held - costs[-2].held
        print(
            f"  write units a run at 1000: {last.units:.2f} (budget {UNITS:.0f}); accepted by {last.accept.total} calls "
            f"(budget {CALLS}); memory beyond that for 100: {growth / 1024 / 1024:.1f} MB (budget {GROWTH >> 20})"
        )
        print()
        in_proportion = lists(key, last.batch_id, functions["workflow_runs_read"])
        if last.units > UNITS or last.accept.total > CALLS or growth > GROWTH or not in_proportion:
            sys.exit("a budget is missed")


if __name__ == "__main__":
    main()
