"""The log of an endpoint, replays, recoveries and trials, each called as a request of its own."""

from __future__ import annotations

import hashlib
import hmac
import json
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from factories import AT
from unit.webhooks.deliveries import a_delivery, an_attempt
from unit.workflow_webhooks.world import World

from batchwork.domain.idempotency import Ticket
from batchwork.domain.stringify import stringify
from batchwork.domain.webhook import Delivery, DeliveryStatus, PayloadRef
from batchwork.families.workflow_runs.events import GLOBAL_EVENTS, WORKFLOW_EVENTS
from batchwork.ports import Answer


@pytest.fixture
def world() -> World:
    return World()


def told(world: World, endpoint_id: str, number: int = 0, **changes: Any) -> Delivery:
    delivery = a_delivery(
        event_id=f"evt_{number}",
        event_type="workflow_run.completed",
        subject="workflow_run_1",
        style="extend",
        url="https://hooks.example.com/before",
        body=b'{"eventId":"evt_1"}',
        secret=None,
        created_at=AT + timedelta(seconds=number),
        endpoint_id=endpoint_id,
        status=DeliveryStatus.FAILED,
        attempts=(an_attempt(),),
    )
    delivery = replace(delivery, version="2026-02-09", **changes)
    assert world.deliveries.put(delivery)
    return delivery


def log_of(world: World, endpoint_id: str) -> str:
    return f"/webhook_endpoints/{endpoint_id}/deliveries"


def test_a_delivery_is_listed_with_its_attempts_and_shown_with_what_was_told(world: World) -> None:
    endpoint = world.endpoint()["id"]
    delivery = told(world, endpoint)
    listed = world.ok("GET", log_of(world, endpoint))
    shown = {
        "object": "webhook_delivery",
        "id": delivery.id,
        "webhookEndpointId": endpoint,
        "eventId": "evt_0",
        "eventType": "workflow_run.completed",
        "subjectId": "workflow_run_1",
        "status": "failed",
        "test": False,
        "replayOf": None,
        "attempts": [
            {
                "number": 1,
                "startedAt": "2026-01-15T10:30:00.000Z",
                "durationMs": 120,
                "statusCode": 500,
                "error": "HTTP status 500",
            }
        ],
        "nextAttemptAt": None,
        "createdAt": "2026-01-15T10:30:00.000Z",
    }
    assert listed == {"object": "list", "data": [shown]}
    assert world.ok("GET", f"{log_of(world, endpoint)}/{delivery.id}") == {
        **shown,
        "url": "https://hooks.example.com/before",
        "body": '{"eventId":"evt_1"}',
        "bodyUrl": None,
    }


def test_what_is_kept_apart_is_shown_by_a_url(world: World) -> None:
    endpoint = world.endpoint()["id"]
    delivery = told(world, endpoint, payload=PayloadRef("workflow_run_1"))
    shown = world.ok("GET", f"{log_of(world, endpoint)}/{delivery.id}")
    assert shown["body"] is None
    assert shown["bodyUrl"].startswith(f"https://blobs.invalid/payloads/acme/{delivery.id}")


def test_one_that_is_under_way_says_when_it_goes_on(world: World) -> None:
    endpoint = world.endpoint()["id"]
    delivery = told(world, endpoint, status=DeliveryStatus.PENDING, attempts=())
    shown = world.ok("GET", f"{log_of(world, endpoint)}/{delivery.id}")
    assert (shown["status"], shown["nextAttemptAt"]) == ("pending", "2026-01-15T10:30:00.000Z")


def test_the_log_goes_on_by_a_token_and_is_narrowed_by_status(world: World) -> None:
    endpoint = world.endpoint()["id"]
    made = [told(world, endpoint, number) for number in range(3)]
    fine = told(world, endpoint, 3, status=DeliveryStatus.DELIVERED)
    told(world, world.endpoint()["id"], 4)
    path = log_of(world, endpoint)
    first = world.ok("GET", path, maxPageSize="3")
    rest = world.ok("GET", path, maxPageSize="3", nextPageToken=first["nextPageToken"])
    assert "nextPageToken" not in rest
    assert [each["id"] for each in (*first["data"], *rest["data"])] == [fine.id, *(each.id for each in made[::-1])]
    assert [each["id"] for each in world.ok("GET", path, status="delivered")["data"]] == [fine.id]
    assert world("GET", path, status="gone").status == 400
    assert world("GET", path, sortDir="asc").status == 400
    assert world("GET", path, nextPageToken="x").status == 400
    other = log_of(world, world.endpoint()["id"])
    assert world("GET", other, nextPageToken=first["nextPageToken"]).status == 400


def test_the_log_of_another_endpoint_or_workspace_is_not_there(world: World) -> None:
    first, second = world.endpoint()["id"], world.endpoint()["id"]
    delivery = told(world, first)
    assert world("GET", f"{log_of(world, second)}/{delivery.id}").status == 404
    assert world("POST", f"{log_of(world, second)}/{delivery.id}/replay").status == 404
    assert world("GET", log_of(world, first), workspace_id="other").status == 404
    assert world("GET", f"{log_of(world, first)}/{delivery.id}", workspace_id="other").status == 404


# ── Again ──


def test_a_replay_is_a_delivery_of_its_own_to_where_the_endpoint_is_now(world: World) -> None:
    endpoint = world.endpoint()
    delivery = told(world, endpoint["id"])
    path = f"{log_of(world, endpoint['id'])}/{delivery.id}/replay"
    replayed = world.ok("POST", path)
    assert replayed["id"] != delivery.id
    assert (replayed["replayOf"], replayed["status"], replayed["attempts"]) == (delivery.id, "pending", [])
    assert replayed["eventId"] == delivery.event_id
    made = world.deliveries.get("acme", replayed["id"])
    assert made is not None
    assert (made.url, made.body) == (endpoint["url"], delivery.body)
    assert world.queue.sent == [(made.id, 1, timedelta())]
    assert world.ok("POST", path)["id"] != replayed["id"]


def test_each_try_of_one_replay_makes_one_delivery(world: World) -> None:
    endpoint = world.endpoint()["id"]
    path = f"{log_of(world, endpoint)}/{told(world, endpoint).id}/replay"
    at = world.clock.now()
    first, again = (world.ok("POST", path, ticket=Ticket("t", at, again=again)) for again in (False, True))
    assert first == again


def test_what_is_being_sent_or_has_nowhere_to_go_is_not_replayed(world: World) -> None:
    endpoint = world.endpoint()["id"]
    pending = told(world, endpoint, status=DeliveryStatus.PENDING)
    path = f"{log_of(world, endpoint)}/{pending.id}/replay"
    assert world.ok("POST", path)["id"] == pending.id
    now = world.clock.now()
    assert world.deliveries.begin(pending, 2, now + timedelta(minutes=1), now)
    refused = world("POST", path)
    assert (refused.status, "being made right now" in refused.message) == (400, True)
    failed = told(world, endpoint, 1)
    world.ok("POST", f"/webhook_endpoints/{endpoint}", {"status": "disabled"})
    for path, body in (
        (f"{log_of(world, endpoint)}/{failed.id}/replay", None),
        (f"/webhook_endpoints/{endpoint}/recover", {"since": "2026-01-15T00:00:00Z"}),
    ):
        refused = world("POST", path, body)
        assert (refused.status, "disabled" in refused.message) == (400, True)


def test_a_recovery_is_queued_from_the_time_that_is_asked_for(world: World) -> None:
    endpoint = world.endpoint()["id"]
    answer = world.ok("POST", f"/webhook_endpoints/{endpoint}/recover", {"since": "2026-01-15T12:00:00+02:00"})
    (recovery,) = world.queue.recoveries
    assert answer == {
        "object": "webhook_recovery",
        "id": recovery.id,
        "webhookEndpointId": endpoint,
        "since": "2026-01-15T10:00:00.000Z",
        "until": answer["until"],
    }
    assert recovery.endpoint_id == endpoint
    assert recovery.since == datetime.fromisoformat("2026-01-15T10:00:00+00:00")


@pytest.mark.parametrize(
    "since", [None, "yesterday", "2026-01-15T10:00:00", "2026-13-01T00:00:00Z", "9999-01-01T00:00:00Z"]
)
def test_a_recovery_needs_a_time_that_has_passed(world: World, since: str | None) -> None:
    path = f"/webhook_endpoints/{world.endpoint()['id']}/recover"
    refused = world("POST", path, {} if since is None else {"since": since})
    assert refused.status == 400
    assert "since: " in refused.message
    assert world.queue.recoveries == []


# ── Trials ──


@pytest.mark.parametrize("version", ["2024-12-23", "2025-04-21", "2026-02-09"])
@pytest.mark.parametrize("event_type", ["webhook_endpoint.test", *GLOBAL_EVENTS, *WORKFLOW_EVENTS])
def test_an_endpoint_is_tried_with_an_event_of_each_type_in_its_own_version(
    world: World, version: str, event_type: str
) -> None:
    made = world.endpoint(apiVersion=version)
    tried = world("POST", f"/webhook_endpoints/{made['id']}/test", {"eventType": event_type})
    if (event_type, version == "2026-02-09") == ("workflow_run.cancelled", False):
        assert (tried.status, world.egress.sent) == (400, [])
        return
    assert tried.status == 200
    assert (tried.body["status"], tried.body["test"], tried.body["responseBody"]) == ("delivered", True, "thanks")
    (sent,) = world.egress.sent
    told = json.loads(sent.body)
    assert (told["eventId"], told["eventType"]) == (tried.body["eventId"], event_type)
    assert stringify(told).encode() == sent.body
    stamp = sent.headers["x-extend-request-timestamp"]
    signed = f"v0:{stamp}:".encode() + sent.body
    digest = hmac.new(made["signingSecret"].encode(), signed, hashlib.sha256).hexdigest()
    assert sent.headers["x-extend-request-signature"] == digest
    assert sent.headers["x-extend-api-version"] == version
    if event_type in {"workflow_run.failed", "workflow_run.rejected"}:
        assert told["payload"]["status"] == event_type.removeprefix("workflow_run.").upper()
        assert told["payload"]["metadata"] == {"test": True}


def test_a_trial_needs_no_body_goes_to_a_disabled_endpoint_and_is_never_by_url(world: World) -> None:
    options = {"payload": {"format": "url", "urlThresholdBytes": 0}, "headers": {"X-Ours": "yes"}}
    made = world.endpoint(status="disabled", advancedOptions=options)
    tried = world.ok("POST", f"/webhook_endpoints/{made['id']}/test")
    assert tried["eventType"] == "webhook_endpoint.test"
    (sent,) = world.egress.sent
    assert json.loads(sent.body)["payload"]["id"] == made["id"]
    assert sent.headers["X-Ours"] == "yes"


def test_a_trial_has_what_the_gateway_leaves_of_thirty_seconds(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[timedelta] = []
    post = world.egress.post

    def measured(url: str, body: bytes, headers: dict[str, str], timeout: timedelta, limit: int = 65_536) -> Answer:
        given.append(timeout)
        return post(url, body, headers, timeout, limit)

    monkeypatch.setattr(world.egress, "post", measured)
    world.ok("POST", f"/webhook_endpoints/{world.endpoint()['id']}/test")
    assert timedelta(seconds=20) < given[0] <= timedelta(seconds=27)


def test_a_trial_that_fails_is_told_and_not_repeated(world: World) -> None:
    world.answers(Answer(503, body=b"busy"))
    made = world.endpoint()
    tried = world.ok("POST", f"/webhook_endpoints/{made['id']}/test", {"eventType": "workflow.created"})
    assert (tried["status"], tried["responseBody"]) == ("failed", "busy")
    assert tried["attempts"][0]["statusCode"] == 503
    assert world.queue.sent == []
    assert world.ok("GET", f"{log_of(world, made['id'])}/{tried['id']}")["test"] is True


def test_a_trial_of_a_type_that_is_never_told_is_refused(world: World) -> None:
    path = f"/webhook_endpoints/{world.endpoint()['id']}/test"
    for event_type in ("extractor.created", "x", 7):
        refused = world("POST", path, {"eventType": event_type})
        assert refused.status == 400
        assert "eventType: " in refused.message
