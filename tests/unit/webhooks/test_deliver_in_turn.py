"""Deliveries to endpoints that take so many a minute."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from fakes.clock import FakeClock
from unit.webhooks.deliveries import a_told_delivery, an_endpoint
from unit.webhooks.sending import World

from batchwork.domain.webhook import Delivery, DeliveryStatus
from batchwork.ports import Answer

ENDPOINT = an_endpoint(rate=2)
MINUTE = timedelta(minutes=1)
DELIVERED = DeliveryStatus.DELIVERED


@pytest.fixture
def world() -> World:
    made = World(delivery=a_told_delivery(endpoint=ENDPOINT))
    made.endpoints.add(ENDPOINT)
    return made


def another(world: World, number: int = 1) -> tuple[Delivery, DeliveryStatus | None]:
    """Let one more delivery come, and return it as it is then, and what came of it."""
    world.delivery = a_told_delivery(endpoint=ENDPOINT)
    world.deliveries.put(world.delivery)
    status = world.deliver(number)
    return world.stored(), status


def test_what_is_beyond_the_rate_comes_again_in_its_turn_and_counts_as_no_attempt(world: World) -> None:
    assert [another(world)[1] for _ in range(2)] == [DELIVERED, DELIVERED]
    waiting, status = another(world)
    assert status is None
    assert (waiting.status, waiting.attempts) == (DeliveryStatus.PENDING, ())
    assert world.queue.sent == [(waiting.id, 1, MINUTE)]
    assert waiting.turn_at == world.clock.now() + MINUTE
    assert waiting.due_at == world.clock.now() + 2 * MINUTE  # the sweeper, should the message be lost
    assert waiting.next_attempt_at == waiting.turn_at
    world.clock.pass_(MINUTE)
    assert world.deliver() is DELIVERED
    assert len(world.egress.sent) == 3


def test_a_turn_that_was_given_is_not_asked_for_again(world: World) -> None:
    """Break: Deliver._has_turn, ask for a turn whatever the delivery has."""
    for _ in range(3):
        another(world)
    asked = world.pace.asked
    assert world.deliver() is None  # a second message of it, or the sweeper's
    world.clock.pass_(MINUTE)
    assert world.deliver() is DELIVERED
    assert world.pace.asked == asked
    assert len(world.queue.sent) == 1


def test_the_next_attempt_needs_a_turn_of_its_own(world: World) -> None:
    for _ in range(3):
        another(world)
    world.answers(Answer(500), Answer(200))
    world.clock.pass_(MINUTE)
    assert world.deliver() is DeliveryStatus.PENDING
    assert world.stored().turn_at is None
    asked = world.pace.asked
    assert world.deliver(2) is DELIVERED
    assert world.pace.asked == asked + 1


def test_who_finds_no_turn_within_15_minutes_is_the_sweepers_and_takes_none(world: World) -> None:
    for _ in range(2 * 16):
        another(world)
    sent = len(world.queue.sent)
    waiting, status = another(world)
    assert status is None
    assert len(world.queue.sent) == sent
    assert waiting.turn_at is None
    assert waiting.due_at > world.clock.now() + timedelta(minutes=15)


def test_who_waits_for_the_sweeper_is_spread_over_time() -> None:
    due = []
    for chance in (0.0, 0.5):
        world = World(clock=FakeClock(chance=chance), delivery=a_told_delivery(endpoint=ENDPOINT))
        world.endpoints.add(ENDPOINT)
        for _ in range(2 * 16):
            another(world)
        due.append(another(world)[0].due_at)
    assert due[1] - due[0] == timedelta(minutes=7, seconds=30)


def test_an_endpoint_without_a_rate_asks_for_no_turn_and_one_that_loses_it_keeps_nobody_waiting(world: World) -> None:
    for _ in range(3):
        another(world)
    asked = world.pace.asked
    assert world.endpoints.replace(replace(ENDPOINT, rate=None, revision=2))
    assert world.deliver() is DELIVERED
    assert world.pace.asked == asked


def test_a_delivery_without_an_endpoint_asks_for_no_turn() -> None:
    world = World()
    assert world.deliver() is DELIVERED
    assert world.pace.asked == 0


def test_who_finds_no_room_with_the_receiver_takes_no_turn(world: World) -> None:
    """Break: Deliver.__call__, ask for the turn before the room."""
    until = world.clock.now() + MINUTE
    assert world.slots.take("acme", "hooks.example.com:443", "another sender", until, world.clock.now())
    assert another(world)[1] is None
    assert world.pace.asked == 0


def test_who_has_to_wait_keeps_no_room(world: World) -> None:
    for _ in range(3):
        another(world)
    assert world.slots.holds["acme", "hooks.example.com:443"] == {}
