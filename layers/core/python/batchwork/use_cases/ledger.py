"""What an operator does with usage: look at it, and hold the month's count to the ledger."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from batchwork.domain.errors import Conflict, InvalidRequest, NotFound, Problem
from batchwork.domain.usage import Charge, month_of
from batchwork.domain.workspace import Workspace
from batchwork.ports import Clock
from batchwork.ports.identity import IdentityStore, UsageStore

#: How long after its first day a month can be reconciled; the store keeps each entry of the ledger for some time more.
RECONCILABLE = timedelta(days=365)
#: Looks at a month that is being charged meanwhile, and attempts to set its count.
TRIES = 10
_MONTH = re.compile(r"(?!0000)[0-9]{4}-(0[1-9]|1[0-2])")


@dataclass(frozen=True, slots=True)
class MonthUse:
    """A workspace and the units of one of its months."""

    workspace: Workspace
    month: str
    used: int


@dataclass(frozen=True, slots=True)
class Reconciled:
    """What a month's count was and what its ledger adds up to. applied: whether the count was set to that."""

    month: str
    counted: int
    ledger: int
    applied: bool = False

    @property
    def drift(self) -> int:
        """Return the units that the count had more than the ledger."""
        return self.counted - self.ledger


@dataclass(frozen=True, slots=True)
class Ledger:
    """Usage of a workspace by month, such as ``2026-11``; None is the current month."""

    usage: UsageStore
    identities: IdentityStore
    clock: Clock

    def month(self, workspace_id: str, month: str | None = None) -> MonthUse:
        """Return a month's units. Raises NotFound for the workspace, InvalidRequest for what is no month."""
        workspace, month = self._asked(workspace_id, month)
        return MonthUse(workspace, month, self.usage.used(workspace_id, month))

    def entries(self, workspace_id: str, month: str | None = None) -> list[Charge]:
        """Return a month's ledger by time. Raises NotFound for the workspace, InvalidRequest for what is no month."""
        _, month = self._asked(workspace_id, month)
        return sorted(self.usage.charges(workspace_id, month), key=lambda charge: (charge.at, charge.id))

    def reconcile(self, workspace_id: str, month: str | None = None, *, apply: bool = False) -> Reconciled:
        """Compare a month's count with its ledger, and if told to, set it to that where they differ.

        Raises NotFound for the workspace, InvalidRequest for what is no month or too long ago, and Conflict when the
        month was charged during every look.
        """
        _, month = self._asked(workspace_id, month)
        begins = datetime.strptime(month, "%Y-%m").replace(tzinfo=UTC)
        if self.clock.now() - begins > RECONCILABLE:
            told = f"Its ledger is not kept whole any more; a month can be reconciled for {RECONCILABLE.days} days"
            raise InvalidRequest([Problem("month", told, "too_old", structural=False)])
        for _ in range(TRIES):
            found = self._stable(workspace_id, month)
            if found.drift == 0 or not apply:
                return found
            if self.usage.adjust(workspace_id, month, seen=found.counted, counted=found.ledger):
                return Reconciled(month, found.counted, found.ledger, applied=True)
        raise Conflict(what="The month's usage")

    def _stable(self, workspace_id: str, month: str) -> Reconciled:
        """Read count, ledger and count until nothing changed meanwhile; a difference has to be seen twice.

        A count that is the same before and after may have been charged and given back in between, while half of the
        ledger was read.
        """
        last = None
        for _ in range(TRIES):
            before = self.usage.used(workspace_id, month)
            ledger = sum(charge.units for charge in self.usage.charges(workspace_id, month))
            if before == self.usage.used(workspace_id, month):
                found = Reconciled(month, before, ledger)
                if found.drift == 0 or found == last:
                    return found
                last = found
        raise Conflict(what="The month's usage")

    def _asked(self, workspace_id: str, month: str | None) -> tuple[Workspace, str]:
        workspace = self.identities.workspace(workspace_id)
        if workspace is None:
            raise NotFound(what="Workspace")
        if month is not None and not _MONTH.fullmatch(month):
            raise InvalidRequest([Problem("month", "A month reads like 2026-11", "month")])
        return workspace, month or month_of(self.clock.now())
