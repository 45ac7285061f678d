"""batchwork-admin, as an operator types it, over moto."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from contract.conftest import bucket, in_moto, table  # noqa: F401 -- fixtures

from batchwork.adapters import aws
from batchwork.adapters.clock import SystemClock
from batchwork.adapters.dynamodb.agents import DynamoAgents
from batchwork.adapters.dynamodb.identities import DynamoIdentities
from batchwork.adapters.packing import Packer
from batchwork.adapters.s3 import S3Blobs
from batchwork.domain.errors import Unauthenticated, WorkspaceSuspended
from batchwork.use_cases.authenticate import Authenticate, require
from batchwork_admin.__main__ import main

Admin = Callable[..., Any]


@pytest.fixture
def admin(table: str, bucket: str, capsys: pytest.CaptureFixture[str]) -> Admin:  # noqa: F811 -- the fixtures
    def run(*words: str) -> Any:
        code = main([*words, "--table", table, "--bucket", bucket, "--json"])
        told = capsys.readouterr()
        assert code == 0, told.err
        return json.loads(told.out)

    return run


def test_a_workspace_and_a_key_made_here_open_the_api(admin: Admin, table: str) -> None:  # noqa: F811 -- the fixture
    workspace = admin("workspace", "create", "Acme", "--plan", "starter")
    key = admin("key", "create", workspace["workspace"], "--name", "ci", "--scope", "batches:read")
    caller = Authenticate(DynamoIdentities(table), SystemClock())(key["api_key"])
    assert (caller.workspace.name, caller.workspace.plan) == ("Acme", "starter")
    assert (caller.key.name, caller.key.scopes) == ("ci", frozenset({"batches:read"}))
    assert [listed["workspace"] for listed in admin("workspace", "list")] == [workspace["workspace"]]


def test_a_key_has_every_scope_unless_it_is_told_otherwise(admin: Admin) -> None:
    workspace = admin("workspace", "create", "Acme")["workspace"]
    assert admin("key", "create", workspace)["scopes"] == ["*"]
    assert admin("key", "create", workspace, "--scope", "none")["scopes"] == []


def test_a_key_is_shown_once_and_a_revoked_one_is_refused(admin: Admin, table: str) -> None:  # noqa: F811
    workspace = admin("workspace", "create", "Acme")["workspace"]
    made = admin("key", "create", workspace)
    secret = made["api_key"].rpartition(".")[2]
    listed = admin("key", "list", workspace)
    assert [key["key"] for key in listed] == [made["key"]]
    assert secret not in json.dumps(listed)
    assert admin("key", "revoke", workspace, made["key"])["revoked_at"] is not None
    with pytest.raises(Unauthenticated):
        Authenticate(DynamoIdentities(table), SystemClock())(made["api_key"])


def test_a_key_may_expire(admin: Admin) -> None:
    workspace = admin("workspace", "create", "Acme")["workspace"]
    made = admin("key", "create", workspace, "--expires-in-days", "30")
    left = datetime.fromisoformat(made["expires_at"]) - datetime.now(UTC)
    assert timedelta(days=29) < left <= timedelta(days=30)
    at = admin("key", "create", workspace, "--expires-at", "2100-01-01T00:00:00")["expires_at"]
    assert at == "2100-01-01T00:00:00+00:00"


def test_a_suspended_workspace_is_refused_until_it_is_activated(admin: Admin, table: str) -> None:  # noqa: F811
    workspace = admin("workspace", "create", "Acme")["workspace"]
    text = admin("key", "create", workspace)["api_key"]
    assert admin("workspace", "suspend", workspace)["status"] == "suspended"
    with pytest.raises(WorkspaceSuspended):
        require(Authenticate(DynamoIdentities(table), SystemClock())(text), None)
    assert admin("workspace", "activate", workspace)["status"] == "active"
    require(Authenticate(DynamoIdentities(table), SystemClock())(text), "batches:read")


def test_a_knowledge_agent_is_made_of_files_and_published(
    admin: Admin,
    table: str,  # noqa: F811 -- the fixture
    bucket: str,  # noqa: F811 -- the fixture
    tmp_path: Path,
) -> None:
    hours, returns = tmp_path / "hours.md", tmp_path / "returns.html"
    hours.write_text("# Business hours\nMonday to Friday, 9 AM to 6 PM.")
    returns.write_text("<html><body><p>Send it back within 30 days.</p></body></html>")
    workspace = admin("workspace", "create", "Acme")["workspace"]
    made = admin(
        "agent", "create", workspace, "--name", "FAQ", "--documents", str(hours), str(returns), "--passages", "2"
    )
    assert made["published_version"] is None
    assert admin("agent", "publish", workspace, made["agent"])["published_version"] == 1
    assert [listed["agent"] for listed in admin("agent", "list", workspace)] == [made["agent"]]
    version = DynamoAgents(table, Packer(lambda: S3Blobs(bucket))).version(workspace, made["agent"], 1)
    assert version is not None
    assert (version.provider.type, version.provider.settings) == ("knowledge", {"passages": 2})
    assert [(document.title, document.text) for document in version.documents] == [
        ("Business hours", "Monday to Friday, 9 AM to 6 PM."),
        ("returns", "Send it back within 30 days."),
    ]


@pytest.mark.parametrize(
    ("words", "provider"),
    [
        (["lambda", "--function-arn", "arn:aws:lambda:x"], {"function_arn": "arn:aws:lambda:x"}),
        (["bedrock", "--model", "m", "--model-region", "eu-west-1"], {"model": "m", "region": "eu-west-1"}),
        (
            ["openai", "--base-url", "https://llm.example/v1", "--model", "m", "--key-ref", "ssm:/k"],
            {"base_url": "https://llm.example/v1", "model": "m", "key_ref": "ssm:/k"},
        ),
    ],
)
def test_an_operator_may_choose_any_provider(
    admin: Admin,
    table: str,  # noqa: F811 -- the fixture
    bucket: str,  # noqa: F811 -- the fixture
    words: list[str],
    provider: dict[str, str],
) -> None:
    workspace = admin("workspace", "create", "Acme")["workspace"]
    made = admin("agent", "create", workspace, "--name", "A", "--publish", "--provider", *words)
    assert made["published_version"] == 1
    version = DynamoAgents(table, Packer(lambda: S3Blobs(bucket))).version(workspace, made["agent"], 1)
    assert version is not None
    assert (version.provider.type, version.provider.settings) == (words[0], provider)


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["workspace", "suspend", "nowhere"], "Workspace not found"),
        (["key", "create", "nowhere"], "Workspace not found"),
        (["key", "list", "nowhere"], "Workspace not found"),
        (["key", "revoke", "nowhere", "nothing"], "Key not found"),
        (["agent", "list", "nowhere"], "Workspace not found"),
        (["workspace", "create", ""], "name: A name has"),
    ],
)
def test_what_cannot_be_done_is_said_and_ends_in_1(
    table: str,  # noqa: F811 -- the fixture
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    complaint: str,
) -> None:
    assert main([*words, "--table", table, "--bucket", "b"]) == 1
    told = capsys.readouterr()
    assert told.out == ""
    assert complaint in told.err


def test_a_provider_without_its_settings_or_with_anothers_is_refused(
    admin: Admin,
    table: str,  # noqa: F811 -- the fixture
    capsys: pytest.CaptureFixture[str],
) -> None:
    workspace = admin("workspace", "create", "Acme")["workspace"]
    words = ["agent", "create", workspace, "--name", "A", "--provider", "openai", "--function-arn", "x"]
    assert main([*words, "--table", table, "--bucket", "b"]) == 1
    told = capsys.readouterr().err
    assert "--base-url: openai needs it" in told
    assert "--model: openai needs it" in told
    assert "--function-arn: openai does not know it" in told


def test_without_a_deployment_nothing_is_done(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["workspace", "list"]) == 1
    assert "--local" in capsys.readouterr().err


def test_a_stack_is_found_by_its_outputs(table: str, bucket: str, capsys: pytest.CaptureFixture[str]) -> None:  # noqa: F811
    template = {
        "Resources": {"Topic": {"Type": "AWS::SNS::Topic"}},
        "Outputs": {"TableName": {"Value": table}, "BucketName": {"Value": bucket}},
    }
    aws.client("cloudformation").create_stack(StackName="batchwork", TemplateBody=json.dumps(template))
    assert main(["workspace", "create", "Acme", "--stack", "batchwork"]) == 0
    assert [workspace.name for workspace in DynamoIdentities(table).workspaces()] == ["Acme"]
    assert "Acme" in capsys.readouterr().out


def test_the_local_stack_is_found_by_its_file(
    table: str,  # noqa: F811 -- the fixture
    bucket: str,  # noqa: F811 -- the fixture
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["workspace", "list", "--local"]) == 1
    assert "make serve" in capsys.readouterr().err
    (tmp_path / ".local").mkdir()
    (tmp_path / ".local/stack.json").write_text(
        json.dumps(
            {
                "base_url": "http://127.0.0.1:1/x",
                "aws": {
                    # moto answers for AWS's own address
                    "endpoint_url": "https://dynamodb.us-east-1.amazonaws.com",
                    "AWS_ACCESS_KEY_ID": "test",
                    "AWS_SECRET_ACCESS_KEY": "test",
                    "AWS_DEFAULT_REGION": "us-east-1",
                },
                "outputs": {"TableName": table, "BucketName": bucket},
            }
        )
    )
    monkeypatch.setenv("AWS_PROFILE", "production")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "https://elsewhere.example")
    assert main(["workspace", "create", "Local", "--local"]) == 0
    assert [workspace.name for workspace in DynamoIdentities(table).workspaces()] == ["Local"]


def test_readable_output_says_that_a_key_is_shown_once(
    admin: Admin,
    table: str,  # noqa: F811 -- the fixture
    capsys: pytest.CaptureFixture[str],
) -> None:
    workspace = admin("workspace", "create", "Acme")["workspace"]
    assert main(["key", "create", workspace, "--table", table, "--bucket", "b"]) == 0
    told = capsys.readouterr().out
    assert told.startswith("api_key")
    assert "cannot be shown again" in told
    assert main(["key", "list", workspace, "--table", table, "--bucket", "b"]) == 0
    head, row = capsys.readouterr().out.splitlines()
    assert head.split()[:2] == ["key", "prefix"]
    assert workspace in row


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["key", "create", "w", "--expires-in-days", "99999999999"], "no number of days from 1 to 36500"),
        (["key", "create", "w", "--expires-in-days", "0"], "no number of days from 1 to 36500"),
        (["key", "create", "w", "--expires-at", "yesterday"], "no ISO 8601 time"),
        (["agent", "create", "w", "--name", "A", "--passages", "0"], "no whole number from 1 to 20"),
        (["agent", "create", "w", "--name", "A", "--max-tokens", "-5"], "no whole number from 1 to 1000000"),
        (["agent", "create", "w", "--name", "A", "--temperature", "9"], "no number from 0 to 2"),
        (["agent", "create", "w", "--name", "A", "--temperature", "nan"], "no number from 0 to 2"),
        (["agent", "publish", "w", "a", "--version", "0"], "no whole number from 1"),
    ],
)
def test_a_value_that_makes_no_sense_is_refused_with_what_would(
    capsys: pytest.CaptureFixture[str], words: list[str], complaint: str
) -> None:
    with pytest.raises(SystemExit) as ended:
        main([*words, "--table", "t", "--bucket", "b"])
    assert ended.value.code == 2
    assert complaint in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["--name", ""], "--name: An agent's name has 1 to 256"),
        (["--name", "x" * 257], "--name: An agent's name has 1 to 256"),
        (
            ["--name", "A", "--provider", "openai", "--model", "m", "--base-url", "ftp://x.example"],
            "--base-url: must be",
        ),
        (
            ["--name", "A", "--provider", "openai", "--model", "m", "--base-url", "https://10.0.0.1"],
            "--base-url: must not",
        ),
    ],
)
def test_an_agent_that_could_never_answer_is_not_made(
    admin: Admin,
    table: str,  # noqa: F811 -- the fixture
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    complaint: str,
) -> None:
    workspace = admin("workspace", "create", "Acme")["workspace"]
    assert main(["agent", "create", workspace, *words, "--table", table, "--bucket", "b"]) == 1
    assert complaint in capsys.readouterr().err
    assert admin("agent", "list", workspace) == []


@pytest.mark.parametrize("content", ['{"a', "{}", "[]", '{"aws": {}, "outputs": {}}'])
def test_a_stack_file_that_nobody_wrote_is_said_to_be_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], content: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".local").mkdir()
    (tmp_path / ".local/stack.json").write_text(content)
    assert main(["workspace", "list", "--local"]) == 1
    assert "start the local stack again" in capsys.readouterr().err
