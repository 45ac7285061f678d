"""Chats and their turns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from batchwork.adapters import aws
from batchwork.adapters.dynamodb import keys
from batchwork.adapters.dynamodb.attributes import unrow, wire
from batchwork.adapters.dynamodb.calls import condition_failed, get_all, put_all, query_all, row_before
from batchwork.adapters.dynamodb.chat_rows import chat_of, chat_row, is_chat, turn_of, turn_row
from batchwork.adapters.packing import Packer
from batchwork.domain.chat import Chat, Turn
from batchwork.ports import Page

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

_EXISTS = "attribute_exists(pk)"  # a rename never makes a chat
_NEW = "attribute_not_exists(pk)"  # closes try against try: a chat that was renamed or continued is not begun anew


class DynamoChats:
    """ChatStore on the one table: a workspace's chats are spread over sixteen partitions."""

    def __init__(self, table: str, packer: Packer, dynamodb: DynamoDBClient | None = None) -> None:
        self._table = table
        self._packer = packer
        self._dynamodb: DynamoDBClient = dynamodb or aws.client("dynamodb")

    def create(self, chat: Chat) -> Chat:
        """Store a new chat without turns and return it, or the one that is there already."""
        try:
            self._dynamodb.put_item(
                TableName=self._table,
                Item=chat_row(chat, None, self._packer),
                ConditionExpression=_NEW,
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except ClientError as exc:
            if condition_failed(exc):
                return chat_of(chat.workspace_id, row_before(exc), self._packer)
            raise
        return chat

    def add(self, started: Sequence[tuple[Chat, Turn]], continued: Sequence[tuple[str, Turn]]) -> None:
        """Store new chats with their first turn, and further turns of existing ones; the same again adds nothing."""
        rows = [chat_row(chat, turn, self._packer) for chat, turn in started]
        rows += [turn_row(workspace_id, turn, self._packer) for workspace_id, turn in continued]
        put_all(self._dynamodb, self._table, rows)

    def get(self, workspace_id: str, chat_id: int) -> Chat | None:
        """Return a chat, strongly consistent."""
        answer = self._dynamodb.get_item(
            TableName=self._table, Key=keys.chat(workspace_id, chat_id), ConsistentRead=True
        )
        return chat_of(workspace_id, unrow(answer["Item"]), self._packer) if "Item" in answer else None

    def rename(self, workspace_id: str, chat_id: int, name: str) -> Chat | None:
        """Rename a chat; None when there is none.

        The name goes beside the packed content instead of into it, so that two writers have nothing to overwrite.
        """
        try:
            answer = self._dynamodb.update_item(
                TableName=self._table,
                Key=keys.chat(workspace_id, chat_id),
                UpdateExpression="SET #name = :name",
                ConditionExpression=_EXISTS,
                ExpressionAttributeNames={"#name": "name"},
                ExpressionAttributeValues={":name": wire(name)},
                ReturnValues="ALL_NEW",
            )
        except ClientError as exc:
            if condition_failed(exc):
                return None
            raise
        return chat_of(workspace_id, unrow(answer["Attributes"]), self._packer)

    def find(self, workspace_id: str, offset: int, limit: int) -> Page[Chat]:
        """Return chats, newest (highest id) first.

        No index serves this list: an entry in one would cost a second write unit for each item of every batch, while
        a list of chats is asked for rarely. So the ids of all sixteen partitions are read (eventually consistent,
        1 MB a page, AWS limit), which also counts them, and then the rows of the wanted part.
        """
        # Imported here: only this route needs threads, and a cold start pays for modules.
        from concurrent.futures import ThreadPoolExecutor

        with ThreadPoolExecutor(keys.CHAT_SHARDS) as pool:
            shards = pool.map(lambda shard: self._ids(workspace_id, shard), range(keys.CHAT_SHARDS))
            ids = sorted((chat_id for shard in shards for chat_id in shard), reverse=True)
        wanted = [keys.chat(workspace_id, chat_id) for chat_id in ids[offset : offset + limit]]
        rows = (unrow(each) for each in get_all(self._dynamodb, self._table, wanted))
        chats = (chat_of(workspace_id, each, self._packer) for each in rows)
        return Page(sorted(chats, key=lambda chat: chat.id, reverse=True), len(ids))

    def turn(self, workspace_id: str, chat_id: int, turn_id: int) -> Turn | None:
        """Return a turn, strongly consistent: of a row of its own, or of its chat's."""
        wanted = [keys.turn(workspace_id, chat_id, turn_id), keys.chat(workspace_id, chat_id)]
        rows = get_all(self._dynamodb, self._table, wanted, consistent=True)
        turns = (turn_of(unrow(each), self._packer) for each in rows)
        return next((turn for turn in turns if turn is not None and turn.id == turn_id), None)

    def turns(self, workspace_id: str, chat_id: int) -> list[Turn]:
        """Return a chat's turns, oldest first, strongly consistent.

        Sorted here, by time: the ids of batches come from blocks (use_cases.integers), and a batch that was submitted
        earlier may continue a chat later.
        """
        at = keys.chat(workspace_id, chat_id)
        rows = query_all(
            self._dynamodb,
            TableName=self._table,
            KeyConditionExpression="pk = :pk AND begins_with(sk, :sk)",
            ExpressionAttributeValues={":pk": at["pk"], ":sk": at["sk"]},
            ConsistentRead=True,
        )
        turns = (turn_of(unrow(each), self._packer) for each in rows)
        return sorted((turn for turn in turns if turn is not None), key=lambda turn: (turn.created_at, turn.id))

    def _ids(self, workspace_id: str, shard: int) -> list[int]:
        rows = query_all(
            self._dynamodb,
            TableName=self._table,
            KeyConditionExpression="pk = :pk",
            ExpressionAttributeValues={":pk": keys.chat(workspace_id, shard)["pk"]},
            ProjectionExpression="sk",
        )
        return [int(values["sk"]) for values in map(unrow, rows) if is_chat(values)]
