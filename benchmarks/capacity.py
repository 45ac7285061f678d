"""What a batch of messages costs in AWS requests and DynamoDB units, from accept to close.

The real functions run in this process against the emulator's DynamoDB and SQS, so that every request is seen and every
answer says what it consumed. Agent: embedded, answering from its documents; messages of 500 characters, answers of
about 1000, both ordinary English. Units are the emulator's reckoning of DynamoDB's rules.
"""

from __future__ import annotations

import json
import sys
import tempfile
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.accept import event, submission
from benchmarks.functions import load
from benchmarks.meter import Meter, install, metered
from benchmarks.texts import text
from local.process import stack_in
from local.stack import point_at
from local.table import definition

SIZES = (1, 10, 100, 1000)
BUDGET = 3.5


class Context:
    """What a worker reads of Lambda's context."""

    def get_remaining_time_in_millis(self) -> int:
        """Return five minutes."""
        return 300_000


@dataclass(frozen=True)
class Cost:
    """One batch's cost. messages: SQS messages, each of which the event source receives and deletes."""

    size: int
    accept: Meter
    work: Meter
    close: Meter
    messages: int

    def line(self) -> str:
        """Return a row of the table."""
        writes = [part.write_units / self.size for part in (self.accept, self.work, self.close)]
        reads = sum(part.read_units for part in (self.accept, self.work, self.close)) / self.size
        sqs = (self.accept.requests_to("sqs") + self.work.requests_to("sqs") + 2 * self.messages) / self.size
        calls = (self.accept.total + self.work.total + self.close.total) / self.size
        cells = [f"{value:8.2f}" for value in (*writes, sum(writes), reads, calls, sqs)]
        return f"  {self.size:5d} {''.join(cells)} {self.accept.total:8d}"


def measure(size: int, key: str, agent_id: str, functions: dict[str, Any], queue_url: str) -> Cost:
    """Submit, work and close one batch."""
    from batchwork.adapters import aws

    sqs = aws.client("sqs")
    with metered() as accept:
        answer = functions["messages_create"].handler(event(key, submission(agent_id, size)), None)
    assert answer["statusCode"] == 202, answer
    batch_id = json.loads(answer["body"])["data"]["id"]
    messages = []
    while found := sqs.receive_message(QueueUrl=queue_url, MaxNumberOfMessages=10).get("Messages"):
        messages += found
    with metered() as work:
        for message in messages:
            record = {"messageId": message["MessageId"], "body": message["Body"]}
            assert functions["messages_worker"].handler({"Records": [record]}, Context()) == {"batchItemFailures": []}
    workspace = json.loads(messages[0]["Body"])["workspace_id"]
    image = {"workspace_id": {"S": workspace}, "id": {"S": batch_id}}
    with metered() as close:
        functions["completion"].handler(
            {"Records": [{"dynamodb": {"NewImage": image, "SequenceNumber": "1"}}]}, Context()
        )
    for message in messages:
        sqs.delete_message(QueueUrl=queue_url, ReceiptHandle=message["ReceiptHandle"])
    return Cost(size, accept, work, close, len(messages))


def main() -> None:
    """Print the table."""
    with tempfile.TemporaryDirectory() as scratch, stack_in(Path(scratch)) as stack:
        point_at(stack["aws"]["endpoint_url"])
        install()
        from batchwork.adapters import aws
        from batchwork.adapters.clock import SystemClock
        from batchwork.adapters.dynamodb.agents import DynamoAgents
        from batchwork.adapters.packing import Packer
        from batchwork.domain.agent import Document
        from batchwork.domain.workspace import Credential
        from batchwork.use_cases.agents import Agents, Draft
        from benchmarks.accept import workspace_with_agent

        table, bucket = "bench", stack["outputs"]["BucketName"]
        aws.client("dynamodb").create_table(**definition(table))
        sqs = aws.client("sqs")
        work = sqs.create_queue(QueueName="bench-work", Attributes={"VisibilityTimeout": "300"})["QueueUrl"]
        deliveries = sqs.create_queue(QueueName="bench-deliveries")["QueueUrl"]
        key, _ = workspace_with_agent(table, bucket)
        credential = Credential.parse(key)
        assert credential is not None
        agents = Agents(DynamoAgents(table, Packer.in_bucket(bucket)), SystemClock(), lambda: str(uuid.uuid4()))
        documents = tuple(Document(f"Page {n}", text(950, 10_000 + n)) for n in range(40))
        agent, version = agents.create(credential.workspace_id, Draft(name="bench", documents=documents))
        agents.publish(credential.workspace_id, agent.id, version.id)
        names = {"TABLE_NAME": table, "BUCKET_NAME": bucket, "WORK_QUEUE_URL": work, "DELIVERY_QUEUE_URL": deliveries}
        functions = {name: load(name, **names) for name in ("messages_create", "messages_worker", "completion")}
        measure(1, key, agent.id, functions, work)  # caches and connections warm
        print("Cost of a batch of messages, per item (emulator figures)")
        print("   size   write units: accept, work, close, all   reads   calls     SQS   calls to accept")
        costs = [measure(size, key, agent.id, functions, work) for size in SIZES]
        for cost in costs:
            print(cost.line())
        last = costs[-1]
        units = (last.accept.write_units + last.work.write_units + last.close.write_units) / last.size
        print(
            f"  write units per item at 1000: {units:.2f} (budget {BUDGET}); accepted by {last.accept.total} calls (budget 6)"
        )
        if units > BUDGET or last.accept.total > 6:
            sys.exit("a budget is missed")


if __name__ == "__main__":
    main()
