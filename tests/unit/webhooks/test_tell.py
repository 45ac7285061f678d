from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from factories import AT
from fakes.clock import FakeClock
from fakes.deliveries import FakeDeliveries
from fakes.queues import FakeDeliveryQueue
from fakes.shelf import FakeShelf
from unit.webhooks.deliveries import an_endpoint

from batchwork.domain.event import Event
from batchwork.domain.item import Json
from batchwork.domain.webhook import Delivery, DeliveryStatus, PayloadRef
from batchwork.domain.webhook_endpoint import WebhookEndpoint, WebhookSubscription
from batchwork.ports.operations import R, Slice
from batchwork.use_cases.tell import MAX_BODIES, SUBSCRIPTIONS, Audience, Tell, Told

OF_THE_WORKFLOW = ("workflow", "workflow_1")


def an_event(
    *,
    id: str = "evt_c1",  # noqa: A002 -- the field's name
    type: str = "post.created",  # noqa: A002 -- the field's name
    style: str | None = None,
    workspace_id: str = "acme",
    subject: str = "post_c1",
    data: Callable[[str | None], Json | None] = lambda _: {"id": "post_c1"},
    topic: tuple[str, str] | None = None,
    versions: frozenset[str] = frozenset(),
) -> Event:
    return Event(
        id=id,
        type=type,
        style=style or ("voxburst" if type.startswith("post.") else "extend"),
        workspace_id=workspace_id,
        subject=subject,
        created_at=FakeClock().now() - timedelta(seconds=1),
        data=data,
        topic=topic,
        versions=versions,
    )


def a_subscription(
    endpoint_id: str,
    *events: str,
    resource_id: str = "workflow_1",
    resource_type: str = "workflow",
    workspace_id: str = "acme",
) -> WebhookSubscription:
    return WebhookSubscription(
        id=f"whes_{endpoint_id}_{resource_type}_{resource_id}",
        workspace_id=workspace_id,
        created_at=AT,
        updated_at=AT,
        endpoint_id=endpoint_id,
        resource_type=resource_type,
        resource_id=resource_id,
        events=events,
    )


class Counting(FakeShelf[R]):
    """Counts how often a workspace's list is read."""

    def __init__(self) -> None:
        super().__init__()
        self.read: list[str] = []

    def page(
        self,
        workspace_id: str,
        after: str | None,
        limit: int,
        wanted: Callable[[R], bool],
        since: str = "",
        *,
        ascending: bool = False,
    ) -> Slice[R]:
        self.read.append(workspace_id)
        return super().page(workspace_id, after, limit, wanted, since, ascending=ascending)


@dataclass
class World:
    clock: FakeClock = field(default_factory=FakeClock)
    endpoints: Counting[WebhookEndpoint] = field(default_factory=Counting)
    subscriptions: Counting[WebhookSubscription] = field(default_factory=Counting)
    deliveries: FakeDeliveries = field(default_factory=FakeDeliveries)
    queue: FakeDeliveryQueue = field(default_factory=FakeDeliveryQueue)

    def tell(self, *events: Event, until: datetime | None = None, spread: Callable[..., Any] = map) -> int | None:
        """Tell of events in an invocation of their own. Payloads of "by-url" go as URLs."""

        def told(event: Event, endpoint: WebhookEndpoint) -> Told | None:
            payload = event.data(endpoint.version)
            if payload is None:
                return None
            body = f"told of {event.id} in {endpoint.version}".encode()
            return Told(body, PayloadRef(payload["id"]) if endpoint.version == "by-url" else None)

        envelopes = {"voxburst": lambda event, _: Told(f"told of {event.id}".encode()), "extend": told}
        return Tell(self.deliveries, self.queue, self.clock, envelopes, spread)(events, self.audience(), until)

    def audience(self) -> Audience:
        return Audience(self.endpoints, self.subscriptions)

    def told(self, workspace_id: str = "acme") -> list[Delivery]:
        return self.deliveries.find(workspace_id, None, 100)

    def told_to(self) -> list[str]:
        return sorted(each.endpoint_id or "" for each in self.told())

    def subscribe(self, endpoint: WebhookEndpoint, *events: str) -> None:
        assert self.endpoints.add(endpoint)
        if events:
            assert self.subscriptions.add(a_subscription(endpoint.id, *events, workspace_id=endpoint.workspace_id))


def extend(
    name: str, version: str = "2026-02-09", *, events: tuple[str, ...] = (), enabled: bool = True
) -> WebhookEndpoint:
    return replace(an_endpoint(id=name, events=events, enabled=enabled), style="extend", version=version)


def by_endpoint(delivery: Delivery) -> str:
    return delivery.endpoint_id or ""


@pytest.fixture
def world() -> World:
    return World()


def test_an_event_is_one_delivery_for_each_endpoint_that_wants_it(world: World) -> None:
    wanting = [an_endpoint(id="wh_c1"), an_endpoint(id="wh_c2", url="https://two.example.com/")]
    for each in (
        *wanting,
        an_endpoint(id="wh_c3", events=("post.failed",)),
        an_endpoint(id="wh_c4", enabled=False),
        an_endpoint(id="wh_c5", workspace_id="other"),
    ):
        world.endpoints.add(each)
    assert world.tell(an_event()) == 2
    told = sorted(world.told(), key=lambda each: each.endpoint_id or "")
    assert [each.endpoint_id for each in told] == ["wh_c1", "wh_c2"]
    assert world.told("other") == []
    assert sorted(world.queue.sent) == sorted((each.id, 1, timedelta()) for each in told)
    first = told[0]
    assert (first.event_id, first.event_type, first.subject) == ("evt_c1", "post.created", "post_c1")
    assert (first.style, first.url, first.body) == ("voxburst", wanting[0].url, b"told of evt_c1")
    assert first.secret is None
    assert first.status is DeliveryStatus.PENDING
    assert first.created_at == world.clock.now()
    assert first.due_at == world.clock.now() + timedelta(seconds=60)


def test_an_event_that_comes_again_makes_no_second_delivery_and_queues_the_first_again(world: World) -> None:
    world.endpoints.add(an_endpoint())
    world.tell(an_event())
    (first,) = world.told()
    world.clock.pass_(timedelta(seconds=9))
    world.tell(an_event())
    assert world.told() == [first]
    assert world.queue.sent == [(first.id, 1, timedelta())] * 2


def test_an_event_that_comes_again_after_a_minute_leaves_its_deliveries_to_the_sweeper(world: World) -> None:
    world.endpoints.add(an_endpoint())
    event = an_event()
    world.tell(event)
    world.clock.pass_(timedelta(minutes=1))
    world.tell(event)
    assert len(world.queue.sent) == 1
    world.endpoints.add(an_endpoint(id="wh_new"))
    world.tell(event)  # what is stored just now is queued, however old the event is
    assert [name for name, _, _ in world.queue.sent] == [each.id for each in sorted(world.told(), key=by_endpoint)]


def test_deliveries_are_stored_side_by_side_and_queued_ten_in_a_call(world: World) -> None:
    """Break: Tell, store them one after the other."""
    calls: list[list[Any]] = []

    def spread(call: Callable[[Any], Any], given: Iterable[Any]) -> list[Any]:
        calls.append(list(given))
        return [call(each) for each in calls[-1]]

    for number in range(3):
        world.endpoints.add(an_endpoint(id=f"wh_c{number}"))
    assert world.tell(*(an_event(id=f"evt_c{n}") for n in range(30)), spread=spread) == 90
    stored, queued, rest, last = calls
    assert (len(stored), [len(each) for each in queued]) == (80, [10] * 8)
    assert (len(rest), [len(each) for each in last]) == (10, [10])
    assert len({name for name, _, _ in world.queue.sent}) == 90


def test_no_more_large_bodies_are_made_than_there_is_memory_for(world: World) -> None:
    """Break: _parts, count deliveries only."""
    parts: list[int] = []

    def spread(call: Callable[[Any], Any], given: Iterable[Any]) -> list[Any]:
        found = list(given)
        parts.append(len(found))
        return [call(each) for each in found]

    for number in range(5):
        world.endpoints.add(an_endpoint(id=f"wh_c{number}"))
    envelopes = {"voxburst": lambda _event, _endpoint: Told(b"x" * (MAX_BODIES // 2))}
    assert Tell(world.deliveries, world.queue, world.clock, envelopes, spread)([an_event()], world.audience()) == 5
    assert parts[::2] == [2, 2, 1]


def test_who_has_no_time_left_tells_no_more_and_says_so(world: World) -> None:
    world.endpoints.add(an_endpoint())
    assert world.tell(an_event(), until=world.clock.now()) is None
    assert world.told() == []
    assert world.tell(an_event(), until=world.clock.now() + timedelta(seconds=1)) == 1


def test_what_an_endpoint_wants_that_was_switched_off_is_kept_as_failed_and_not_queued(world: World) -> None:
    """Break: Audience, take enabled endpoints only."""
    world.endpoints.add(an_endpoint(id="wh_c1", enabled=False, switched_off=True))
    world.endpoints.add(an_endpoint(id="wh_c2", enabled=False))
    world.subscribe(extend("wh_c3"), "workflow_run.failed")
    world.endpoints.replace(replace(extend("wh_c3", enabled=False), switched_off=True, revision=2))
    world.tell(an_event(), an_event(id="evt_c2", type="workflow_run.failed", topic=OF_THE_WORKFLOW))
    assert world.told_to() == ["wh_c1", "wh_c3"]
    assert world.queue.sent == []
    for each in world.told():
        assert each.status is DeliveryStatus.FAILED
        assert [(one.number, one.status, one.error) for one in each.attempts] == [
            (1, None, "the webhook endpoint is disabled")
        ]
    assert world.deliveries.due(world.clock.now() + timedelta(days=1), 10) == []


def test_no_two_events_or_endpoints_share_a_delivery(world: World) -> None:
    for name in ("wh_c1", "wh_c2"):
        world.endpoints.add(an_endpoint(id=name))
    world.tell(an_event(id="evt_c1"), an_event(id="evt_c2"))
    assert len({each.id for each in world.told()}) == 4


def test_an_endpoint_that_changed_between_two_comings_keeps_its_one_delivery(world: World) -> None:
    endpoint = an_endpoint()
    world.endpoints.add(endpoint)
    world.tell(an_event())
    assert world.endpoints.replace(replace(endpoint, url="https://moved.example.com/", revision=2))
    world.tell(an_event())
    assert len(world.told()) == 1


def test_a_workspaces_endpoints_are_read_once_an_invocation_and_again_in_the_next(world: World) -> None:
    world.tell(an_event(id="evt_c1"), an_event(id="evt_c2"), an_event(id="evt_c3", workspace_id="other"))
    assert world.endpoints.read == ["acme", "other"]
    world.endpoints.add(an_endpoint())
    assert world.tell(an_event(id="evt_c4")) == 1
    assert world.endpoints.read == ["acme", "other", "acme"]


def test_all_endpoints_are_told_though_they_stand_on_many_pages(world: World) -> None:
    for number in range(120):
        world.endpoints.add(an_endpoint(id=f"wh_c{number:03d}"))
    assert world.tell(an_event()) == 120
    assert world.endpoints.read == ["acme"] * 3


# ── What only subscriptions ask for ──


def test_an_event_of_a_resource_is_told_to_the_endpoints_that_subscribed_to_it_alone(world: World) -> None:
    completed = "workflow_run.completed"
    world.subscribe(extend("wh_c1"), completed)
    world.subscribe(extend("wh_c2", events=(completed,)))
    world.subscribe(extend("wh_c3"), "workflow_run.failed")
    world.subscribe(extend("wh_c4", enabled=False), completed)
    world.subscribe(extend("wh_c5"))
    world.subscriptions.add(a_subscription("wh_c5", completed, resource_id="workflow_2"))
    world.subscriptions.add(a_subscription("wh_c5", completed, resource_type="extractor"))
    world.subscriptions.add(a_subscription("wh_c5", completed, workspace_id="other"))
    world.subscriptions.add(a_subscription("wh_of-nobody", completed))
    assert world.tell(an_event(type=completed, topic=OF_THE_WORKFLOW)) == 1
    assert world.told_to() == ["wh_c1"]


def test_what_only_some_versions_know_is_told_to_endpoints_of_these(world: World) -> None:
    cancelled = "workflow_run.cancelled"
    world.subscribe(extend("wh_c1", "2025-04-21"), cancelled)
    world.subscribe(extend("wh_c2", "2026-02-09"), cancelled)
    world.tell(an_event(type=cancelled, topic=OF_THE_WORKFLOW, versions=frozenset({"2026-02-09"})))
    assert world.told_to() == ["wh_c2"]


def test_an_event_is_told_to_endpoints_of_its_own_style_alone(world: World) -> None:
    world.subscribe(an_endpoint(id="wh_c1", events=("workflow.created",)))
    world.subscribe(extend("wh_c2", events=("workflow.created",)))
    world.tell(an_event(type="workflow.created", style="extend"))
    assert world.told_to() == ["wh_c2"]


def test_an_endpoint_is_not_told_of_itself(world: World) -> None:
    for name in ("wh_c1", "wh_c2"):
        world.subscribe(extend(name, events=("webhook_endpoint.disabled",)))
    world.tell(an_event(type="webhook_endpoint.disabled", subject="wh_c1"))
    assert world.told_to() == ["wh_c2"]


def test_an_event_that_nobody_wants_is_neither_read_nor_presented(world: World) -> None:
    def refused(_: str | None) -> Json:
        pytest.fail("nobody asked")

    world.subscribe(extend("wh_c1", events=("workflow.deployed",)), "workflow_run.failed")
    assert world.tell(an_event(type="workflow_run.completed", topic=OF_THE_WORKFLOW, data=refused)) == 0


def test_nobody_is_told_of_what_is_gone(world: World) -> None:
    world.subscribe(extend("wh_c1", events=("workflow.created",)))
    assert world.tell(an_event(type="workflow.created", data=lambda _: None)) == 0
    assert world.told() == []


def test_each_endpoint_is_told_in_its_own_version_and_the_delivery_names_it(world: World) -> None:
    for name, version in (("wh_c1", "2025-04-21"), ("wh_c2", "2026-02-09")):
        world.subscribe(extend(name, version, events=("workflow.created",)))
    world.tell(an_event(type="workflow.created"))
    assert {(each.version, each.body) for each in world.told()} == {
        ("2025-04-21", b"told of evt_c1 in 2025-04-21"),
        ("2026-02-09", b"told of evt_c1 in 2026-02-09"),
    }


def test_a_payload_that_goes_as_a_url_goes_into_the_delivery_as_what_it_is_of(world: World) -> None:
    world.subscribe(extend("wh_c1", "by-url", events=("workflow.created",)))
    world.tell(an_event(type="workflow.created"))
    (delivery,) = world.told()
    assert delivery.payload == PayloadRef("post_c1")


def test_a_thousand_events_in_a_workspace_without_endpoints_are_one_read(world: World) -> None:
    runs = [an_event(id=f"evt_c{n}", type="workflow_run.completed", topic=OF_THE_WORKFLOW) for n in range(1000)]
    assert world.tell(*runs) == 0
    assert (world.endpoints.read, world.subscriptions.read) == (["acme"], [])


def test_subscriptions_are_read_once_an_invocation_and_only_for_events_that_need_one(world: World) -> None:
    world.subscribe(extend("wh_c1", events=("workflow.created",)), "workflow_run.failed")
    world.tell(an_event(type="workflow.created"))
    assert world.subscriptions.read == []
    runs = [an_event(id=f"evt_c{n}", type="workflow_run.failed", topic=OF_THE_WORKFLOW) for n in range(9)]
    assert world.tell(*runs) == 9
    assert (world.endpoints.read, world.subscriptions.read) == (["acme"] * 2, ["acme"])


def test_all_subscriptions_count_though_they_stand_on_many_pages(world: World) -> None:
    world.subscribe(extend("wh_c1"), "workflow_run.failed")
    for number in range(SUBSCRIPTIONS):
        world.subscriptions.add(a_subscription("wh_c1", "workflow_run.completed", resource_id=f"x{number:04d}"))
    assert world.tell(an_event(type="workflow_run.failed", topic=OF_THE_WORKFLOW)) == 1
