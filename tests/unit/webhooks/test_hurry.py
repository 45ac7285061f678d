"""Pending deliveries whose next attempt is made now: one on request, or all of an endpoint that have failed so far."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from fakes.clock import FakeClock
from unit.webhooks.deliveries import a_told_delivery, an_attempt
from unit.webhooks.sending import World as Sending
from unit.webhooks.test_replay import DELIVERED, ENDPOINT, FAILED, MINUTE, PENDING, World

from batchwork.domain.errors import NotPermitted
from batchwork.domain.idempotency import Ticket
from batchwork.domain.webhook import HOLD, Delivery
from batchwork.ports import Answer
from batchwork.use_cases.replay import Again, Replay

HOUR = timedelta(hours=1)


@pytest.fixture
def world() -> World:
    return World()


def waiting(world: World, **changes: object) -> Delivery:
    """Keep a delivery whose first attempt failed, and whose next one is due in eight hours."""
    made = replace(a_told_delivery(endpoint=ENDPOINT), **{"created_at": world.clock.now(), **changes})  # type: ignore[arg-type] # by name
    world.deliveries.put(made)
    return world.deliveries.record(made, an_attempt(), PENDING, world.clock.now() + 8 * HOUR)


def stored(world: World, delivery: Delivery) -> Delivery:
    found = world.deliveries.get("acme", delivery.id)
    assert found is not None
    return found


def test_a_pending_delivery_has_its_next_attempt_now_and_is_the_answer(world: World) -> None:
    delivery = waiting(world)
    world.clock.pass_(HOUR)
    now = world.clock.now()
    answer = Replay(world.again)(delivery, ENDPOINT, world.ticket())
    assert (answer.id, answer.attempts, answer.replay_of) == (delivery.id, delivery.attempts, None)
    assert (answer.due_at, answer.next_attempt_at) == (now + MINUTE, now)
    assert stored(world, delivery) == answer
    assert world.queue.sent == [(delivery.id, 2, timedelta())]
    assert len(world.all()) == 1


def test_a_lost_message_of_it_is_the_sweepers(world: World) -> None:
    delivery = waiting(world)
    Replay(world.again)(delivery, ENDPOINT, world.ticket())
    world.clock.pass_(MINUTE)
    assert world.deliveries.due(world.clock.now(), 10) == [("acme", delivery.id)]


def test_what_is_hurried_twice_is_attempted_once_and_the_message_that_was_to_come_later_does_nothing() -> None:
    world = Sending(clock=FakeClock(chance=0.0), delivery=a_told_delivery(endpoint=ENDPOINT))
    world.endpoints.add(ENDPOINT)
    world.answers(Answer(500), Answer(200))
    world.deliver(1)
    replay = Replay(Again(world.deliveries, world.bodies, world.queue))
    for name in ("t-1", "t-2"):
        replay(world.stored(), ENDPOINT, Ticket(name, world.clock.now()))
    assert [number for _, number, _ in world.queue.sent] == [2, 2, 2]
    assert [world.deliver(2) for _ in range(3)] == [DELIVERED, None, None]
    assert len(world.egress.sent) == 2


def test_one_of_which_an_attempt_is_being_made_is_refused(world: World) -> None:
    """Break: hurry, do not look at the hold."""
    delivery = waiting(world)
    now = world.clock.now()
    assert world.deliveries.begin(delivery, 2, now + HOLD, now)
    with pytest.raises(NotPermitted, match="being made right now"):
        Replay(world.again)(delivery, ENDPOINT, world.ticket())
    assert world.queue.sent == []
    assert stored(world, delivery) == delivery
    world.clock.pass_(HOLD)  # its sender died
    Replay(world.again)(delivery, ENDPOINT, world.ticket())
    assert len(world.queue.sent) == 1


def test_one_that_waits_for_its_turn_keeps_it(world: World) -> None:
    delivery = waiting(world)
    turn = world.clock.now() + 5 * MINUTE
    world.deliveries.postpone(delivery, turn + MINUTE, turn)
    for read in (delivery, stored(world, delivery)):  # the turn was given after it was read, or before
        assert Replay(world.again)(read, ENDPOINT, world.ticket()).turn_at == turn
    assert world.queue.sent == []
    assert stored(world, delivery).due_at == turn + MINUTE


@pytest.mark.parametrize("status", [PENDING, DELIVERED, FAILED])
def test_each_try_of_one_replay_hurries_one_attempt_and_makes_no_second_delivery(world: World, status: object) -> None:
    """Break: Replay.__call__, do not look at when the last attempt was begun."""
    delivery = waiting(world)
    world.clock.pass_(MINUTE)
    ticket = world.ticket(again=True)
    Replay(world.again)(delivery, ENDPOINT, world.ticket())
    world.clock.pass_(MINUTE)
    attempt = an_attempt(number=2, started_at=world.clock.now())
    due_at = world.clock.now() + HOUR if status is PENDING else None
    attempted = world.deliveries.record(delivery, attempt, status, due_at)  # type: ignore[arg-type] # one of these
    assert Replay(world.again)(attempted, ENDPOINT, ticket) == attempted
    assert len(world.queue.sent) == len(world.all()) == 1


def test_a_second_try_that_finds_the_attempt_being_made_is_answered(world: World) -> None:
    delivery = waiting(world)
    hurried = Replay(world.again)(delivery, ENDPOINT, world.ticket())
    now = world.clock.now()
    assert world.deliveries.begin(delivery, 2, now + HOLD, now)
    assert Replay(world.again)(hurried, ENDPOINT, world.ticket(again=True)) == hurried


# ── All of an endpoint ──


def test_a_recovery_hurries_what_is_pending_and_has_failed_so_far(world: World) -> None:
    since = world.clock.now()
    old = waiting(world, created_at=since - HOUR)
    late = [waiting(world) for _ in range(120)]
    waiting(world, endpoint_id="wh_c2")
    world.deliveries.put(
        replace(a_told_delivery(endpoint=ENDPOINT), created_at=since)
    )  # its first attempt comes anyway
    world.clock.pass_(HOUR)
    assert world.recover(since) == [0]
    assert world.hurried == 120
    assert sorted(name for name, _, _ in world.queue.sent) == sorted(each.id for each in late)
    assert {number for _, number, _ in world.queue.sent} == {2}
    assert stored(world, old) == old
    assert not [each for each in world.all() if each.replay_of]


def test_a_recovery_hurries_nothing_that_had_an_attempt_since_it_was_asked_for(world: World) -> None:
    since = world.clock.now()
    delivery = waiting(world)
    world.clock.pass_(MINUTE)
    tried = world.deliveries.record(
        delivery, an_attempt(number=2, started_at=world.clock.now() + MINUTE), PENDING, world.clock.now() + HOUR
    )
    world.recover(since)
    assert world.hurried == 0
    assert stored(world, tried) == tried
