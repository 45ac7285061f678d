"""IdentityStore: what the fake and the table must both do."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from fakes.identities import FakeIdentities

from batchwork.adapters import aws
from batchwork.adapters.dynamodb.identities import DynamoIdentities
from batchwork.domain.errors import Conflict
from batchwork.domain.target import Target
from batchwork.domain.workspace import ApiKey, Workspace, WorkspaceStatus
from batchwork.ports.identity import IdentityStore

NOON = datetime(2026, 1, 15, 12, 0, 0, 123000, tzinfo=UTC)


@pytest.fixture(params=["fake", "table"])
def identities(request: pytest.FixtureRequest) -> IdentityStore:
    if request.param == "fake":
        return FakeIdentities()
    return DynamoIdentities(request.getfixturevalue("table"))


def a_workspace(name: str = "acme", at: datetime = NOON) -> Workspace:
    return Workspace(id=name, name=name.title(), plan="pro", created_at=at)


def a_key(name: str = "k1", workspace: str = "acme", at: datetime = NOON) -> ApiKey:
    return ApiKey(
        id=name,
        workspace_id=workspace,
        name="ci",
        digest="ab" * 32,
        scopes=frozenset({"batches:read", "batches:write"}),
        created_at=at,
    )


def test_a_stored_workspace_and_key_come_back_whole(identities: IdentityStore) -> None:
    workspace = replace(a_workspace(), status=WorkspaceStatus.SUSPENDED)
    key = replace(a_key(), expires_at=NOON + timedelta(days=1), revoked_at=NOON + timedelta(hours=1))
    identities.put_workspace(workspace)
    identities.put_key(key)
    assert identities.get("acme", "k1") == (workspace, key)
    assert identities.workspace("acme") == workspace


def test_a_key_without_expiry_and_without_scopes_comes_back_so(identities: IdentityStore) -> None:
    key = replace(a_key(), scopes=frozenset())
    identities.put_workspace(a_workspace())
    identities.put_key(key)
    assert identities.get("acme", "k1") == (a_workspace(), key)


def test_a_key_whose_workspace_is_missing_is_not_found(identities: IdentityStore) -> None:
    identities.put_key(a_key())
    assert identities.get("acme", "k1") is None
    assert identities.workspace("acme") is None


def test_a_workspace_whose_key_is_missing_is_not_found(identities: IdentityStore) -> None:
    identities.put_workspace(a_workspace())
    assert identities.get("acme", "k1") is None


def test_a_key_is_never_found_under_another_workspace(identities: IdentityStore) -> None:
    identities.put_workspace(a_workspace())
    identities.put_workspace(a_workspace("other"))
    identities.put_key(a_key())
    assert identities.get("other", "k1") is None
    assert identities.keys("other") == []


def test_putting_again_replaces(identities: IdentityStore) -> None:
    identities.put_workspace(a_workspace())
    identities.put_key(a_key())
    identities.put_key(replace(a_key(), revoked_at=NOON))
    suspended = replace(a_workspace(), status=WorkspaceStatus.SUSPENDED)
    identities.put_workspace(suspended)
    assert identities.get("acme", "k1") == (suspended, replace(a_key(), revoked_at=NOON))
    assert identities.workspaces() == [suspended]


def test_every_workspace_is_listed_oldest_first(identities: IdentityStore) -> None:
    made = [a_workspace(f"w{number}", NOON + timedelta(minutes=number)) for number in range(120)]
    for workspace in reversed(made):
        identities.put_workspace(workspace)
    assert identities.workspaces() == made


def test_the_keys_of_a_workspace_are_listed_oldest_first(identities: IdentityStore) -> None:
    made = [a_key(f"k{number}", at=NOON - timedelta(minutes=number)) for number in range(5)]
    identities.put_workspace(a_workspace())
    for key in made:
        identities.put_key(key)
    identities.put_key(a_key("z", workspace="other"))
    assert identities.keys("acme") == list(reversed(made))


def test_what_an_operator_changed_and_a_workspaces_number_come_back(identities: IdentityStore) -> None:
    changes = {"per_minute": 5, "overage": True, "monthly_quota": None}
    workspace = replace(a_workspace(), changes=changes, number=42)
    identities.put_workspace(workspace)
    identities.put_key(a_key())
    assert identities.workspace("acme") == workspace
    found = identities.get("acme", "k1")
    assert found is not None
    assert (found[0].terms.per_minute, found[0].terms.overage, found[0].terms.monthly_quota) == (5, True, None)
    assert found[0].terms.per_day == 200_000
    identities.put_workspace(replace(workspace, changes={}))
    assert identities.workspace("acme") == replace(a_workspace(), number=42)


def test_a_workspaces_targets_come_back_and_are_found_with_its_keys(identities: IdentityStore) -> None:
    targets = {
        "/v1/posts": Target("https://api.example.com/posts", "ssm:/batchwork/api"),
        "/v1/media/files": Target("https://files.example.com"),
    }
    workspace = replace(a_workspace(), targets=targets)
    identities.put_workspace(workspace)
    identities.put_key(a_key())
    found = identities.get("acme", "k1")
    assert found is not None
    assert found[0].targets == targets
    identities.put_workspace(replace(workspace, targets={}), before=workspace)
    assert identities.workspace("acme") == a_workspace()


def test_targets_set_by_two_operators_at_once_do_not_replace_each_other(identities: IdentityStore) -> None:
    """Breaks when the row's targets are left out of what DynamoIdentities._put compares."""
    seen = a_workspace()
    identities.put_workspace(seen)
    posts, media = {"/v1/posts": Target("https://a.example.com")}, {"/v1/media": Target("https://b.example.com")}
    identities.put_workspace(replace(seen, targets=posts), before=seen)
    with pytest.raises(Conflict):
        identities.put_workspace(replace(seen, targets=media), before=seen)
    found = identities.workspace("acme")
    assert found is not None
    with pytest.raises(Conflict):
        identities.put_workspace(replace(seen, targets=posts | media), before=replace(seen, targets=media))
    identities.put_workspace(replace(found, targets=posts | media), before=found)


def test_a_workspace_stored_by_version_0_1_is_on_its_plans_own_terms(table: str) -> None:
    row = {
        "pk": {"S": "WS#acme"},
        "sk": {"S": "WORKSPACE"},
        "list_pk": {"S": "WORKSPACES"},
        "list_sk": {"S": "2026-01-15T12:00:00.123000+00:00#acme"},
        "workspace_id": {"S": "acme"},
        "name": {"S": "Acme"},
        "plan": {"S": "pro"},
        "status": {"S": "active"},
        "created_at": {"N": "1768478400123"},
    }
    aws.client("dynamodb").put_item(TableName=table, Item=row)
    assert DynamoIdentities(table).workspace("acme") == a_workspace()


def test_a_key_revoked_meanwhile_is_not_replaced(identities: IdentityStore) -> None:
    """Breaks when DynamoIdentities._put puts without its condition: a rotation would undo the revocation."""
    identities.put_workspace(a_workspace())
    identities.put_key(a_key())
    found = identities.get("acme", a_key().id)
    assert found is not None
    seen = found[1]
    identities.put_key(replace(seen, revoked_at=NOON))
    with pytest.raises(Conflict):
        identities.put_key(replace(seen, expires_at=NOON + timedelta(hours=1)), before=seen)
    again = identities.get("acme", seen.id)
    assert again is not None
    assert again[1].revoked_at == NOON
    identities.put_key(replace(again[1], name="renamed"), before=again[1])


def test_a_workspace_changed_meanwhile_is_not_replaced(identities: IdentityStore) -> None:
    identities.put_workspace(a_workspace(at=NOON + timedelta(microseconds=4)))
    seen = identities.workspace("acme")
    assert seen is not None
    identities.put_workspace(replace(seen, changes={"per_minute": 7}), before=seen)
    with pytest.raises(Conflict):
        identities.put_workspace(replace(seen, plan="free"), before=seen)
    found = identities.workspace("acme")
    assert found is not None
    assert (found.plan, found.changes) == (seen.plan, {"per_minute": 7})
    identities.put_workspace(replace(found, changes={}), before=found)
