from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from unit.webhooks.deliveries import an_endpoint

from batchwork.domain.account import Account, AccountStatus
from batchwork.domain.idempotency import Ticket
from batchwork.domain.media import Media, MediaStatus
from batchwork.domain.post import PartStatus, Post, PostPart, PostStatus
from batchwork.domain.resource import Resource
from batchwork.families.operations import events

AT = datetime(2026, 4, 9, 12, 0, 0, 7000, tzinfo=UTC)
PUBLISHED = PostPart(
    id="pp_c1",
    platform="TWITTER",
    account_id="acc_c1",
    account_name="acme",
    status=PartStatus.PUBLISHED,
    platform_post_id="1791",
    platform_post_url="https://twitter.example/1791",
    published_at=AT,
)
FAILED = PostPart(
    id="pp_c2",
    platform="LINKEDIN",
    account_id="acc_c2",
    account_name="Acme Inc.",
    status=PartStatus.FAILED,
    error={"code": "RATE_LIMITED", "message": "Try later", "internal": "x"},
)


def a_post(**changes: object) -> Post:
    post = Post(
        id="post_c1",
        workspace_id="acme",
        created_at=AT - timedelta(minutes=1),
        updated_at=AT,
        content="Grüße ✓",
        status=PostStatus.DRAFT,
        parts=(PostPart(id="pp_c1", platform="TWITTER", account_id="acc_c1", account_name="acme"),),
    )
    return replace(post, **changes)  # type: ignore[arg-type] # checked by the constructor


AN_ACCOUNT = Account(
    id="acc_c1",
    workspace_id="acme",
    created_at=AT,
    updated_at=AT,
    platform="TWITTER",
    username="acme",
    display_name="Acme",
    account_type="business",
    status=AccountStatus.DISCONNECTED,
    connected_at=AT,
)
A_FILE = Media(
    id="media_c1",
    workspace_id="acme",
    created_at=AT,
    updated_at=AT,
    filename="cat.png",
    content_type="image/png",
    size_bytes=1234,
    status=MediaStatus.READY,
    width=640,
    height=480,
)
RESOURCES: list[tuple[str, Resource]] = [("POST", a_post()), ("ACCOUNT", AN_ACCOUNT), ("MEDIA", A_FILE)]


def told(kind: str, resource: Resource, name: str) -> dict[str, object]:
    made: dict[str, object] = json.loads(events.body(events.event_of(kind, resource, name)))
    return made


def test_the_envelope_is_the_specs_in_its_order() -> None:
    payload = told("POST", a_post(), "post.created")
    assert list(payload) == ["id", "type", "createdAt", "data"]
    assert str(payload["id"]).startswith("evt_")
    assert (payload["type"], payload["createdAt"]) == ("post.created", "2026-04-09T12:00:00.007Z")


def test_the_body_is_compact_and_in_utf_8() -> None:
    body = events.body(events.event_of("POST", a_post(), "post.created"))
    assert "Grüße ✓".encode() in body
    assert b'","type":"post.created","createdAt":"' in body


@pytest.mark.parametrize("name", ["post.created", "post.scheduled"])
def test_a_post_is_told_in_the_specs_fields_with_its_status_in_upper_case(name: str) -> None:
    assert told("POST", a_post(), name)["data"] == {
        "id": "post_c1", "workspaceId": "acme", "content": "Grüße ✓", "status": "DRAFT", "scheduledFor": None,
    }  # fmt: skip
    scheduled = a_post(status=PostStatus.SCHEDULED, scheduled_for=AT)
    assert told("POST", scheduled, name)["data"] == {
        "id": "post_c1", "workspaceId": "acme", "content": "Grüße ✓", "status": "SCHEDULED",
        "scheduledFor": "2026-04-09T12:00:00.007Z",
    }  # fmt: skip


@pytest.mark.parametrize("name", ["post.published", "post.failed"])
def test_a_post_that_ended_is_told_with_each_of_its_platforms(name: str) -> None:
    post = a_post(status=PostStatus.PARTIAL, published_at=AT, parts=(PUBLISHED, FAILED))
    assert told("POST", post, name)["data"] == {
        "id": "post_c1",
        "workspaceId": "acme",
        "content": "Grüße ✓",
        "status": "PARTIAL",
        "scheduledFor": None,
        "publishedAt": "2026-04-09T12:00:00.007Z",
        "platforms": [
            {
                "platform": "TWITTER",
                "status": "PUBLISHED",
                "platformPostId": "1791",
                "platformPostUrl": "https://twitter.example/1791",
                "publishedAt": "2026-04-09T12:00:00.007Z",
                "error": None,
            },
            {
                "platform": "LINKEDIN",
                "status": "FAILED",
                "platformPostId": None,
                "platformPostUrl": None,
                "publishedAt": None,
                "error": {"code": "RATE_LIMITED", "message": "Try later"},
            },
        ],
    }


def test_an_account_is_told_with_its_enums_in_upper_case() -> None:
    assert told("ACCOUNT", AN_ACCOUNT, "account.disconnected")["data"] == {
        "id": "acc_c1",
        "workspaceId": "acme",
        "platform": "TWITTER",
        "username": "acme",
        "displayName": "Acme",
        "avatarUrl": None,
        "accountType": "BUSINESS",
        "status": "DISCONNECTED",
        "connectedAt": "2026-04-09T12:00:00.007Z",
    }


def test_a_file_is_told_without_a_url_that_expires() -> None:
    assert told("MEDIA", A_FILE, "media.uploaded")["data"] == {
        "id": "media_c1",
        "workspaceId": "acme",
        "filename": "cat.png",
        "contentType": "image/png",
        "sizeBytes": 1234,
        "status": "READY",
        "dimensions": {"width": 640, "height": 480},
    }
    assert told("MEDIA", replace(A_FILE, width=None), "media.uploaded")["data"]["dimensions"] is None  # type: ignore[index] # JSON


def test_the_same_write_is_the_same_event_to_the_byte() -> None:
    for kind, resource in RESOURCES:
        first, again = (events.event_of(kind, resource, "x.y") for _ in range(2))
        assert first == again
        assert events.body(first) == events.body(again)


def test_no_two_writes_kinds_workspaces_or_names_are_one_event() -> None:
    post = a_post()
    writes = [
        *(events.event_of("POST", post, name) for name in ("post.created", "post.scheduled")),
        events.event_of("POST", replace(post, revision=2), "post.created"),
        events.event_of("POST", replace(post, id="post_c2"), "post.created"),
        events.event_of("POST", replace(post, workspace_id="other"), "post.created"),
        events.event_of("ACCOUNT", replace(AN_ACCOUNT, id="post_c1"), "post.created"),
    ]
    assert len({event.id for event in writes}) == len(writes)
    assert all(event.subject == (event.data(None) or {})["id"] for event in writes)


def test_an_endpoint_that_was_switched_off_is_told_of_by_this_familys_name_and_without_its_secret() -> None:
    endpoint = an_endpoint(enabled=False, secret="whsec_of-the-endpoint", url="https://hooks.example.com/off")
    event = events.event_of("HOOK", endpoint, "endpoint.disabled")
    assert event.type == "webhook.disabled"
    assert event.type in events.EVENTS
    assert json.loads(events.body(event))["data"] == {
        "id": endpoint.id,
        "workspaceId": "acme",
        "url": "https://hooks.example.com/off",
        "events": ["post.created", "post.published"],
        "enabled": False,
        "createdAt": "2026-01-15T10:30:00.000Z",
    }


def test_a_trial_is_the_same_for_each_try_of_one_request_and_nothing_that_a_receiver_could_take_for_real() -> None:
    endpoint = an_endpoint()
    first, again = (events.trial_of(endpoint, Ticket("t-1", AT, again=again)) for again in (False, True))
    assert first == again
    assert first.type == "webhook.test"
    assert first.type not in events.EVENTS
    assert first.id != events.trial_of(endpoint, Ticket("t-2", AT)).id
    assert json.loads(events.body(first))["data"] == {"id": endpoint.id, "workspaceId": "acme"}
