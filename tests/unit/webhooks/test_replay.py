"""Deliveries that are made again: one on request, or all to an endpoint that failed since a time."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import pytest
from fakes.bodies import FakeBodies
from fakes.clock import FakeClock
from fakes.deliveries import FakeDeliveries
from fakes.queues import FakeDeliveryQueue
from fakes.shelf import FakeShelf
from unit.webhooks.deliveries import a_delivery, a_told_delivery, an_attempt, an_endpoint

from batchwork.domain.errors import NotFound, NotPermitted
from batchwork.domain.idempotency import Ticket
from batchwork.domain.webhook import MAX_INLINE, Delivery, DeliveryStatus, PayloadRef
from batchwork.domain.webhook_endpoint import WebhookEndpoint
from batchwork.ports.webhooks import Wanted
from batchwork.use_cases.delivery_log import DeliveryLog
from batchwork.use_cases.replay import Again, Recover, Replay, WorkRecovery

ENDPOINT = an_endpoint(id="wh_c1")
PENDING, DELIVERED, FAILED = DeliveryStatus.PENDING, DeliveryStatus.DELIVERED, DeliveryStatus.FAILED
MINUTE = timedelta(minutes=1)


@dataclass
class World:
    clock: FakeClock = field(default_factory=FakeClock)
    bodies: FakeBodies = field(default_factory=FakeBodies)
    queue: FakeDeliveryQueue = field(default_factory=FakeDeliveryQueue)
    endpoints: FakeShelf[WebhookEndpoint] = field(default_factory=FakeShelf)
    hurried: int = 0

    def __post_init__(self) -> None:
        self.deliveries = FakeDeliveries(self.bodies)
        self.endpoints.add(ENDPOINT)

    @property
    def again(self) -> Again:
        return Again(self.deliveries, self.bodies, self.queue)

    @property
    def log(self) -> DeliveryLog:
        return DeliveryLog(self.deliveries, self.bodies)

    def ended(self, delivery: Delivery, status: DeliveryStatus = FAILED, at: datetime | None = None) -> Delivery:
        """Keep a delivery whose one attempt ended it."""
        self.deliveries.put(replace(delivery, created_at=at or self.clock.now()))
        return self.deliveries.record(delivery, an_attempt(), status, None)

    def ticket(self, name: str = "t-1", *, again: bool = False) -> Ticket:
        return Ticket(name, self.clock.now(), again=again)

    def all(self, **wanted: object) -> list[Delivery]:
        return list(self.deliveries.of_endpoint("acme", "wh_c1", Wanted(limit=1000, **wanted)).entries)  # type: ignore[arg-type] # by name

    def recover(self, since: datetime, name: str = "t-1") -> list[int]:
        """Recover as sender and queue do, and return how many deliveries each page made."""
        Recover(self.queue)(ENDPOINT, since, self.ticket(name))
        return self.work()

    def work(self) -> list[int]:
        made: dict[DeliveryStatus, list[int]] = {FAILED: [], PENDING: []}
        while self.queue.recoveries:
            recovery = self.queue.recoveries.pop(0)
            self.clock.pass_(timedelta(milliseconds=1))
            made[recovery.status].append(WorkRecovery(self.again, self.endpoints, self.clock)(recovery))
        self.hurried = sum(made[PENDING])
        return made[FAILED]


@pytest.fixture
def world() -> World:
    return World()


# ── One delivery ──


@pytest.mark.parametrize("status", [DELIVERED, FAILED])
def test_a_replay_is_a_delivery_of_its_own_with_the_same_event_and_body_that_goes_out_at_once(
    world: World, status: DeliveryStatus
) -> None:
    first = world.ended(a_told_delivery(endpoint=ENDPOINT, version="2026-02-09"), status)
    world.clock.pass_(MINUTE)
    made = Replay(world.again)(first, ENDPOINT, world.ticket())
    assert made == world.log.get("acme", made.id, endpoint_id="wh_c1")
    assert made == replace(
        first,
        id=made.id,
        status=PENDING,
        attempts=(),
        replay_of=first.id,
        created_at=world.clock.now(),
        due_at=world.clock.now() + MINUTE,
    )
    assert made.id != first.id
    assert world.queue.sent == [(made.id, 1, timedelta())]
    assert world.deliveries.get("acme", first.id) == first


def test_each_try_of_one_replay_makes_the_same_delivery_and_another_one_makes_another(world: World) -> None:
    first = world.ended(a_told_delivery(endpoint=ENDPOINT))
    made = [Replay(world.again)(first, ENDPOINT, world.ticket()) for _ in range(2)]
    assert made[0] == made[1]
    assert Replay(world.again)(first, ENDPOINT, world.ticket("t-2")).id != made[0].id
    assert len(world.all()) == 3


def test_a_replay_that_has_ended_is_shown_and_not_sent_again_when_it_is_asked_for_again(world: World) -> None:
    first = world.ended(a_told_delivery(endpoint=ENDPOINT))
    made = Replay(world.again)(first, ENDPOINT, world.ticket())
    ended = world.deliveries.record(made, an_attempt(), DELIVERED, None)
    assert Replay(world.again)(first, ENDPOINT, world.ticket()) == ended
    assert len(world.queue.sent) == 1


def test_a_replay_of_a_replay_names_the_first_delivery_of_the_event(world: World) -> None:
    first = world.ended(a_told_delivery(endpoint=ENDPOINT))
    second = Replay(world.again)(first, ENDPOINT, world.ticket())
    ended = world.deliveries.record(second, an_attempt(), FAILED, None)
    assert Replay(world.again)(ended, ENDPOINT, world.ticket("t-2")).replay_of == first.id


def test_a_delivery_without_an_endpoint_goes_to_its_own_url_under_its_own_secret(world: World) -> None:
    first = world.ended(a_delivery(secret="s", url="https://x.example/"))
    made = Replay(world.again)(first, None, world.ticket())
    assert (made.url, made.secret, made.subject) == ("https://x.example/", "s", first.subject)


@pytest.mark.parametrize(
    "delivery",
    [
        a_told_delivery(endpoint=ENDPOINT, body=b"x" * (MAX_INLINE + 1)),
        a_told_delivery(endpoint=ENDPOINT, body=b"{}", payload=PayloadRef("workflow_run_1")),
    ],
)
def test_what_was_kept_apart_is_kept_as_long_as_the_replay(world: World, delivery: Delivery) -> None:
    first = world.ended(delivery)
    made = Replay(world.again)(first, ENDPOINT, world.ticket())
    kept = world.deliveries.get("acme", made.id)
    assert kept is not None
    assert kept.blob is not None
    assert kept.blob != first.blob
    assert world.bodies.read(kept.blob) == delivery.body
    assert kept.payload == delivery.payload


def test_what_is_no_longer_kept_is_not_replayed(world: World) -> None:
    first = world.ended(a_told_delivery(endpoint=ENDPOINT, body=b"x" * (MAX_INLINE + 1)))
    world.bodies.kept.clear()
    with pytest.raises(NotPermitted, match="no longer kept"):
        Replay(world.again)(first, ENDPOINT, world.ticket())
    assert world.queue.sent == []


def test_what_goes_to_a_disabled_endpoint_may_not_be_replayed(world: World) -> None:
    with pytest.raises(NotPermitted, match="enable it first"):
        Replay(world.again).check(replace(ENDPOINT, enabled=False))
    Replay(world.again).check(ENDPOINT)


# ── All that failed ──


def test_each_event_that_failed_since_a_time_is_delivered_again_once(world: World) -> None:
    since = world.clock.now()
    before = world.ended(a_told_delivery(endpoint=ENDPOINT), at=since - MINUTE)
    failed = [world.ended(a_told_delivery(endpoint=ENDPOINT), at=since + n * MINUTE) for n in range(120)]
    world.ended(a_told_delivery(endpoint=ENDPOINT), DELIVERED, since + MINUTE)
    world.ended(a_told_delivery(endpoint=an_endpoint(id="wh_c2")), at=since + MINUTE)
    world.deliveries.put(replace(a_told_delivery(endpoint=ENDPOINT), created_at=since))
    world.clock.pass_(timedelta(hours=3))
    assert world.recover(since) == [50, 50, 20]
    made = [each for each in world.all() if each.replay_of]
    assert sorted(each.replay_of or "" for each in made) == sorted(each.id for each in failed)
    assert before.id not in {each.replay_of for each in made}
    assert {each.status for each in made} == {PENDING}
    assert sorted(name for name, _, _ in world.queue.sent) == sorted(each.id for each in made)


def test_pages_that_come_twice_make_nothing_twice(world: World) -> None:
    since = world.clock.now()
    for n in range(60):
        world.ended(a_told_delivery(endpoint=ENDPOINT), at=since + n * MINUTE)
    world.clock.pass_(timedelta(hours=3))
    recovery = Recover(world.queue)(ENDPOINT, since, world.ticket())
    world.queue.recoveries = [recovery, recovery]
    world.work()
    assert len(world.all()) == 120


def test_what_fails_again_is_not_taken_up_by_the_same_recovery_and_is_by_the_next_but_once_an_event(
    world: World,
) -> None:
    """Break: WorkRecovery, leave `until` out; replay_id, let it follow from the delivery's own id."""
    since = world.clock.now()
    first = world.ended(a_told_delivery(endpoint=ENDPOINT))
    world.clock.pass_(MINUTE)
    assert world.recover(since) == [1]
    (again,) = [each for each in world.all() if each.replay_of]
    world.deliveries.record(again, an_attempt(), FAILED, None)
    recovery = Recover(world.queue)(ENDPOINT, since, Ticket("t-1", again.created_at))
    assert recovery.until <= again.created_at
    assert world.work() == [1]
    assert len(world.all()) == 2
    world.clock.pass_(MINUTE)
    assert world.recover(since, "t-2") == [2]  # two deliveries failed, of one event
    made = [each for each in world.all() if each.status is PENDING]
    assert [each.replay_of for each in made] == [first.id]


def test_replays_are_made_no_sooner_than_what_is_recovered_whatever_the_senders_clock_says(world: World) -> None:
    since = world.clock.now()
    world.ended(a_told_delivery(endpoint=ENDPOINT))
    Recover(world.queue)(ENDPOINT, since, Ticket("t-1", since + timedelta(hours=1)))
    world.work()
    (made,) = [each for each in world.all() if each.replay_of]
    assert made.created_at == since + timedelta(hours=1)


@pytest.mark.parametrize("by", ["replay", "recovery"])
def test_what_was_delivered_since_is_not_recovered(world: World, by: str) -> None:
    """Break: WorkRecovery, look at no mark."""
    since = world.clock.now()
    first = world.ended(a_told_delivery(endpoint=ENDPOINT))
    other = world.ended(a_told_delivery(endpoint=ENDPOINT))
    world.clock.pass_(MINUTE)
    # One that failed again before it was delivered: neither of the two failures is told anew.
    failed = Replay(world.again)(first, ENDPOINT, world.ticket("r-1"))
    failed = world.deliveries.record(failed, an_attempt(), FAILED, None)
    if by == "replay":
        made = Replay(world.again)(failed, ENDPOINT, world.ticket("r-2"))
        world.deliveries.record(made, an_attempt(status=200, error=None), DELIVERED, None)
    else:
        world.clock.pass_(MINUTE)
        assert world.recover(since, "t-1") == [3]
        for each in world.all():
            if each.status is PENDING and each.replay_of == first.id:
                world.deliveries.record(each, an_attempt(status=200, error=None), DELIVERED, None)
    world.clock.pass_(MINUTE)
    assert world.recover(since, "t-9") == [1]
    assert {each.replay_of for each in world.all() if each.status is PENDING} == {other.id}


def test_trials_are_not_recovered(world: World) -> None:
    since = world.clock.now()
    world.ended(a_told_delivery(endpoint=ENDPOINT, trial=True))
    world.clock.pass_(MINUTE)
    assert world.recover(since) == [0]


@pytest.mark.parametrize("gone", [True, False])
def test_a_recovery_ends_with_its_endpoint(world: World, gone: bool) -> None:
    since = world.clock.now()
    world.ended(a_told_delivery(endpoint=ENDPOINT))
    world.clock.pass_(MINUTE)
    if gone:
        world.endpoints.remove("acme", "wh_c1")
    else:
        world.endpoints.replace(replace(ENDPOINT, enabled=False, revision=2))
    assert world.recover(since) == [0]
    assert world.queue.sent == []


def test_one_whose_payload_is_gone_keeps_no_other_from_being_recovered(world: World) -> None:
    since = world.clock.now()
    world.ended(a_told_delivery(endpoint=ENDPOINT, body=b"x" * (MAX_INLINE + 1)))
    world.bodies.kept.clear()
    world.ended(a_told_delivery(endpoint=ENDPOINT))
    world.clock.pass_(MINUTE)
    assert world.recover(since) == [1]


def test_a_disabled_endpoint_may_not_be_recovered(world: World) -> None:
    with pytest.raises(NotPermitted, match="enable it first"):
        Recover(world.queue).check(replace(ENDPOINT, enabled=False))


# ── The log ──


def test_a_delivery_is_found_in_its_own_log_only(world: World) -> None:
    told, bare = world.ended(a_told_delivery(endpoint=ENDPOINT)), world.ended(a_delivery(subject="batch-1"))
    log = world.log
    assert log.get("acme", told.id, endpoint_id="wh_c1") == told
    assert log.get("acme", bare.id, subject="batch-1") == bare
    for workspace_id, delivery_id, named in (
        ("acme", told.id, {"endpoint_id": "wh_c2"}),
        ("acme", told.id, {"subject": told.subject}),
        ("other", told.id, {"endpoint_id": "wh_c1"}),
        ("acme", bare.id, {"subject": "batch-2"}),
        ("acme", bare.id, {"endpoint_id": "wh_c1"}),
        ("acme", "none", {"endpoint_id": "wh_c1"}),
    ):
        with pytest.raises(NotFound, match="Delivery"):
            log.get(workspace_id, delivery_id, **named)


def test_what_is_about_a_subject_leaves_the_logs_of_endpoints_alone(world: World) -> None:
    bare = world.ended(a_delivery(subject="post_c1"))
    world.ended(a_told_delivery(endpoint=ENDPOINT))
    assert world.log.about("acme", "post_c1") == [bare]


def test_only_what_is_kept_apart_is_shown_by_a_url(world: World) -> None:
    large = world.ended(a_told_delivery(endpoint=ENDPOINT, body=b"x" * (MAX_INLINE + 1)))
    assert world.log.body_url(world.ended(a_told_delivery(endpoint=ENDPOINT))) is None
    assert "expires=900" in (world.log.body_url(large) or "")
