"""Accounts are connected, looked after and disconnected (spec operations 1.7)."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from resource_world import World

from batchwork.domain.account import AccountStatus
from batchwork.domain.idempotency import Ticket

BACK = "https://app.example/back"
UNKNOWN = "acc_c00000000000000000000009"


def connected(world: World, platform: str = "twitter", code: str = "granted", **more: Any) -> Any:
    state = world("POST", f"accounts/connect/{platform}", {"redirectUri": BACK}).body["state"]
    called = world("POST", f"accounts/callback/{platform}", {"code": code, "state": state, **more})
    assert called.status == 200, called.raw
    return called.body["account"]


# ── connecting ──


@pytest.mark.parametrize("name", ["redirectUri", "callbackUrl"])
@pytest.mark.parametrize("platform", ["twitter", "TWITTER"])
def test_a_connection_begins_with_a_url_under_every_clients_name(world: World, name: str, platform: str) -> None:
    begun = world("POST", f"accounts/connect/{platform}", {name: BACK})
    assert begun.status == 200
    told = begun.body
    assert told["authorizationUrl"] == told["authUrl"] == told["url"]
    assert told["authorizationUrl"].startswith(BACK)
    assert told["state"] in told["authorizationUrl"]
    assert len(told["state"]) >= 32


def test_the_npm_client_names_the_platform_in_the_body_and_no_url(world: World) -> None:
    told = world("POST", "accounts/connect", {"platform": "twitter"}).body
    assert told["url"].startswith("https://api.example.com/live/v1/accounts/callback/twitter?")


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("connect/myspace", {"redirectUri": BACK}, "platform"),
        ("connect", {"platform": "myspace"}, "platform"),
        ("connect", {}, "platform"),
        ("connect/twitter", {"redirectUri": "javascript:alert(1)"}, "redirectUri"),
        ("connect/twitter", {"callbackUrl": "not a url"}, "callbackUrl"),
        ("connect/twitter", {"redirectUri": "https://user:pass@app.example"}, "redirectUri"),
        ("connect/twitter", {"redirectUri": "https://" + "x" * 2048}, "redirectUri"),
        ("connect/twitter", {"redirectUri": 7}, "redirectUri"),
        ("callback/twitter", {"state": "x"}, "code"),
        ("callback/twitter", {"code": "x"}, "state"),
        ("callback/twitter", {"code": "x", "state": "../x"}, "state"),
        ("callback/myspace", {"code": "x", "state": "x"}, "platform"),
    ],
)
def test_a_connection_that_cannot_be_is_refused(world: World, path: str, body: Any, field: str) -> None:
    refused = world("POST", f"accounts/{path}", body)
    assert (refused.status, refused.code, refused.fields) == (400, "VALIDATION_ERROR", [field])


def test_a_person_may_come_back_to_their_own_machine(world: World) -> None:
    assert world("POST", "accounts/connect/twitter", {"redirectUri": "http://localhost:3000/back"}).status == 200


def test_a_callback_connects_the_account_that_was_granted(world: World) -> None:
    account = connected(world)
    assert account["id"].startswith("acc_c")
    assert account == {
        "id": account["id"],
        "platform": "twitter",
        "username": "granted",
        "displayName": "Granted",
        "avatarUrl": "https://network.example/granted.png",
        "accountType": "personal",
        "status": "active",
        "connectedAt": "2026-01-15T10:30:02.000Z",
        "scopeHealth": None,
    }
    assert world("GET", f"accounts/{account['id']}").body == account
    assert world("GET", "accounts").body["data"] == [account]
    assert world.events() == ["account.connected"]


def test_a_state_is_good_once_for_15_minutes_its_platform_and_its_workspace(world: World) -> None:
    def state() -> str:
        told: str = world("POST", "accounts/connect/twitter", {"redirectUri": BACK}).body["state"]
        return told

    def refused(path: str, used: str, **given: Any) -> bool:
        called = world("POST", f"accounts/callback/{path}", {"code": "granted", "state": used}, **given)
        return (called.status, called.code) == (400, "VALIDATION_ERROR") and called.fields == ["state"]

    first = state()
    assert refused("linkedin", first)
    assert refused("twitter", first, workspace_id="other")
    assert world("POST", "accounts/callback/twitter", {"code": "granted", "state": first}).status == 200
    assert refused("twitter", first)
    assert refused("twitter", "f" * 64)
    late = state()
    world.clock.pass_(timedelta(minutes=15))
    assert refused("twitter", late)
    assert len(world.accounts.stored) == 1


def test_the_redirect_url_of_a_callback_is_that_of_its_connection(world: World) -> None:
    state = world("POST", "accounts/connect/twitter", {"redirectUri": BACK}).body["state"]
    body = {"code": "granted", "state": state, "redirectUri": "https://evil.example"}
    refused = world("POST", "accounts/callback/twitter", body)
    assert (refused.status, refused.fields) == (400, ["redirectUri"])
    assert world("POST", "accounts/callback/twitter", {**body, "redirectUri": BACK}).status == 200


def test_a_code_that_the_network_does_not_take_is_refused(world: World) -> None:
    state = world("POST", "accounts/connect/twitter", {}).body["state"]
    refused = world("POST", "accounts/callback/twitter", {"code": "denied", "state": state})
    assert (refused.status, refused.fields) == (400, ["code"])
    assert not world.accounts.stored


def test_who_connects_an_account_again_gets_the_same_one_active_again(world: World) -> None:
    first = connected(world)
    world("DELETE", f"accounts/{first['id']}")
    again = connected(world)
    assert again == {**first, "connectedAt": again["connectedAt"]}
    assert again["connectedAt"] > first["connectedAt"]
    assert world.events() == ["account.connected", "account.disconnected", "account.connected"]
    assert connected(world, platform="linkedin")["id"] != first["id"]
    assert connected(world, code="another")["id"] != first["id"]


def test_a_callback_that_an_earlier_try_completed_is_found_done(world: World) -> None:
    state = world("POST", "accounts/connect/twitter", {}).body["state"]
    body = {"code": "granted", "state": state}
    ticket = Ticket("00000000-0000-4000-9000-000000000001", world.clock.now())
    first = world("POST", "accounts/callback/twitter", body, ticket=ticket).body
    again = world("POST", "accounts/callback/twitter", body, ticket=replace(ticket, again=True))
    assert (again.status, again.body) == (200, first)
    assert world.events() == ["account.connected"]
    assert world.networks.codes == ["granted"]
    other = Ticket("00000000-0000-4000-9000-000000000002", world.clock.now(), again=True)
    assert world("POST", "accounts/callback/twitter", body, ticket=other).status == 400


def test_a_state_follows_from_its_ticket_and_no_other(world: World) -> None:
    ticket = Ticket("00000000-0000-4000-9000-000000000001", world.clock.now())
    states = [world("POST", "accounts/connect/twitter", {}, ticket=ticket).body["state"] for _ in range(2)]
    assert states[0] == states[1]
    assert world("POST", "accounts/connect/twitter", {}).body["state"] != states[0]


# ── lists ──


def test_disconnected_accounts_are_listed_only_when_they_are_asked_for(world: World) -> None:
    names = {status: world.an_account(id=f"acc_c{place}", status=status) for place, status in enumerate(AccountStatus)}
    gone = names[AccountStatus.DISCONNECTED]

    def listed(**query: str) -> set[str]:
        return set(world("GET", "accounts", query=query).ids)

    assert listed() == set(names.values()) - {gone}
    assert listed(includeArchived="true") == set(names.values())
    assert listed(status="all") == listed(status="ALL") == set(names.values())
    assert listed(status="DISCONNECTED") == listed(status="disconnected") == {gone}
    assert listed(status="ACTIVE") == {names[AccountStatus.ACTIVE]}
    assert listed(status="ACTIVE", includeArchived="true") == {names[AccountStatus.ACTIVE]}
    assert listed(status="ERROR") == {names[AccountStatus.ERROR]}
    assert listed(status="INACTIVE") == {names[AccountStatus.EXPIRED], names[AccountStatus.SUSPENDED]}


def test_accounts_are_listed_newest_first_by_platform_and_in_pages(world: World) -> None:
    names = [world.an_account(id=f"acc_c{n}", platform=("TWITTER", "LINKEDIN")[n % 2]) for n in range(5)]
    assert world("GET", "accounts", query={"platform": "twitter"}).ids == [names[4], names[2], names[0]]
    page = world("GET", "accounts", query={"limit": "2"})
    assert page.ids == [names[4], names[3]]
    assert page.body["pagination"]["has_more"] is True
    following = world("GET", "accounts", query={"limit": "2", "cursor": page.body["pagination"]["next_cursor"]})
    assert following.ids == [names[2], names[1]]
    assert world("GET", "accounts", workspace_id="other").ids == []


@pytest.mark.parametrize(
    "query", [{"status": "LOST"}, {"platform": "MYSPACE"}, {"includeArchived": "maybe"}, {"limit": "0"}]
)
def test_what_is_no_value_of_a_filter_is_refused(world: World, query: dict[str, str]) -> None:
    refused = world("GET", "accounts", query=query)
    assert (refused.status, refused.fields) == (400, list(query))


# ── looking after one ──


@pytest.mark.parametrize(
    ("method", "below", "body"),
    [
        ("GET", "", None),
        ("DELETE", "", None),
        ("POST", "/test", None),
        ("POST", "/refresh", None),
        ("POST", "/select-page", {"pageId": "page_1"}),
    ],
)
def test_an_account_that_is_not_ones_own_is_not_found(world: World, method: str, below: str, body: Any) -> None:
    account = world.an_account()
    assert world(method, f"accounts/{UNKNOWN}{below}", body).status == 404
    assert world(method, f"accounts/{account}{below}", body, workspace_id="other").status == 404
    malformed = world(method, f"accounts/post_c1{below}", body)
    assert (malformed.status, malformed.code) == (400, "BAD_REQUEST")
    assert len(world.accounts.told) == 1


def test_an_account_is_not_changed_by_patch(world: World) -> None:
    assert world("PATCH", f"accounts/{world.an_account()}", {"displayName": "x"}).status == 404


def test_a_test_tells_that_an_account_can_be_used(world: World) -> None:
    account = world.an_account(username="acme", display_name="Acme")
    told = world("POST", f"accounts/{account}/test")
    assert told.status == 200
    assert told.body == {
        "success": True,
        "message": "The account can be used.",
        "details": {"platformUserId": "twitter:acme", "username": "acme", "displayName": "Acme", "pages": []},
    }
    assert world.events() == []


@pytest.mark.parametrize("act", ["test", "refresh"])
def test_an_account_that_its_network_refuses_is_in_error_until_it_is_taken_again(world: World, act: str) -> None:
    account = world.an_account(username="acme")
    world.networks.refusing.add("acme")
    told = world("POST", f"accounts/{account}/{act}").body
    assert (told["success"], told["message"]) == (False, "The account is no longer accepted.")
    assert world("GET", f"accounts/{account}").body["status"] == "error"
    world("POST", f"accounts/{account}/{act}")
    assert world.events() == ["account.error"]
    world.networks.refusing.clear()
    assert world("POST", f"accounts/{account}/{act}").body["success"] is True
    assert world("GET", f"accounts/{account}").body["status"] == "active"


def test_a_refresh_renews_an_expired_account(world: World) -> None:
    account = world.an_account(status=AccountStatus.EXPIRED)
    assert world("POST", f"accounts/{account}/refresh").body["success"] is True
    assert world("GET", f"accounts/{account}").body["status"] == "active"


@pytest.mark.parametrize("act", ["test", "refresh", "select-page"])
def test_a_disconnected_account_must_be_connected_first(world: World, act: str) -> None:
    account = world.an_account(status=AccountStatus.DISCONNECTED, platform="FACEBOOK")
    refused = world("POST", f"accounts/{account}/{act}", {"pageId": "page_1"})
    assert (refused.status, refused.code) == (409, "CONFLICT")
    assert "connect" in refused.error["message"]


def test_a_page_is_chosen_once_the_pages_are_loaded(world: World) -> None:
    account = world.an_account(platform="FACEBOOK")
    path = f"accounts/{account}/select-page"
    early = world("POST", path, {"pageId": "page_1"})
    assert (early.status, early.code) == (400, "DESTINATIONS_NOT_LOADED")
    pages = world("POST", f"accounts/{account}/test").body["details"]["pages"]
    assert pages == [{"id": "page_1", "name": "Page 1"}, {"id": "page_2", "name": "Page 2"}]
    wrong = world("POST", path, {"pageId": "page_9", "pageName": "Nine"})
    assert (wrong.status, wrong.code) == (400, "ACCOUNT_PAGE_MISMATCH")
    assert world("POST", path, {"pageId": "page_2", "pageName": "Page 2"}).body == {"success": True}
    stored = world.accounts.get("acme", account)
    assert stored is not None
    assert stored.page_id == "page_2"
    assert world("POST", path, {"pageId": ""}).body == {"success": True}
    stored = world.accounts.get("acme", account)
    assert stored is not None
    assert stored.page_id is None


def test_a_network_without_pages_has_none_to_choose(world: World) -> None:
    refused = world("POST", f"accounts/{world.an_account()}/select-page", {"pageId": "page_1"})
    assert (refused.status, refused.code) == (400, "PAGE_SELECTION_NOT_SUPPORTED")


def test_a_disconnected_account_stays_and_is_hidden_and_once_more_changes_nothing(world: World) -> None:
    account = world.an_account()
    for _ in range(2):
        gone = world("DELETE", f"accounts/{account}")
        assert (gone.status, gone.raw) == (204, "")
    assert world("GET", f"accounts/{account}").body["status"] == "disconnected"
    assert world("GET", "accounts").ids == []
    assert world.events() == ["account.disconnected"]


def test_a_dry_run_connects_and_disconnects_nothing(world: World) -> None:
    account = world.an_account(platform="FACEBOOK")
    state = world("POST", "accounts/connect/twitter", {}).body["state"]
    assert world.rehearsed("POST", "accounts/connect/twitter", {}) == 200
    assert world.rehearsed("POST", "accounts/callback/twitter", {"code": "granted", "state": state}) == 200
    assert world.rehearsed("POST", "accounts/callback/twitter", {"code": "granted", "state": "none"}) == 400
    assert world.rehearsed("POST", f"accounts/{account}/test") == 200
    assert world.rehearsed("POST", f"accounts/{account}/select-page", {"pageId": "page_1"}) == 400
    assert world.rehearsed("DELETE", f"accounts/{account}") == 200
    assert world.rehearsed("DELETE", f"accounts/{UNKNOWN}") == 404
    assert len(world.accounts.told) == 1
    assert world("POST", "accounts/callback/twitter", {"code": "granted", "state": state}).status == 200
