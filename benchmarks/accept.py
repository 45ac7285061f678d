"""CPU and AWS calls to accept 1000 messages, in process, with AWS answering from memory.

What AWS answers is recorded from moto in a first round and replayed in the measured ones, so that they spend no time
in an emulator or on a network, and every byte that botocore builds and parses is a real one.
"""

from __future__ import annotations

import io
import json
import os
import statistics
import uuid
from typing import Any

from botocore.awsrequest import AWSRequest, AWSResponse
from moto import mock_aws

from batchwork.adapters import aws
from batchwork.adapters.clock import SystemClock
from batchwork.adapters.dynamodb.agents import DynamoAgents
from batchwork.adapters.dynamodb.identities import DynamoIdentities
from batchwork.adapters.packing import Packer
from batchwork.use_cases.agents import Agents, Draft
from batchwork.use_cases.keys import EVERY_SCOPE, Keys, Workspaces
from benchmarks.functions import load
from benchmarks.meter import install, metered
from benchmarks.texts import text
from local.table import definition

ROUNDS = 15
ITEMS = 1000
TABLE, BUCKET = "bench", "bench-blobs"


class _Raw(io.BytesIO):
    def stream(self, *_: Any, **__: Any) -> Any:
        yield self.read()


class Tape:
    """Records AWS's answers in order, then replays them."""

    def __init__(self) -> None:
        self.answers: list[bytes] = []
        self._next = 0

    def record(self, response_dict: dict[str, Any], **_: Any) -> None:
        """Keep an answer (botocore's response-received event)."""
        self.answers.append(response_dict["body"])

    def rewind(self, skip: int = 0) -> None:
        """Start again, leaving out the first `skip` answers."""
        self._next = skip

    def replay(self, request: AWSRequest, **_: Any) -> AWSResponse:
        """Answer instead of AWS (botocore's before-send event)."""
        body = self.answers[self._next]
        self._next += 1
        headers: Any = {"content-type": "application/x-amz-json-1.0"}
        raw: Any = _Raw(body)
        return AWSResponse(str(request.url), 200, headers, raw)


def submission(agent_id: str, items: int, size: int = 500) -> dict[str, Any]:
    """Return the body of a submission of `items` messages of about `size` characters."""
    return {
        "agent_id": agent_id,
        "requests": [
            {"custom_id": f"req-{n:04d}", "message": text(size, n), "external_user_id": f"user_{n}"}
            for n in range(items)
        ],
    }


def event(key: str, body: dict[str, Any]) -> dict[str, Any]:
    """Return API Gateway's event of a submission."""
    return {
        "httpMethod": "POST",
        "resource": "/api/v1/batches",
        "path": "/api/v1/batches",
        "headers": {"x-api-key": key, "content-type": "application/json", "Host": "localhost"},
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
    workspace = Workspaces(identities, clock).create("bench", "enterprise").id
    _, key = Keys(identities, clock).create(workspace, "bench", [EVERY_SCOPE])
    agents = Agents(DynamoAgents(table, Packer.in_bucket(bucket)), clock, lambda: str(uuid.uuid4()))
    agent, version = agents.create(workspace, Draft(name="bench"))
    agents.publish(workspace, agent.id, version.id)
    return key, agent.id


def main() -> None:
    """Print calls and CPU, cold cache and warm."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        del os.environ[name]
    os.environ.update(AWS_DEFAULT_REGION="us-east-1", AWS_ACCESS_KEY_ID="bench", AWS_SECRET_ACCESS_KEY="bench")  # noqa: S106 -- nothing listens
    os.environ["AWS_ACCOUNT_ID_ENDPOINT_MODE"] = "disabled"
    tape = Tape()
    with mock_aws():
        aws.client("dynamodb").create_table(**definition(TABLE))
        url = aws.client("sqs").create_queue(QueueName="work")["QueueUrl"]
        key, agent_id = workspace_with_agent(TABLE, BUCKET)
        emitter = aws._session().get_component("event_emitter")  # noqa: SLF001 -- the adapters' one session
        # A client copies the session's emitter when it is made: watch first, then load.
        emitter.register("response-received.*.*", tape.record)
        create = load("messages_create", TABLE_NAME=TABLE, BUCKET_NAME=BUCKET, WORK_QUEUE_URL=url)
        submitted = event(key, submission(agent_id, ITEMS))
        answer = create.handler(submitted, None)
        assert answer["statusCode"] == 202, answer
        emitter.unregister("response-received.*.*", tape.record)
    install()
    emitter.register("before-send.*.*", tape.replay)
    create = load("messages_create", TABLE_NAME=TABLE, BUCKET_NAME=BUCKET, WORK_QUEUE_URL=url)
    tape.rewind()
    with metered() as cold:
        create.handler(submitted, None)
    rounds = []
    for _ in range(ROUNDS):
        tape.rewind(skip=1)
        with metered() as warm:
            answer = create.handler(submitted, None)
        assert answer["statusCode"] == 202, answer
        rounds.append(warm.cpu * 1000)
    print(f"Accept {ITEMS} messages of 500 characters, in process, AWS answering from memory ({ROUNDS} rounds)")
    print(f"  AWS calls, key not cached: {cold.total} (budget 6)  {dict(cold.calls)}")
    print(f"  AWS calls, key cached:     {warm.total}             {dict(warm.calls)}")
    print(f"  CPU: median {statistics.median(rounds):.1f} ms, least {min(rounds):.1f} ms (budget 20 ms)")


if __name__ == "__main__":
    main()
