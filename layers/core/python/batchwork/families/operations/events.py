"""What the operations family tells webhook endpoints (spec operations 1.9): enums are upper case here, and only here.

What the spec leaves open is chosen here: `post.scheduled` tells what `post.created` does and `post.failed` what
`post.published` does; accounts and media are told as they are answered, without what expires (URLs). `webhook.disabled`,
which is ours, tells the other endpoints of one that was switched off because it failed for days.
"""

from __future__ import annotations

import json
from typing import Any, Literal, get_args

from batchwork.domain.account import Account
from batchwork.domain.event import Event
from batchwork.domain.idempotency import Ticket
from batchwork.domain.ids import ordered_id
from batchwork.domain.item import Json
from batchwork.domain.media import Media
from batchwork.domain.post import Post, PostPart
from batchwork.domain.resource import Resource, to_millis
from batchwork.domain.webhook_endpoint import DISABLED, WebhookEndpoint
from batchwork.families.operations.times import maybe, timestamp
from batchwork.use_cases.tell import Told

STYLE = "voxburst"
EventName = Literal[
    "post.created",
    "post.scheduled",
    "post.published",
    "post.failed",
    "post.draft.approved",
    "account.connected",
    "account.disconnected",
    "account.error",
    "media.uploaded",
    "webhook.disabled",
]
#: What endpoints can ask for. Nothing here approves drafts; clients may ask for that all the same.
EVENTS: tuple[str, ...] = get_args(EventName)
#: What an endpoint is sent to try it, whatever it asked for: nothing that a receiver could take for something that happened.
TEST = "webhook.test"

_ID = "evt_c"
#: Told by these alone, where the post stands on each account.
_OUTCOMES = {"post.published", "post.failed"}
#: What a write is called here that is called otherwise where it is made.
_TYPES = {DISABLED: "webhook.disabled"}


def event_of(kind: str, resource: Resource, name: str) -> Event:
    """Return the event that a write of a resource was. Its id follows from the kind, the resource, its revision and name:
    from nothing that another try would do differently, such as the time of the write.

    kind: as rows name it, such as ``POST``.
    """
    told = f"{resource.workspace_id}:{kind}:{resource.id}:{resource.revision}:{name}"
    return Event(
        id=ordered_id(_ID, Ticket(told, resource.created_at)),
        type=_TYPES.get(name, name),
        style=STYLE,
        workspace_id=resource.workspace_id,
        subject=resource.id,
        created_at=resource.updated_at,
        data=lambda _: _data_of(resource, name),
    )


def trial_of(endpoint: WebhookEndpoint, ticket: Ticket) -> Event:
    """Return the event that an endpoint is tried with; its id follows from the ticket."""
    return Event(
        id=ordered_id(_ID, ticket),
        type=TEST,
        style=STYLE,
        workspace_id=endpoint.workspace_id,
        subject=endpoint.id,
        created_at=to_millis(ticket.at),
        data=lambda _: {"id": endpoint.id, "workspaceId": endpoint.workspace_id},
    )


def body(event: Event) -> bytes:
    """Return what is sent: compact JSON, in the spec's order."""
    told = {"id": event.id, "type": event.type, "createdAt": timestamp(event.created_at), "data": event.data(None)}
    return json.dumps(told, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


def told(event: Event, _endpoint: WebhookEndpoint) -> Told:
    """Return what an endpoint is sent of an event: all are sent the same."""
    return Told(body(event))


def _data_of(resource: Resource, name: str) -> Json:
    match resource:
        case Post():
            return _post(resource, outcomes=name in _OUTCOMES)
        case Account():
            return _account(resource)
        case Media():
            return _media(resource)
        case WebhookEndpoint():
            return _webhook(resource)
    raise TypeError(f"{type(resource).__name__} has no events")


def _post(post: Post, *, outcomes: bool) -> Json:
    told: Json = {
        "id": post.id,
        "workspaceId": post.workspace_id,
        "content": post.content,
        "status": _upper(post.status),
        "scheduledFor": maybe(post.scheduled_for),
    }
    if outcomes:
        told |= {"publishedAt": maybe(post.published_at), "platforms": [_part(part) for part in post.parts]}
    return told


def _part(part: PostPart) -> Json:
    error = part.error
    return {
        "platform": part.platform.upper(),
        "status": _upper(part.status),
        "platformPostId": part.platform_post_id,
        "platformPostUrl": part.platform_post_url,
        "publishedAt": maybe(part.published_at),
        "error": None if error is None else {"code": error.get("code"), "message": error.get("message")},
    }


def _account(account: Account) -> Json:
    return {
        "id": account.id,
        "workspaceId": account.workspace_id,
        "platform": account.platform.upper(),
        "username": account.username,
        "displayName": account.display_name,
        "avatarUrl": account.avatar_url,
        "accountType": _upper(account.account_type),
        "status": _upper(account.status),
        "connectedAt": timestamp(account.connected_at),
    }


def _media(media: Media) -> Json:
    known = media.width is not None and media.height is not None
    return {
        "id": media.id,
        "workspaceId": media.workspace_id,
        "filename": media.filename,
        "contentType": media.content_type,
        "sizeBytes": media.size_bytes,
        "status": _upper(media.status),
        "dimensions": {"width": media.width, "height": media.height} if known else None,
    }


def _webhook(endpoint: WebhookEndpoint) -> Json:
    return {
        "id": endpoint.id,
        "workspaceId": endpoint.workspace_id,
        "url": endpoint.url,
        "events": list(endpoint.events),
        "enabled": endpoint.enabled,
        "createdAt": timestamp(endpoint.created_at),
    }


def _upper(value: Any) -> str:
    return str(value).upper()
