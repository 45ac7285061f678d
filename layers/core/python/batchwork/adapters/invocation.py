"""Synchronous invocations of Lambda functions: once each, and what a function says of how it ended."""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from batchwork.adapters import aws
from batchwork.domain.recent import Recent

if TYPE_CHECKING:
    from types_boto3_lambda import LambdaClient

_clients: Recent[int, LambdaClient] = Recent(8)
#: A class name may be shown; what the function says beside it may be anything.
_NAME = re.compile(r"[A-Za-z_.]{1,80}")


@dataclass(frozen=True, slots=True)
class BadEnd:
    """How a function ended that did not answer. kind: the class of its error, empty when that is not fit to be shown."""

    kind: str
    timed_out: bool


def client_for(timeout: timedelta) -> LambdaClient:
    """Return a client that waits for an answer as long as the timeout, in whole seconds, and tries once.

    A second try by the client would run the function twice under one token.
    """
    seconds = max(1, math.ceil(timeout.total_seconds()))

    def make() -> LambdaClient:
        client: LambdaClient = aws.client(
            "lambda", read_timeout=seconds, retries={"mode": "standard", "total_max_attempts": 1}
        )
        return client

    return _clients.get(seconds, make)


def ended_badly(content: bytes) -> BadEnd:
    """Return how a function ended whose answer came with a FunctionError."""
    try:
        told = json.loads(content)
        kind, text = str(told.get("errorType", "")), str(told.get("errorMessage", ""))
    except (ValueError, AttributeError, RecursionError):
        kind, text = "", ""
    # Lambda reports its timeout as Sandbox.Timedout since 2024, before that only in the message
    timed_out = kind == "Sandbox.Timedout" or "Task timed out" in text
    return BadEnd(kind if _NAME.fullmatch(kind) else "", timed_out)
