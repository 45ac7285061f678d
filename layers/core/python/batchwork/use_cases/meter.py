"""Meter: units are reserved before work, and given back when the work came to nothing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from batchwork.domain.idempotency import Ticket
from batchwork.domain.usage import Charge
from batchwork.domain.workspace import Caller
from batchwork.ports.identity import UsageStore


def charge_of(caller: Caller, ticket: Ticket, family: str, units: int) -> Charge:
    """Return what a request is charged: under the id and in the month of its first try, so that it counts once."""
    return Charge(
        id=ticket.id,
        workspace_id=caller.workspace.id,
        key_id=caller.key.id,
        family=family,
        units=units,
        at=ticket.at,
        ceiling=caller.workspace.terms.ceiling,
    )


@dataclass(frozen=True, slots=True)
class Meter:
    """Charge what is worked within one request. (A batch on the engine is charged as it is stored, by Submit.)"""

    usage: UsageStore

    def charge(self, charge: Charge) -> None:
        """Charge work that an earlier try did: most often it is charged already. Raises QuotaExceeded."""
        self.usage.reserve(charge)

    @contextmanager
    def charged(self, charge: Charge) -> Iterator[None]:
        """Reserve the units; an error of the work gives them back. Raises QuotaExceeded before any work."""
        self.usage.reserve(charge)
        try:
            yield
        except Exception:
            self.usage.release(charge)
            raise
