from __future__ import annotations

import re
from datetime import timedelta

import pytest
from fakes.clock import FakeClock
from fakes.identities import FakeIdentities

from batchwork.domain.errors import InvalidRequest, NotFound, Unauthenticated, WorkspaceSuspended
from batchwork.use_cases.authenticate import Authenticate
from batchwork.use_cases.keys import Keys, Workspaces, random_id, random_secret


@pytest.fixture
def identities() -> FakeIdentities:
    return FakeIdentities()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def workspaces(identities: FakeIdentities, clock: FakeClock) -> Workspaces:
    return Workspaces(identities, clock)


@pytest.fixture
def keys(identities: FakeIdentities, clock: FakeClock) -> Keys:
    return Keys(identities, clock)


@pytest.fixture
def authenticate(identities: FakeIdentities, clock: FakeClock) -> Authenticate:
    return Authenticate(identities, clock)


def test_a_made_key_opens_its_workspace(workspaces: Workspaces, keys: Keys, authenticate: Authenticate) -> None:
    workspace = workspaces.create("Acme", "pro")
    key, text = keys.create(workspace.id, "ci", ["batches:read"])
    caller = authenticate(text)
    assert (caller.workspace, caller.key) == (workspace, key)
    assert text.startswith(key.public + ".")


def test_the_secret_is_nowhere_in_what_is_stored(workspaces: Workspaces, identities: FakeIdentities) -> None:
    keys = Keys(identities, FakeClock(), new_secret=lambda: "Secret-of-this-key")
    key, text = keys.create(workspaces.create("Acme", "pro").id, "ci", ["*"])
    assert text.endswith(".Secret-of-this-key")
    assert "Secret-of-this-key" not in repr(key) + repr(identities.keys(key.workspace_id))


def test_a_revoked_key_is_refused_and_stays_listed(
    workspaces: Workspaces, keys: Keys, authenticate: Authenticate, clock: FakeClock
) -> None:
    workspace = workspaces.create("Acme", "pro")
    key, text = keys.create(workspace.id, "ci", ["*"])
    first = keys.revoke(workspace.id, key.id).revoked_at
    clock.pass_(timedelta(hours=1))
    assert keys.revoke(workspace.id, key.id).revoked_at == first
    assert [listed.id for listed in keys.list(workspace.id)] == [key.id]
    with pytest.raises(Unauthenticated):
        authenticate(text)


def test_a_suspended_workspace_is_refused_until_it_is_activated(
    workspaces: Workspaces, keys: Keys, authenticate: Authenticate, clock: FakeClock
) -> None:
    workspace = workspaces.create("Acme", "pro")
    _, text = keys.create(workspace.id, "ci", ["*"])
    workspaces.suspend(workspace.id)
    with pytest.raises(WorkspaceSuspended):
        authenticate(text)
    workspaces.activate(workspace.id)
    clock.pass_(timedelta(seconds=15))
    assert authenticate(text).workspace == workspace


def test_unknown_scopes_and_a_past_expiry_are_all_named(workspaces: Workspaces, keys: Keys, clock: FakeClock) -> None:
    workspace = workspaces.create("Acme", "pro")
    with pytest.raises(InvalidRequest) as refused:
        keys.create(workspace.id, "ci", ["batches:read", "batches:fly", "everything"], expires_at=clock.now())
    assert [problem.place for problem in refused.value.problems] == ["scopes", "scopes", "expires_at"]
    assert keys.list(workspace.id) == []


@pytest.mark.parametrize("name", ["", "x" * 129, "a\nb", "nul\0"])
def test_odd_names_are_refused(workspaces: Workspaces, keys: Keys, name: str) -> None:
    with pytest.raises(InvalidRequest):
        workspaces.create(name, "pro")
    workspace = workspaces.create("Acme", "pro")
    with pytest.raises(InvalidRequest):
        keys.create(workspace.id, name, [])


def test_what_is_not_there_is_not_found(workspaces: Workspaces, keys: Keys) -> None:
    with pytest.raises(NotFound, match="Workspace not found"):
        keys.create("nowhere", "ci", [])
    with pytest.raises(NotFound, match="Workspace not found"):
        keys.list("nowhere")
    with pytest.raises(NotFound, match="Workspace not found"):
        workspaces.suspend("nowhere")
    with pytest.raises(NotFound, match="Key not found"):
        keys.revoke(workspaces.create("Acme", "pro").id, "nothing")


def test_ids_are_lower_case_letters_and_digits_and_secrets_are_256_bits() -> None:
    assert len({random_id() for _ in range(1000)}) == 1000
    assert re.fullmatch(r"[a-z0-9]{16}", random_id())
    assert re.fullmatch(r"[A-Za-z0-9_-]{43}", random_secret())
