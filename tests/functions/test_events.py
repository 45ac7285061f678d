"""Each function's event in events/ gets the right answer: the ones `make sam-local` sends into containers."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from functions.loading import FUNCTIONS, load_function

from batchwork.adapters import aws
from local import samples

#: Queues that functions send to.
NAMES = ("work", "operations", "runs", "delivery")


def test_every_function_has_an_event_and_a_check() -> None:
    folders = {path.name for path in FUNCTIONS.iterdir() if (path / "handler.py").exists()}
    assert folders == set(samples.FUNCTIONS) == set(samples.checks("")) == samples.events()


def test_every_event_is_answered_right_one_after_the_other(
    table: str, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    queues = {name: aws.client("sqs").create_queue(QueueName=name)["QueueUrl"] for name in NAMES}
    settings = {
        "TABLE_NAME": table,
        "BUCKET_NAME": bucket,
        "WORK_QUEUE_URL": queues["work"],
        "OPERATIONS_QUEUE_URL": queues["operations"],
        "RUNS_QUEUE_URL": queues["runs"],
        "DELIVERY_QUEUE_URL": queues["delivery"],
        "ALLOW_LOOPBACK_EGRESS": "true",
    }
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    samples.seed(table, bucket, queues["work"], queues["operations"], queues["runs"])
    checks = samples.checks(table)
    context: Any = SimpleNamespace(get_remaining_time_in_millis=lambda: 300_000)
    for function in samples.FUNCTIONS:
        answer = load_function(function).handler(samples.event(function), context)
        assert checks[function](answer), (function, answer)
