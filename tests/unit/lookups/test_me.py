"""Spec lookups 2.5: what GET /api/v1/me tells."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from factories import a_caller, a_charge
from fakes.clock import FakeClock
from fakes.usage import FakeUsage

from batchwork.domain.workspace import Caller
from batchwork.edge.http import Request
from batchwork.families.lookups.me import Myself
from batchwork.use_cases.me import ShowMe

REQUEST = Request(method="GET", resource="/api/v1/me", path="/api/v1/me")
NOW = datetime(2026, 1, 18, tzinfo=UTC)


def told(caller: Caller, used: int = 0, now: datetime = NOW) -> Any:
    usage = FakeUsage()
    if used:
        usage.reserve(a_charge(units=used, at=now))
    ((_, route),) = Myself(ShowMe(usage, FakeClock(now))).routes().items()
    assert route.scope is None
    answer = route.serve(REQUEST, caller)
    assert not callable(answer)
    assert isinstance(answer.body, dict)
    return answer.body["data"]


def test_a_starters_account_is_shown_as_the_documents_show_it() -> None:
    caller = a_caller(plan="starter", key_id="ab12cd34ef569f3a")
    caller = Caller(
        replace(caller.workspace, name="Acme", number=42),
        replace(caller.key, name="CI", scopes=frozenset({"signals.read", "enrichment.read"})),
    )
    assert told(caller, used=1234) == {
        "organization": {"id": 42, "name": "Acme", "status": "active"},
        "plan": {
            "slug": "starter",
            "name": "Starter",
            "rate_limit_per_minute": 120,
            "rate_limit_per_day": 20_000,
            "monthly_quota": 250_000,
            "max_batch_size": 50,
            "max_page_size": 50,
            "overage_allowed": False,
        },
        "api_key": {
            "name": "CI",
            "last_four": "9f3a",
            "scopes": ["enrichment.read", "signals.read"],
            "expires_at": None,
        },
        "usage": {"month": {"used": 1234, "quota": 250_000, "resets_in": 1_209_600}},
    }


def test_an_unmetered_plan_has_no_quota_and_is_counted_all_the_same() -> None:
    shown = told(a_caller(plan="enterprise"), used=7)
    assert shown["plan"]["monthly_quota"] is None
    assert (shown["usage"]["month"]["used"], shown["usage"]["month"]["quota"]) == (7, None)


def test_what_an_operator_changed_is_shown() -> None:
    plan = told(a_caller(plan="free", max_batch=77, overage=True))["plan"]
    assert (plan["slug"], plan["max_batch_size"], plan["overage_allowed"]) == ("free", 77, True)


def test_a_key_of_every_scope_shows_its_star_and_an_expiry_its_time() -> None:
    caller = a_caller()
    expiring = replace(caller.key, expires_at=NOW + timedelta(days=1, milliseconds=5))
    key = told(Caller(caller.workspace, expiring))["api_key"]
    assert (key["scopes"], key["expires_at"]) == (["*"], "2026-01-19T00:00:00Z")


@pytest.mark.parametrize(
    ("now", "seconds"),
    [
        (datetime(2026, 1, 31, 23, 59, 59, 1, tzinfo=UTC), 1),
        (datetime(2026, 12, 31, tzinfo=UTC), 86_400),
        (datetime(2028, 2, 1, tzinfo=UTC), 29 * 86_400),
    ],
)
def test_the_month_resets_with_the_calendar_in_utc(now: datetime, seconds: int) -> None:
    assert told(a_caller(), now=now)["usage"]["month"]["resets_in"] == seconds
