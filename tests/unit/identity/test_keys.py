from __future__ import annotations

import re
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from engine import Died, Dying, Fuse
from fakes.clock import FakeClock
from fakes.identities import FakeIdentities
from fakes.sequences import FakeSequences

from batchwork.domain.errors import Conflict, InvalidRequest, NotFound, Unauthenticated, WorkspaceSuspended
from batchwork.domain.plan import PLANS, Plan
from batchwork.use_cases.authenticate import Authenticate, require
from batchwork.use_cases.keys import SCOPES, Keys, Workspaces, random_id, random_secret


@pytest.fixture
def identities() -> FakeIdentities:
    return FakeIdentities()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def workspaces(identities: FakeIdentities, clock: FakeClock) -> Workspaces:
    return Workspaces(identities, clock, FakeSequences())


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
        require(authenticate(text), None)
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


@pytest.mark.parametrize("endpoint", ["intelligence", "signals", "enrichment"])
def test_each_lookups_endpoint_has_a_scope_of_its_own(workspaces: Workspaces, keys: Keys, endpoint: str) -> None:
    assert f"{endpoint}.read" in SCOPES
    key, _ = keys.create(workspaces.create("Acme", "pro").id, "ci", [f"{endpoint}.read"])
    assert key.scopes == {f"{endpoint}.read"}


def test_workspaces_are_numbered_in_the_order_they_are_made(workspaces: Workspaces) -> None:
    assert [workspaces.create("Acme", "free").number for _ in range(3)] == [1, 2, 3]


def test_a_plan_that_there_is_not_is_refused_with_those_there_are(workspaces: Workspaces) -> None:
    with pytest.raises(InvalidRequest) as refused:
        workspaces.create("", "gold")
    assert [problem.place for problem in refused.value.problems] == ["name", "plan"]
    assert "free, starter, pro, enterprise" in refused.value.problems[1].message
    assert workspaces.list() == []
    workspace = workspaces.create("Acme", "free")
    with pytest.raises(InvalidRequest):
        workspaces.move(workspace.id, "gold")
    assert workspaces.get(workspace.id).plan == "free"


class TestTerms:
    """Spec lookups 2.3: plan, per minute, per day, monthly quota, max batch, max page."""

    @pytest.mark.parametrize(
        ("plan", "columns"),
        [
            ("free", (30, 1_000, 10_000, 10, 25)),
            ("starter", (120, 20_000, 250_000, 50, 50)),
            ("pro", (600, 200_000, 2_500_000, 100, 100)),
            ("enterprise", (3_000, 2_000_000, None, 250, 200)),
        ],
    )
    def test_a_plan_has_the_terms_of_the_documents(
        self, workspaces: Workspaces, plan: str, columns: tuple[int | None, ...]
    ) -> None:
        terms = workspaces.create("Acme", plan).terms
        assert (terms.per_minute, terms.per_day, terms.monthly_quota, terms.max_batch, terms.max_page) == columns
        assert not terms.overage

    def test_an_operator_changes_some_for_one_workspace(self, workspaces: Workspaces) -> None:
        acme, other = workspaces.create("Acme", "starter"), workspaces.create("Other", "starter")
        changed = workspaces.change(acme.id, {"per_minute": 500, "monthly_quota": None, "overage": True})
        assert changed == workspaces.get(acme.id)
        assert changed.terms == Plan(
            slug="starter",
            name="Starter",
            per_minute=500,
            per_day=20_000,
            monthly_quota=None,
            max_batch=50,
            max_page=50,
            overage=True,
        )
        assert workspaces.get(other.id).terms == PLANS["starter"]

    def test_changes_add_up_until_they_are_reset(self, workspaces: Workspaces) -> None:
        workspace = workspaces.create("Acme", "free").id
        workspaces.change(workspace, {"max_batch": 20, "max_page": 5})
        workspaces.change(workspace, {"max_batch": 30})
        assert workspaces.get(workspace).changes == {"max_batch": 30, "max_page": 5}
        assert workspaces.change(workspace, {"per_day": 7}, reset=True).changes == {"per_day": 7}
        assert workspaces.change(workspace, {}, reset=True).terms == PLANS["free"]

    def test_changes_stay_when_the_plan_is_another(self, workspaces: Workspaces) -> None:
        workspace = workspaces.create("Acme", "free").id
        workspaces.change(workspace, {"max_batch": 20})
        terms = workspaces.move(workspace, "pro").terms
        assert (terms.slug, terms.max_batch, terms.per_minute) == ("pro", 20, 600)

    def test_all_that_is_wrong_is_named_with_its_limit_and_nothing_is_changed(self, workspaces: Workspaces) -> None:
        workspace = workspaces.create("Acme", "free")
        with pytest.raises(InvalidRequest) as refused:
            workspaces.change(workspace.id, {"per_minute": 60_001, "max_batch": 0, "max_page": 50, "speed": 1})
        told = {problem.place: problem.message for problem in refused.value.problems}
        assert told.keys() == {"per_minute", "max_batch", "speed"}
        assert "1 to 60000" in told["per_minute"]
        assert "1 to 1000" in told["max_batch"]
        assert workspaces.get(workspace.id) == workspace

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("per_minute", None),
            ("per_minute", True),
            ("per_day", 0),
            ("per_day", 86_400_001),
            ("monthly_quota", -1),
            ("monthly_quota", 10**15 + 1),
            ("max_page", 1_001),
            ("overage", 1),
            ("overage", None),
        ],
    )
    def test_a_term_that_cannot_hold_is_refused(self, workspaces: Workspaces, name: str, value: Any) -> None:
        workspace = workspaces.create("Acme", "free").id
        with pytest.raises(InvalidRequest) as refused:
            workspaces.change(workspace, {name: value})
        assert [problem.place for problem in refused.value.problems] == [name]

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("per_minute", 1),
            ("per_minute", 60_000),
            ("monthly_quota", 0),
            ("monthly_quota", 10**15),
            ("max_batch", 1000),
        ],
    )
    def test_a_term_may_be_as_small_and_as_large_as_the_limits(
        self, workspaces: Workspaces, name: str, value: int
    ) -> None:
        workspace = workspaces.create("Acme", "free").id
        assert getattr(workspaces.change(workspace, {name: value}).terms, name) == value

    def test_of_a_workspace_that_is_not_there_nothing_is_changed(self, workspaces: Workspaces) -> None:
        with pytest.raises(NotFound, match="Workspace not found"):
            workspaces.get("nowhere")
        with pytest.raises(NotFound, match="Workspace not found"):
            workspaces.move("nowhere", "pro")
        with pytest.raises(NotFound, match="Workspace not found"):
            workspaces.change("nowhere", {})

    def test_a_suspension_and_terms_leave_each_other_alone(self, workspaces: Workspaces) -> None:
        workspace = workspaces.create("Acme", "free").id
        workspaces.suspend(workspace)
        workspaces.move(workspace, "pro")
        changed = workspaces.change(workspace, {"max_batch": 20})
        assert changed.status == "suspended"
        assert workspaces.activate(workspace).changes == {"max_batch": 20}


class TestRotating:
    """Issue 3: rotate with overlap."""

    DAY = timedelta(hours=24)

    def in_(self, clock: FakeClock, duration: timedelta) -> datetime:
        return clock.now() + duration

    def test_both_keys_open_the_workspace_until_the_overlap_ends(
        self, workspaces: Workspaces, keys: Keys, authenticate: Authenticate, clock: FakeClock
    ) -> None:
        workspace = workspaces.create("Acme", "pro")
        old, old_text = keys.create(workspace.id, "ci", ["batches:read", "signals.read"])
        new, new_text, replaced = keys.rotate(workspace.id, old.id, self.DAY)
        assert (new.name, new.scopes, new.expires_at) == ("ci", old.scopes, None)
        assert replaced.expires_at == self.in_(clock, self.DAY)
        assert authenticate(old_text).key.id == old.id
        clock.pass_(self.DAY - timedelta(seconds=1))
        assert authenticate(old_text).key.id == old.id
        clock.pass_(timedelta(seconds=1))
        with pytest.raises(Unauthenticated):
            authenticate(old_text)
        assert authenticate(new_text).key == new

    def test_the_new_text_is_another_and_shown_once(
        self, workspaces: Workspaces, keys: Keys, identities: FakeIdentities
    ) -> None:
        workspace = workspaces.create("Acme", "pro").id
        old, old_text = keys.create(workspace, "ci", ["*"])
        new, new_text, _ = keys.rotate(workspace, old.id, self.DAY)
        assert new.id != old.id
        assert new_text.rpartition(".")[2] != old_text.rpartition(".")[2]
        assert new_text.rpartition(".")[2] not in repr(identities.keys(workspace))

    def test_an_overlap_of_nothing_ends_the_old_key_now(
        self, workspaces: Workspaces, keys: Keys, authenticate: Authenticate
    ) -> None:
        workspace = workspaces.create("Acme", "pro").id
        old, old_text = keys.create(workspace, "ci", ["*"])
        keys.rotate(workspace, old.id, timedelta())
        with pytest.raises(Unauthenticated):
            authenticate(old_text)

    def test_a_key_never_lives_longer_for_being_rotated(
        self, workspaces: Workspaces, keys: Keys, clock: FakeClock
    ) -> None:
        workspace, soon = workspaces.create("Acme", "pro").id, self.in_(clock, timedelta(hours=1))
        old, _ = keys.create(workspace, "ci", ["*"], expires_at=soon)
        new, _, replaced = keys.rotate(workspace, old.id, self.DAY)
        assert replaced.expires_at == soon
        assert new.expires_at == soon

    def test_a_rotated_key_is_not_rotated_again_but_its_successor_is(self, workspaces: Workspaces, keys: Keys) -> None:
        workspace = workspaces.create("Acme", "pro").id
        old, _ = keys.create(workspace, "ci", ["*"])
        new, _, _ = keys.rotate(workspace, old.id, self.DAY)
        with pytest.raises(InvalidRequest) as refused:
            keys.rotate(workspace, old.id, self.DAY)
        assert new.id in refused.value.problems[0].message
        newest, _, replaced = keys.rotate(workspace, new.id, self.DAY)
        assert (newest.expires_at, replaced.id, replaced.replaced_by) == (None, new.id, newest.id)

    def test_a_revocation_meanwhile_stands_and_leaves_no_new_key(
        self, workspaces: Workspaces, keys: Keys, identities: FakeIdentities
    ) -> None:
        """Breaks when Keys.rotate puts the old key without saying what it was."""
        workspace = workspaces.create("Acme", "pro").id
        old, _ = keys.create(workspace, "ci", ["*"])

        def secret_while_another_revokes() -> str:
            keys.revoke(workspace, old.id)
            return "a-secret"

        with pytest.raises(Conflict):
            replace(keys, new_secret=secret_while_another_revokes).rotate(workspace, old.id, self.DAY)
        assert all(key.revoked_at is not None for key in identities.keys(workspace))

    def test_a_key_that_is_refused_already_is_not_rotated(
        self, workspaces: Workspaces, keys: Keys, clock: FakeClock
    ) -> None:
        workspace = workspaces.create("Acme", "pro").id
        revoked, _ = keys.create(workspace, "a", ["*"])
        keys.revoke(workspace, revoked.id)
        expired, _ = keys.create(workspace, "b", ["*"], expires_at=self.in_(clock, self.DAY))
        clock.pass_(self.DAY)
        for key, why in ((revoked, "revoked"), (expired, "expired")):
            with pytest.raises(InvalidRequest) as refused:
                keys.rotate(workspace, key.id, self.DAY)
            assert why in refused.value.problems[0].message
        assert len(keys.list(workspace)) == 2

    @pytest.mark.parametrize("overlap", [timedelta(seconds=-1), timedelta(days=366)], ids=["past", "long"])
    def test_an_overlap_that_makes_no_sense_is_refused(
        self, workspaces: Workspaces, keys: Keys, overlap: timedelta
    ) -> None:
        workspace = workspaces.create("Acme", "pro").id
        old, _ = keys.create(workspace, "ci", ["*"])
        with pytest.raises(InvalidRequest):
            keys.rotate(workspace, old.id, overlap)
        assert keys.list(workspace) == [old]

    def test_a_rotation_that_dies_between_its_writes_leaves_the_old_key_as_it_was(
        self, workspaces: Workspaces, identities: FakeIdentities, clock: FakeClock, authenticate: Authenticate
    ) -> None:
        workspace = workspaces.create("Acme", "pro").id
        old, old_text = Keys(identities, clock).create(workspace, "ci", ["*"])
        with pytest.raises(Died):
            Keys(Dying(identities, Fuse(3)), clock).rotate(workspace, old.id, self.DAY)
        clock.pass_(2 * self.DAY)
        assert authenticate(old_text).key.id == old.id

    def test_a_key_of_another_workspace_is_not_found(self, workspaces: Workspaces, keys: Keys) -> None:
        old, _ = keys.create(workspaces.create("Acme", "pro").id, "ci", ["*"])
        with pytest.raises(NotFound, match="Key not found"):
            keys.rotate(workspaces.create("Other", "pro").id, old.id, self.DAY)
