from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from fakes.clock import FakeClock
from fakes.identities import FakeIdentities

from batchwork.domain.errors import ScopeMissing, Unauthenticated, WorkspaceSuspended
from batchwork.domain.workspace import ApiKey, Caller, Workspace, WorkspaceStatus, digest_of
from batchwork.use_cases import authenticate as module
from batchwork.use_cases.authenticate import REMEMBERED, Authenticate, require

SECRET = "the-secret_01"
TEXT = f"bw_acme_k1.{SECRET}"
SECOND = timedelta(seconds=1)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def key(clock: FakeClock) -> ApiKey:
    return ApiKey(
        id="k1",
        workspace_id="acme",
        name="ci",
        digest=digest_of(SECRET),
        scopes=frozenset({"batches:read"}),
        created_at=clock.now(),
    )


@pytest.fixture
def workspace(clock: FakeClock) -> Workspace:
    return Workspace(id="acme", name="Acme", plan="pro", created_at=clock.now())


@pytest.fixture
def identities(workspace: Workspace, key: ApiKey) -> FakeIdentities:
    identities = FakeIdentities()
    identities.put_workspace(workspace)
    identities.put_key(key)
    return identities


@pytest.fixture
def authenticate(identities: FakeIdentities, clock: FakeClock) -> Authenticate:
    return Authenticate(identities, clock)


def test_a_key_proves_its_workspace(authenticate: Authenticate, workspace: Workspace, key: ApiKey) -> None:
    assert authenticate(TEXT) == Caller(workspace, key)


@pytest.mark.parametrize(
    "presented",
    [
        None,
        "",
        "nonsense",
        "bw_acme_k1",
        "bw_acme_k1.",
        "bw_acme_k1.wrong",
        f"bw_acme_k2.{SECRET}",
        f"bw_other_k1.{SECRET}",
        f"{TEXT} ",
        f"{TEXT}\n",
        f"bw_ACME_k1.{SECRET}",
        f"bw_{'a' * 33}_k1.{SECRET}",
    ],
)
def test_anything_else_is_refused_in_the_same_words(authenticate: Authenticate, presented: str | None) -> None:
    with pytest.raises(Unauthenticated, match=r"^The API key is missing or not valid\.$"):
        authenticate(presented)


def test_what_cannot_be_a_key_is_refused_without_a_read(authenticate: Authenticate, identities: FakeIdentities) -> None:
    for presented in (None, "x" * 10_000, "bw_a.b", "bw_ä_k.s"):
        with pytest.raises(Unauthenticated):
            authenticate(presented)
    assert identities.reads == 0


def test_a_key_answers_no_more_from_the_moment_it_expires(
    authenticate: Authenticate, identities: FakeIdentities, key: ApiKey, clock: FakeClock
) -> None:
    identities.put_key(replace(key, expires_at=clock.now() + 10 * SECOND))
    authenticate(TEXT)
    clock.pass_(10 * SECOND)
    with pytest.raises(Unauthenticated):
        authenticate(TEXT)


def test_a_revocation_is_seen_after_fifteen_seconds_at_the_latest(
    authenticate: Authenticate, identities: FakeIdentities, key: ApiKey, clock: FakeClock
) -> None:
    authenticate(TEXT)
    identities.put_key(replace(key, revoked_at=clock.now()))
    clock.pass_(15 * SECOND)
    with pytest.raises(Unauthenticated):
        authenticate(TEXT)


def test_a_suspension_is_seen_after_fifteen_seconds_at_the_latest_and_has_its_own_words(
    authenticate: Authenticate, identities: FakeIdentities, workspace: Workspace, clock: FakeClock
) -> None:
    authenticate(TEXT)
    identities.put_workspace(replace(workspace, status=WorkspaceStatus.SUSPENDED))
    clock.pass_(15 * SECOND)
    with pytest.raises(WorkspaceSuspended):
        require(authenticate(TEXT), None)


def test_a_wrong_secret_is_not_told_of_a_suspension(
    authenticate: Authenticate, identities: FakeIdentities, workspace: Workspace
) -> None:
    identities.put_workspace(replace(workspace, status=WorkspaceStatus.SUSPENDED))
    with pytest.raises(Unauthenticated):
        authenticate("bw_acme_k1.wrong")


def test_a_key_in_use_is_read_once_in_fifteen_seconds(
    authenticate: Authenticate, identities: FakeIdentities, clock: FakeClock
) -> None:
    for _ in range(14):
        authenticate(TEXT)
        clock.pass_(SECOND)
    assert identities.reads == 1
    clock.pass_(SECOND)
    authenticate(TEXT)
    assert identities.reads == 2


def test_a_remembered_key_still_needs_its_secret(authenticate: Authenticate) -> None:
    authenticate(TEXT)
    with pytest.raises(Unauthenticated):
        authenticate("bw_acme_k1.wrong")


def test_an_unknown_key_is_asked_for_again_after_two_seconds(
    authenticate: Authenticate, identities: FakeIdentities, key: ApiKey, clock: FakeClock
) -> None:
    late = f"bw_acme_late.{SECRET}"
    for _ in range(3):
        with pytest.raises(Unauthenticated):
            authenticate(late)
    assert identities.reads == 1
    identities.put_key(replace(key, id="late"))
    clock.pass_(2 * SECOND)
    assert authenticate(late).key.id == "late"


def test_only_so_many_keys_are_remembered_and_the_ones_in_use_stay(
    authenticate: Authenticate, identities: FakeIdentities
) -> None:
    authenticate(TEXT)
    for number in range(REMEMBERED + 10):
        with pytest.raises(Unauthenticated):
            authenticate(f"bw_acme_x{number}.{SECRET}")
        if number % 100 == 0:
            authenticate(TEXT)
    reads = identities.reads
    authenticate(TEXT)
    assert identities.reads == reads
    with pytest.raises(Unauthenticated):
        authenticate(f"bw_acme_x0.{SECRET}")
    assert identities.reads == reads + 1


def test_an_unknown_key_is_compared_like_a_known_one(
    authenticate: Authenticate, monkeypatch: pytest.MonkeyPatch
) -> None:
    compared: list[str] = []
    monkeypatch.setattr(ApiKey, "accepts", lambda key, _secret, _now: compared.append(key.id))
    for presented in (f"bw_acme_nobody.{SECRET}", "bw_acme_k1.wrong"):
        with pytest.raises(Unauthenticated):
            authenticate(presented)
    assert compared == [module._NOBODY.id, "k1"]


def test_no_secret_is_accepted_for_a_key_that_is_not_there(clock: FakeClock) -> None:
    assert not module._NOBODY.accepts("", clock.now())


def test_a_key_without_the_scope_is_refused_by_name(workspace: Workspace, key: ApiKey) -> None:
    caller = Caller(workspace, key)
    require(caller, "batches:read")
    with pytest.raises(ScopeMissing, match=r"^This API key lacks the scope batches:write\.$"):
        require(caller, "batches:write")


def test_a_star_is_every_scope(workspace: Workspace, key: ApiKey) -> None:
    require(Caller(workspace, replace(key, scopes=frozenset("*"))), "chats:write")


# ── work that is done later than it was asked for ──


def test_who_has_a_key_is_known_without_its_secret(
    authenticate: Authenticate, workspace: Workspace, key: ApiKey
) -> None:
    assert authenticate.known("acme", "k1") == Caller(workspace, key)


def test_nobody_is_known_by_a_key_that_is_gone_revoked_or_expired(
    authenticate: Authenticate, identities: FakeIdentities, clock: FakeClock, key: ApiKey
) -> None:
    for workspace_id, key_id in (("acme", "k2"), ("other", "k1")):
        with pytest.raises(Unauthenticated):
            authenticate.known(workspace_id, key_id)
    for ended in (replace(key, revoked_at=clock.now()), replace(key, expires_at=clock.now())):
        identities.put_key(ended)
        with pytest.raises(Unauthenticated):
            Authenticate(identities, clock).known("acme", "k1")


def test_a_revocation_of_a_known_key_is_seen_within_15_seconds(
    authenticate: Authenticate, identities: FakeIdentities, clock: FakeClock, key: ApiKey
) -> None:
    authenticate.known("acme", "k1")
    identities.put_key(replace(key, revoked_at=clock.now()))
    clock.pass_(14 * SECOND)
    authenticate.known("acme", "k1")
    clock.pass_(SECOND)
    with pytest.raises(Unauthenticated):
        authenticate.known("acme", "k1")
