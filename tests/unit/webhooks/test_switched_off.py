"""Endpoints that were switched off because they failed: whose they are afterwards, and what comes back to them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from fakes.clock import FakeClock
from fakes.endpoint_health import FakeEndpointHealth
from fakes.shelf import FakeShelf
from unit.webhooks.deliveries import an_endpoint
from unit.webhooks.test_tell import World, an_event

from batchwork.domain.idempotency import Ticket
from batchwork.domain.webhook import DeliveryStatus
from batchwork.domain.webhook_endpoint import WebhookEndpoint
from batchwork.use_cases.replay import Again, Recover, WorkRecovery
from batchwork.use_cases.webhook_endpoints import WebhookEndpoints

SECOND = timedelta(seconds=1)
OFF = an_endpoint(id="wh_c1", enabled=False, switched_off=True)


def changed(endpoints: FakeShelf[WebhookEndpoint], **changes: Any) -> WebhookEndpoint:
    return WebhookEndpoints(endpoints, FakeEndpointHealth(), FakeClock(), "voxburst").change("acme", "wh_c1", changes)


@pytest.mark.parametrize(
    ("changes", "switched_off"),
    [({"enabled": True}, False), ({"enabled": False}, False), ({"url": "https://moved.example.com/"}, True)],
)
def test_it_is_its_owners_again_once_that_enables_or_disables_it(changes: dict[str, Any], switched_off: bool) -> None:
    endpoints: FakeShelf[WebhookEndpoint] = FakeShelf()
    endpoints.add(OFF)
    after = changed(endpoints, **changes)
    assert after.switched_off is switched_off
    assert after.enabled is changes.get("enabled", False)


def test_what_happened_meanwhile_is_recovered_once_it_is_enabled() -> None:
    world = World()
    world.endpoints.add(OFF)
    since = world.clock.now()
    world.tell(an_event(id="evt_c1"), an_event(id="evt_c2"))
    endpoint = changed(world.endpoints, enabled=True)
    world.clock.pass_(SECOND)
    again = Again(world.deliveries, world.deliveries.bodies, world.queue)
    recovery = Recover(world.queue)(endpoint, since, Ticket("t-1", world.clock.now()))
    assert WorkRecovery(again, world.endpoints, world.clock)(recovery) == 2
    made = [each for each in world.told() if each.replay_of]
    assert {each.event_id for each in made} == {"evt_c1", "evt_c2"}
    assert {each.status for each in made} == {DeliveryStatus.PENDING}
    assert sorted(name for name, _, _ in world.queue.sent) == sorted(each.id for each in made)
