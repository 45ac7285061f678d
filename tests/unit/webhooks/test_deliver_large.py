"""Deliveries whose body is kept apart from their row, or goes as a URL."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta

import pytest
from unit.webhooks.deliveries import a_delivery, a_told_delivery, an_endpoint
from unit.webhooks.sending import World

from batchwork.domain.webhook import MAX_INLINE, Delivery, DeliveryStatus, PayloadRef
from batchwork.ports import Answer

ENDPOINT = an_endpoint(style="extend", secret="wss_1", version="2026-02-09")
PAYLOAD = b'{"object":"workflow_run","id":"workflow_run_1"}'
BY_URL = a_told_delivery(
    endpoint=ENDPOINT,
    event_id="evt_1",
    event_type="workflow_run.completed",
    body=PAYLOAD,
    payload=PayloadRef("workflow_run_1", {"customer": 7}),
    version="2026-02-09",
)


def a_world(delivery: Delivery) -> World:
    world = World(delivery=delivery)
    world.endpoints.add(ENDPOINT)
    return world


def test_a_large_body_is_sent_whole_at_each_attempt() -> None:
    body = b"x" * (MAX_INLINE + 1)
    world = a_world(a_delivery(body=body))
    assert world.stored().body == b""
    world.answers(Answer(500), Answer(200))
    assert [world.deliver(number) for number in (1, 2)] == [DeliveryStatus.PENDING, DeliveryStatus.DELIVERED]
    assert [sent.body for sent in world.egress.sent] == [body, body]
    assert world.stored().body == b""


def test_a_payload_goes_as_a_url_that_is_new_at_each_attempt() -> None:
    world = a_world(BY_URL)
    world.answers(Answer(500), Answer(200))
    for number in (1, 2):
        world.deliver(number)
    told = [json.loads(sent.body) for sent in world.egress.sent]
    urls = [each["payload"].pop("data") for each in told]
    assert told == [
        {
            "eventId": "evt_1",
            "eventType": "workflow_run.completed",
            "payload": {"object": "signed_data_url", "id": "workflow_run_1", "metadata": {"customer": 7}},
        }
    ] * 2  # fmt: skip
    assert urls[0] != urls[1]
    assert all("expires=3600" in url for url in urls)
    blob = world.stored().blob
    assert blob is not None
    assert world.bodies.read(blob) == PAYLOAD


def test_what_is_signed_is_the_envelope() -> None:
    import hashlib
    import hmac

    world = a_world(BY_URL)
    world.deliver()
    (sent,) = world.egress.sent
    signed = f"v0:{sent.headers['x-extend-request-timestamp']}:".encode() + sent.body
    assert sent.headers["x-extend-request-signature"] == hmac.new(b"wss_1", signed, hashlib.sha256).hexdigest()


def test_a_delivery_whose_body_is_gone_ends_and_says_so() -> None:
    world = a_world(a_delivery(body=b"x" * (MAX_INLINE + 1)))
    world.bodies.kept.clear()
    assert world.deliver() is DeliveryStatus.FAILED
    (attempt,) = world.stored().attempts
    assert (attempt.error, attempt.status) == ("the payload is no longer kept", None)
    assert world.egress.sent == []


def test_headers_of_the_endpoint_go_with_each_delivery() -> None:
    world = World(delivery=BY_URL)
    world.endpoints.add(replace(ENDPOINT, headers={"X-Mine": "1", "x-extend-request-signature": "forged"}))
    world.deliver()
    (sent,) = world.egress.sent
    assert sent.headers["X-Mine"] == "1"
    assert sent.headers["x-extend-request-signature"] != "forged"
    assert world.stored().headers == {}


@pytest.mark.parametrize(("after", "both"), [(timedelta(hours=1), True), (timedelta(hours=24), False)])
def test_both_secrets_sign_until_the_overlap_of_a_rotation_is_over(after: timedelta, both: bool) -> None:
    world = World(delivery=BY_URL)
    rotated = ENDPOINT.rotated("wss_2", timedelta(hours=24), "ticket-1", world.clock.now())
    world.endpoints.add(rotated)
    world.clock.pass_(after)
    world.deliver()
    (sent,) = world.egress.sent
    assert len(sent.headers["webhook-signature"].split()) == (2 if both else 1)
    assert ("x-extend-request-signature-Next" in sent.headers) is both
    assert "wss_" not in repr(world.stored())
    assert (world.stored().secret, world.stored().next_secret) == (None, None)
