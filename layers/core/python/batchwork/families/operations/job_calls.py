"""How a worker does the operations of jobs; apart from jobs.py because workers need none of its routes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from batchwork.domain.batch import Batch
from batchwork.domain.errors import Unauthenticated
from batchwork.domain.idempotency import Ticket
from batchwork.domain.job import Order
from batchwork.domain.operation import Ended, Operation
from batchwork.families.operations.dispatch import Around, Dispatch
from batchwork.use_cases.authenticate import Authenticate


@dataclass(frozen=True, slots=True)
class JobCalls:
    """Does an operation of a job as its key may now, whatever that could when the job was accepted."""

    dispatch: Dispatch
    authenticate: Authenticate

    def begin(self) -> None:
        """Let the operations of a job see all that was done before a worker took it up."""
        self.dispatch.resources.begin()

    def __call__(self, batch: Batch, operation: Operation, ticket: Ticket, time_left: timedelta) -> Ended:
        """Return what the operation ended with: 401 when the key is gone, revoked or expired."""
        order = Order.of(batch)
        around = Around(order.base_url, order.request_id)
        try:
            caller = self.authenticate.known(batch.workspace_id, order.key_id)
        except Unauthenticated as exc:
            return self.dispatch.refused(operation, around, exc)
        return self.dispatch.perform(operation, caller, ticket, around, time_left)
