"""GET /api/v1/me (spec lookups 2.5)."""

from __future__ import annotations

import pytest
from functions.lookups_api import NOW, LookupsApi, an_api, ids  # noqa: F401 -- the fixture `api`

from batchwork.domain.workspace import WorkspaceStatus


def test_a_caller_sees_its_organization_plan_key_and_month(api: LookupsApi) -> None:
    key = api.a_key("acme", plan="starter", key_id="ab12cd34ef569f3a", scopes=["signals.read", "enrichment.read"])
    api.post(ids(3), key=key)
    answer = api.call("GET", "/api/v1/me", key=key)
    assert answer.status == 200
    assert answer.body == {
        "data": {
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
            "usage": {
                "month": {
                    "used": 3,
                    "quota": 250_000,
                    "resets_in": 8 * 86_400 + 13 * 3600 + 29 * 60 + 45,
                }
            },
        }
    }
    assert (answer.headers["X-RateLimit-Remaining"], answer.headers["X-RateLimit-Reset"]) == ("118", "45")


def test_a_key_needs_no_scope_to_ask_who_it_is(api: LookupsApi) -> None:
    answer = api.call("GET", "/api/v1/me", key=api.a_key("bare", scopes=[]))
    assert (answer.status, answer.body["data"]["api_key"]["scopes"]) == (200, [])


def test_asking_costs_no_unit_and_one_request(api: LookupsApi) -> None:
    key = api.a_key("acme", per_day=2)
    assert [api.call("GET", "/api/v1/me", key=key).status for _ in range(3)] == [200, 200, 429]
    assert api.used() == 0


def test_without_a_key_nobody_is_told(api: LookupsApi) -> None:
    answer = api.call("GET", "/api/v1/me", key="")
    assert (answer.status, answer.code) == (401, "unauthorized")
    suspended = api.a_key("stopped", status=WorkspaceStatus.SUSPENDED)
    assert api.call("GET", "/api/v1/me", key=suspended).code == "account_inactive"


@pytest.mark.parametrize("changes", [{"expires_at": NOW}, {"revoked_at": NOW}], ids=["expired", "revoked"])
def test_a_key_that_ended_is_told_nothing(api: LookupsApi, changes: dict[str, object]) -> None:
    answer = api.call("GET", "/api/v1/me", key=api.a_key("gone", **changes))  # type: ignore[arg-type] # one of two
    assert (answer.status, answer.code) == (401, "unauthorized")
