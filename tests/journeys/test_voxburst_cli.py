"""The published client of the operations API, `@voxburst/cli`, against the local stack: unmodified, but for its URL and key.

Its packages are installed once for the tests, from the lock file in `voxburst/`.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from journeys.client import Stack
from journeys.tenants import a_tenant

LOCK = Path(__file__).parent / "voxburst"

pytestmark = pytest.mark.skipif(
    not (shutil.which("node") and shutil.which("npm")),
    reason="the client needs node and npm, which make does not install",
)


@pytest.fixture(scope="module")
def command(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The client's command, installed at the versions of its lock file."""
    folder = tmp_path_factory.mktemp("voxburst")
    for name in ("package.json", "package-lock.json"):
        shutil.copy(LOCK / name, folder)
    done = subprocess.run(
        ["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts"],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return folder / "node_modules/.bin/voxburst"


class Cli:
    """Runs the command as a user of one key, with a home folder of its own."""

    def __init__(self, command: Path, url: str, key: str, home: Path) -> None:
        self._command = command
        self._environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "VOXBURST_API_URL": url,
            "VOXBURST_API_KEY": key,
            "NO_COLOR": "1",
        }
        # `webhooks` reads its file only, not its environment.
        (home / ".voxburst").mkdir()
        (home / ".voxburst/config.json").write_text(json.dumps({"apiUrl": url, "apiKey": key}))

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [self._command, *arguments], env=self._environment, capture_output=True, text=True, timeout=60, check=False
        )

    def says(self, *arguments: str) -> str:
        done = self.run(*arguments)
        assert done.returncode == 0, (arguments, done.stdout, done.stderr)
        return done.stdout

    def json(self, *arguments: str) -> Any:
        """Return the JSON that a command prints: its own option --json is taken by the whole program, so that some
        commands say more around it.
        """
        said = self.says(*arguments, "--json")
        return json.JSONDecoder().raw_decode(said, said.index("{"))[0]

    def requests(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """Send a request through `debug request`; return (status, body)."""
        said = self.says("debug", "request", method, path, *([] if body is None else [json.dumps(body)]))
        status = int(said.partition("Status: ")[2].split()[0])
        return status, json.loads(said.partition("Body:")[2])


@pytest.fixture
def cli(command: Path, stack: Stack, tmp_path: Path) -> Cli:
    return Cli(command, stack["base_url"], stack["api_keys"]["pro"], tmp_path)


def test_it_knows_who_calls(cli: Cli) -> None:
    user = cli.json("whoami")
    assert user["plan"] == "pro"
    assert user["id"]
    assert user["name"]


def test_it_creates_lists_reads_and_updates_posts(cli: Cli) -> None:
    made = cli.json("posts", "create", "Hello from the client", "--platforms", "twitter")
    assert made["status"] == "draft"
    assert [part["platform"] for part in made["platforms"]] == ["twitter"]
    assert made["id"] in [post["id"] for post in cli.json("posts", "list", "--limit", "100")["posts"]]
    assert "Hello from the client" in cli.says("posts", "list", "--limit", "100")
    assert cli.json("posts", "get", made["id"])["content"] == "Hello from the client"
    changed = cli.json("posts", "update", made["id"], "Changed by the client")
    assert (changed["id"], changed["content"]) == (made["id"], "Changed by the client")
    assert made["id"] in [post["id"] for post in cli.json("posts", "list", "--status", "draft")["posts"]]


def test_it_schedules_and_cancels_a_post(cli: Cli) -> None:
    made = cli.json("schedule", "Later", "--at", "2099-01-01T09:00:00Z", "--platforms", "twitter")
    assert (made["status"], made["scheduledFor"]) == ("scheduled", "2099-01-01T09:00:00.000Z")
    assert "cancelled" in cli.says("posts", "cancel", made["id"])
    assert cli.json("posts", "get", made["id"])["status"] == "cancelled"
    again = cli.run("posts", "cancel", made["id"], "--json")
    assert again.returncode == 1
    assert "CONFLICT" in again.stdout + again.stderr


def test_a_deleted_post_is_gone_though_the_client_reads_no_empty_answer(cli: Cli) -> None:
    made = cli.json("post", "To be deleted", "--platforms", "twitter")
    done = cli.run("posts", "delete", made["id"])
    # It parses every answer as JSON, and the documented 204 has no body (spec operations 1.6).
    assert "NETWORK_ERROR" in done.stdout + done.stderr
    gone = cli.run("posts", "get", made["id"])
    assert gone.returncode == 1
    assert "NOT_FOUND" in gone.stdout + gone.stderr


def test_it_validates_content_for_platforms(cli: Cli) -> None:
    assert cli.json("validate", "Short", "--platforms", "twitter,linkedin")["results"] == [
        {"platform": "twitter", "valid": True, "errors": [], "warnings": []},
        {"platform": "linkedin", "valid": True, "errors": [], "warnings": []},
    ]
    long = cli.run("validate", "x" * 281, "--platforms", "twitter,linkedin")
    assert long.returncode == 1
    assert "280" in long.stdout


def test_it_lists_reads_connects_and_disconnects_accounts(command: Path, stack: Stack, tmp_path: Path) -> None:
    tenant = a_tenant(stack)
    cli = Cli(command, stack["base_url"], tenant.presented, tmp_path)
    assert "No accounts connected" in cli.says("accounts", "list")
    (url,) = re.findall(r"http\S+", cli.says("accounts", "connect", "twitter"))
    granted = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
    status, made = cli.requests("POST", "/v1/accounts/callback/twitter", granted)
    assert status == 200
    account = made["account"]
    assert account["id"] in cli.says("accounts", "list")
    assert [each["id"] for each in cli.json("accounts", "list")["accounts"]] == [account["id"]]
    assert f"@{account['username']}" in cli.says("accounts", "get", account["id"])
    cli.run("accounts", "disconnect", account["id"], "--force")  # 204: see above
    assert cli.json("accounts", "list")["accounts"] == []
    assert "Plan:  pro" in cli.says("status")


def test_it_lists_webhooks(command: Path, stack: Stack, tmp_path: Path) -> None:
    cli = Cli(command, stack["base_url"], a_tenant(stack).presented, tmp_path)
    assert "No webhooks configured" in cli.says("webhooks", "list")
    status, made = cli.requests(
        "POST", "/v1/webhooks", {"url": "https://example.com/hook", "events": ["post.created", "post.failed"]}
    )
    assert status == 201
    said = cli.says("webhooks", "list")
    assert f"ID: {made['id']}" in said
    assert "● https://example.com/hook" in said
    assert "Events: post.created, post.failed" in said


def test_it_runs_batches(cli: Cli) -> None:
    operations = [
        {"id": "create", "method": "POST", "path": "/v1/posts", "body": {"content": "Hi", "accountIds": ["acc_123"]}},
        {"id": "change", "method": "PATCH", "path": "/v1/posts/{{create.body.id}}", "body": {"content": "Hi again"}},
        {"id": "remove", "method": "DELETE", "path": "/v1/posts/{{create.body.id}}"},
    ]
    status, answer = cli.requests("POST", "/v1/batch", {"operations": operations})
    assert status == 200
    assert [result["status"] for result in answer["results"]] == [201, 200, 204]
    assert answer["summary"] == {"total": 3, "succeeded": 3, "failed": 0, "skipped": 0}
    assert cli.requests("GET", "/v1/batch/limits")[1]["maxOperations"] == 100
    status, submitted = cli.requests("POST", "/v1/batch/async", {"operations": operations[:1]})
    assert (status, submitted["data"]["status"]) == (202, "QUEUED")
    assert cli.requests("GET", f"/v1/batch/async/{submitted['data']['jobId']}")[0] == 200
    assert submitted["data"]["jobId"] in [job["id"] for job in cli.requests("GET", "/v1/batch/async")[1]["data"]]
