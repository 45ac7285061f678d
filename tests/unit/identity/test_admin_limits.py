"""batchwork-admin on terms, usage and rotation, as an operator types it, over moto."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from contract.conftest import bucket, in_moto, table  # noqa: F401 -- fixtures
from unit.identity.test_admin import Admin, admin  # noqa: F401 -- the fixture

from batchwork.adapters.clock import SystemClock
from batchwork.adapters.dynamodb.identities import DynamoIdentities
from batchwork.adapters.dynamodb.usage import DynamoUsage
from batchwork.domain.errors import Unauthenticated
from batchwork.domain.usage import Charge, month_of
from batchwork.use_cases.authenticate import Authenticate
from batchwork_admin.__main__ import main


def charged(table: str, workspace: str, charge: str, units: int) -> Charge:  # noqa: F811 -- its name
    entry = Charge(
        id=charge,
        workspace_id=workspace,
        key_id="k1",
        family="lookups",
        units=units,
        at=datetime.now(UTC),
        ceiling=None,
    )
    DynamoUsage(table).reserve(entry)
    return entry


class TestRotating:
    def test_a_rotated_key_lives_for_a_day_beside_the_new_one(self, admin: Admin, table: str) -> None:  # noqa: F811
        workspace = admin("workspace", "create", "Acme")["workspace"]
        old = admin("key", "create", workspace, "--name", "ci", "--scope", "signals.read")
        new = admin("key", "rotate", workspace, old["key"])
        assert (new["name"], new["scopes"], new["replaces"]) == ("ci", ["signals.read"], old["key"])
        left = datetime.fromisoformat(new["replaced_expires_at"]) - datetime.now(UTC)
        assert timedelta(hours=23, minutes=59) < left <= timedelta(hours=24)
        authenticate = Authenticate(DynamoIdentities(table), SystemClock())
        assert authenticate(old["api_key"]).key.id == old["key"]
        assert authenticate(new["api_key"]).key.id == new["key"]

    @pytest.mark.parametrize(
        ("words", "hours"),
        [(["--overlap-hours", "2"], 2), (["--overlap-minutes", "30"], 0.5)],
        ids=["hours", "minutes"],
    )
    def test_the_overlap_is_told_in_hours_or_minutes(self, admin: Admin, words: list[str], hours: float) -> None:  # noqa: F811
        workspace = admin("workspace", "create", "Acme")["workspace"]
        key = admin("key", "create", workspace)["key"]
        ends_at = datetime.fromisoformat(admin("key", "rotate", workspace, key, *words)["replaced_expires_at"])
        assert timedelta() <= datetime.now(UTC) + timedelta(hours=hours) - ends_at < timedelta(minutes=1)

    def test_without_an_overlap_the_old_key_is_refused_at_once(self, admin: Admin, table: str) -> None:  # noqa: F811
        workspace = admin("workspace", "create", "Acme")["workspace"]
        old = admin("key", "create", workspace)
        admin("key", "rotate", workspace, old["key"], "--overlap-hours", "0")
        with pytest.raises(Unauthenticated):
            Authenticate(DynamoIdentities(table), SystemClock())(old["api_key"])

    def test_a_revoked_key_is_not_rotated(
        self,
        admin: Admin,  # noqa: F811
        table: str,  # noqa: F811
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        workspace = admin("workspace", "create", "Acme")["workspace"]
        key = admin("key", "create", workspace)["key"]
        admin("key", "revoke", workspace, key)
        assert main(["key", "rotate", workspace, key, "--table", table, "--bucket", "b"]) == 1
        assert "revoked" in capsys.readouterr().err
        assert len(admin("key", "list", workspace)) == 1

    def test_a_key_is_told_by_the_last_four_of_its_public_part(self, admin: Admin) -> None:  # noqa: F811
        workspace = admin("workspace", "create", "Acme")["workspace"]
        made = admin("key", "create", workspace)
        assert made["last_four"] == made["prefix"][-4:] == made["api_key"].partition(".")[0][-4:]
        assert admin("key", "list", workspace)[0]["last_four"] == made["last_four"]
        assert admin("key", "revoke", workspace, made["key"])["last_four"] == made["last_four"]


class TestTerms:
    def test_a_workspace_shows_its_terms_and_what_it_used(self, admin: Admin, table: str) -> None:  # noqa: F811
        made = admin("workspace", "create", "Acme", "--plan", "starter")
        charged(table, made["workspace"], "c1", 7)
        shown = admin("workspace", "show", made["workspace"])
        assert shown == {
            **made,
            "per_minute": 120,
            "per_day": 20_000,
            "monthly_quota": 250_000,
            "max_batch": 50,
            "max_page": 50,
            "overage": False,
            "changed": [],
            "month": month_of(datetime.now(UTC)),
            "used": 7,
        }

    def test_workspaces_are_numbered(self, admin: Admin) -> None:  # noqa: F811
        numbers = [admin("workspace", "create", name)["number"] for name in ("Acme", "Other")]
        assert numbers == [1, 2]
        assert [listed["number"] for listed in admin("workspace", "list")] == numbers

    def test_every_term_can_be_changed_and_changes_can_be_undone(self, admin: Admin) -> None:  # noqa: F811
        workspace = admin("workspace", "create", "Acme", "--plan", "free")["workspace"]
        words = ["--per-minute", "31", "--per-day", "1001", "--monthly-quota", "10001", "--max-batch", "11"]
        told = admin("workspace", "change", workspace, *words, "--max-page", "26", "--overage", "yes")
        terms = {"per_minute": 31, "per_day": 1001, "monthly_quota": 10001, "max_batch": 11, "max_page": 26}
        assert {name: told[name] for name in terms} == terms
        assert told["overage"] is True
        assert told["changed"] == ["max_batch", "max_page", "monthly_quota", "overage", "per_day", "per_minute"]
        told = admin("workspace", "change", workspace, "--reset", "--monthly-quota", "none", "--overage", "no")
        assert (told["monthly_quota"], told["per_minute"], told["overage"]) == (None, 30, False)
        assert told["changed"] == ["monthly_quota", "overage"]
        assert admin("workspace", "change", workspace, "--reset")["changed"] == []

    def test_a_workspace_moves_to_another_plan_with_its_changes(self, admin: Admin) -> None:  # noqa: F811
        workspace = admin("workspace", "create", "Acme", "--plan", "free")["workspace"]
        admin("workspace", "change", workspace, "--max-batch", "20")
        told = admin("workspace", "plan", workspace, "enterprise")
        assert (told["plan"], told["max_batch"], told["per_minute"]) == ("enterprise", 20, 3_000)

    def test_all_that_cannot_be_set_is_named_with_its_limit(
        self,
        admin: Admin,  # noqa: F811
        table: str,  # noqa: F811
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        workspace = admin("workspace", "create", "Acme")["workspace"]
        words = ["workspace", "change", workspace, "--per-minute", "99999999", "--max-batch", "0", "--per-day", "-5"]
        assert main([*words, "--table", table, "--bucket", "b"]) == 1
        told = capsys.readouterr().err
        assert "per_minute: It must be a whole number from 1 to 60000" in told
        assert "max_batch: It must be a whole number from 1 to 1000" in told
        assert "per_day: It must be a whole number from 1 to 86400000" in told
        assert admin("workspace", "show", workspace)["changed"] == []

    def test_to_change_nothing_is_told_to_be_nothing(
        self,
        admin: Admin,  # noqa: F811
        table: str,  # noqa: F811
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        workspace = admin("workspace", "create", "Acme")["workspace"]
        assert main(["workspace", "change", workspace, "--table", table, "--bucket", "b"]) == 1
        assert "--per-minute" in capsys.readouterr().err


class TestUsage:
    def test_a_months_units_and_what_is_left_of_it(self, admin: Admin, table: str) -> None:  # noqa: F811
        workspace = admin("workspace", "create", "Acme", "--plan", "free")["workspace"]
        charged(table, workspace, "c1", 7)
        month = month_of(datetime.now(UTC))
        assert admin("usage", "show", workspace) == {
            "workspace": workspace,
            "month": month,
            "used": 7,
            "quota": 10_000,
            "overage": False,
            "remaining": 9_993,
        }
        assert admin("usage", "show", workspace, "--month", "2025-01")["used"] == 0
        admin("workspace", "change", workspace, "--overage", "yes")
        assert admin("usage", "show", workspace)["remaining"] is None

    def test_the_ledger_by_time(self, admin: Admin, table: str, capsys: pytest.CaptureFixture[str]) -> None:  # noqa: F811
        workspace = admin("workspace", "create", "Acme")["workspace"]
        for number in range(3):
            charged(table, workspace, f"c{2 - number}", number + 1)
        entries = admin("usage", "ledger", workspace)
        assert [(entry["charge"], entry["units"], entry["family"], entry["key"]) for entry in entries] == [
            ("c2", 1, "lookups", "k1"),
            ("c1", 2, "lookups", "k1"),
            ("c0", 3, "lookups", "k1"),
        ]
        assert [entry["at"] for entry in entries] == sorted(entry["at"] for entry in entries)
        assert main(["usage", "ledger", workspace, "--table", table, "--bucket", "b"]) == 0
        assert capsys.readouterr().out.splitlines()[0].split() == ["at", "charge", "key", "family", "units"]

    def test_a_count_that_lost_units_is_found_and_set_right(self, admin: Admin, table: str) -> None:  # noqa: F811
        workspace = admin("workspace", "create", "Acme")["workspace"]
        charged(table, workspace, "c1", 7)
        month = month_of(datetime.now(UTC))
        assert DynamoUsage(table).adjust(workspace, month, seen=7, counted=3)
        told = {"workspace": workspace, "month": month, "counted": 3, "ledger": 7, "drift": -4, "applied": False}
        assert admin("usage", "reconcile", workspace) == told
        assert admin("usage", "reconcile", workspace, "--apply") == {**told, "applied": True}
        assert admin("usage", "reconcile", workspace, "--apply") == {**told, "counted": 7, "drift": 0}
        assert admin("usage", "show", workspace)["used"] == 7


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["workspace", "show", "nowhere"], "Workspace not found"),
        (["workspace", "plan", "nowhere", "pro"], "Workspace not found"),
        (["workspace", "change", "nowhere", "--reset"], "Workspace not found"),
        (["key", "rotate", "nowhere", "nothing"], "Key not found"),
        (["usage", "show", "nowhere"], "Workspace not found"),
        (["usage", "ledger", "nowhere"], "Workspace not found"),
        (["usage", "reconcile", "nowhere"], "Workspace not found"),
    ],
)
def test_what_is_not_there_is_said_and_ends_in_1(
    table: str,  # noqa: F811 -- the fixture
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    complaint: str,
) -> None:
    assert main([*words, "--table", table, "--bucket", "b"]) == 1
    told = capsys.readouterr()
    assert told.out == ""
    assert complaint in told.err


@pytest.mark.parametrize("month", ["2026", "2026-13", "yesterday"])
def test_what_is_no_month_is_refused(admin: Admin, table: str, capsys: pytest.CaptureFixture[str], month: str) -> None:  # noqa: F811
    workspace = admin("workspace", "create", "Acme")["workspace"]
    assert main(["usage", "show", workspace, "--month", month, "--table", table, "--bucket", "b"]) == 1
    assert "month: A month reads like 2026-11" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["workspace", "create", "Acme", "--plan", "gold"], "invalid choice"),
        (["workspace", "plan", "w", "gold"], "invalid choice"),
        (["workspace", "change", "w", "--per-minute", "many"], "no whole number"),
        (["workspace", "change", "w", "--per-minute", "none"], "no whole number"),
        (["workspace", "change", "w", "--monthly-quota", "unlimited"], "no whole number"),
        (["workspace", "change", "w", "--overage", "maybe"], "neither yes nor no"),
        (["key", "rotate", "w", "k", "--overlap-hours", "-1"], "no whole number from 0 to 8760"),
        (["key", "rotate", "w", "k", "--overlap-hours", "1", "--overlap-minutes", "1"], "not allowed with"),
    ],
)
def test_a_value_that_makes_no_sense_is_refused_with_what_would(
    capsys: pytest.CaptureFixture[str], words: list[str], complaint: str
) -> None:
    with pytest.raises(SystemExit) as ended:
        main([*words, "--table", "t", "--bucket", "b"])
    assert ended.value.code == 2
    assert complaint in capsys.readouterr().err


def test_readable_output_tells_terms_by_name(
    admin: Admin,  # noqa: F811
    table: str,  # noqa: F811
    capsys: pytest.CaptureFixture[str],
) -> None:
    workspace = admin("workspace", "create", "Acme", "--plan", "enterprise")["workspace"]
    assert main(["workspace", "show", workspace, "--table", table, "--bucket", "b"]) == 0
    told = dict(line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines())
    assert (told["per_minute"], told["monthly_quota"], told["overage"], told["changed"]) == ("3000", "-", "no", "-")
