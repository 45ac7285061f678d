"""What a fresh local stack holds, over moto: what stack.json promises of it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from contract.conftest import bucket, in_moto, table  # noqa: F401 -- fixtures

from batchwork.adapters.clock import SystemClock
from batchwork.adapters.dynamodb.identities import DynamoIdentities
from batchwork.adapters.dynamodb.lookups import DynamoLookups
from batchwork.adapters.dynamodb.resource_rows import AccountCodec, PostCodec
from batchwork.adapters.dynamodb.shelf import DynamoShelf
from batchwork.domain.errors import Unauthenticated
from batchwork.domain.plan import PLANS
from batchwork.use_cases.authenticate import Authenticate
from local.seed import examples, seed


@pytest.fixture
def identities(table: str) -> DynamoIdentities:  # noqa: F811 -- the fixture
    return DynamoIdentities(table)


def test_there_is_a_workspace_and_a_key_for_each_plan(table: str, bucket: str, identities: DynamoIdentities) -> None:  # noqa: F811
    seeded = seed(table, bucket)
    authenticate = Authenticate(identities, SystemClock())
    for plan in ("free", "starter", "pro", "enterprise"):
        caller = authenticate(seeded["api_keys"][plan])
        assert caller.workspace.id == seeded["workspaces"][plan]
        assert caller.workspace.terms == PLANS[plan]
        assert caller.key.scopes == {"*"}
    assert authenticate(seeded["api_keys"]["no_scopes"]).key.scopes == set()
    assert authenticate(seeded["api_keys"]["other"]).workspace.id not in seeded["workspaces"].values()
    with pytest.raises(Unauthenticated):
        authenticate(seeded["api_keys"]["revoked"])


def test_workspaces_are_numbered(table: str, bucket: str, identities: DynamoIdentities) -> None:  # noqa: F811
    seed(table, bucket)
    assert sorted(workspace.number for workspace in identities.workspaces()) == [1, 2, 3, 4, 5]


def test_every_lookups_endpoint_echoes_as_the_documentation_shows_it(table: str, bucket: str) -> None:  # noqa: F811
    seeded = seed(table, bucket)
    assert seeded["lookup_endpoints"] == ["intelligence", "signals", "enrichment"]
    for workspace in seeded["workspaces"].values():
        assert DynamoLookups(table).find(workspace) == {}


def test_every_workspace_has_the_account_and_the_post_that_the_documentation_names(
    table: str,  # noqa: F811 -- the fixture
    bucket: str,  # noqa: F811 -- the fixture
    identities: DynamoIdentities,
) -> None:
    seed(table, bucket)
    accounts, posts = DynamoShelf(table, AccountCodec()), DynamoShelf(table, PostCodec())
    workspaces = identities.workspaces()
    assert len(workspaces) == 5
    for workspace in workspaces:
        account, post = accounts.get(workspace.id, "acc_123"), posts.get(workspace.id, "clxold1234567890")
        assert account is not None
        assert post is not None
        assert (account.platform, account.status) == ("TWITTER", "active")
        assert (post.status, [part.account_id for part in post.parts]) == ("draft", ["acc_123"])


def test_what_a_customer_made_of_the_examples_stays_and_what_was_deleted_comes_back(table: str) -> None:  # noqa: F811
    accounts, posts = DynamoShelf(table, AccountCodec()), DynamoShelf(table, PostCodec())
    examples(table, "acme", SystemClock())
    account = accounts.get("acme", "acc_123")
    assert account is not None
    changed = replace(account, username="mine", revision=2)
    assert accounts.replace(changed)
    assert posts.remove("acme", "clxold1234567890")
    examples(table, "acme", SystemClock())
    assert accounts.get("acme", "acc_123") == changed
    assert posts.get("acme", "clxold1234567890") is not None
