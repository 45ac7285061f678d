"""Lambda functions that answer lookups."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError, ConnectTimeoutError, ReadTimeoutError

from batchwork.adapters.invocation import client_for, ended_badly
from batchwork.domain.errors import LookupFailed
from batchwork.domain.item import Json

if TYPE_CHECKING:
    from types_boto3_lambda import LambdaClient

#: What Lambda answers when too many run at once.
_BUSY = frozenset({"TooManyRequestsException", "ThrottlingException", "Throttling"})


class LambdaLookups:
    """ports.lookups.LookupFunction: one synchronous invocation each, never repeated."""

    def __init__(self, client: LambdaClient | None = None) -> None:
        self._client = client

    def __call__(self, arn: str, payload: Json, timeout: timedelta) -> Any:
        """Invoke a function and return its JSON answer.

        Raises LookupFailed: status 504 when there was no answer in time, else 502. Its reason quotes neither AWS, whose
        messages name roles and accounts, nor the function.
        """
        content = json.dumps(payload, separators=(",", ":")).encode()
        try:
            client = self._client or client_for(timeout)
            answer = client.invoke(FunctionName=arn, InvocationType="RequestResponse", Payload=content)
            told = answer["Payload"].read()
        except (ConnectTimeoutError, ReadTimeoutError) as exc:
            raise _failed(504, "did not answer in time") from exc
        except ClientError as exc:
            busy = exc.response["Error"].get("Code") in _BUSY
            raise _failed(502, "is busy" if busy else "could not be invoked") from exc
        except BotoCoreError as exc:
            raise _failed(502, "could not be reached") from exc
        if "FunctionError" in answer:
            timed_out = ended_badly(told).timed_out
            raise _failed(504, "did not answer in time") if timed_out else _failed(502, "failed")
        try:
            return json.loads(told, parse_constant=_no_number)
        except (ValueError, RecursionError) as exc:
            raise _failed(502, "did not answer JSON") from exc


def _failed(status: int, how: str) -> LookupFailed:
    return LookupFailed(status=status, reason=f"The lookup function {how}.")


def _no_number(name: str) -> Any:
    """Refuse NaN and Infinity, which Python's json reads and no client could."""
    raise ValueError(name)
