"""Webhook endpoints under faults: who tells of an event, who sends it and who changes an endpoint may die at any call."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from itertools import count
from typing import Any

import pytest
from engine import Died, Dying, Fuse
from factories import a_caller
from fakes.bodies import FakeBodies
from fakes.claims import FakeClaims
from fakes.clock import FakeClock
from fakes.deliveries import FakeDeliveries
from fakes.egress import FakeEgress
from fakes.endpoint_health import FakeEndpointHealth
from fakes.endpoint_pace import FakeEndpointPace
from fakes.queues import FakeDeliveryQueue
from fakes.shelf import FakeShelf
from fakes.slots import FakeSlots
from unit.webhooks.deliveries import a_told_delivery, an_attempt, an_endpoint

from batchwork.domain.event import Event
from batchwork.domain.idempotency import Answered
from batchwork.domain.webhook import HOLD, MAX_INLINE, Delivery, DeliveryStatus, Recovery
from batchwork.domain.webhook_endpoint import Health, WebhookEndpoint, WebhookSubscription
from batchwork.ports import Answer
from batchwork.use_cases.addressees import Addressees
from batchwork.use_cases.deliver import Deliver
from batchwork.use_cases.once import Asked, Errand, Once
from batchwork.use_cases.replay import Again, Recover, Replay, WorkRecovery
from batchwork.use_cases.room import Room
from batchwork.use_cases.send import Send
from batchwork.use_cases.tell import Audience, Tell, Told
from batchwork.use_cases.webhook_endpoints import TryEndpoint, WebhookEndpoints

ENDPOINTS = (an_endpoint(id="wh_c1"), an_endpoint(id="wh_c2", url="https://two.example.com/"))
ORIGINS = ("https://hooks.example.com", "https://two.example.com")


@dataclass
class World:
    """Stores and receivers that outlive the processes over them. `answers`: the status that every receiver answers."""

    clock: FakeClock = field(default_factory=lambda: FakeClock(chance=0.0))
    endpoints: FakeShelf[WebhookEndpoint] = field(default_factory=FakeShelf)
    health: FakeEndpointHealth = field(default_factory=FakeEndpointHealth)
    bodies: FakeBodies = field(default_factory=FakeBodies)
    deliveries: FakeDeliveries = field(default_factory=FakeDeliveries)
    pace: FakeEndpointPace = field(default_factory=FakeEndpointPace)
    queue: FakeDeliveryQueue = field(default_factory=FakeDeliveryQueue)
    egress: FakeEgress = field(default_factory=FakeEgress)
    claims: FakeClaims = field(default_factory=FakeClaims)
    answers: int = 200

    def __post_init__(self) -> None:
        self.deliveries.bodies = self.bodies
        self._ids = (f"00000000-0000-4000-8000-{number:012d}" for number in count(1))
        for origin in ORIGINS:
            self.egress.names[origin.removeprefix("https://")] = ["93.184.216.34"]
            self.egress.receivers[origin] = lambda _: Answer(self.answers)

    def subscribe(self, *endpoints: WebhookEndpoint) -> None:
        for endpoint in endpoints:
            assert self.endpoints.add(endpoint)

    def process(self, fuse: Fuse) -> World:
        """Return the world as a process sees it that dies when the fuse says so."""
        process = World.__new__(World)
        process.__dict__ = {
            name: port if name in {"clock", "answers", "_ids"} else Dying(port, fuse)
            for name, port in vars(self).items()
        }
        return process

    def addressees(self) -> Addressees:
        return Addressees(self.endpoints, self.health, self.clock, lambda exc: pytest.fail(repr(exc)))

    def tell(self, event: Event) -> int:
        """Tell of an event as one invocation does."""
        told = {"voxburst": lambda _event, _endpoint: Told(b"{}")}
        audience = Audience(self.endpoints, FakeShelf[WebhookSubscription]())
        return Tell(self.deliveries, self.queue, self.clock, told)([event], audience) or 0

    def send(self, delivery: Delivery, number: int) -> DeliveryStatus | None:
        """Make an attempt as a sender of its own does."""
        room = Room(FakeSlots(), self.clock, "a sender")
        sender = Deliver(
            self.deliveries,
            self.bodies,
            self.queue,
            self.egress,
            room,
            self.pace,
            self.clock,
            self.addressees(),
        )
        return sender(delivery.workspace_id, delivery.id, number)

    def drain(self) -> None:
        """Let queue and sweeper bring every attempt until nothing is left to be done."""
        for _ in range(100):
            self.clock.pass_(timedelta(minutes=1))
            due = self.deliveries.due(self.clock.now(), 100)
            for workspace_id, delivery_id in due:
                delivery = self.deliveries.get(workspace_id, delivery_id)
                assert delivery is not None
                self.send(delivery, len(delivery.attempts) + 1)
            if not any(each.status is DeliveryStatus.PENDING for each in self.told()):
                return
        pytest.fail("a delivery never ended")

    def told(self) -> list[Delivery]:
        return sorted(self.deliveries.find("acme", None, 100), key=lambda each: each.endpoint_id or "")


def calls_of(make: Callable[[], World], work: Callable[[World], object]) -> int:
    fuse = Fuse()
    work(make().process(fuse))
    return fuse.calls


def deaths(make: Callable[[], World], work: Callable[[World], object], least: int) -> list[tuple[int, World]]:
    """Return, for each call that a piece of work makes, before it and after it, a world in which it died there."""
    points = calls_of(make, work)
    assert points >= least
    worlds = []
    for point in range(1, points + 1):
        for after in (False, True):
            world = make()
            with pytest.raises(Died):
                work(world.process(Fuse(point, after=after)))
            worlds.append((point, world))
    return worlds


# ── Telling of an event ──


def an_event() -> Event:
    return Event(
        id="evt_c1",
        type="post.created",
        style="voxburst",
        workspace_id="acme",
        subject="post_c1",
        created_at=FakeClock().now(),
        data=lambda _: {},
    )


def subscribed() -> World:
    world = World()
    world.subscribe(*ENDPOINTS)
    return world


def test_who_tells_may_die_at_any_call_and_each_endpoint_is_told_once_when_the_record_comes_again() -> None:
    """Break: Tell, queue only what was put; delivery_of, put the time into the id."""
    for point, world in deaths(subscribed, lambda process: process.tell(an_event()), least=4):
        world.clock.pass_(timedelta(seconds=1))
        assert world.tell(an_event()) == 2
        assert [each.endpoint_id for each in world.told()] == ["wh_c1", "wh_c2"], point
        assert {name for name, _, _ in world.queue.sent} == {each.id for each in world.told()}
        world.drain()
        assert {each.status for each in world.told()} == {DeliveryStatus.DELIVERED}
        assert sorted(sent.url for sent in world.egress.sent) == sorted(each.url for each in ENDPOINTS)


def test_a_delivery_whose_message_was_lost_is_the_sweepers_though_the_record_never_comes_again() -> None:
    """Break: delivery_of, leave the delivery without a due time."""
    for _, world in deaths(subscribed, lambda process: process.tell(an_event()), least=4):
        world.drain()
        assert {each.status for each in world.told()} <= {DeliveryStatus.DELIVERED}
        assert len(world.egress.sent) == len(world.told())


# ── Sending to an endpoint ──


DELIVERY = a_told_delivery(id="d-1", endpoint=ENDPOINTS[0])


def with_delivery(answers: int = 200, **changes: Any) -> Callable[[], World]:
    def make() -> World:
        world = World(answers=answers)
        world.subscribe(replace(ENDPOINTS[0], **changes))
        world.deliveries.put(DELIVERY)
        return world

    return make


def sending(world: World) -> object:
    return world.send(DELIVERY, 1)


@pytest.mark.parametrize("answers", [200, 500])
def test_a_sender_may_die_at_any_call_and_nothing_is_lost_and_no_second_delivery_made(answers: int) -> None:
    """Break: Deliver._deliver, record before it is sent."""
    for point, world in deaths(with_delivery(answers), sending, least=6):
        world.clock.pass_(HOLD + timedelta(seconds=10))  # the hold is over, and SQS shows the message again
        sending(world)
        world.answers = 200
        world.drain()
        (delivery,) = world.told()
        assert delivery.status is DeliveryStatus.DELIVERED, point
        assert [each.number for each in delivery.attempts] == list(range(1, len(delivery.attempts) + 1))
        assert (
            0 <= len(world.egress.sent) - len(delivery.attempts) <= 1
        )  # one attempt may be seen twice, with the same id
        assert len({sent.headers["webhook-id"] for sent in world.egress.sent}) == 1
        assert world.health.get("acme", "wh_c1") == Health(last_delivery_at=delivery.attempts[-1].started_at)


@pytest.mark.parametrize("make", [with_delivery(enabled=False), with_delivery(id="wh_c9")], ids=["disabled", "deleted"])
def test_a_sender_that_ends_a_delivery_may_die_at_any_call_and_it_ends_all_the_same(make: Callable[[], World]) -> None:
    for point, world in deaths(make, sending, least=4):
        world.clock.pass_(HOLD + timedelta(seconds=10))
        sending(world)
        world.drain()
        (delivery,) = world.told()
        assert (delivery.status, len(delivery.attempts)) == (DeliveryStatus.FAILED, 1), point
        assert world.egress.sent == []


def test_a_sender_that_switches_an_endpoint_off_may_die_at_any_call_and_the_next_failure_does_it() -> None:
    def make() -> World:
        world = with_delivery(500)()
        world.health.note("acme", "wh_c1", world.clock.now() - timedelta(days=6), succeeded=False)
        return world

    for point, world in deaths(make, sending, least=9):
        world.clock.pass_(HOLD + timedelta(seconds=10))
        sending(world)
        world.drain()
        (delivery,) = world.told()
        assert delivery.status is DeliveryStatus.FAILED, point
        assert delivery.attempts[-1].error == "the webhook endpoint is disabled"
        endpoint = world.endpoints.get("acme", "wh_c1")
        assert endpoint is not None
        assert (endpoint.enabled, endpoint.revision) == (False, 2)


def test_a_success_is_noted_wherever_its_sender_dies_and_no_endpoint_that_takes_deliveries_is_switched_off() -> None:
    """Break: Deliver._deliver, note the attempt after it is recorded."""

    def make() -> World:
        world = with_delivery(200)()
        world.health.note("acme", "wh_c1", world.clock.now() - timedelta(days=4), succeeded=False)
        return world

    for point, world in deaths(make, sending, least=6):
        world.clock.pass_(HOLD + timedelta(seconds=10))
        sending(world)
        world.drain()
        world.clock.pass_(timedelta(days=2))
        world.answers = 500
        later = a_told_delivery(id="d-2", endpoint=ENDPOINTS[0])
        world.deliveries.put(later)
        assert world.send(later, 1) is DeliveryStatus.PENDING
        endpoint = world.endpoints.get("acme", "wh_c1")
        assert endpoint is not None
        assert endpoint.enabled, point
        assert world.health.get("acme", "wh_c1").failures == 1


# ── Changing an endpoint ──

CALLER = a_caller()
ASKED = Asked(name="POST /v1/webhooks", body="digest", key="order-1", time_left=timedelta(seconds=29))


def once(process: World, work: Callable[[World, Errand], str]) -> Answered:
    """Do a piece of work under the one Idempotency-Key of these tests."""
    try_ = Once(process.claims, process.clock, lambda: next(process._ids), lambda exc: pytest.fail(repr(exc)))
    return try_(CALLER, ASKED, lambda errand: Answered(200, work(process, errand)))[0]


def webhooks(process: World) -> WebhookEndpoints:
    return WebhookEndpoints(process.endpoints, process.health, process.clock, "voxburst")


def making(process: World, errand: Errand) -> str:
    made = webhooks(process).create("acme", "https://hooks.example.com/", ("post.created",), errand.ticket)
    return f"{made.id} {made.secret}"


def enabling(process: World, errand: Errand) -> str:
    return str(webhooks(process).change("acme", "wh_c1", {"enabled": True}).enabled)


def removing(process: World, errand: Errand) -> str:
    webhooks(process).remove("acme", "wh_c1")
    return "removed"


def trying(process: World, errand: Errand) -> str:
    endpoint = webhooks(process).get("acme", "wh_c1")
    event = replace(an_event(), id=f"evt_{errand.ticket.id}", created_at=errand.ticket.at)
    try_out = TryEndpoint(Send(process.egress, process.clock), process.deliveries, process.addressees())
    return try_out(endpoint, event, b"{}", timedelta(seconds=10), again=errand.ticket.again).delivery.id


def disabled() -> World:
    world = World()
    world.subscribe(replace(ENDPOINTS[0], enabled=False))
    world.health.note("acme", "wh_c1", world.clock.now() - timedelta(days=6), succeeded=False)
    return world


def died_once_and_again(
    make: Callable[[], World], work: Callable[[World, Errand], str], least: int
) -> list[tuple[World, str]]:
    """Return the worlds in which a try died at each call, and what the next try answered."""
    worlds = []
    for _, world in deaths(make, lambda process: once(process, work), least):
        world.clock.pass_(timedelta(seconds=30))  # nobody who claimed before can be alive
        first = once(world, work)
        assert once(world, work) == first
        worlds.append((world, first.text))
    return worlds


def test_who_makes_an_endpoint_may_die_at_any_call_and_asking_again_shows_the_secret_of_the_one_there_is() -> None:
    """Break: WebhookEndpoints.create, drop both ways to what an earlier try made (each alone is enough)."""
    for world, answer in died_once_and_again(World, making, least=3):
        (endpoint,) = world.endpoints.stored.values()
        assert answer == f"{endpoint.id} {endpoint.secret}"


def test_who_enables_an_endpoint_may_die_at_any_call_and_it_is_never_enabled_with_its_old_failures() -> None:
    """Break: WebhookEndpoints.change, clear after it is replaced."""
    for _, world in deaths(disabled, lambda process: once(process, enabling), least=5):
        endpoint = world.endpoints.get("acme", "wh_c1")
        assert endpoint is not None
        assert not endpoint.enabled or world.health.get("acme", "wh_c1").failures == 0
    for world, _ in died_once_and_again(disabled, enabling, least=5):
        endpoint = world.endpoints.get("acme", "wh_c1")
        assert endpoint is not None
        assert endpoint.enabled
        assert world.health.get("acme", "wh_c1").failures == 0


def test_who_removes_an_endpoint_may_die_at_any_call_and_asking_again_finds_it_done() -> None:
    for world, _ in died_once_and_again(subscribed, removing, least=3):
        assert list(world.endpoints.stored) == [("acme", "wh_c2")]


def test_who_tries_an_endpoint_may_die_at_any_call_and_there_is_one_delivery_that_nobody_sends_again() -> None:
    """Break: TryEndpoint, put the delivery as pending before it is sent."""
    for world, answer in died_once_and_again(subscribed, trying, least=6):
        (delivery,) = world.told()
        assert (delivery.id, delivery.status) == (answer, DeliveryStatus.DELIVERED)
        assert 1 <= len(world.egress.sent) <= 2
        assert len({sent.headers["webhook-id"] for sent in world.egress.sent}) == 1
        world.clock.pass_(timedelta(days=1))
        assert world.deliveries.due(world.clock.now(), 10) == []


def test_an_attempt_that_died_while_trying_is_never_sent_behind_the_clients_back() -> None:
    for _, world in deaths(subscribed, lambda process: once(process, trying), least=6):
        sent = len(world.egress.sent)
        world.clock.pass_(timedelta(days=1))
        assert world.deliveries.due(world.clock.now(), 10) == []
        assert len(world.egress.sent) == sent


# ── Its turn, at an endpoint that takes so many a minute ──


def test_a_sender_that_has_to_wait_may_die_at_any_call_and_the_delivery_is_made_once_in_its_turn() -> None:
    """Break: Deliver._has_turn, postpone the delivery for ever."""

    def make() -> World:
        world = with_delivery(rate=1)()
        world.pace.take("acme", "wh_c1", 1, world.clock.now())
        return world

    for point, world in deaths(make, sending, least=4):
        world.clock.pass_(HOLD + timedelta(seconds=10))
        sending(world)
        world.drain()
        (delivery,) = world.told()
        assert (delivery.status, len(delivery.attempts)) == (DeliveryStatus.DELIVERED, 1), point
        assert len(world.egress.sent) == 1


# ── Delivering again ──


def failed(world: World, number: int, **changes: Any) -> Delivery:
    """Keep a delivery that failed, a minute before now."""
    at = world.clock.now() - timedelta(minutes=1)
    name = f"30000000-0000-4000-8000-{number:012d}"
    told = a_told_delivery(id=name, endpoint=ENDPOINTS[0], event_id=f"evt_c{number}", **changes)
    world.deliveries.put(replace(told, created_at=at, due_at=at))
    return world.deliveries.record(told, an_attempt(), DeliveryStatus.FAILED, None)


def with_failed(number: int, **changes: Any) -> Callable[[], World]:
    def make() -> World:
        world = subscribed()
        for each in range(number):
            failed(world, each, **changes)
        return world

    return make


def replays(world: World) -> list[Delivery]:
    return [each for each in world.deliveries.find("acme", None, 1000) if each.replay_of]


def again(process: World) -> Again:
    return Again(process.deliveries, process.bodies, process.queue)


def replaying(process: World, errand: Errand) -> str:
    first = process.deliveries.get("acme", "30000000-0000-4000-8000-000000000000")
    endpoint = webhooks(process).get("acme", "wh_c1")
    assert first is not None
    if not errand.ticket.again:
        Replay(again(process)).check(endpoint)
    return Replay(again(process))(first, endpoint, errand.ticket).id


@pytest.mark.parametrize("size", [10, MAX_INLINE + 1], ids=["small", "large"])
def test_who_replays_a_delivery_may_die_at_any_call_and_asking_again_finds_the_one_there_is(size: int) -> None:
    """Break: replay_id, let it follow from nothing."""
    for world, answer in died_once_and_again(with_failed(1, body=b"x" * size), replaying, least=6):
        (made,) = replays(world)
        assert made.id == answer
        world.drain()
        assert [each.status for each in replays(world)] == [DeliveryStatus.DELIVERED]
        (sent,) = world.egress.sent
        assert sent.headers["webhook-id"] == "evt_c0"
        assert len(sent.body) == size


def pending() -> World:
    """A delivery whose first attempt failed a minute ago, and whose next one is due in eight hours."""
    world = subscribed()
    now = world.clock.now()
    told = a_told_delivery(id="30000000-0000-4000-8000-000000000000", endpoint=ENDPOINTS[0], event_id="evt_c0")
    world.deliveries.put(replace(told, created_at=now - timedelta(minutes=1)))
    world.deliveries.record(told, an_attempt(), DeliveryStatus.PENDING, now + timedelta(hours=8))
    return world


def test_who_hurries_a_pending_delivery_may_die_at_any_call_and_it_has_one_attempt_and_no_second_delivery() -> None:
    """Break: Replay.__call__, do not look at when the last attempt was begun."""
    for world, answer in died_once_and_again(pending, replaying, least=5):
        (delivery,) = world.told()
        assert delivery.id == answer
        world.drain()
        (delivery,) = world.told()
        assert (delivery.status, len(delivery.attempts)) == (DeliveryStatus.DELIVERED, 2)
        assert len(world.egress.sent) == 1


def test_a_replay_that_nobody_asks_for_again_is_the_sweepers_wherever_its_maker_died() -> None:
    for _, world in deaths(with_failed(1), lambda process: once(process, replaying), least=6):
        world.drain()
        assert {each.status for each in replays(world)} <= {DeliveryStatus.DELIVERED}
        assert len(world.egress.sent) == len(replays(world))


SINCE = FakeClock().now() - timedelta(hours=1)


def recovering(process: World, errand: Errand) -> str:
    return Recover(process.queue)(webhooks(process).get("acme", "wh_c1"), SINCE, errand.ticket).id


def worked(process: World, recovery: Recovery) -> int:
    return WorkRecovery(again(process), process.endpoints, process.clock)(recovery)


def worked_through(world: World) -> None:
    """Let senders work every page that is queued."""
    while world.queue.recoveries:
        world.clock.pass_(timedelta(seconds=1))
        worked(world, world.queue.recoveries.pop(0))


def all_recovered(world: World, number: int) -> bool:
    names = [f"30000000-0000-4000-8000-{each:012d}" for each in range(number)]
    return sorted(each.replay_of or "" for each in replays(world)) == names


def test_who_asks_for_a_recovery_may_die_at_any_call_and_asking_again_makes_it_whole_and_nothing_twice() -> None:
    for world, _ in died_once_and_again(with_failed(3), recovering, least=4):
        assert world.queue.recoveries
        assert len(set(world.queue.recoveries)) == 1
        worked_through(world)
        assert all_recovered(world, 3)


def test_who_works_a_recovery_may_die_at_any_call_and_its_message_comes_again() -> None:
    """Break: WorkRecovery, leave the rest out."""

    def make() -> World:
        return with_failed(53)()

    recovery = Recovery(id="t-1", workspace_id="acme", endpoint_id="wh_c1", since=SINCE, until=FakeClock().now())
    for point, world in deaths(make, lambda process: worked(process, recovery), least=150):
        world.clock.pass_(timedelta(seconds=1))
        worked(world, recovery)
        worked_through(world)
        assert all_recovered(world, 53), point
        assert {name for name, _, _ in world.queue.sent} == {each.id for each in replays(world)}


def test_a_recovery_whose_messages_are_lost_leaves_its_deliveries_to_the_sweeper() -> None:
    world = with_failed(3)()
    once(world, recovering)
    worked_through(world)
    world.queue.sent.clear()
    world.drain()
    assert {each.status for each in replays(world)} == {DeliveryStatus.DELIVERED}


# ── A secret anew ──


def rotating(process: World, errand: Errand) -> str:
    return webhooks(process).rotate("acme", "wh_c1", timedelta(hours=24), errand.ticket).secret


def test_who_rotates_a_secret_may_die_at_any_call_and_asking_again_shows_the_secret_that_signs() -> None:
    """Break: WebhookEndpoints.rotate, do not look for the ticket's own rotation."""
    for world, answer in died_once_and_again(subscribed, rotating, least=4):
        endpoint = world.endpoints.get("acme", "wh_c1")
        assert endpoint is not None
        assert (endpoint.secret, endpoint.previous, endpoint.revision) == (answer, "whsec_test", 2)


def test_a_rotation_that_died_leaves_receivers_a_secret_that_verifies() -> None:
    for _, world in deaths(subscribed, lambda process: once(process, rotating), least=4):
        endpoint = world.endpoints.get("acme", "wh_c1")
        assert endpoint is not None
        assert endpoint.addressed(DELIVERY, world.clock.now()).secret == "whsec_test"
