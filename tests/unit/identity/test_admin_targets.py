"""batchwork-admin on targets, as an operator types it, over moto."""

from __future__ import annotations

import pytest
from contract.conftest import bucket, in_moto, table  # noqa: F401 -- fixtures
from unit.identity.test_admin import Admin, admin  # noqa: F401 -- the fixture

from batchwork.adapters.dynamodb.identities import DynamoIdentities
from batchwork.domain.target import Target
from batchwork_admin.__main__ import main

URL = "https://api.example.com/social"


@pytest.fixture
def workspace(admin: Admin) -> str:  # noqa: F811 -- the fixture
    made: str = admin("workspace", "create", "Acme")["workspace"]
    return made


def stored(table: str, workspace: str) -> dict[str, Target]:  # noqa: F811 -- its name
    found = DynamoIdentities(table).workspace(workspace)
    assert found is not None
    return dict(found.targets)


def test_a_target_is_set_listed_and_removed(admin: Admin, table: str, workspace: str) -> None:  # noqa: F811
    assert admin("target", "list", workspace) == []
    told = admin("target", "set", workspace, "/v1/posts", URL, "--secret-ref", "ssm:/batchwork/api")
    shown = {"prefix": "/v1/posts", "url": URL, "secret_ref": "ssm:/batchwork/api"}
    assert told == {"workspace": workspace, **shown}
    assert admin("target", "list", workspace) == [shown]
    assert stored(table, workspace) == {"/v1/posts": Target(URL, "ssm:/batchwork/api")}
    assert admin("target", "remove", workspace, "/v1/posts") == {"workspace": workspace, **shown, "removed": True}
    assert stored(table, workspace) == {}


def test_the_workspace_may_be_an_option(admin: Admin, table: str, workspace: str) -> None:  # noqa: F811
    admin("target", "set", "/v1/posts", URL, "--workspace", workspace)
    assert stored(table, workspace) == {"/v1/posts": Target(URL)}
    assert [each["prefix"] for each in admin("target", "list", "--workspace", workspace)] == ["/v1/posts"]
    admin("target", "remove", "/v1/posts", "--workspace", workspace)
    assert stored(table, workspace) == {}


def test_options_may_stand_before_the_words(admin: Admin, table: str, workspace: str) -> None:  # noqa: F811
    admin("target", "set", "--secret-ref", "ssm:/k", workspace, "/v1/posts", URL)
    assert stored(table, workspace) == {"/v1/posts": Target(URL, "ssm:/k")}


def test_other_changes_of_a_workspace_leave_its_targets(admin: Admin, table: str, workspace: str) -> None:  # noqa: F811
    admin("target", "set", workspace, "/v1/posts", URL)
    admin("workspace", "plan", workspace, "free")
    admin("workspace", "suspend", workspace)
    assert stored(table, workspace) == {"/v1/posts": Target(URL)}


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["/v1/billing", URL], "prefix: It must be one of /v1/posts, "),
        (["/v1/posts", "http://api.example.com"], "url: It must be an HTTPS URL"),
        (["/v1/posts", f"{URL}?a=b"], "url: It must have neither a query nor a fragment"),
        (["/v1/posts", URL, "--secret-ref", "hunter2"], "secret_ref: It must read secretsmanager:NAME or ssm:NAME"),
    ],
)
def test_what_could_never_answer_is_refused_and_no_secret_is_printed(
    table: str,  # noqa: F811 -- the fixture
    workspace: str,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    complaint: str,
) -> None:
    assert main(["target", "set", workspace, *words, "--table", table, "--bucket", "b"]) == 1
    told = capsys.readouterr()
    assert told.out == ""
    assert complaint in told.err
    assert "hunter2" not in told.err
    assert stored(table, workspace) == {}


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["set", "nowhere", "/v1/posts", URL], "Workspace not found"),
        (["list", "nowhere"], "Workspace not found"),
        (["remove", "nowhere", "/v1/posts"], "Workspace not found"),
    ],
)
def test_what_is_not_there_is_said(
    table: str,  # noqa: F811 -- the fixture
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    complaint: str,
) -> None:
    assert main(["target", *words, "--table", table, "--bucket", "b"]) == 1
    assert complaint in capsys.readouterr().err


@pytest.mark.parametrize(
    "words",
    [
        ["set", "/v1/posts", URL],
        ["set", "w", "/v1/posts", URL, "--workspace", "w"],
        ["set", "w", "/v1/posts"],
        ["remove", "/v1/posts"],
        ["list"],
    ],
)
def test_words_too_many_or_too_few_end_in_2(capsys: pytest.CaptureFixture[str], words: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["target", *words, "--table", "t", "--bucket", "b"])
    assert ended.value.code == 2
    assert "say WORKSPACE_ID" in capsys.readouterr().err
