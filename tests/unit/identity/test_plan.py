"""Plans: the columns of the specification (lookups 2.3), and what an operator may change of them."""

from __future__ import annotations

from dataclasses import fields, replace

import pytest
from factories import AT

from batchwork.domain.plan import CHANGEABLE, PLANS, Plan, terms_of
from batchwork.domain.workspace import Workspace

TABLE = """
free          30      1,000       10,000   10   25
starter      120     20,000      250,000   50   50
pro          600    200,000    2,500,000  100  100
enterprise 3,000  2,000,000   unmetered   250  200
"""


@pytest.mark.parametrize("line", TABLE.strip().splitlines(), ids=lambda line: line.split()[0])
def test_a_plan_has_every_column_of_the_specification(line: str) -> None:
    slug, *columns = line.split()
    per_minute, per_day, quota, batch, page = (
        None if column == "unmetered" else int(column.replace(",", "")) for column in columns
    )
    plan = PLANS[slug]
    assert (plan.slug, plan.name) == (slug, slug.title())
    assert (plan.per_minute, plan.per_day, plan.monthly_quota) == (per_minute, per_day, quota)
    assert (plan.max_batch, plan.max_page, plan.overage) == (batch, page, False)


def test_there_are_no_other_plans() -> None:
    assert list(PLANS) == ["free", "starter", "pro", "enterprise"]


def test_a_quota_is_a_ceiling_unless_there_is_none_or_overage_is_allowed() -> None:
    assert PLANS["free"].ceiling == 10_000
    assert PLANS["enterprise"].ceiling is None
    assert replace(PLANS["free"], overage=True).ceiling is None
    assert replace(PLANS["free"], monthly_quota=0).ceiling == 0


def test_all_but_a_plans_name_can_be_changed_for_one_workspace() -> None:
    assert set(CHANGEABLE) == {column.name for column in fields(Plan)} - {"slug", "name"}


def test_changes_hold_for_their_workspace_and_leave_the_plan_as_it_is() -> None:
    before = PLANS["free"]
    workspace = Workspace(
        id="acme", name="Acme", plan="free", created_at=AT, changes={"per_minute": 5, "monthly_quota": None}
    )
    assert workspace.terms == replace(before, per_minute=5, monthly_quota=None)
    assert workspace.terms.ceiling is None
    assert terms_of("free", {}) == PLANS["free"] == before
