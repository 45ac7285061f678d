"""Me: what a caller has used of what its workspace bought."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from batchwork.domain.usage import month_ends, month_of
from batchwork.domain.workspace import Caller
from batchwork.ports import Clock
from batchwork.ports.identity import UsageStore


@dataclass(frozen=True, slots=True)
class MonthOfUse:
    """This month's units of a workspace. quota: None for unmetered; resets_in: until the next month."""

    used: int
    quota: int | None
    resets_in: timedelta


@dataclass(frozen=True, slots=True)
class ShowMe:
    """Show callers their month."""

    usage: UsageStore
    clock: Clock

    def __call__(self, caller: Caller) -> MonthOfUse:
        """Return the month as it stands."""
        now, workspace = self.clock.now(), caller.workspace
        used = self.usage.used(workspace.id, month_of(now))
        return MonthOfUse(used, workspace.terms.monthly_quota, month_ends(now) - now)
