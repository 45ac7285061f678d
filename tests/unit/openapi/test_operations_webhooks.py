"""What webhook endpoints are sent is what docs/openapi.yaml says and shows."""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import Any

from documented import document, resolved, rules
from unit.openapi.counter import A_POST, AN_ACCOUNT, AT
from unit.webhooks.deliveries import a_delivery, an_endpoint

from batchwork.domain.media import Media, MediaStatus
from batchwork.domain.resource import Resource
from batchwork.domain.signature import standard, voxburst
from batchwork.families.operations import events

RESOURCES: list[tuple[str, Resource, tuple[str, ...]]] = [
    ("POST", A_POST, ("post.created", "post.scheduled", "post.published", "post.failed")),
    ("ACCOUNT", AN_ACCOUNT, ("account.connected", "account.disconnected", "account.error")),
    (
        "MEDIA",
        Media(
            id="media_c1",
            workspace_id="acme",
            created_at=AT,
            updated_at=AT,
            filename="cat.png",
            content_type="image/png",
            size_bytes=1234,
            status=MediaStatus.READY,
        ),
        ("media.uploaded",),
    ),
    ("HOOK", an_endpoint(enabled=False), ("endpoint.disabled",)),
]


def payload_of(event_type: str) -> dict[str, Any]:
    """Return the media type of the webhook whose body has a type of event."""
    for told in document()["webhooks"].values():
        body: dict[str, Any] = told["post"]["requestBody"]["content"]["application/json"]
        types = body["schema"]["properties"].get("type", {})
        if event_type in types.get("enum", [types.get("const")]):
            return body
    raise AssertionError(event_type)


def test_every_event_is_told_as_documented() -> None:
    told = set()
    for kind, resource, names in RESOURCES:
        for name in names:
            payload = json.loads(events.body(events.event_of(kind, resource, name)))
            rules(payload_of(payload["type"])["schema"]).validate(payload)
            told.add(payload["type"])
    assert told == set(events.EVENTS) - {"post.draft.approved"}


def test_the_events_example_is_what_is_sent_and_its_signature_holds() -> None:
    example = payload_of("post.created")["example"]
    event = events.event_of("POST", A_POST, "post.created")
    assert json.loads(events.body(event)) == {**example, "id": event.id}
    body = json.dumps(example, separators=(",", ":")).encode()
    shown = {each["name"]: each["example"] for each in header_parameters()}
    digest = hmac.new(b"whsec_test", body, hashlib.sha256).hexdigest()
    assert shown["X-VoxBurst-Signature"] == f"sha256={digest}"
    assert shown["webhook-id"] == example["id"]
    assert shown["X-VoxBurst-Event"] == example["type"]
    at = shown["webhook-timestamp"]
    sent = standard(example["id"], body, ["whsec_test"], at)
    assert {name: str(shown[name]) for name in sent} == sent


def header_parameters() -> list[dict[str, Any]]:
    (parameters,) = {
        json.dumps(told["post"]["parameters"])
        for told in document()["webhooks"].values()
        if told["post"]["description"].startswith("Operations family")
    }
    return [resolved(each) for each in json.loads(parameters)]


def test_the_headers_of_deliveries_are_those_that_are_sent() -> None:
    sent = voxburst(a_delivery(style="voxburst"), "whsec_test", 1) | standard("evt_c1", b"{}", ["whsec_test"], 1)
    assert {each["name"] for each in header_parameters()} == sent.keys()
