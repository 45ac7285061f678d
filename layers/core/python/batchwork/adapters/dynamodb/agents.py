"""Agents: a workspace's in one partition; their versions, each immutable, an agent's in one partition."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from batchwork.adapters import aws
from batchwork.adapters.dynamodb import keys
from batchwork.adapters.dynamodb.agent_rows import agent_of, agent_row, version_of, version_row
from batchwork.adapters.dynamodb.attributes import unrow, wire
from batchwork.adapters.dynamodb.calls import condition_failed, get_all, query_all
from batchwork.adapters.packing import Packer
from batchwork.domain.agent import Agent, AgentVersion
from batchwork.domain.errors import Conflict, NotFound

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

# What the conditional writes say.
_NEW = "attribute_not_exists(pk)"  # closes create against create, and a version number taken twice
_STILL_BEFORE = "latest = :before"  # closes update against update: both would make the same number
_EXISTS = "attribute_exists(pk)"  # a publish never makes a row


class DynamoAgents:
    """AgentStore on the one table."""

    def __init__(self, table: str, packer: Packer, dynamodb: DynamoDBClient | None = None) -> None:
        self._table = table
        self._packer = packer
        self._dynamodb: DynamoDBClient = dynamodb or aws.client("dynamodb")

    def put(self, agent: Agent, version: AgentVersion) -> None:
        """Store a new version and the agent that points to it, in one transaction. Raises Conflict.

        The agent's row is updated, not replaced: an update must not undo a publish that happens meanwhile.
        """
        agent_write: Any = (
            {"Put": {"TableName": self._table, "Item": agent_row(agent), "ConditionExpression": _NEW}}
            if version.number == 1
            else {"Update": self._advance(agent, version.number)}
        )
        new_version = version_row(version, self._packer)
        try:
            self._dynamodb.transact_write_items(
                TransactItems=[
                    agent_write,
                    {"Put": {"TableName": self._table, "Item": new_version, "ConditionExpression": _NEW}},
                ]
            )
        except ClientError as exc:
            if condition_failed(exc) or _collided(exc):
                raise Conflict(what="The agent") from exc
            raise

    def _advance(self, agent: Agent, number: int) -> dict[str, Any]:
        sets = "SET latest = :number, #name = :name, updated_at = :now"
        values = {
            ":number": wire(number),
            ":before": wire(number - 1),
            ":name": wire(agent.name),
            ":now": wire(agent.updated_at),
        }
        if agent.description is not None:
            sets += ", description = :description"
            values[":description"] = wire(agent.description)
        else:
            sets += " REMOVE description"
        return {
            "TableName": self._table,
            "Key": keys.agent(agent.workspace_id, agent.id),
            "UpdateExpression": sets,
            "ConditionExpression": _STILL_BEFORE,
            "ExpressionAttributeNames": {"#name": "name"},
            "ExpressionAttributeValues": values,
        }

    def publish(self, agent: Agent, version: AgentVersion, now: datetime) -> Agent:
        """Make a version the published one and note that it was published, in one transaction."""
        at = keys.agent(agent.workspace_id, agent.id)
        number = wire(version.number)
        try:
            self._dynamodb.transact_write_items(
                TransactItems=[
                    {
                        "Update": {
                            "TableName": self._table,
                            "Key": at,
                            "UpdateExpression": "SET published = :number, updated_at = :now",
                            "ConditionExpression": _EXISTS,
                            "ExpressionAttributeValues": {":number": number, ":now": wire(now)},
                        }
                    },
                    {
                        "Update": {
                            "TableName": self._table,
                            "Key": keys.agent_version(agent.workspace_id, agent.id, version.number),
                            "UpdateExpression": "SET was_published = :yes",
                            "ConditionExpression": _EXISTS,
                            "ExpressionAttributeValues": {":yes": wire(True)},
                        }
                    },
                ]
            )
        except ClientError as exc:
            if _collided(exc):
                raise Conflict(what="The agent") from exc
            if condition_failed(exc):
                raise NotFound(what="Agent version") from exc
            raise
        published = self.get(agent.workspace_id, agent.id)
        if published is None:
            raise NotFound(what="Agent")
        return published

    def get(self, workspace_id: str, agent_id: str) -> Agent | None:
        """Return an agent, strongly consistent."""
        answer = self._dynamodb.get_item(
            TableName=self._table, Key=keys.agent(workspace_id, agent_id), ConsistentRead=True
        )
        return agent_of(workspace_id, unrow(answer["Item"])) if "Item" in answer else None

    def get_many(self, workspace_id: str, agent_ids: Iterable[str]) -> dict[str, Agent]:
        """Return the agents there are, strongly consistent, in as few calls as there are hundreds (AWS limit)."""
        wanted = [keys.agent(workspace_id, agent_id) for agent_id in dict.fromkeys(agent_ids)]
        found = (
            agent_of(workspace_id, unrow(each))
            for each in get_all(self._dynamodb, self._table, wanted, consistent=True)
        )
        return {agent.id: agent for agent in found}

    def find(self, workspace_id: str) -> list[Agent]:
        """Return every agent of a workspace, newest first."""
        partition = keys.agent(workspace_id, "")["pk"]
        agents = [agent_of(workspace_id, each) for each in self._query(partition)]
        return sorted(agents, key=lambda agent: (agent.created_at, agent.id), reverse=True)

    def version(self, workspace_id: str, agent_id: str, number: int) -> AgentVersion | None:
        """Return a version, strongly consistent."""
        answer = self._dynamodb.get_item(
            TableName=self._table, Key=keys.agent_version(workspace_id, agent_id, number), ConsistentRead=True
        )
        return self._version(workspace_id, agent_id, unrow(answer["Item"])) if "Item" in answer else None

    def versions(self, workspace_id: str, agent_id: str) -> list[AgentVersion]:
        """Return the versions of an agent, newest first."""
        partition = keys.agent_version(workspace_id, agent_id, 0)["pk"]
        found = self._query(partition, ScanIndexForward=False)
        return [self._version(workspace_id, agent_id, each) for each in found]

    def version_named(self, workspace_id: str, agent_id: str, version_id: str) -> AgentVersion | None:
        """Return a version by its id: the agent's versions are read, only the one is sent."""
        partition = keys.agent_version(workspace_id, agent_id, 0)["pk"]
        found = self._query(partition, values={":id": wire(version_id)}, FilterExpression="id = :id")
        first = next(found, None)
        return self._version(workspace_id, agent_id, first) if first else None

    def version_many(self, workspace_id: str, wanted: Iterable[tuple[str, int]]) -> dict[str, AgentVersion]:
        """Return by agent id what there is of (agent id, version number), in as few calls as there are hundreds."""
        at = [keys.agent_version(workspace_id, agent_id, number) for agent_id, number in dict.fromkeys(wanted)]
        found = [unrow(each) for each in get_all(self._dynamodb, self._table, at, consistent=True)]
        versions = (self._version(workspace_id, each["pk"].rpartition("#")[2], each) for each in found)
        return {version.agent_id: version for version in versions}

    def _query(self, partition: Any, **settings: Any) -> Iterator[dict[str, Any]]:
        values = {":pk": partition, **settings.pop("values", {})}
        found = query_all(
            self._dynamodb,
            TableName=self._table,
            KeyConditionExpression="pk = :pk",
            ExpressionAttributeValues=values,
            ConsistentRead=True,
            **settings,
        )
        return (unrow(each) for each in found)

    def _version(self, workspace_id: str, agent_id: str, values: dict[str, Any]) -> AgentVersion:
        return version_of(workspace_id, agent_id, values, self._packer)


def _collided(exc: ClientError) -> bool:
    """Whether another transaction held one of the rows at that moment."""
    reasons: list[dict[str, Any]] = exc.response.get("CancellationReasons", [])  # type: ignore[assignment] # untyped
    return any(reason.get("Code") == "TransactionConflict" for reason in reasons)
