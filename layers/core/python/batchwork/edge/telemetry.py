"""Logs and metrics by Powertools: one structured line an invocation, metrics in embedded metric format (CloudWatch).

Nothing of a request's or an item's content is ever logged: ids, counts, codes and durations only.
"""

from __future__ import annotations

import logging
import sys
import traceback
from collections.abc import Callable
from typing import Any, TextIO

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit

NAMESPACE = "Batchwork"
COUNT = MetricUnit.Count


class _Stdout(logging.StreamHandler[TextIO]):
    """Writes to what is standard output when it writes, as `print` does, not when the logger was made."""

    def emit(self, record: logging.LogRecord) -> None:
        self.stream = sys.stdout
        super().emit(record)


def logger(service: str) -> Logger:
    """Return the function's logger; its level is POWERTOOLS_LOG_LEVEL."""
    return Logger(service=service, utc=True, use_rfc3339=True, logger_handler=_Stdout())


def metrics(service: str) -> Metrics:
    """Return the function's metrics, in the namespace that the template's alarms watch."""
    return Metrics(namespace=NAMESPACE, service=service)


def unexpected(log: Logger) -> Callable[[Exception], None]:
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
