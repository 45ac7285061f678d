"""A sender over stores in memory, with one delivery to send."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from fakes.bodies import FakeBodies
from fakes.clock import FakeClock
from fakes.deliveries import FakeDeliveries
from fakes.egress import FakeEgress, Sent
from fakes.endpoint_health import FakeEndpointHealth
from fakes.endpoint_pace import FakeEndpointPace
from fakes.queues import FakeDeliveryQueue
from fakes.shelf import FakeShelf
from fakes.slots import FakeSlots
from unit.webhooks.deliveries import a_delivery

from batchwork.domain.webhook import Delivery, DeliveryStatus
from batchwork.domain.webhook_endpoint import WebhookEndpoint
from batchwork.ports import Answer
from batchwork.use_cases.addressees import Addressees
from batchwork.use_cases.deliver import Deliver
from batchwork.use_cases.room import Room

ORIGIN = "https://hooks.example.com"


@dataclass
class World:
    clock: FakeClock = field(default_factory=lambda: FakeClock(chance=0.0))
    bodies: FakeBodies = field(default_factory=FakeBodies)
    deliveries: FakeDeliveries = field(default_factory=FakeDeliveries)
    queue: FakeDeliveryQueue = field(default_factory=FakeDeliveryQueue)
    egress: FakeEgress = field(default_factory=FakeEgress)
    slots: FakeSlots = field(default_factory=lambda: FakeSlots(1))
    delivery: Delivery = field(default_factory=a_delivery)
    endpoints: FakeShelf[WebhookEndpoint] = field(default_factory=FakeShelf)
    health: FakeEndpointHealth = field(default_factory=FakeEndpointHealth)
    unexpected: list[Exception] = field(default_factory=list)
    pace: FakeEndpointPace = field(default_factory=FakeEndpointPace)

    def __post_init__(self) -> None:
        self.deliveries.bodies = self.bodies
        self.deliveries.put(self.delivery)
        self.egress.names["hooks.example.com"] = ["93.184.216.34"]
        self.answers(Answer(200))

    def answers(self, *answers: Answer | Exception, takes: timedelta = timedelta()) -> None:
        """Answer in this order; the last answer stays."""
        left = list(answers)

        def receive(_: Sent) -> Answer:
            self.clock.pass_(takes)
            answer = left.pop(0) if len(left) > 1 else left[0]
            if isinstance(answer, Exception):
                raise answer
            return answer

        self.egress.receivers[ORIGIN] = receive

    def sender(self) -> Deliver:
        room = Room(self.slots, self.clock, "this sender")
        addressees = Addressees(self.endpoints, self.health, self.clock, self.unexpected.append)
        return Deliver(self.deliveries, self.bodies, self.queue, self.egress, room, self.pace, self.clock, addressees)

    def deliver(self, number: int = 1, **ports: Any) -> DeliveryStatus | None:
        return replace(self.sender(), **ports)(self.delivery.workspace_id, self.delivery.id, number)

    def stored(self) -> Delivery:
        found = self.deliveries.get(self.delivery.workspace_id, self.delivery.id)
        assert found is not None
        return found

    def sweep(self) -> list[str]:
        return [delivery_id for _, delivery_id in self.deliveries.due(self.clock.now(), 10)]
