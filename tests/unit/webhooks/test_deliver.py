from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from fakes.clock import FakeClock
from fakes.egress import FakeEgress
from standardwebhooks import Webhook
from unit.webhooks.deliveries import a_delivery
from unit.webhooks.sending import ORIGIN, World

from batchwork.domain.errors import EgressRefused
from batchwork.domain.webhook import HOLD, DeliveryStatus
from batchwork.ports import Answer
from batchwork.use_cases.room import Room

SECOND = timedelta(seconds=1)


class CrashError(Exception):
    """The process died here."""


@pytest.fixture
def world() -> World:
    return World()


def test_a_taken_delivery_is_delivered_with_its_attempt_recorded(world: World) -> None:
    world.answers(Answer(204), takes=timedelta(milliseconds=340))
    assert world.deliver() is DeliveryStatus.DELIVERED
    (attempt,) = world.stored().attempts
    assert (attempt.number, attempt.status, attempt.error) == (1, 204, None)
    assert attempt.latency == timedelta(milliseconds=340)
    assert world.queue.sent == []
    world.clock.pass_(timedelta(days=30))
    assert world.sweep() == []


def test_a_refusing_receiver_gets_eleven_attempts_on_schedule_and_every_one_is_recorded(world: World) -> None:
    world.answers(Answer(500))
    made_at = []
    for number in range(1, 12):
        made_at.append(world.clock.now())
        status = world.deliver(number)
        if number == 11:
            break
        assert status is DeliveryStatus.PENDING
        if world.queue.sent:  # the queue brings the next attempt after its delay
            ((_, queued, delay),) = world.queue.sent
            assert queued == number + 1
            world.queue.sent.clear()
            world.clock.pass_(delay)
        else:  # the sweeper does
            world.clock.at = world.stored().due_at
            assert world.sweep() == [world.delivery.id]
    assert status is DeliveryStatus.FAILED
    waits = [(after - before).total_seconds() for before, after in pairwise(made_at)]
    assert waits == [5, 30, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400]
    stored = world.stored()
    assert [(a.number, a.status, a.error) for a in stored.attempts] == [
        (number, 500, "HTTP status 500") for number in range(1, 12)
    ]
    assert [a.started_at for a in stored.attempts] == made_at
    assert stored.status is DeliveryStatus.FAILED
    assert world.deliver(12) is None
    assert len(world.egress.sent) == 11


def test_every_attempt_has_the_same_id_and_body_and_its_own_time_and_signature(world: World) -> None:
    world.clock.at = datetime.now(world.clock.at.tzinfo)
    world.answers(Answer(500))
    for number in (1, 2, 3):
        world.deliver(number)
        world.clock.pass_(timedelta(seconds=30))
    sent = world.egress.sent
    assert {(s.url, s.body, s.headers["webhook-id"]) for s in sent} == {
        (world.delivery.url, world.delivery.body, world.delivery.event_id)
    }
    for name in ("webhook-timestamp", "webhook-signature", "X-Codeer-Timestamp", "X-Codeer-Signature"):
        assert len({s.headers[name] for s in sent}) == 3
    for s in sent:
        assert Webhook(b"your-webhook-secret").verify(s.body, s.headers)


def test_410_ends_a_delivery(world: World) -> None:
    world.answers(Answer(410))
    assert world.deliver() is DeliveryStatus.FAILED
    assert world.queue.sent == []
    assert world.deliver(2) is None


def test_a_redirect_is_a_failure(world: World) -> None:
    world.answers(Answer(302))
    assert world.deliver() is DeliveryStatus.PENDING
    assert world.stored().attempts[0].error == "HTTP status 302"


def test_retry_after_delays_the_next_attempt(world: World) -> None:
    world.answers(Answer(503, timedelta(minutes=10)))
    world.deliver()
    assert world.queue.sent == [(world.delivery.id, 2, timedelta(minutes=10))]


def test_a_retry_after_beyond_the_queues_reach_is_left_to_the_sweeper(world: World) -> None:
    world.answers(Answer(503, timedelta(hours=3)))
    world.deliver()
    assert world.queue.sent == []
    world.clock.pass_(timedelta(hours=3) - timedelta(seconds=1))
    assert world.sweep() == []
    world.clock.pass_(timedelta(seconds=1))
    assert world.sweep() == [world.delivery.id]


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (TimeoutError("timeout after 10 s"), "timeout after 10 s"),
        (ConnectionRefusedError("connection refused"), "connection refused"),
        (
            EgressRefused(address="10.0.0.1", reason="10.0.0.1 is a private address"),
            "refused: 10.0.0.1 is a private address",
        ),
        (OSError(), "OSError"),
        (OSError("x" * 5000), "x" * 200),
    ],
)
def test_no_answer_is_recorded_with_its_reason_and_tried_again(world: World, error: Exception, told: str) -> None:
    world.answers(error)
    assert world.deliver() is DeliveryStatus.PENDING
    (attempt,) = world.stored().attempts
    assert (attempt.status, attempt.error) == (None, told)
    assert world.queue.sent == [(world.delivery.id, 2, timedelta(seconds=5))]


def test_a_name_that_resolves_to_a_private_address_is_refused_at_every_attempt(world: World) -> None:
    world.egress.names["hooks.example.com"] = ["10.0.0.1"]
    world.deliver(1)
    world.deliver(2)
    assert [a.error for a in world.stored().attempts] == ["refused: 10.0.0.1 is a private address"] * 2
    assert world.egress.sent == []
    world.egress.names["hooks.example.com"] = ["93.184.216.34"]
    assert world.deliver(3) is DeliveryStatus.DELIVERED


@pytest.mark.parametrize(("style", "seconds"), [("codeer", 10), ("voxburst", 10), ("extend", 30)])
def test_an_attempt_is_given_ten_seconds_and_to_endpoints_of_workflow_runs_thirty(style: str, seconds: int) -> None:
    """Spec workflow runs 4.9: timeout 30 s."""
    world = World(delivery=a_delivery(style=style))
    given: list[timedelta] = []

    class Measuring(FakeEgress):
        def post(
            self, url: str, body: bytes, headers: dict[str, str], timeout: timedelta, limit: int = 65_536
        ) -> Answer:
            given.append(timeout)
            return Answer(200)

    world.deliver(egress=Measuring())
    assert given == [timedelta(seconds=seconds)]
    assert timedelta(seconds=seconds) + 10 * SECOND <= HOLD  # time to record it


def test_a_slot_outlasts_the_longest_attempt(world: World) -> None:
    with Room(world.slots, world.clock, "this sender").with_receiver(world.delivery):
        world.clock.pass_(timedelta(seconds=40))
        with Room(world.slots, world.clock, "another").with_receiver(world.delivery) as other:
            assert not other


def test_a_repeated_message_does_nothing(world: World) -> None:
    world.answers(Answer(500))
    assert world.deliver(1) is DeliveryStatus.PENDING
    assert world.deliver(1) is None
    assert len(world.egress.sent) == len(world.queue.sent) == 1


def test_a_message_for_an_attempt_that_is_not_next_does_nothing(world: World) -> None:
    assert world.deliver(3) is None
    assert world.egress.sent == []


def test_a_message_of_an_unknown_delivery_or_another_workspace_does_nothing(world: World) -> None:
    use_case = world.sender()
    assert use_case("acme", "unknown", 1) is None
    assert use_case("other", world.delivery.id, 1) is None
    assert world.egress.sent == []


def test_of_many_senders_given_one_message_one_sends(world: World) -> None:
    # Fails when FakeDeliveries.begin (or the conditions of DynamoDeliveries.begin) stops looking at the hold.
    started = threading.Barrier(8)
    held = threading.Event()
    world.egress.receivers[ORIGIN] = lambda _: Answer(200) if held.wait(5) else Answer(500)
    outcomes: list[DeliveryStatus | None] = []

    def send() -> None:
        started.wait()
        outcome = world.deliver()
        outcomes.append(outcome)
        if len(outcomes) == 7:
            held.set()

    threads = [threading.Thread(target=send) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(map(str, outcomes)) == ["None"] * 7 + ["delivered"]
    assert len(world.egress.sent) == len(world.stored().attempts) == 1


def test_a_sender_that_outlived_its_hold_records_nothing_and_queues_nothing(world: World) -> None:
    world.answers(Answer(500))
    slow = FakeEgress({ORIGIN: lambda _: (world.clock.pass_(HOLD + SECOND), world.deliver(), Answer(200))[2]})
    slow.names = world.egress.names
    assert world.deliver(egress=slow) is None
    assert [a.status for a in world.stored().attempts] == [500]
    assert world.queue.sent == [(world.delivery.id, 2, timedelta(seconds=5))]


def dies_before(port: Any, verb: str) -> Any:
    """The port, on which a verb never happens."""

    class Dying:
        def __getattr__(self, name: str) -> Any:
            return self._die if name == verb else getattr(port, name)

        def _die(self, *_: object, **__: object) -> None:
            raise CrashError(f"before {verb}")

    return Dying()


def dies_after(port: Any, verb: str) -> Any:
    """The port, on which a verb happens and is never heard of."""

    class Dying:
        def __getattr__(self, name: str) -> Callable[..., None]:
            def die(*args: object, **kwargs: object) -> None:
                getattr(port, name)(*args, **kwargs)
                raise CrashError(f"after {name}")

            return die if name == verb else getattr(port, name)

    return Dying()


@pytest.mark.parametrize("dies", [dies_before, dies_after])
@pytest.mark.parametrize(
    ("port", "verb"),
    [("deliveries", "get"), ("deliveries", "begin"), ("egress", "post"), ("deliveries", "record"), ("queue", "send")],
)
def test_dying_around_any_step_never_loses_the_delivery(world: World, dies: Any, port: str, verb: str) -> None:
    world.answers(Answer(500), Answer(500), Answer(200))
    with pytest.raises(CrashError):
        world.deliver(**{port: dies(getattr(world, port), verb)})
    world.clock.pass_(HOLD + 10 * SECOND)  # the hold is over and SQS shows the message again
    world.deliver(1)
    for _ in range(12):  # and what SQS does not know of, the sweeper does
        if world.stored().status is DeliveryStatus.DELIVERED:
            break
        world.clock.pass_(timedelta(minutes=1))
        for _ in world.sweep():
            world.deliver(len(world.stored().attempts) + 1)
    stored = world.stored()
    assert stored.status is DeliveryStatus.DELIVERED
    assert [a.number for a in stored.attempts] == list(range(1, len(stored.attempts) + 1))
    assert len(world.egress.sent) - len(stored.attempts) <= 1  # one attempt may be seen twice, with the same id
    assert len({sent.headers["webhook-id"] for sent in world.egress.sent}) == 1


def test_a_message_that_comes_again_while_the_attempt_is_held_does_nothing(world: World) -> None:
    with pytest.raises(CrashError):
        world.deliver(egress=dies_before(world.egress, "post"))
    world.clock.pass_(HOLD - SECOND)
    assert world.deliver() is None
    world.clock.pass_(SECOND)
    assert world.deliver() is DeliveryStatus.DELIVERED


def without_room(world: World, until: timedelta) -> list[float]:
    """Let the message come back as the queue brings it, while another sender is busy with the receiver; return its waits."""
    busy, free_at, waits = world.delivery.receiver, world.clock.now() + until, list[float]()
    assert world.slots.take("acme", busy, "another sender", free_at, world.clock.now())
    while deliver_after(world, len(waits)) is None and world.queue.sent:
        ((_, number, delay),) = world.queue.sent
        assert (number, world.queue.waits[-1]) == (1, len(waits) + 1)
        waits.append(delay.total_seconds())
        world.queue.sent.clear()
        for _ in range(int(delay.total_seconds())):
            world.clock.pass_(SECOND)
            assert world.sweep() == []  # it is in the queue: a second message would double at each sweep
    return waits


def test_a_message_without_room_waits_in_the_queue_for_ten_minutes_and_then_for_the_sweeper() -> None:
    """Break: Deliver._wait_for_room, do not postpone."""
    world = World(clock=FakeClock(chance=0.5))
    assert without_room(world, timedelta(minutes=11)) == [1, 2, 4, 8, 16, *[20] * 30]
    assert world.egress.sent == []
    assert world.stored().due_at - world.clock.now() == timedelta(seconds=90)
    world.slots.free("acme", world.delivery.receiver, "another sender")
    world.clock.at = world.stored().due_at
    assert world.sweep() == [world.delivery.id]
    assert world.deliver() is DeliveryStatus.DELIVERED


def test_a_message_without_room_is_delivered_within_seconds_of_room() -> None:
    world = World(clock=FakeClock(chance=0.999))
    since = world.clock.now()
    without_room(world, timedelta(minutes=3))
    assert world.stored().status is DeliveryStatus.DELIVERED
    assert world.clock.now() - since <= timedelta(minutes=3, seconds=26)


def test_later_waits_for_room_are_spread() -> None:
    waits = []
    for chance in (0.0, 0.999):
        world = World(clock=FakeClock(chance=chance))
        waits.append(without_room(world, timedelta(minutes=2))[5])
    assert waits[0] == 15
    assert 24 < waits[1] <= 25


def test_a_message_that_is_lost_while_it_waits_for_room_is_the_sweepers(world: World) -> None:
    assert world.slots.take("acme", world.delivery.receiver, "x", world.clock.now() + timedelta(1), world.clock.now())
    deliver_after(world, 5)
    assert world.stored().next_attempt_at == world.clock.now() + timedelta(seconds=15)
    world.clock.pass_(timedelta(minutes=14))
    assert world.sweep() == [world.delivery.id]


def deliver_after(world: World, waits: int) -> DeliveryStatus | None:
    return world.sender()(world.delivery.workspace_id, world.delivery.id, 1, waits)


def test_a_slot_is_given_back_after_the_attempt_even_when_it_fails_unexpectedly(world: World) -> None:
    world.answers(CrashError())
    with pytest.raises(CrashError):
        world.deliver()
    assert world.slots.take(
        "acme", world.delivery.receiver, "another", world.clock.now() + timedelta(1), world.clock.now()
    )


def test_one_sender_takes_one_slot_for_all_its_deliveries_to_a_receiver(world: World) -> None:
    room = Room(world.slots, world.clock, "this sender")
    with room.with_receiver(world.delivery) as first, room.with_receiver(world.delivery) as second:
        assert (first, second) == (True, True)
        assert not Room(world.slots, world.clock, "another").slots.take(
            "acme", world.delivery.receiver, "another", world.clock.now() + timedelta(1), world.clock.now()
        )
    with Room(world.slots, world.clock, "another").with_receiver(world.delivery) as other:
        assert other


# ── When the next attempt is made, as logs show it ──


@pytest.mark.parametrize(("number", "wait"), [(1, timedelta(seconds=5)), (4, timedelta(minutes=30))])
def test_the_next_attempt_is_shown_at_its_own_time_and_not_at_the_sweepers(
    world: World, number: int, wait: timedelta
) -> None:
    """Break: NextStep.next_at, return the due time."""
    assert world.stored().next_attempt_at == world.delivery.created_at
    world.answers(Answer(500))
    for each in range(1, number + 1):
        world.clock.pass_(timedelta(hours=1))
        world.deliver(each)
    assert world.stored().next_attempt_at == world.clock.now() + wait


def test_what_has_ended_has_no_next_attempt(world: World) -> None:
    world.deliver()
    assert world.stored().next_attempt_at is None
