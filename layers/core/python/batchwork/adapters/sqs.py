"""The queues. MessageGroupId on a standard queue makes it fair (Amazon SQS fair queues): a group with much in flight
does not delay the others.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import timedelta
from math import ceil
from typing import TYPE_CHECKING, Any
from zlib import crc32

from batchwork.adapters import aws
from batchwork.domain.batch import Batch
from batchwork.domain.resource import from_millis, millis_of
from batchwork.domain.webhook import Delivery, DeliveryStatus, Recovery

if TYPE_CHECKING:
    from types_boto3_sqs import SQSClient

#: AWS limits: entries of a SendMessageBatch, seconds of DelaySeconds.
_ENTRIES = 10
_LONGEST_DELAY = 900
#: Seconds until an index has what was written before a recovery was asked for: usually less than one.
_INDEXED = 5


class MessagesNotQueuedError(RuntimeError):
    """SQS refused part of a SendMessageBatch; the sweeper queues what is missing."""


def _delay(delay: timedelta) -> int:
    return min(_LONGEST_DELAY, max(0, ceil(delay.total_seconds())))


def _send(sqs: SQSClient, url: str, entries: list[Any]) -> None:
    """Send up to ten messages in one request. Raises MessagesNotQueuedError when one of them was refused."""
    answer = sqs.send_message_batch(QueueUrl=url, Entries=entries)
    if answer.get("Failed"):
        raise MessagesNotQueuedError(", ".join(failed["Code"] for failed in answer["Failed"]))


class SqsWorkQueue:
    """ports.WorkQueue: one message a chunk, one group a workspace."""

    def __init__(self, url: str, sqs: SQSClient | None = None) -> None:
        self._url = url
        self._sqs: SQSClient = sqs or aws.client("sqs")

    def send(self, batch: Batch, chunks: Sequence[int], delay: timedelta = timedelta()) -> None:
        """Queue chunks, ten a request."""
        for start in range(0, len(chunks), _ENTRIES):
            entries: list[Any] = [
                {
                    "Id": str(chunk),
                    "MessageBody": json.dumps(
                        {"workspace_id": batch.workspace_id, "batch_id": batch.id, "chunk": chunk}
                    ),
                    "MessageGroupId": batch.workspace_id,
                    "DelaySeconds": _delay(delay),
                }
                for chunk in chunks[start : start + _ENTRIES]
            ]
            _send(self._sqs, self._url, entries)


class SqsPostQueue:
    """ports.operations.PostQueue: one message a post, one group a workspace."""

    def __init__(self, url: str, sqs: SQSClient | None = None) -> None:
        self._url = url
        self._sqs: SQSClient = sqs or aws.client("sqs")

    def send(self, workspace_id: str, post_id: str) -> None:
        """Queue a post that is due."""
        self._sqs.send_message(
            QueueUrl=self._url,
            MessageBody=json.dumps({"workspace_id": workspace_id, "post_id": post_id}),
            MessageGroupId=workspace_id,
        )


def _message(delivery: Delivery, delay: timedelta = timedelta(), waits: int = 0) -> Any:
    """Return the message of a delivery's next attempt."""
    told = {
        "workspace_id": delivery.workspace_id,
        "delivery_id": delivery.id,
        "attempt": len(delivery.attempts) + 1,
        "waits": waits,
    }
    return {
        "MessageBody": json.dumps(told),
        # A group id is at most 128 of a few characters (AWS limit): the receiver's checksum is.
        "MessageGroupId": f"receiver-{crc32(delivery.receiver.encode()):08x}",
        "DelaySeconds": _delay(delay),
    }


class SqsDeliveryQueue:
    """ports.DeliveryQueue: one message an attempt, one group a receiver; and one a page of a recovery, one group an
    endpoint.
    """

    def __init__(self, url: str, sqs: SQSClient | None = None) -> None:
        self._url = url
        self._sqs: SQSClient = sqs or aws.client("sqs")

    def send(self, delivery: Delivery, delay: timedelta = timedelta(), waits: int = 0) -> None:
        """Queue the delivery's next attempt."""
        self._sqs.send_message(QueueUrl=self._url, **_message(delivery, delay, waits))

    def send_many(self, deliveries: Sequence[Delivery]) -> None:
        """Queue the next attempts of deliveries, ten a request."""
        for start in range(0, len(deliveries), _ENTRIES):
            part = deliveries[start : start + _ENTRIES]
            _send(self._sqs, self._url, [{"Id": str(n), **_message(each)} for n, each in enumerate(part)])

    def recover(self, recovery: Recovery) -> None:
        """Queue a recovery."""
        told = {
            "id": recovery.id,
            "workspace_id": recovery.workspace_id,
            "endpoint_id": recovery.endpoint_id,
            "since": millis_of(recovery.since),
            "until": millis_of(recovery.until),
            "after": recovery.after,
            "status": str(recovery.status),
        }
        self._sqs.send_message(
            QueueUrl=self._url,
            MessageBody=json.dumps({"recovery": told}),
            MessageGroupId=f"recovery-{crc32(recovery.endpoint_id.encode()):08x}",
            DelaySeconds=_INDEXED if recovery.after is None else 0,
        )


def recovery_of(told: dict[str, Any]) -> Recovery:
    """Return the recovery of a message."""
    times = {name: from_millis(told[name]) for name in ("since", "until")}
    return Recovery(**told | times | {"status": DeliveryStatus(told.get("status", DeliveryStatus.FAILED))})
