"""SocialNetworks: the twin and the recorded one keep the same promises."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from contract.test_shelf import a_post
from factories import AT
from fakes.clock import FakeClock
from fakes.networks import FakeNetworks

from batchwork.adapters import aws
from batchwork.adapters.dynamodb.attributes import millis
from batchwork.adapters.recorded_networks import RecordedNetworks
from batchwork.domain.account import PLATFORMS, Account
from batchwork.domain.errors import NetworkRefused
from batchwork.ports.operations import SocialNetworks


def an_account(**changes: Any) -> Account:
    values: dict[str, Any] = {
        "id": "acc_c1", "workspace_id": "acme", "created_at": AT, "updated_at": AT, "platform": "TWITTER",
        "username": "acme", "display_name": "Acme", "connected_at": AT,
    }  # fmt: skip
    return Account(**{**values, **changes})


REFUSED = an_account(username="refused_one")


@pytest.fixture(params=["fake", "recorded"])
def networks(request: pytest.FixtureRequest) -> SocialNetworks:
    if request.param == "fake":
        fake = FakeNetworks()
        fake.refusing.add(REFUSED.username)
        return fake
    return RecordedNetworks(request.getfixturevalue("table"), FakeClock(), aws.client("dynamodb"))


def test_granting_access_ends_at_the_redirect_url_with_code_and_state(networks: SocialNetworks) -> None:
    url = networks.authorization_url("TWITTER", "https://app.example/back", "the-state")
    parts, query = urlsplit(url), parse_qs(urlsplit(url).query)
    assert f"{parts.scheme}://{parts.netloc}{parts.path}" == "https://app.example/back"
    assert query["state"] == ["the-state"]
    assert networks.exchange("TWITTER", query["code"][0]).username


def test_the_same_code_is_the_same_account(networks: SocialNetworks) -> None:
    assert networks.exchange("TWITTER", "granted") == networks.exchange("TWITTER", "granted")
    assert networks.exchange("TWITTER", "granted") != networks.exchange("TWITTER", "another")


def test_a_code_may_be_refused(networks: SocialNetworks) -> None:
    with pytest.raises(NetworkRefused) as told:
        networks.exchange("TWITTER", "denied")
    assert told.value.facts["code"]


def test_an_account_may_be_refused_everything(networks: SocialNetworks) -> None:
    networks.check(an_account())
    with pytest.raises(NetworkRefused):
        networks.check(REFUSED)
    with pytest.raises(NetworkRefused) as told:
        networks.publish(a_post(), REFUSED, "token")
    assert told.value.facts["code"]


def test_pages_are_there_where_the_network_has_some(networks: SocialNetworks) -> None:
    assert networks.destinations(an_account()) is None
    pages = networks.destinations(an_account(platform="FACEBOOK"))
    assert pages
    assert len({page.id for page in pages}) == len(pages)


def test_one_token_is_one_publication_and_each_has_an_id_and_a_url(networks: SocialNetworks) -> None:
    first = networks.publish(a_post(), an_account(), "token-1")
    assert networks.publish(a_post(), an_account(), "token-1") == first
    second = networks.publish(a_post(), an_account(), "token-2")
    assert second.id != first.id
    assert first.url.startswith("https://")
    assert first.url != second.url


def test_each_publication_is_recorded_once_and_nothing_of_its_content(table: str) -> None:
    clock = FakeClock()
    networks = RecordedNetworks(table, clock, aws.client("dynamodb"))
    for token in ("token-1", "token-2", "token-1"):
        networks.publish(a_post(content="a secret plan"), an_account(page_id="page_1"), token)
        clock.pass_(timedelta(seconds=1))
    rows = aws.client("dynamodb").scan(TableName=table)["Items"]
    assert sorted(row["sk"]["S"] for row in rows) == ["token-1", "token-2"]
    assert {row["pk"]["S"] for row in rows} == {"PUBLICATION#acme"}
    assert sorted(int(row["recorded_at"]["N"]) for row in rows) == [millis(AT), millis(AT) + 1000]
    assert {(row["account_id"]["S"], row["post_id"]["S"], row["page_id"]["S"]) for row in rows} == {
        ("acc_c1", "post_c0001", "page_1")
    }
    assert "a secret plan" not in str(rows)


def test_a_recorded_url_leads_nowhere_and_a_redirect_url_keeps_its_own_query(table: str) -> None:
    networks = RecordedNetworks(table, FakeClock(), aws.client("dynamodb"))
    for platform in PLATFORMS:
        published = networks.publish(a_post(), replace(an_account(), platform=platform), f"token-{platform}")
        assert (urlsplit(published.url).hostname or "").endswith(".example")
        assert networks.exchange(platform, "granted").account_type in {"personal", "business"}
    url = networks.authorization_url("TWITTER", "https://app.example/back?tenant=7", "s")
    assert parse_qs(urlsplit(url).query)["tenant"] == ["7"]
