"""Deliveries to webhook endpoints: where they go, when they end, and what the endpoint is noted for."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from fakes.egress import Sent
from fakes.endpoint_health import FakeEndpointHealth
from fakes.shelf import FakeShelf
from unit.webhooks.deliveries import a_told_delivery, an_endpoint
from unit.webhooks.sending import World

from batchwork.domain.webhook import DeliveryStatus
from batchwork.domain.webhook_endpoint import Health, WebhookEndpoint
from batchwork.ports import Answer
from batchwork.use_cases.addressees import Addressees

ENDPOINT = an_endpoint()
DAYS = timedelta(days=1)
MOVED = "https://moved.example.com"


@pytest.fixture
def world() -> World:
    made = World(delivery=a_told_delivery(endpoint=ENDPOINT))
    made.endpoints.add(ENDPOINT)
    made.egress.names["moved.example.com"] = ["93.184.216.35"]
    return made


def health(world: World) -> Health:
    return world.health.get("acme", ENDPOINT.id)


def endpoint(world: World) -> WebhookEndpoint:
    found = world.endpoints.get("acme", ENDPOINT.id)
    assert found is not None
    return found


def change(world: World, **changes: Any) -> None:
    before = endpoint(world)
    assert world.endpoints.replace(replace(before, **changes, revision=before.revision + 1))


def send_another(world: World) -> DeliveryStatus | None:
    """Send the first attempt of one more delivery."""
    world.delivery = a_told_delivery(endpoint=ENDPOINT)
    world.deliveries.put(world.delivery)
    return world.deliver()


def test_it_goes_to_the_endpoints_url_signed_with_its_secret(world: World) -> None:
    assert world.deliver() is DeliveryStatus.DELIVERED
    (sent,) = world.egress.sent
    assert (sent.url, sent.body) == (ENDPOINT.url, world.delivery.body)
    digest = hmac.new(b"whsec_test", world.delivery.body, hashlib.sha256).hexdigest()
    assert sent.headers["X-VoxBurst-Signature"] == f"sha256={digest}"
    assert sent.headers["X-VoxBurst-Delivery-Id"] == world.delivery.id


def test_each_attempt_goes_where_the_endpoint_is_by_then_and_is_signed_with_what_it_has_by_then(world: World) -> None:
    world.answers(Answer(500))
    assert world.deliver(1) is DeliveryStatus.PENDING
    change(world, url=f"{MOVED}/new", secret="whsec_new")
    world.egress.receivers[MOVED] = lambda _: Answer(200)
    assert world.deliver(2) is DeliveryStatus.DELIVERED
    first, second = world.egress.sent
    assert (first.url, second.url) == (ENDPOINT.url, f"{MOVED}/new")
    digest = hmac.new(b"whsec_new", world.delivery.body, hashlib.sha256).hexdigest()
    assert second.headers["X-VoxBurst-Signature"] == f"sha256={digest}"
    assert first.headers["webhook-id"] == second.headers["webhook-id"]


def test_an_endpoint_that_moved_takes_the_share_of_senders_of_where_it_is_now(world: World) -> None:
    change(world, url=f"{MOVED}/new")
    until = world.clock.now() + timedelta(seconds=30)
    assert world.slots.take("acme", "moved.example.com:443", "another sender", until, world.clock.now())
    assert world.deliver() is None
    assert world.egress.sent == []
    assert world.queue.waits == [1]


@pytest.mark.parametrize(
    ("leave", "told"),
    [
        (lambda world: world.endpoints.remove("acme", ENDPOINT.id), "the webhook endpoint was deleted"),
        (lambda world: change(world, enabled=False), "the webhook endpoint is disabled"),
    ],
    ids=["deleted", "disabled"],
)
@pytest.mark.parametrize("number", [1, 3])
def test_a_deleted_or_disabled_endpoint_ends_its_deliveries_without_a_request(
    world: World, leave: Callable[[World], None], told: str, number: int
) -> None:
    world.answers(Answer(500))
    for earlier in range(1, number):
        world.deliver(earlier)
    world.egress.sent.clear()
    world.queue.sent.clear()
    before = health(world)
    leave(world)
    assert world.deliver(number) is DeliveryStatus.FAILED
    last = world.stored().attempts[-1]
    assert (last.number, last.status, last.error, last.latency) == (number, None, told, timedelta())
    assert (world.egress.sent, world.queue.sent) == ([], [])
    assert health(world) == before
    world.clock.pass_(DAYS)
    assert world.sweep() == []
    assert world.deliver(number + 1) is None


def test_an_attempt_that_is_being_made_is_not_ended_by_a_message_that_comes_again(world: World) -> None:
    def disabled_meanwhile(_: Sent) -> Answer:
        change(world, enabled=False)
        assert world.deliver() is None
        return Answer(200)

    world.egress.receivers["https://hooks.example.com"] = disabled_meanwhile
    assert world.deliver() is DeliveryStatus.DELIVERED
    assert [attempt.status for attempt in world.stored().attempts] == [200]


def test_a_refusing_endpoint_gets_six_attempts_on_the_familys_schedule(world: World) -> None:
    world.answers(Answer(500))
    made_at: list[datetime] = []
    for number in range(1, 7):
        made_at.append(world.clock.now())
        status = world.deliver(number)
        if number == 6:
            break
        assert status is DeliveryStatus.PENDING
        if world.queue.sent:  # the queue brings the next attempt after its delay
            world.clock.pass_(world.queue.sent.pop()[2])
        else:  # the sweeper does
            world.clock.at = world.stored().due_at
            assert world.sweep() == [world.delivery.id]
    assert status is DeliveryStatus.FAILED
    assert [(after - before).total_seconds() for before, after in pairwise(made_at)] == [60, 300, 1800, 7200, 43200]
    assert world.queue.sent == []
    assert health(world) == Health(last_delivery_at=made_at[-1], failures=6, failing_since=made_at[0])


def test_a_success_ends_a_row_of_failures(world: World) -> None:
    world.answers(Answer(500), TimeoutError("timeout after 10 s"), Answer(200))
    world.deliver(1)
    first = world.clock.now()
    assert health(world) == Health(last_delivery_at=first, failures=1, failing_since=first)
    second = world.clock.pass_(timedelta(minutes=1))
    world.deliver(2)
    assert health(world) == Health(last_delivery_at=second, failures=2, failing_since=first)
    third = world.clock.pass_(timedelta(minutes=5))
    world.deliver(3)
    assert health(world) == Health(last_delivery_at=third)


def test_a_batchs_webhook_has_no_endpoint_to_note_anything_with() -> None:
    world = World()
    world.answers(Answer(500))
    assert world.deliver() is DeliveryStatus.PENDING
    assert world.health.of_workspace("acme") == {}
    assert world.endpoints.told == []


@pytest.mark.parametrize("answer", [Answer(500), Answer(410), ConnectionRefusedError("connection refused")])
def test_an_endpoint_that_took_nothing_for_five_days_is_switched_off_at_its_next_failure(
    world: World, answer: Answer | Exception
) -> None:
    world.answers(answer)
    world.deliver()
    world.clock.pass_(5 * DAYS)
    send_another(world)
    assert endpoint(world).enabled
    world.clock.pass_(timedelta(seconds=1))
    status = send_another(world)
    off = endpoint(world)
    assert not off.enabled
    assert off == replace(ENDPOINT, enabled=False, switched_off=True, revision=2, updated_at=world.clock.now())
    assert world.endpoints.told[-1] == (off, ("endpoint.disabled",))
    assert health(world).failures == 3
    # What is left of its deliveries ends at the next attempt; what it asked for before is as it was.
    if status is DeliveryStatus.PENDING:
        assert world.deliver(2) is DeliveryStatus.FAILED
    assert len(world.endpoints.told) == 2


def test_one_success_in_five_days_is_enough(world: World) -> None:
    world.answers(Answer(500), Answer(200), Answer(500))
    for _ in range(3):
        send_another(world)
        world.clock.pass_(3 * DAYS)
    assert endpoint(world).enabled
    send_another(world)
    assert endpoint(world).enabled
    assert health(world).failures == 2


def test_an_endpoint_that_is_enabled_anew_is_not_switched_off_by_a_sender_that_found_it_failing_before(
    world: World,
) -> None:
    world.answers(Answer(500))
    world.deliver()
    world.clock.pass_(6 * DAYS)

    class Enabled(FakeEndpointHealth):
        """Between the note and what follows from it, the owner disables and enables the endpoint."""

        def note(self, workspace_id: str, endpoint_id: str, at: datetime, *, succeeded: bool) -> Health:
            noted = world.health.note(workspace_id, endpoint_id, at, succeeded=succeeded)
            change(world, enabled=False)
            world.health.clear("acme", ENDPOINT.id)
            change(world, enabled=True)
            return noted

        def get(self, workspace_id: str, endpoint_id: str) -> Health:
            return world.health.get(workspace_id, endpoint_id)

    world.delivery = a_told_delivery(endpoint=ENDPOINT)
    world.deliveries.put(world.delivery)
    addressees = Addressees(world.endpoints, Enabled(), world.clock, world.unexpected.append)
    assert world.deliver(addressees=addressees) is DeliveryStatus.PENDING
    assert endpoint(world).enabled


def test_a_change_made_while_an_endpoint_is_switched_off_wins(world: World) -> None:
    world.answers(Answer(500))
    world.deliver()
    world.clock.pass_(6 * DAYS)

    class Overtaken(FakeShelf[WebhookEndpoint]):
        def get(self, workspace_id: str, resource_id: str) -> WebhookEndpoint | None:
            return world.endpoints.get(workspace_id, resource_id)

        def replace(self, resource: WebhookEndpoint, *events: str) -> bool:
            change(world, url=f"{MOVED}/new")
            return world.endpoints.replace(resource, *events)

    world.delivery = a_told_delivery(endpoint=ENDPOINT)
    world.deliveries.put(world.delivery)
    addressees = Addressees(Overtaken(), world.health, world.clock, world.unexpected.append)
    assert world.deliver(addressees=addressees) is DeliveryStatus.PENDING
    assert endpoint(world) == replace(ENDPOINT, url=f"{MOVED}/new", revision=2)


class Refusing(FakeEndpointHealth):
    """A table that takes no notes."""

    def note(self, workspace_id: str, endpoint_id: str, at: datetime, *, succeeded: bool) -> Health:
        raise OSError("throttled")


@pytest.mark.parametrize(("status", "outcome"), [(200, DeliveryStatus.DELIVERED), (500, DeliveryStatus.PENDING)])
def test_a_note_that_is_lost_neither_loses_nor_repeats_a_delivery(
    world: World, status: int, outcome: DeliveryStatus
) -> None:
    world.answers(Answer(status))
    addressees = Addressees(world.endpoints, Refusing(), world.clock, world.unexpected.append)
    assert world.deliver(addressees=addressees) is outcome
    assert [attempt.status for attempt in world.stored().attempts] == [status]
    assert len(world.queue.sent) == (1 if outcome is DeliveryStatus.PENDING else 0)
    assert [str(error) for error in world.unexpected] == ["throttled"]
    assert world.deliver(1, addressees=addressees) is None
    assert len(world.egress.sent) == 1


def test_an_endpoint_that_cannot_be_switched_off_now_is_at_its_next_failure(world: World) -> None:
    class Failing(FakeShelf[WebhookEndpoint]):
        def get(self, workspace_id: str, resource_id: str) -> WebhookEndpoint | None:
            return world.endpoints.get(workspace_id, resource_id)

        def replace(self, resource: WebhookEndpoint, *events: str) -> bool:
            raise OSError("throttled")

    world.answers(Answer(500))
    world.deliver()
    world.clock.pass_(6 * DAYS)
    world.delivery = a_told_delivery(endpoint=ENDPOINT)
    world.deliveries.put(world.delivery)
    addressees = Addressees(Failing(), world.health, world.clock, world.unexpected.append)
    assert world.deliver(addressees=addressees) is DeliveryStatus.PENDING
    assert [str(error) for error in world.unexpected] == ["throttled"]
    assert endpoint(world).enabled
    send_another(world)
    assert not endpoint(world).enabled


def test_the_secret_of_an_endpoint_is_in_no_delivery_that_is_kept_and_in_no_printed_endpoint(world: World) -> None:
    world.answers(Answer(500))
    world.deliver()
    assert world.stored().secret is None
    assert "whsec_test" not in repr(ENDPOINT)
