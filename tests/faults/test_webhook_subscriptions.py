"""Subscriptions, with the process killed at every call: an endpoint asks once for a workflow, and takes all it asked for along."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from engine import Died, Dying, Fuse
from errands import Work
from fakes.clock import FakeClock
from fakes.endpoint_health import FakeEndpointHealth
from fakes.shelf import FakeShelf
from unit.workflow_webhooks.told import a_workflow, extend_endpoint

from batchwork.domain.idempotency import Ticket
from batchwork.domain.webhook_endpoint import WebhookEndpoint, WebhookSubscription
from batchwork.domain.workflow import Workflow
from batchwork.use_cases.webhook_endpoints import WebhookEndpoints
from batchwork.use_cases.webhook_subscriptions import WebhookSubscriptions

COMPLETED, FAILED = "workflow_run.completed", "workflow_run.failed"


class World:
    """Two endpoints and one workflow."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.endpoints: FakeShelf[WebhookEndpoint] = FakeShelf()
        self.subscriptions: FakeShelf[WebhookSubscription] = FakeShelf()
        self.workflows: FakeShelf[Workflow] = FakeShelf()
        for name in ("wh_c1", "wh_c2"):
            self.endpoints.add(extend_endpoint(name))
        self.workflows.add(a_workflow())

    def process(self, fuse: Fuse) -> World:
        """Return the world as a process sees it that dies when the fuse says so."""
        process = World.__new__(World)
        process.__dict__ = {n: port if n == "clock" else Dying(port, fuse) for n, port in vars(self).items()}
        return process

    def asks(self) -> WebhookSubscriptions:
        return WebhookSubscriptions(self.subscriptions, self.endpoints, self.workflows, self.clock, "extend")

    def put(self, ticket: Ticket, *events: str, endpoint_id: str = "wh_c1") -> WebhookSubscription:
        return self.asks().put("acme", endpoint_id, a_workflow().id, events, ticket)

    def remove(self, endpoint_id: str = "wh_c1") -> None:
        """Remove an endpoint as its route does."""
        self.asks().remove_of("acme", endpoint_id)
        WebhookEndpoints(self.endpoints, FakeEndpointHealth(), self.clock, "extend").remove("acme", endpoint_id)


def deaths(make: Callable[[], World], work: Callable[[World], object], least: int) -> list[World]:
    """Return, for each call that a piece of work makes, before it and after it, a world in which it died there."""
    fuse = Fuse()
    work(make().process(fuse))
    assert fuse.calls >= least
    worlds = []
    for point in range(1, fuse.calls + 1):
        for after in (False, True):
            world = make()
            with pytest.raises(Died):
                work(world.process(Fuse(point, after=after)))
            worlds.append(world)
    return worlds


def subscribed() -> World:
    world = World()
    for name in ("wh_c1", "wh_c2"):
        world.put(Work(world.clock.now()).try_().ticket, COMPLETED, endpoint_id=name)
        world.clock.pass_(timedelta(seconds=1))
    return world


def test_who_subscribes_may_die_at_any_call_and_asking_again_finds_the_one_subscription() -> None:
    """Break: subscription_id, take a random one."""
    ticket = Work(FakeClock().now()).try_().ticket
    again = Ticket(ticket.id, ticket.at, again=True)
    for world in deaths(World, lambda process: process.put(ticket, COMPLETED), least=5):
        world.clock.pass_(timedelta(seconds=30))
        made = world.put(again, COMPLETED)
        assert list(world.subscriptions.stored.values()) == [made]
        assert made.created_at == ticket.at


def test_who_replaces_a_subscription_may_die_at_any_call_and_it_asks_for_the_new_events() -> None:
    ticket = Work(FakeClock().now()).try_().ticket
    for world in deaths(subscribed, lambda process: process.put(ticket, FAILED), least=4):
        world.put(Ticket(ticket.id, ticket.at, again=True), FAILED)
        asked = {each.endpoint_id: each.events for each in world.subscriptions.stored.values()}
        assert asked == {"wh_c1": (FAILED,), "wh_c2": (COMPLETED,)}


def test_who_removes_an_endpoint_may_die_at_any_call_and_nothing_of_it_is_left_when_it_is_asked_again() -> None:
    """Break: EndpointCalls.remove, remove the endpoint first, and find none the next time."""
    for world in deaths(subscribed, lambda process: process.remove(), least=4):
        if world.endpoints.get("acme", "wh_c1") is None:
            assert [each.endpoint_id for each in world.subscriptions.stored.values()] == ["wh_c2"]
        world.remove()
        assert [each.endpoint_id for each in world.subscriptions.stored.values()] == ["wh_c2"]
        assert list(world.endpoints.stored) == [("acme", "wh_c2")]


def test_one_that_was_made_while_its_endpoint_went_is_nobodys_and_goes_with_the_next_look() -> None:
    world = World()
    ticket = Work(world.clock.now()).try_().ticket
    made = world.put(ticket, COMPLETED)
    world.remove()
    world.subscriptions.add(made)  # written after the endpoint's own were removed
    assert world.asks().page("acme", None, 10) == ([], None)
    assert world.subscriptions.stored == {}
