"""The part of local.samples that the operations family's events speak of."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

from batchwork.adapters.clock import SystemClock
from batchwork.adapters.dynamodb.batches import DynamoBatches
from batchwork.adapters.dynamodb.deliveries import DynamoDeliveries
from batchwork.adapters.dynamodb.resource_rows import MediaCodec, PostCodec
from batchwork.adapters.dynamodb.shelf import DynamoShelf
from batchwork.adapters.dynamodb.webhook_endpoint_rows import WebhookEndpointCodec
from batchwork.adapters.packing import Packer
from batchwork.adapters.s3 import S3Blobs, media_key
from batchwork.adapters.sqs import SqsWorkQueue
from batchwork.domain.batch import BatchRef
from batchwork.domain.idempotency import Ticket
from batchwork.domain.job import Order, stored
from batchwork.domain.media import Media, MediaStatus
from batchwork.domain.operation import FAMILY, Mode, Operation
from batchwork.domain.resource import to_millis
from batchwork.domain.webhook import Delivery
from batchwork.domain.webhook_endpoint import WebhookEndpoint
from batchwork.domain.workspace import Caller
from batchwork.use_cases.meter import charge_of
from batchwork.use_cases.submit import Submit
from local.seed import ACCOUNT, POST, examples

JOB = "clrjob1234567890abc"
ENDPOINT, MEDIA = "wh_cevents", "media_cevents"
#: The post whose creation the stream's record tells of.
TOLD_OF = "post_cevents"
PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


def seed(table: str, bucket: str, operations_queue: str, caller: Caller, webhook: str) -> None:
    """Make the account, posts, endpoint, upload and job of the events, with the ids they name."""
    clock, name = SystemClock(), caller.workspace.id
    made: dict[str, Any] = dict.fromkeys(("created_at", "updated_at"), to_millis(clock.now()))
    examples(table, name, clock)
    endpoint = WebhookEndpoint(
        id=ENDPOINT,
        workspace_id=name,
        url=webhook,
        events=("post.created",),
        secret="whsec_ZXZlbnRz",  # noqa: S106 -- an example's
        style="voxburst",
        **made,
    )
    DynamoShelf(table, WebhookEndpointCodec()).add(endpoint)
    file = Media(
        id=MEDIA, workspace_id=name, filename="pixel.png", content_type="image/png", size_bytes=len(PNG), **made
    )
    DynamoShelf(table, MediaCodec()).add(file)
    S3Blobs(bucket).put(media_key(file), PNG, file.content_type)
    _submit(table, operations_queue, caller)


def _submit(table: str, operations_queue: str, caller: Caller) -> None:
    """Accept a job under the id that the worker's event names."""
    packer, clock = Packer(lambda: S3Blobs("unused: a small job has no blob")), SystemClock()
    submit = Submit(
        batches=DynamoBatches(table, packer, timedelta(days=1)),
        queue=SqsWorkQueue(operations_queue),
        clock=clock,
        deadline=timedelta(hours=1),
        unqueued=_refuse,
    )
    body = {"content": "Hello from a job!", "accountIds": [ACCOUNT]}
    create = Operation(index=0, id="create-post", method="POST", path="/v1/posts", body=body)
    order = Order(mode=Mode(), key_id=caller.key.id, base_url="https://api.example.com", request_id="events")
    charge = replace(charge_of(caller, Ticket(JOB, clock.now()), FAMILY, 1), id=JOB)
    bodies = [stored(create)]
    submit(charge=charge, bodies=bodies, slice_size=1, chunks=1, webhook=None, attributes=order.attributes)


def _refuse(problem: Exception) -> None:
    raise problem


def checks(table: str, name: str) -> dict[str, Callable[[Any], bool]]:
    """Return by function whether its answer to its event is right. name: the workspace's id."""
    nothing_failed: dict[str, list[Any]] = {"batchItemFailures": []}
    return {
        "operations_resources": lambda answer: _body(answer)["status"] == "draft",
        "operations_batch": lambda answer: (
            [each["status"] for each in _body(answer)["results"]] == [201, 204] and _post(table, name, POST) is None
        ),
        "operations_worker": lambda answer: answer == nothing_failed and _succeeded(table, name) == 1,
        "resource_events": lambda answer: answer == nothing_failed and len(_told(table, name)) == 1,
        "media_uploaded": lambda answer: answer["known"] and _media(table, name) is MediaStatus.READY,
    }


def _body(answer: Any) -> Any:
    return json.loads(answer["body"]) if answer["statusCode"] == 200 else {"status": None, "results": []}


def _post(table: str, name: str, post_id: str) -> object:
    return DynamoShelf(table, PostCodec()).get(name, post_id)


def _succeeded(table: str, name: str) -> int:
    packer = Packer(lambda: S3Blobs("unused: a header has no blob"))
    job = DynamoBatches(table, packer, timedelta(days=1)).get(BatchRef(name, JOB))
    return job.succeeded if job else 0


def _told(table: str, name: str) -> list[Delivery]:
    return DynamoDeliveries(table).find(name, TOLD_OF, 10)


def _media(table: str, name: str) -> MediaStatus | None:
    file = DynamoShelf(table, MediaCodec()).get(name, MEDIA)
    return file.status if file else None
