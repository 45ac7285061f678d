from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta

import pytest
from fakes.clock import FakeClock
from fakes.deliveries import FakeDeliveries
from fakes.queues import FakeDeliveryQueue
from fakes.shelf import FakeShelf
from unit.webhooks.deliveries import an_endpoint

from batchwork.domain.event import Event
from batchwork.domain.webhook import Delivery, DeliveryStatus
from batchwork.domain.webhook_endpoint import WebhookEndpoint
from batchwork.ports.operations import Slice
from batchwork.use_cases.tell import Audience, Tell


def an_event(
    *,
    id: str = "evt_c1",  # noqa: A002 -- the field's name
    type: str = "post.created",  # noqa: A002 -- the field's name
    workspace_id: str = "acme",
) -> Event:
    return Event(
        id=id,
        type=type,
        workspace_id=workspace_id,
        subject="post_c1",
        created_at=FakeClock().now() - timedelta(seconds=1),
        data={"id": "post_c1"},
    )


class Counting(FakeShelf[WebhookEndpoint]):
    """Counts how often a workspace's list is read."""

    def __init__(self) -> None:
        super().__init__()
        self.read: list[str] = []

    def page(
        self,
        workspace_id: str,
        after: str | None,
        limit: int,
        wanted: Callable[[WebhookEndpoint], bool],
        since: str = "",
    ) -> Slice[WebhookEndpoint]:
        self.read.append(workspace_id)
        return super().page(workspace_id, after, limit, wanted, since)


@dataclass
class World:
    clock: FakeClock = field(default_factory=FakeClock)
    endpoints: Counting = field(default_factory=Counting)
    deliveries: FakeDeliveries = field(default_factory=FakeDeliveries)
    queue: FakeDeliveryQueue = field(default_factory=FakeDeliveryQueue)

    def tell(self, *events: Event) -> int:
        """Tell of events in an invocation of their own."""
        bodies = {"voxburst": lambda event: f"told of {event.id}".encode()}
        return Tell(self.deliveries, self.queue, self.clock, bodies)(events, Audience(self.endpoints))

    def told(self, workspace_id: str = "acme") -> list[Delivery]:
        return self.deliveries.find(workspace_id, None, 100)


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
