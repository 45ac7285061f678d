"""The published Python clients of the workflow runs API, extend-ai 0.2.0 and 1.20.0, against the local stack: unmodified,
but for base URL and token, each in an environment of its own that its lock file in `extend/` describes.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from journeys.client import Stack
from local.receiver import Received, receiver
from local.stack import ROOT

HERE = Path(__file__).parent / "extend"
UV = ROOT / ".uv/bin/uv"
Run = Callable[..., Any]

pytestmark = pytest.mark.skipif(not UV.exists(), reason="make installs uv, which the clients are installed by")


def installed(version: str, folder: Path) -> Path:
    """Return the interpreter of an environment that holds one version of the client."""
    for arguments in (
        ["venv", "--quiet", "--no-python-downloads", "--python", sys.executable, str(folder)],
        ["pip", "sync", "--quiet", "--python", str(folder), "--require-hashes", str(HERE / f"{version}.lock")],
    ):
        done = subprocess.run([UV, *arguments], capture_output=True, text=True, timeout=110, check=False)
        assert done.returncode == 0, done.stderr[-2000:]
    return folder / "bin/python"


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The interpreter of a version's environment, made once."""
    made: dict[str, Path] = {}

    def of(version: str) -> Path:
        if version not in made:
            made[version] = installed(version, tmp_path_factory.mktemp(f"extend-{version}"))
        return made[version]

    return of


def run(interpreter: Path, script: str, *arguments: str, given: str | None = None) -> Any:
    """Return what a script in the client's environment prints, as JSON."""
    done = subprocess.run(
        [interpreter, HERE / script, *arguments],
        input=given,
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
        env={"PATH": sysconfig.get_path("scripts"), "PYTHONIOENCODING": "utf-8"},
    )
    assert done.returncode == 0, (done.stdout, done.stderr[-3000:])
    return json.loads(done.stdout)


def test_the_client_of_2025_batches_lists_gets_changes_and_uploads(
    stack: Stack, python: Callable[[str], Path], tmp_path: Path
) -> None:
    told = run(
        python("0.2.0"),
        "speaks_2025.py",
        stack["base_url"],
        stack["api_keys"]["pro"],
        stack["workflow_id"],
        str(tmp_path),
    )
    assert told["created"] == [True, "draft", "Made by the client"]
    assert told["uploaded"] == ["note.txt", "TXT"]
    assert told["accepted"] == [True, True]
    assert told["statuses"] == ["PROCESSED"] * 11
    assert told["distinct"] == 11
    assert told["by_creation"] == [11, 11]
    assert told["failed_of_batch"] == 0
    assert told["named"] == 1
    assert told["metadata"] == list(range(11))
    assert told["batch_ids"] == [True]
    assert told["tag"] == "ü"
    assert told["extracted"] == [{"invoice_number": "INV-7", "total": 7}]
    assert told["told_secret"] is False
    assert told["updated"] == ["Renamed", 7, True]
    assert told["single"] == [1, None, {"single": True}]
    assert told["deleted"] == [True, True]
    status, body = told["gone"]
    assert (status, body["success"], bool(body["error"])) == (404, False, True)
    status, body = told["cancel_ended"]
    assert (status, body["success"]) == (400, False)
    assert told["file"] == ["note.txt", "Invoice Number: INV-77\nTotal: $12.50\n", True]
    assert told["files"] is True
    assert told["file_deleted"] is True
    assert told["unknown_workflow"][0] == 404
    status, body = told["no_inputs"]
    assert status == 400
    assert "inputs" in body["error"]


def test_the_client_of_2026_deploys_runs_polls_and_is_told(
    stack: Stack, python: Callable[[str], Path], tmp_path: Path
) -> None:
    interpreter = python("1.20.0")
    with receiver() as hook:
        told = run(
            interpreter, "speaks_2026.py", stack["base_url"], stack["api_keys"]["enterprise"], hook.url, str(tmp_path)
        )
        events = [hook.arrivals.get(timeout=20) for _ in range(4)]
    assert told["created"] == ["Invoices", "draft", 5]
    assert told["deployed"] == ["1", "first"]
    assert told["versions"][:1] == ["1"] or told["versions"][-1:] == ["1"]
    assert told["version"] is True
    assert (told["renamed"], told["retrieved"], told["listed"]) == ("All invoices", "All invoices", True)
    assert told["secret"].startswith("wss_")
    assert told["endpoint"] == ["Receiver", "enabled"]
    assert (told["endpoints"], told["subscriptions"]) == ([True], [True])
    # The second invoice has no total: its rule fails, and a person is to look at it.
    assert told["statuses"] == ["PROCESSED", "NEEDS_REVIEW", "PROCESSED"]
    assert told["steps"] == ["PARSE", "CLASSIFY", "EXTRACT", "RULE_VALIDATION"]
    assert told["names"] == ["one.txt", "two.txt", "plain.txt"]
    assert told["value"] == {"invoice_number": "INV-1", "total": 1.25}
    assert told["classified"] == "invoice"
    assert told["rules"] == [["total is known", True], ["total is known", False], ["total is known", True]]
    assert told["told_secret"] is False
    assert told["polled"] == ["PROCESSED", None, "draft"]
    assert told["updated"] == {"n": 1, "more": [1, 2]}
    assert told["deleted"] is True
    status, body = told["gone"]
    assert (status, body["code"], body["retryable"]) == (404, "NOT_FOUND", False)
    assert told["cancel_ended"][0] == 400
    assert told["file"] == ["plain.txt", "TXT", "Invoice\nInvoice Number: INV-9\nTotal: 99.50\n"]
    assert (told["files"], told["file_deleted"]) == (True, True)
    status, body = told["bad"]
    assert (status, body["code"]) == (400, "INVALID_REQUEST")
    assert "workflow.version" in body["message"]
    assert "inputs" in body["message"]
    assert told["no_subscriptions"] == []
    assert (told["disabled"], told["endpoint_deleted"]) == ("disabled", True)

    _verified_by_the_clients_own_verifier(interpreter, events, told["secret"])


def _verified_by_the_clients_own_verifier(interpreter: Path, events: list[Received], secret: str) -> None:
    assert all(each.headers["x-ours"] == "yes" for each in events)
    assert all(each.headers["x-extend-api-version"] == "2026-02-09" for each in events)
    asked = [{"body": each.body.decode(), "headers": each.headers, "secret": secret} for each in events]
    verified = run(interpreter, "verifies.py", given=json.dumps(asked))
    assert sorted(verified) == [
        ["workflow_run.completed", "PROCESSED", "json", False],
        ["workflow_run.completed", "PROCESSED", "json", False],
        ["workflow_run.completed", "PROCESSED", "json", False],
        ["workflow_run.needs_review", "NEEDS_REVIEW", "json", False],
    ]


@pytest.mark.skipif(shutil.which("node") is None, reason="JSON.stringify is node's")
def test_a_receiver_that_signs_what_it_parsed_and_printed_again_gets_the_same_signature(
    stack: Stack, python: Callable[[str], Path]
) -> None:
    """The legacy guide verifies JSON.stringify(request.body) (spec 4.9)."""
    from journeys.workflow_client import Workflows  # its requests are of no use to the other tests

    client = Workflows(stack, "pro")
    with receiver() as hook:
        endpoint = client.endpoint(hook.url, "2024-12-23")
        client.subscribe(endpoint["id"], stack["workflow_id"], ["workflow_run.completed"])
        client.batch([{"rawText": "Total: 1.0", "metadata": {"ü": "é\u2028", "f": 1.0, "e": 1e21, "s": "</a>"}}])
        received = hook.arrivals.get(timeout=20)
        client.remove(f"/webhook_endpoints/{endpoint['id']}")
    done = subprocess.run(
        ["node", "-e", "process.stdout.write(JSON.stringify(JSON.parse(require('fs').readFileSync(0,'utf8'))))"],
        input=received.body,
        capture_output=True,
        timeout=30,
        check=True,
    )
    assert done.stdout == received.body
    verified = run(
        python("1.20.0"),
        "verifies.py",
        given=json.dumps(
            [{"body": done.stdout.decode(), "headers": received.headers, "secret": endpoint["signingSecret"]}]
        ),
    )
    assert verified == [["workflow_run.completed", "PROCESSED", "json", False]]
