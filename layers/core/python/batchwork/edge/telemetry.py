"""Logs and metrics: one structured line an invocation, metrics in embedded metric format (CloudWatch).

Nothing of a request's or an item's content is ever logged: ids, counts, codes and durations only.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable

from aws_lambda_powertools.logging import Logger
from aws_lambda_powertools.metrics import Metrics, MetricUnit

NAMESPACE = "Batchwork"


def logger(service: str) -> Logger:
    """Return the function's logger; its level is POWERTOOLS_LOG_LEVEL."""
    return Logger(service=service, utc=True)


def metrics(service: str) -> Metrics:
    """Return the function's metrics, in the namespace that the template's alarms watch."""
    return Metrics(namespace=NAMESPACE, service=service)


COUNT = MetricUnit.Count


def unexpected(log: Logger) -> Callable[[Exception], None]:
    """Return what reports an error that nothing planned for: type and place, never its text, which may hold content."""

    def report(exc: Exception) -> None:
        frames = traceback.extract_tb(exc.__traceback__)
        log.error(
            "unexpected",
            extra={
                "error": type(exc).__name__,
                # botocore's ClientError: AWS's own code, which holds no content
                "code": getattr(exc, "response", {}).get("Error", {}).get("Code"),
                "at": [f"{f.filename.split('/')[-1]}:{f.lineno}" for f in frames[-6:]],
            },
        )

    return report
