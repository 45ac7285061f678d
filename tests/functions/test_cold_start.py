"""What a function imports is what its cold start costs: counted in modules, in a fresh interpreter, as INIT runs it.

Counted is everything in sys.modules, what a bare interpreter holds already included.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FUNCTIONS = sorted(path.parent.name for path in (ROOT / "functions").glob("*/handler.py"))
#: Functions that a queue, a stream or a schedule invokes; every other one is invoked over HTTP.
BACKGROUND = {
    *("messages_worker", "operations_worker", "completion", "resource_events", "media_uploaded"),
    *("webhook_sender", "sweeper", "workflow_runs_worker"),
}
BACKGROUND_LIMIT, HTTP_LIMIT = 400, 450
#: Never paid for at INIT: boto3 and its resources, Powertools, tracing, other HTTP clients, readers of documents.
NEVER = {
    "boto3",
    "aws_lambda_powertools",
    "aws_xray_sdk",
    "requests",
    "httpx",
    "asyncio",
    "pypdf",
    "docx",
    "lxml",
    "sqlite3",
    "multiprocessing",
    "openpyxl",
    "re2",
}
ENVIRONMENT = {
    "TABLE_NAME": "table",
    "BUCKET_NAME": "bucket",
    "WORK_QUEUE_URL": "https://sqs.us-east-1.amazonaws.com/000000000000/work",
    "OPERATIONS_QUEUE_URL": "https://sqs.us-east-1.amazonaws.com/000000000000/operations",
    "RUNS_QUEUE_URL": "https://sqs.us-east-1.amazonaws.com/000000000000/runs",
    "DELIVERY_QUEUE_URL": "https://sqs.us-east-1.amazonaws.com/000000000000/delivery",
    "BATCH_DEADLINE_HOURS": "24",
    "RETENTION_DAYS": "30",
    "ITEM_CONCURRENCY": "32",
    "ITEM_TIMEOUT_SECONDS": "60",
    "OPERATION_CONCURRENCY": "16",
    "OPERATION_TIMEOUT_SECONDS": "15",
    "GATEWAY_TIMEOUT_MILLIS": "29000",
    "JOB_RETENTION_DAYS": "7",
    "RUN_CONCURRENCY": "10",
    "RUN_TIMEOUT_SECONDS": "120",
    "ALLOW_LOOPBACK_EGRESS": "false",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_REGION": "us-east-1",
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_LAMBDA_FUNCTION_NAME": "function",
    "PATH": os.environ.get("PATH", ""),
}
# The interpreter starts isolated and without site, so that no .pth file of the tests' environment imports anything.
PROGRAM = """
import sys
sys.path[:0] = [{function!r}, {layer!r}, {wheels!r}]
import handler
imported = sorted(sys.modules)
assert callable(handler.handler)
import json
print(json.dumps(imported))
"""


def modules_of(function: str) -> list[str]:
    program = PROGRAM.format(
        function=str(ROOT / "functions" / function),
        layer=str(ROOT / "layers/core/python"),
        wheels=sysconfig.get_paths()["purelib"],
    )
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-B", "-c", program],
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    modules: list[str] = json.loads(done.stdout.splitlines()[-1])
    return modules


def test_every_background_function_named_here_exists() -> None:
    assert set(FUNCTIONS) >= BACKGROUND


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_function_imports_no_more_modules_than_its_budget(function: str) -> None:
    modules = modules_of(function)
    limit = BACKGROUND_LIMIT if function in BACKGROUND else HTTP_LIMIT
    assert len(modules) <= limit, f"{function} imports {len(modules)} modules"
    assert not NEVER.intersection(modules)
    if function in BACKGROUND:
        assert "pydantic" not in modules
