"""CPU and AWS calls to accept 1000 messages, in process, with AWS answering from memory."""

from __future__ import annotations

import json
import statistics
import sys
import uuid
from types import ModuleType
from typing import Any

from batchwork.adapters import aws
from batchwork.adapters.clock import SystemClock
from batchwork.adapters.dynamodb.agents import DynamoAgents
from batchwork.adapters.dynamodb.identities import DynamoIdentities
from batchwork.adapters.dynamodb.sequences import DynamoSequences
from batchwork.adapters.packing import Packer
from batchwork.use_cases.agents import Agents, Draft
from batchwork.use_cases.keys import EVERY_SCOPE, Keys, Workspaces
from benchmarks.functions import load
from benchmarks.meter import Meter, metered
from benchmarks.tape import BUCKET, TABLE, Tape
from benchmarks.texts import text

ROUNDS = 15
ITEMS = 1000
#: AWS calls to accept a batch, and what identity and idempotency may take beyond them.
CALLS, IDENTITY, IDEMPOTENCY = 6, 1, 2


def submission(agent_id: str, items: int, size: int = 500) -> dict[str, Any]:
    """Return the body of a submission of `items` messages of about `size` characters."""
    return {
        "agent_id": agent_id,
        "requests": [
            {"custom_id": f"req-{n:04d}", "message": text(size, n), "external_user_id": f"user_{n}"}
            for n in range(items)
        ],
    }


def event(key: str, body: dict[str, Any], named: str | None = None) -> dict[str, Any]:
    """Return API Gateway's event of a submission; named: its Idempotency-Key."""
    headers = {"x-api-key": key, "content-type": "application/json", "Host": "localhost"}
    return {
        "httpMethod": "POST",
        "resource": "/api/v1/batches",
        "path": "/api/v1/batches",
        "headers": headers if named is None else {**headers, "Idempotency-Key": named},
        "queryStringParameters": None,
        "multiValueQueryStringParameters": None,
        "pathParameters": None,
        "requestContext": {"requestId": str(uuid.uuid4()), "path": "/live/api/v1/batches", "stage": "live"},
        "body": json.dumps(body),
        "isBase64Encoded": False,
    }


def workspace_with_agent(table: str, bucket: str) -> tuple[str, str]:
    """Make a workspace with a key and a published knowledge agent; return (key, agent id)."""
    clock = SystemClock()
    identities = DynamoIdentities(table)
    workspace = Workspaces(identities, clock, DynamoSequences(table)).create("bench", "enterprise").id
    _, key = Keys(identities, clock).create(workspace, "bench", [EVERY_SCOPE])
    agents = Agents(DynamoAgents(table, Packer.in_bucket(bucket)), clock, lambda: str(uuid.uuid4()))
    agent, version = agents.create(workspace, Draft(name="bench"))
    agents.publish(workspace, agent.id, version.id)
    return key, agent.id


def main() -> None:
    """Print calls and CPU: of a cold function, of a warm one, and under an Idempotency-Key. Ends with an error when a
    budget is missed.
    """
    tape = Tape()
    with tape.recording():
        url = aws.client("sqs").create_queue(QueueName="work")["QueueUrl"]
        key, agent_id = workspace_with_agent(TABLE, BUCKET)
        create = load("messages_create", TABLE_NAME=TABLE, BUCKET_NAME=BUCKET, WORK_QUEUE_URL=url)
        submitted = event(key, submission(agent_id, ITEMS))
        answer = create.handler(event(key, submission(agent_id, ITEMS), "recorded"), None)
        assert answer["statusCode"] == 202, answer
    create = load("messages_create", TABLE_NAME=TABLE, BUCKET_NAME=BUCKET, WORK_QUEUE_URL=url)
    cold = accepted(create, submitted)
    warm = [accepted(create, submitted) for _ in range(ROUNDS)]
    keyed = [accepted(create, event(key, submission(agent_id, ITEMS), str(uuid.uuid4()))) for _ in range(ROUNDS)]
    sys.exit(report(cold, warm, keyed))


def accepted(create: ModuleType, submitted: dict[str, Any]) -> Meter:
    """Return what accepting a submission cost."""
    with metered() as meter:
        answer = create.handler(submitted, None)
    assert answer["statusCode"] == 202, answer
    return meter


def report(cold: Meter, warm: list[Meter], keyed: list[Meter]) -> str | None:
    """Print what it cost, and return what is wrong with it."""
    most, cpu = max(meter.total for meter in warm), statistics.median(meter.cpu for meter in warm) * 1000
    calls = [statistics.median(meter.total for meter in each) for each in (warm, keyed)]
    least = min(meter.cpu for meter in warm) * 1000
    print(f"Accept {ITEMS} messages of 500 characters, in process, AWS answering from memory ({ROUNDS} rounds)")
    print(f"  AWS calls: median {calls[0]:.0f}, most {most} (budget {CALLS})  {dict(warm[-1].calls)}")
    print(f"  identity, in a cold function and every 15 s: {cold.total - most} more (budget {IDENTITY}): {cold.total}")
    print(f"  under an Idempotency-Key: {calls[1] - calls[0]:.0f} more (budget {IDEMPOTENCY}): median {calls[1]:.0f}")
    print(f"  CPU: median {cpu:.1f} ms, least {least:.1f} ms (budget 20 ms); under an Idempotency-Key median", end=" ")
    print(f"{statistics.median(meter.cpu for meter in keyed) * 1000:.1f} ms")
    within = most <= CALLS and cold.total - most <= IDENTITY and calls[1] - calls[0] <= IDEMPOTENCY
    return None if within else "a budget is missed"


if __name__ == "__main__":
    main()
