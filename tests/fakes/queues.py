from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from batchwork.domain.batch import Batch, BatchRef
from batchwork.domain.webhook import Delivery, Recovery


class FakeWorkQueue:
    """Keeps what was sent, in order."""

    def __init__(self) -> None:
        self.sent: list[tuple[BatchRef, int, timedelta]] = []

    def send(self, batch: Batch, chunks: Sequence[int], delay: timedelta = timedelta()) -> None:
        self.sent += [(batch.ref, chunk, delay) for chunk in chunks]

    def take(self) -> list[tuple[BatchRef, int, timedelta]]:
        taken, self.sent = self.sent, []
        return taken


class FakeDeliveryQueue:
    """Keeps what was sent, in order."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, int, timedelta]] = []
        self.waits: list[int] = []
        self.recoveries: list[Recovery] = []

    def send(self, delivery: Delivery, delay: timedelta = timedelta(), waits: int = 0) -> None:
        self.sent.append((delivery.id, len(delivery.attempts) + 1, delay))
        self.waits.append(waits)

    def send_many(self, deliveries: Sequence[Delivery]) -> None:
        for delivery in deliveries:
            self.send(delivery)

    def recover(self, recovery: Recovery) -> None:
        self.recoveries.append(recovery)
