"""Logs and metrics: one structured line an invocation, metrics in embedded metric format (CloudWatch).

Nothing of a request's or an item's content is ever logged: ids, counts, codes and durations only.
Lines are written by the standard library in the form that Powertools gives them: importing any part of Powertools
imports its logger, metrics and tracer together, forty-one modules that every cold start would pay for and that the
import budget has no room for. Metrics are Powertools' own, imported when the first one is counted (decision 20).
"""

from __future__ import annotations

import json
import logging
import sys
import time
import traceback
from collections.abc import Callable
from typing import Any

from batchwork.edge import settings

NAMESPACE = "Batchwork"
#: What every record carries; the rest of a record is what its caller added.
_STANDARD = {*logging.makeLogRecord({}).__dict__, "message", "asctime", "taskName"}


class _Lines(logging.Handler):
    """Writes each record as one line of JSON to what is standard output at that moment, as `print` does."""

    def __init__(self, service: str) -> None:
        super().__init__()
        self._service = service

    def emit(self, record: logging.LogRecord) -> None:
        at = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        line = {
            "level": record.levelname,
            "timestamp": f"{at}.{int(record.msecs):03d}+00:00",
            "service": self._service,
            "message": record.getMessage(),
            **{key: value for key, value in record.__dict__.items() if key not in _STANDARD},
        }
        sys.stdout.write(json.dumps(line, default=str) + "\n")


def logger(service: str) -> logging.Logger:
    """Return the function's logger; its level is POWERTOOLS_LOG_LEVEL."""
    named = logging.getLogger(f"batchwork.{service}")
    named.setLevel(settings.text("POWERTOOLS_LOG_LEVEL", "INFO"))
    named.propagate = False
    named.handlers = [_Lines(service)]
    return named


def count(service: str, name: str, number: int) -> None:
    """Add to one of the metrics that the template's alarms watch, in their namespace; its one dimension is the service."""
    from aws_lambda_powertools.metrics import Metrics, MetricUnit

    metrics = Metrics(namespace=NAMESPACE, service=service)
    metrics.add_metric(name, MetricUnit.Count, number)
    metrics.flush_metrics()


def unexpected(log: logging.Logger) -> Callable[[Exception], None]:
    """Return what reports an error that nothing planned for: type and place, never its text, which may hold content."""

    def report(exc: Exception) -> None:
        log.error("unexpected", extra=traits(exc))

    return report


def traits(exc: BaseException) -> dict[str, Any]:
    """Return what a log may tell of an error: types, places, and AWS's own code, none of which quotes content."""
    causes: list[str] = []
    cause = exc.__cause__ or exc.__context__
    while cause is not None and len(causes) < 5:
        causes.append(type(cause).__name__)
        cause = cause.__cause__ or cause.__context__
    frames = traceback.extract_tb(exc.__traceback__)
    told: dict[str, Any] = {
        "error": type(exc).__name__,
        "at": [f"{'/'.join(frame.filename.split('/')[-2:])}:{frame.lineno}" for frame in frames[-12:]],
    }
    if causes:
        told["causes"] = causes
    refusal = getattr(exc, "response", None)
    if isinstance(refusal, dict):  # botocore's ClientError
        told["code"] = (refusal.get("Error") or {}).get("Code")
        told["operation"] = getattr(exc, "operation_name", None)
    return told
