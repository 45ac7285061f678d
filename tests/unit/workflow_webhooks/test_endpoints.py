"""The calls of webhook endpoints and subscriptions, each made as a request of its own."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from unit.webhooks.deliveries import an_endpoint
from unit.workflow_webhooks.told import a_workflow
from unit.workflow_webhooks.world import ENDPOINT, URL, World

from batchwork.domain.idempotency import Ticket
from batchwork.families.workflow_runs.webhook_routes import DELIVERY_CALLS, ENDPOINT_CALLS, SUBSCRIPTION_CALLS, later

TOP, ASKED = "/webhook_endpoints", "/webhook_subscriptions"
COMPLETED = "workflow_run.completed"


@pytest.fixture
def world() -> World:
    return World()


def test_every_call_has_its_route_and_the_scope_of_webhooks(world: World) -> None:
    named = (*ENDPOINT_CALLS, *SUBSCRIPTION_CALLS, *DELIVERY_CALLS)
    assert set(named) == world.calls().keys()
    scopes = {call: route.scope for call, route in later(named, world.calls).items()}
    assert {scopes[call] for call in named if call[0] == "GET"} == {"webhooks:read"}
    assert {scopes[call] for call in named if call[0] != "GET"} == {"webhooks:write"}


def test_an_endpoint_is_shown_whole_and_its_secret_once(world: World) -> None:
    options = {
        "headers": {"Authorization": "Bearer x"},
        "payload": {"format": "url", "urlThresholdBytes": 7},
        "rateLimitPerMinute": 60,
    }
    made = world.endpoint(status="disabled", advancedOptions=options)
    secret = made.pop("signingSecret")
    assert secret.startswith("wss_")
    assert made == {
        "object": "webhook_endpoint",
        "id": made["id"],
        "url": URL,
        "name": "Receiver",
        "status": "disabled",
        "enabledEvents": ["workflow.created"],
        "apiVersion": "2026-02-09",
        "advancedOptions": options,
        "createdAt": made["createdAt"],
    }
    assert made["id"].startswith("wh_")
    assert world.ok("GET", f"{TOP}/{made['id']}") == made
    stored = world.endpoints.get("acme", made["id"])
    assert stored is not None
    assert (stored.secret, stored.style, stored.version) == (secret, "extend", "2026-02-09")
    assert (stored.url_threshold, stored.rate, stored.headers) == (7, 60, {"Authorization": "Bearer x"})


def test_answers_are_in_the_envelope_of_the_version_that_is_spoken(world: World) -> None:
    for version in (None, "2025-04-21"):
        older = world.speaking(version)
        made = older.endpoint()
        assert made["success"] is True
        endpoint = made["webhookEndpoint"]
        assert endpoint.pop("signingSecret")
        assert older.ok("GET", f"{TOP}/{endpoint['id']}") == {"success": True, "webhookEndpoint": endpoint}
        listed = older.ok("GET", TOP)
        assert listed.keys() == {"success", "webhookEndpoints"}
        subscription = older.subscription(endpoint["id"], COMPLETED)["webhookSubscription"]
        assert older.ok("GET", ASKED)["webhookSubscriptions"] == [subscription]
        assert older.ok("DELETE", f"{ASKED}/{subscription['id']}") == {
            "success": True, "webhookSubscriptionId": subscription["id"],
        }  # fmt: skip
        assert older.ok("DELETE", f"{TOP}/{endpoint['id']}") == {"success": True, "webhookEndpointId": endpoint["id"]}
        missing = older("GET", f"{TOP}/{endpoint['id']}")
        assert (missing.status, missing.body["success"]) == (404, False)
    made = world.endpoint()
    assert world.ok("GET", TOP) == {"object": "list", "data": [{k: made[k] for k in made if k != "signingSecret"}]}
    assert world.ok("DELETE", f"{TOP}/{made['id']}") == {"id": made["id"]}
    missing = world("GET", f"{TOP}/{made['id']}")
    assert (missing.status, missing.body["code"]) == (404, "NOT_FOUND")


def test_the_older_prefix_serves_the_same(world: World) -> None:
    made = world.ok("POST", "/v1/webhook_endpoints", ENDPOINT)
    assert world.ok("GET", f"/v1/webhook_endpoints/{made['id']}")["id"] == made["id"]


def test_a_change_keeps_what_it_does_not_name(world: World) -> None:
    made = world.endpoint(advancedOptions={"headers": {"X-Ours": "1"}, "rateLimitPerMinute": 5})
    path = f"{TOP}/{made['id']}"
    changed = world.ok("POST", path, {"name": "Other", "advancedOptions": {"payload": {"format": "url"}}})
    assert changed["name"] == "Other"
    assert changed["advancedOptions"] == {
        "headers": {"X-Ours": "1"},
        "payload": {"format": "url", "urlThresholdBytes": 100_000},
        "rateLimitPerMinute": 5,
    }
    off = world.ok(
        "POST", path, {"status": "disabled", "advancedOptions": {"headers": None, "rateLimitPerMinute": None}}
    )
    assert off["status"] == "disabled"
    assert off["advancedOptions"].keys() == {"payload"}
    assert world.ok("POST", path, {}) == off


def test_enabling_forgets_the_failures(world: World) -> None:
    made = world.endpoint(status="disabled")
    world.health.note("acme", made["id"], world.clock.now(), succeeded=False)
    world.ok("POST", f"{TOP}/{made['id']}", {"status": "enabled"})
    assert world.health.get("acme", made["id"]).failures == 0


def test_the_version_of_an_endpoint_can_be_named_and_not_be_changed(world: World) -> None:
    path = f"{TOP}/{world.endpoint()['id']}"
    assert world.ok("POST", path, {"apiVersion": "2026-02-09"})["apiVersion"] == "2026-02-09"
    refused = world("POST", path, {"apiVersion": "2025-04-21"})
    assert refused.status == 400
    assert "apiVersion: Cannot be changed" in refused.message


def test_bad_input_is_told_with_its_places_and_nothing_is_made(world: World) -> None:
    refused = world("POST", TOP, {"url": "https://10.0.0.1/", "enabledEvents": ["a"], "apiVersion": "x"})
    assert (refused.status, refused.body["code"]) == (400, "INVALID_REQUEST")
    for place in ("url: ", "name: ", "enabledEvents[0]: ", "apiVersion: "):
        assert place in refused.message
    assert world.endpoints.stored == {}
    made = world.endpoint()
    assert "url: " in world("POST", f"{TOP}/{made['id']}", {"url": "https://localhost/"}).message


def test_a_workspace_has_fifty_endpoints_at_the_most(world: World) -> None:
    for _ in range(50):
        world.endpoint()
    refused = world("POST", TOP, ENDPOINT)
    assert refused.status == 400
    assert "50" in refused.message


def test_lists_are_filtered_ordered_and_go_on_by_a_token(world: World) -> None:
    made = [world.endpoint(name=f"n{n}", status="disabled" if n == 1 else "enabled")["id"] for n in range(3)]

    def ids(**query: str) -> list[str]:
        found: list[str] = []
        token: dict[str, str] = {}
        while True:
            page = world.ok("GET", TOP, maxPageSize="1", **query, **token)
            found += [each["id"] for each in page["data"]]
            if "nextPageToken" not in page:
                return found
            token = {"nextPageToken": page["nextPageToken"]}

    assert ids() == made[::-1]
    assert ids(sortDir="asc") == made
    assert ids(status="disabled") == [made[1]]
    assert ids(status="enabled", sortDir="asc") == [made[0], made[2]]
    bad = world("GET", TOP, status="gone", maxPageSize="0", sortDir="up", nextPageToken="x")
    assert bad.status == 400
    for place in ("status: ", "maxPageSize: ", "sortDir: ", "nextPageToken: "):
        assert place in bad.message


def test_endpoints_of_another_family_or_workspace_are_not_there(world: World) -> None:
    other = an_endpoint(id="wh_c9")
    world.endpoints.add(other)
    made = world.endpoint()
    assert [each["id"] for each in world.ok("GET", TOP)["data"]] == [made["id"]]
    for name, workspace in (("wh_c9", "acme"), (made["id"], "other"), ("nothing", "acme")):
        for method, body in (("GET", None), ("POST", {"name": "x"}), ("DELETE", None)):
            assert world(method, f"{TOP}/{name}", body, workspace_id=workspace).status == 404
    assert world.endpoints.get("acme", "wh_c9") == other


def test_a_removed_endpoint_takes_its_subscriptions_along(world: World) -> None:
    made, kept = world.endpoint()["id"], world.endpoint()["id"]
    world.subscription(made, COMPLETED)
    other = world.subscription(kept, COMPLETED)
    world.ok("DELETE", f"{TOP}/{made}")
    assert list(world.subscriptions.stored) == [("acme", other["id"])]
    assert world.ok("GET", ASKED)["data"] == [other]
    assert world("DELETE", f"{TOP}/{made}").status == 404


def test_each_try_of_one_request_makes_one_endpoint_and_shows_one_secret(world: World) -> None:
    ticket = Ticket("00000000-0000-4000-8000-00000000000a", world.clock.now())
    first = world.ok("POST", TOP, ENDPOINT, ticket=ticket)
    again = world.ok("POST", TOP, ENDPOINT, ticket=Ticket(ticket.id, ticket.at, again=True))
    assert first == again
    assert len(world.endpoints.stored) == 1
    path = f"{TOP}/{first['id']}"
    world.ok("DELETE", path)
    assert world.ok("DELETE", path, ticket=Ticket("t", ticket.at, again=True)) == {"id": first["id"]}


def test_a_replay_under_an_idempotency_key_shows_the_same_secret(world: World) -> None:
    first = world.ok("POST", TOP, ENDPOINT, key="once")
    assert world.ok("POST", TOP, ENDPOINT, key="once") == first
    assert len(world.endpoints.stored) == 1


# ── Rotation ──


def test_a_rotated_secret_is_shown_once_and_the_one_before_goes_on_for_a_day(world: World) -> None:
    made = world.endpoint()
    rotated = world.ok("POST", f"{TOP}/{made['id']}/rotate_secret")
    assert rotated["signingSecret"] not in {made["signingSecret"], None}
    stored = world.endpoints.get("acme", made["id"])
    assert stored is not None
    assert (stored.secret, stored.previous) == (rotated["signingSecret"], made["signingSecret"])
    assert stored.previous_until is not None
    assert stored.previous_until - stored.updated_at == timedelta(hours=24)
    assert rotated["previousSecretExpiresAt"].startswith(stored.previous_until.date().isoformat())
    assert "signingSecret" not in world.ok("GET", f"{TOP}/{made['id']}")


def test_a_secret_that_got_known_ends_at_once_and_an_overlap_is_not_overlapped(world: World) -> None:
    path = f"{TOP}/{world.endpoint()['id']}/rotate_secret"
    world.ok("POST", path, {"overlapSeconds": 60})
    refused = world("POST", path, {"overlapSeconds": 60})
    assert refused.status == 400
    assert "overlap" in refused.message
    assert world.ok("POST", path, {"overlapSeconds": 0})["previousSecretExpiresAt"] is None


# ── Subscriptions ──


def test_a_subscription_is_shown_changed_and_replaced(world: World) -> None:
    endpoint = world.endpoint()["id"]
    made = world.subscription(endpoint, COMPLETED)
    assert made == {
        "object": "webhook_subscription",
        "id": made["id"],
        "webhookEndpointId": endpoint,
        "resourceType": "workflow",
        "resourceId": a_workflow().id,
        "enabledEvents": [COMPLETED],
        "createdAt": made["createdAt"],
    }
    path = f"{ASKED}/{made['id']}"
    assert world.ok("GET", path) == made
    changed = world.ok("POST", path, {"enabledEvents": ["workflow_run.failed"]})
    assert changed == {**made, "enabledEvents": ["workflow_run.failed"]}
    assert world.subscription(endpoint, COMPLETED, "workflow_run.rejected")["id"] == made["id"]
    assert world.ok("DELETE", path) == {"id": made["id"]}
    assert world("GET", path).status == 404


def test_subscriptions_are_listed_by_endpoint_and_resource(world: World) -> None:
    other = a_workflow(id="workflow_0mksd8z2o90000000000001")
    world.workflows.add(other)
    first, second = world.endpoint()["id"], world.endpoint()["id"]
    made = [world.subscription(first, COMPLETED), world.subscription(second, COMPLETED)]
    made.append(world.subscription(first, COMPLETED, workflow_id=other.id))
    assert world.ok("GET", ASKED)["data"] == made[::-1]
    assert world.ok("GET", ASKED, webhookEndpointId=first, sortDir="asc")["data"] == [made[0], made[2]]
    assert world.ok("GET", ASKED, resourceId=other.id)["data"] == [made[2]]
    page = world.ok("GET", ASKED, maxPageSize="2")
    assert world.ok("GET", ASKED, maxPageSize="2", nextPageToken=page["nextPageToken"])["data"] == [made[0]]
    moved = world("GET", ASKED, maxPageSize="2", resourceId=other.id, nextPageToken=page["nextPageToken"])
    assert moved.status == 400


@pytest.mark.parametrize(
    ("changes", "status", "told"),
    [
        (
            {"resourceType": "extractor"},
            400,
            'resourceType: There are none of these here; what there is, is "workflow"',
        ),
        ({"resourceId": "workflow_nothing"}, 404, "Workflow not found"),
        ({"webhookEndpointId": "wh_c9"}, 404, "Webhook endpoint not found"),
        ({"enabledEvents": ["workflow.created"]}, 400, "enabledEvents[0]: "),
    ],
)
def test_what_cannot_be_subscribed_to_is_refused(world: World, changes: Any, status: int, told: str) -> None:
    body = {
        "webhookEndpointId": world.endpoint()["id"],
        "resourceType": "workflow",
        "resourceId": a_workflow().id,
        "enabledEvents": [COMPLETED],
    }
    refused = world("POST", ASKED, body | changes)
    assert refused.status == status
    assert told in refused.message


def test_an_older_endpoint_cannot_ask_for_what_its_version_does_not_know(world: World) -> None:
    endpoint = world.endpoint(apiVersion="2025-04-21")["id"]
    body = {
        "webhookEndpointId": endpoint,
        "resourceType": "workflow",
        "resourceId": a_workflow().id,
        "enabledEvents": [COMPLETED, "workflow_run.cancelled"],
    }
    refused = world("POST", ASKED, body)
    assert refused.status == 400
    assert "enabledEvents[1]: " in refused.message
