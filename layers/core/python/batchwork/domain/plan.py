"""What a workspace bought: its limits (spec lookups 2.3)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A plan's terms.

    per_minute, per_day: requests of one key. monthly_quota: units (items) of a calendar month, None for unmetered.
    max_batch: items of one lookups request. max_page: entries of one page. overage: whether units beyond the quota are
    accepted and counted.
    """

    slug: str
    name: str
    per_minute: int
    per_day: int
    monthly_quota: int | None
    max_batch: int
    max_page: int
    overage: bool = False

    @property
    def ceiling(self) -> int | None:
        """Return the units a month may not pass, None when there is no such number."""
        return None if self.overage else self.monthly_quota


PLANS: Mapping[str, Plan] = {
    plan.slug: plan
    for plan in (
        Plan(
            slug="free",
            name="Free",
            per_minute=30,
            per_day=1_000,
            monthly_quota=10_000,
            max_batch=10,
            max_page=25,
        ),
        Plan(
            slug="starter",
            name="Starter",
            per_minute=120,
            per_day=20_000,
            monthly_quota=250_000,
            max_batch=50,
            max_page=50,
        ),
        Plan(
            slug="pro",
            name="Pro",
            per_minute=600,
            per_day=200_000,
            monthly_quota=2_500_000,
            max_batch=100,
            max_page=100,
        ),
        Plan(
            slug="enterprise",
            name="Enterprise",
            per_minute=3_000,
            per_day=2_000_000,
            monthly_quota=None,
            max_batch=250,
            max_page=200,
        ),
    )
}
#: What an operator may set otherwise for one workspace, and the most a number of it may be: a request's answer has to
#: fit into 6 MB (AWS limit), and a key's row takes 1,000 writes a second (AWS limit).
CHANGEABLE: Mapping[str, int] = {
    "per_minute": 60_000,
    "per_day": 86_400_000,
    "monthly_quota": 10**15,
    "max_batch": 1_000,
    "max_page": 1_000,
    "overage": 1,
}


def terms_of(slug: str, changes: Mapping[str, int | bool | None]) -> Plan:
    """Return a plan's terms with what an operator set otherwise for one workspace."""
    plan = PLANS[slug]
    return replace(plan, **changes) if changes else plan  # type: ignore[arg-type] # the names are CHANGEABLE's
