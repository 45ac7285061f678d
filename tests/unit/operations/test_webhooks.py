"""The calls of webhook endpoints, each made as a request of its own."""

from __future__ import annotations

import hashlib
import hmac
import itertools
import json
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from factories import a_caller
from fakes.claims import FakeClaims
from fakes.clock import FakeClock
from fakes.deliveries import FakeDeliveries
from fakes.egress import FakeEgress, Sent
from fakes.endpoint_health import FakeEndpointHealth
from fakes.identities import FakeIdentities
from fakes.rates import FakeRates
from fakes.shelf import FakeShelf

from batchwork.domain.address import check_url
from batchwork.domain.errors import BatchworkError
from batchwork.domain.idempotency import Ticket
from batchwork.domain.webhook import DeliveryStatus
from batchwork.domain.webhook_endpoint import WebhookEndpoint
from batchwork.edge.endpoint import Gate, Intent, serve
from batchwork.edge.http import Request
from batchwork.families.operations.errors import OperationsEnvelope
from batchwork.families.operations.events import EVENTS, STYLE
from batchwork.families.operations.resources import Resources
from batchwork.families.operations.webhooks import WebhookCalls
from batchwork.ports import Answer
from batchwork.use_cases.addressees import Addressees
from batchwork.use_cases.authenticate import Authenticate
from batchwork.use_cases.limit import LimitRequests
from batchwork.use_cases.once import Once
from batchwork.use_cases.send import Send
from batchwork.use_cases.webhook_endpoints import TryEndpoint, WebhookEndpoints

URL = "https://hooks.example.com/voxburst"
BODY = {"url": URL, "events": ["post.created", "post.failed"]}
UNKNOWN = "wh_c000000000000000000000009"


@dataclass(frozen=True)
class Called:
    status: int
    body: Any

    @property
    def error(self) -> Any:
        return self.body["error"]

    @property
    def fields(self) -> list[str]:
        return [problem["field"] for problem in self.error["details"]["problems"]]


@dataclass
class World:
    clock: FakeClock = field(default_factory=FakeClock)
    endpoints: FakeShelf[WebhookEndpoint] = field(default_factory=FakeShelf)
    health: FakeEndpointHealth = field(default_factory=FakeEndpointHealth)
    deliveries: FakeDeliveries = field(default_factory=FakeDeliveries)
    egress: FakeEgress = field(default_factory=FakeEgress)
    claims: FakeClaims = field(default_factory=FakeClaims)
    given: list[timedelta] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._ids = (f"00000000-0000-4000-8000-{number:012d}" for number in itertools.count(1))
        self.egress.names["hooks.example.com"] = ["93.184.216.34"]
        self.answers(Answer(200, body=b"thanks"))
        once = Once(self.claims, self.clock, lambda: next(self._ids), lambda _: None)
        self.gate = Gate(Authenticate(FakeIdentities(), self.clock), LimitRequests(FakeRates(), self.clock), once)

    def answers(self, answer: Answer | Exception, takes: timedelta = timedelta()) -> None:
        def receive(_: Sent) -> Answer:
            self.clock.pass_(takes)
            if isinstance(answer, Exception):
                raise answer
            return answer

        self.egress.receivers["https://hooks.example.com"] = receive

    def resources(self) -> Resources:
        calls = WebhookCalls(
            WebhookEndpoints(self.endpoints, self.health, self.clock, STYLE),
            TryEndpoint(
                Send(self.egress, self.clock),
                self.deliveries,
                Addressees(self.endpoints, self.health, self.clock, lambda _: None),
            ),
            partial(check_url, allow_loopback=False),
        ).calls()
        return Resources(calls, lambda *_: pytest.fail("there is no target"))

    def __call__(
        self,
        method: str,
        path: str = "",
        body: Any = None,
        *,
        workspace_id: str = "acme",
        query: dict[str, str] | None = None,
        ticket: Ticket | None = None,
        key: str | None = None,
        time_left: timedelta = timedelta(seconds=29),
    ) -> Called:
        """Make a call. ticket: what it is done under when it is part of something larger."""
        request = Request(
            method=method,
            resource="",
            path=f"/v1/webhooks{path}",
            query=query or {},
            headers={} if key is None else {"idempotency-key": key},
            body=body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode(),
            time_left=time_left,
        )
        self.clock.pass_(timedelta(seconds=1))
        envelope = OperationsEnvelope()
        caller = a_caller(workspace_id=workspace_id)
        route = self.resources().find(request)
        assert route is not None
        try:
            answer, _ = serve(route, request, caller, self.gate, envelope.keys, ticket)
        except BatchworkError as exc:
            answer = envelope.error(exc, request)
        return Called(answer.status, json.loads(answer.text) if answer.text else None)

    def made(self, **changes: Any) -> Any:
        called = self("POST", body=BODY | changes)
        assert called.status == 201
        return called.body


@pytest.fixture
def world() -> World:
    return World()


def test_an_endpoint_is_made_and_its_secret_is_told_this_once(world: World) -> None:
    called = world("POST", body=BODY)
    assert called.status == 201
    assert list(called.body) == [
        "id", "url", "events", "enabled", "lastDeliveryAt", "failureCount", "createdAt", "rateLimit", "previousSecretUntil",
        "secret",
    ]  # fmt: skip
    made = called.body
    assert made["id"].startswith("wh_")
    assert made["secret"].startswith("whsec_")
    assert {name: made[name] for name in ("url", "events", "enabled", "lastDeliveryAt", "failureCount")} == {
        "url": URL, "events": ["post.created", "post.failed"], "enabled": True, "lastDeliveryAt": None,
        "failureCount": 0,
    }  # fmt: skip
    del made["secret"]
    assert world("GET", f"/{made['id']}") == Called(200, made)
    assert world("GET").body["data"] == [made]
    assert world("PATCH", f"/{made['id']}", {"enabled": True}).body == made


def test_no_two_endpoints_share_a_secret_or_an_id(world: World) -> None:
    made = [world.made() for _ in range(10)]
    assert len({each["secret"] for each in made}) == len({each["id"] for each in made}) == 10


def test_making_an_endpoint_is_no_event(world: World) -> None:
    made = world.made()
    world("PATCH", f"/{made['id']}", {"enabled": False})
    assert [names for _, names in world.endpoints.told] == [(), ()]


def test_each_try_of_one_request_makes_the_same_endpoint_with_the_same_secret(world: World) -> None:
    ticket = Ticket("t-1", world.clock.now())
    first = world("POST", body=BODY, ticket=ticket)
    again = world("POST", body=BODY, ticket=replace(ticket, again=True))
    blind = world("POST", body=BODY, ticket=ticket)
    assert first == again == blind
    assert len(world("GET").body["data"]) == 1


def test_the_same_key_is_answered_with_the_same_secret(world: World) -> None:
    first, again = (world("POST", body=BODY, key="order-1") for _ in range(2))
    assert first == again
    assert first.body["secret"]
    assert world("POST", body=BODY | {"events": ["post.failed"]}, key="order-1").error["code"] == "IDEMPOTENCY_CONFLICT"


@pytest.mark.parametrize("name", EVENTS)
def test_every_event_of_the_spec_can_be_asked_for(world: World, name: str) -> None:
    assert world.made(events=[name])["events"] == [name]


@pytest.mark.parametrize(
    ("body", "places"),
    [
        ({}, ["url", "events"]),
        ({"url": URL}, ["events"]),
        ({"events": ["post.created"]}, ["url"]),
        ({**BODY, "url": ""}, ["url"]),
        ({**BODY, "url": 5}, ["url"]),
        ({**BODY, "url": None}, ["url"]),
        ({**BODY, "url": "not a url"}, ["url"]),
        ({**BODY, "url": "http://hooks.example.com/"}, ["url"]),
        ({**BODY, "url": "https://10.0.0.1/"}, ["url"]),
        ({**BODY, "url": "https://localhost/"}, ["url"]),
        ({**BODY, "url": "https://user:password@example.com/"}, ["url"]),
        ({**BODY, "url": f"https://example.com/{'x' * 2029}"}, ["url"]),
        ({**BODY, "events": []}, ["events"]),
        ({**BODY, "events": "post.created"}, ["events"]),
        ({**BODY, "events": None}, ["events"]),
        ({**BODY, "events": ["post.partial"]}, ["events.0"]),
        ({**BODY, "events": ["post.created", "*"]}, ["events.1"]),
        ({**BODY, "events": ["POST.CREATED"]}, ["events.0"]),
        ({**BODY, "events": ["post.created", "post.failed", "post.created"]}, ["events"]),
        ({"url": "http://hooks.example.com/", "events": []}, ["url", "events"]),
    ],
)
def test_what_is_wrong_with_an_endpoint_is_told_by_its_place_and_all_at_once(
    world: World, body: Any, places: list[str]
) -> None:
    called = world("POST", body=body)
    assert (called.status, called.error["code"]) == (400, "VALIDATION_ERROR")
    assert called.fields == places
    assert world.endpoints.told == []


def test_a_url_of_2048_characters_is_taken(world: World) -> None:
    url = f"https://example.com/{'x' * 2028}"
    assert len(url) == 2048
    assert world.made(url=url)["url"] == url


@pytest.mark.parametrize("body", [b"", b"{", b"null", b"[]", b'"x"'])
@pytest.mark.parametrize(("method", "path"), [("POST", ""), ("POST", "/test"), ("PATCH", f"/{UNKNOWN}")])
def test_what_is_no_object_is_refused(world: World, method: str, path: str, body: bytes) -> None:
    called = world(method, path, body)
    assert called.status == 400
    assert called.error["code"] in {"BAD_REQUEST", "VALIDATION_ERROR"}


def test_a_workspace_has_at_most_fifty_endpoints(world: World) -> None:
    ids = [world.made()["id"] for _ in range(50)]
    called = world("POST", body=BODY)
    assert (called.status, called.error["code"]) == (409, "CONFLICT")
    assert "50" in called.error["message"]
    assert world("POST", body=BODY, workspace_id="other").status == 201
    assert world("DELETE", f"/{ids[0]}").status == 204
    assert world("POST", body=BODY).status == 201


def test_a_try_after_a_dead_one_finds_the_fiftieth_that_it_made_and_makes_no_fifty_first(world: World) -> None:
    for _ in range(49):
        world.made()
    ticket = Ticket("t-50", world.clock.now())
    assert world("POST", body=BODY, ticket=ticket).status == 201
    assert world("POST", body=BODY, ticket=replace(ticket, again=True)).status == 201
    assert world("POST", body=BODY, ticket=Ticket("t-51", world.clock.now(), again=True)).status == 409
    assert len(world.endpoints.stored) == 50


def test_the_list_is_paged_newest_first_and_is_there_for_the_published_client_too(world: World) -> None:
    ids = [world.made()["id"] for _ in range(25)]
    world("PATCH", f"/{ids[24]}", {"enabled": False})
    first = world("GET").body
    assert [each["id"] for each in first["data"]] == ids[:4:-1]
    assert first["pagination"] == {
        "has_more": True, "hasMore": True, "next_cursor": ids[5], "nextCursor": ids[5], "limit": 20,
    }  # fmt: skip
    assert [(each["id"], each["active"]) for each in first["webhooks"]] == [
        (each["id"], each["id"] != ids[24]) for each in first["data"]
    ]
    rest = world("GET", query={"cursor": ids[5], "limit": "100"}).body
    assert [each["id"] for each in rest["data"]] == ids[4::-1]
    assert rest["pagination"]["nextCursor"] is None
    assert world("GET", workspace_id="other").body["webhooks"] == []
    assert world("GET", query={"limit": "101"}).fields == ["limit"]


def test_a_secret_is_in_no_list_and_no_later_answer(world: World) -> None:
    made = world.made()
    answers = [
        world("GET"),
        world("GET", f"/{made['id']}"),
        world("PATCH", f"/{made['id']}", {"url": "https://hooks.example.com/2"}),
        world("POST", "/test", {"webhookId": made["id"]}),
    ]
    assert made["secret"] not in json.dumps([each.body for each in answers])
    assert {each.status for each in answers} == {200}


def test_what_is_given_is_changed_and_the_rest_stays(world: World) -> None:
    made = world.made()
    path = f"/{made['id']}"
    assert world("PATCH", path, {"url": "https://hooks.example.com/2"}).body["url"] == "https://hooks.example.com/2"
    assert world("PATCH", path, {"events": ["media.uploaded"]}).body["events"] == ["media.uploaded"]
    changed = world("PATCH", path, {"enabled": False}).body
    assert changed == world("GET", path).body
    assert (changed["url"], changed["events"], changed["enabled"]) == (
        "https://hooks.example.com/2", ["media.uploaded"], False,
    )  # fmt: skip
    stored = world.endpoints.get("acme", made["id"])
    assert stored is not None
    assert (stored.secret, stored.revision) == (made["secret"], 4)


@pytest.mark.parametrize(
    ("body", "places"),
    [
        ({}, ["body"]),
        ({"secret": "whsec_x"}, ["body"]),
        ({"url": None}, ["url"]),
        ({"url": "ftp://example.com/"}, ["url"]),
        ({"events": []}, ["events"]),
        ({"events": ["post.created"] * 2}, ["events"]),
        ({"enabled": "yes"}, ["enabled"]),
        ({"enabled": None}, ["enabled"]),
        ({"enabled": 1, "url": "http://example.com/"}, ["url", "enabled"]),
    ],
)
def test_what_is_wrong_with_a_change_is_told_and_nothing_is_changed(world: World, body: Any, places: list[str]) -> None:
    made = world.made()
    called = world("PATCH", f"/{made['id']}", body)
    assert (called.status, called.error["code"], called.fields) == (400, "VALIDATION_ERROR", places)
    assert len(world.endpoints.told) == 1


def test_enabling_forgets_the_failures_and_a_change_of_anything_else_does_not(world: World) -> None:
    path = f"/{(webhook_id := world.made()['id'])}"
    at = world.clock.now()
    for _ in range(3):
        world.health.note("acme", webhook_id, at, succeeded=False)
    for changes in ({"url": "https://hooks.example.com/2"}, {"enabled": True}, {"enabled": False}):
        assert world("PATCH", path, changes).body["failureCount"] == 3
    enabled = world("PATCH", path, {"enabled": True}).body
    assert (enabled["enabled"], enabled["failureCount"]) == (True, 0)
    assert enabled["lastDeliveryAt"] == "2026-01-15T10:30:01.000Z"
    assert world.health.get("acme", webhook_id).failing_since is None


def test_two_changes_at_the_same_time_both_stand(world: World) -> None:
    made = world.made()

    class Overtaken(FakeShelf[WebhookEndpoint]):
        """Somebody else is faster, once."""

        def replace(self, resource: WebhookEndpoint, *events: str) -> bool:
            if resource.revision == 2:
                faster = replace(resource, url=URL, enabled=False)
                assert super().replace(faster, *events)
            return super().replace(resource, *events)

    overtaken = Overtaken()
    overtaken.stored = world.endpoints.stored
    world.endpoints = overtaken
    changed = world("PATCH", f"/{made['id']}", {"url": "https://hooks.example.com/2"}).body
    assert (changed["url"], changed["enabled"]) == ("https://hooks.example.com/2", False)


def test_a_change_that_others_are_always_faster_than_may_be_tried_again(world: World) -> None:
    made = world.made()
    world.endpoints.replace = lambda *_: False  # type: ignore[method-assign] # others are faster
    called = world("PATCH", f"/{made['id']}", {"enabled": False})
    assert (called.status, called.error["code"]) == (409, "CONFLICT")


def test_a_deleted_endpoint_is_gone_and_a_second_try_of_the_deletion_is_answered_like_the_first(world: World) -> None:
    made = world.made()
    path = f"/{made['id']}"
    ticket = Ticket("t-1", world.clock.now())
    assert world("DELETE", path, ticket=ticket) == Called(204, None)
    assert world("DELETE", path, ticket=replace(ticket, again=True)) == Called(204, None)
    assert world("DELETE", path).status == 404
    assert world("GET", path).status == 404
    assert world("GET").body["data"] == []


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/{id}", None),
        ("PATCH", "/{id}", {"enabled": False}),
        ("DELETE", "/{id}", None),
        ("POST", "/test", {"webhookId": "{id}"}),
    ],
)
def test_an_endpoint_that_is_unknown_or_another_workspaces_is_not_found_and_no_id_is_malformed(
    world: World, method: str, path: str, body: Any
) -> None:
    def call(webhook_id: str, workspace_id: str = "acme") -> Called:
        asked = body if body is None or "webhookId" not in body else {"webhookId": webhook_id}
        return world(method, path.format(id=webhook_id), asked, workspace_id=workspace_id)

    made = world.made()
    for unknown in (call(UNKNOWN), call("clxold1234567890"), call(made["id"], "other")):
        assert (unknown.status, unknown.error["code"]) == (404, "NOT_FOUND")
    for none in ("post_c1", "wh_", "wh_c-1", "WH_c1", "1"):
        assert (call(none).status, call(none).error["code"]) == (400, "BAD_REQUEST")
    assert world.egress.sent == []
    assert world("GET", f"/{made['id']}").status == 200


@pytest.mark.parametrize(("method", "path"), [("PUT", ""), ("POST", f"/{UNKNOWN}"), ("GET", f"/{UNKNOWN}/deliveries")])
def test_other_calls_are_no_routes(world: World, method: str, path: str) -> None:
    assert world(method, path).status == 404


# ── Trying an endpoint ──


def test_a_trial_is_one_signed_attempt_in_the_request_and_is_kept_as_a_delivery(world: World) -> None:
    made = world.made()
    world.answers(Answer(202, body=b"thanks"), takes=timedelta(milliseconds=340))
    called = world("POST", "/test", {"webhookId": made["id"]})
    assert called.status == 200
    assert list(called.body) == ["data"]
    told = called.body["data"]
    assert list(told) == [
        *("id", "webhookId", "eventType", "url", "statusCode", "latencyMs", "responseBody", "retryCount", "success"),
        *("error", "createdAt", "deliveredAt"),
    ]
    (sent,) = world.egress.sent
    assert sent.url == URL
    digest = hmac.new(made["secret"].encode(), sent.body, hashlib.sha256).hexdigest()
    assert sent.headers["X-VoxBurst-Signature"] == f"sha256={digest}"
    assert sent.headers["X-VoxBurst-Delivery-Id"] == told["id"]
    assert sent.headers["webhook-signature"].startswith("v1,")
    (kept,) = world.deliveries.find("acme", made["id"], 10)
    assert (kept.id, kept.status, kept.endpoint_id) == (told["id"], DeliveryStatus.DELIVERED, made["id"])
    assert kept.secret is None
    assert told == {
        "id": kept.id, "webhookId": made["id"], "eventType": "webhook.test", "url": URL, "statusCode": 202,
        "latencyMs": 340, "responseBody": "thanks", "retryCount": 0, "success": True, "error": None,
        "createdAt": "2026-01-15T10:30:02.000Z", "deliveredAt": "2026-01-15T10:30:02.340Z",
    }  # fmt: skip
    shown = world("GET", f"/{made['id']}").body
    assert (shown["lastDeliveryAt"], shown["failureCount"]) == ("2026-01-15T10:30:02.000Z", 0)


@pytest.mark.parametrize(
    ("answer", "status", "error", "body"),
    [
        (Answer(500, timedelta(seconds=5), b"oops"), 500, "HTTP status 500", "oops"),
        (Answer(302), 302, "HTTP status 302", ""),
        (TimeoutError("timeout after 10 s"), None, "timeout after 10 s", None),
    ],
)
def test_a_trial_that_fails_is_told_and_never_repeated(
    world: World, answer: Answer | Exception, status: int | None, error: str, body: str | None
) -> None:
    made = world.made()
    world.answers(answer)
    called = world("POST", "/test", {"webhookId": made["id"]})
    told = called.body["data"]
    assert called.status == 200
    assert (told["success"], told["statusCode"], told["error"], told["responseBody"]) == (False, status, error, body)
    assert told["deliveredAt"] is None
    (kept,) = world.deliveries.find("acme", made["id"], 10)
    assert kept.status is DeliveryStatus.FAILED
    world.clock.pass_(timedelta(days=30))
    assert world.deliveries.due(world.clock.now(), 10) == []
    assert world("GET", f"/{made['id']}").body["failureCount"] == 1


def test_trying_never_switches_an_endpoint_off(world: World) -> None:
    made = world.made()
    world.answers(Answer(500))
    for _ in range(3):
        world("POST", "/test", {"webhookId": made["id"]})
        world.clock.pass_(timedelta(days=6))
    assert world("GET", f"/{made['id']}").body["enabled"]


def test_a_disabled_endpoint_can_be_tried(world: World) -> None:
    made = world.made()
    world("PATCH", f"/{made['id']}", {"enabled": False})
    assert world("POST", "/test", {"webhookId": made["id"]}).body["data"]["success"]


def test_an_address_that_became_private_is_refused_when_it_is_tried(world: World) -> None:
    made = world.made()
    world.egress.names["hooks.example.com"] = ["10.0.0.1"]
    told = world("POST", "/test", {"webhookId": made["id"]}).body["data"]
    assert (told["success"], told["error"]) == (False, "refused: 10.0.0.1 is a private address")
    assert world.egress.sent == []


@pytest.mark.parametrize(
    ("answered", "shown"),
    [(b"x" * 10_000, "x" * 4096), (b"\xff\xfe", "\N{REPLACEMENT CHARACTER}" * 2), ("✓".encode(), "✓")],
)
def test_what_a_receiver_answers_is_shown_as_text_up_to_4_kb(world: World, answered: bytes, shown: str) -> None:
    made = world.made()
    world.answers(Answer(200, body=answered))
    assert world("POST", "/test", {"webhookId": made["id"]}).body["data"]["responseBody"] == shown


def test_each_trial_is_a_delivery_of_its_own_and_each_try_of_one_request_the_same(world: World) -> None:
    made = world.made()
    body = {"webhookId": made["id"]}
    ticket = Ticket("t-1", world.clock.now())
    first = world("POST", "/test", body, ticket=ticket).body["data"]
    again = world("POST", "/test", body, ticket=replace(ticket, again=True)).body["data"]
    assert again == first | {"responseBody": None}
    assert len(world.egress.sent) == 1
    other = world("POST", "/test", body).body["data"]
    assert other["id"] != first["id"]
    assert len({sent.headers["webhook-id"] for sent in world.egress.sent}) == 2
    assert len(world.deliveries.find("acme", made["id"], 10)) == 2


@pytest.mark.parametrize(("left", "given"), [(29, 10), (6, 4), (1, 1)])
def test_a_trial_takes_no_longer_than_its_request_can(world: World, left: int, given: int) -> None:
    made = world.made()
    timeouts: list[timedelta] = []

    class Measuring(FakeEgress):
        def send(
            self, method: str, url: str, body: bytes, headers: dict[str, str], timeout: timedelta, limit: int = 65_536
        ) -> Answer:
            timeouts.append(timeout)
            return Answer(200)

    world.egress = Measuring()
    world("POST", "/test", {"webhookId": made["id"]}, time_left=timedelta(seconds=left))
    assert [round(each.total_seconds()) for each in timeouts] == [given]
    assert timeouts[0] <= timedelta(seconds=given)


# ── Dry runs ──


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "", BODY),
        ("PATCH", "/{id}", {"enabled": False}),
        ("DELETE", "/{id}", None),
        ("POST", "/test", {"webhookId": "{id}"}),
    ],
)
def test_a_check_alone_changes_nothing_and_sends_nothing(world: World, method: str, path: str, body: Any) -> None:
    made = world.made()
    text = json.dumps(body).replace("{id}", made["id"]).encode() if body else b""
    request = Request(method=method, resource="", path=f"/v1/webhooks{path.format(id=made['id'])}", body=text)
    route = world.resources().find(request)
    assert route is not None
    act = route.serve(request, a_caller())
    assert isinstance(act, Intent)
    act.check(False)
    assert len(world.endpoints.told) == 1
    assert world.egress.sent == []
    assert world.deliveries.find("acme", None, 10) == []
    assert world("GET", f"/{made['id']}").body == {name: value for name, value in made.items() if name != "secret"}
