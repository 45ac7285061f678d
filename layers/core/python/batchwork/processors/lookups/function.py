"""Function: a Lambda function of the operator's answers items in groups.

It is invoked with {endpoint, workspace_id, token, items: [{index, item}]} and answers {results: [...]}, one result for
each item in the same order: {status: 200, data} or {status: 400 to 599, error: {code, message, details?}}. token and
index together name an item: the same in every try.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, ClassVar

from batchwork.domain.errors import LookupFailed
from batchwork.domain.lookup import Found, LookupItem
from batchwork.ports.lookups import LookupFunction

#: Items of one invocation, where settings name no number.
GROUP_SIZE = 25
#: Characters of an error's code and of its message: more is cut off.
MAX_CODE, MAX_MESSAGE = 64, 1_000


@dataclass(frozen=True, slots=True)
class FunctionLookup:
    """Lets a function answer. Items of one group are one invocation."""

    invoke: LookupFunction
    workspace_id: str
    endpoint: str
    arn: str
    group_size: int = GROUP_SIZE

    separable: ClassVar[bool] = True

    def groups(self, items: Sequence[LookupItem]) -> list[Sequence[LookupItem]]:
        """Return the items in groups of the size that was set, in order."""
        return [items[start : start + self.group_size] for start in range(0, len(items), self.group_size)]

    def resolve(self, group: Sequence[LookupItem], timeout: timedelta, token: str) -> Mapping[int, Found]:
        """Return what the function answered; a result that is none is left out. Raises LookupFailed."""
        payload = {
            "endpoint": self.endpoint,
            "workspace_id": self.workspace_id,
            "token": token,
            "items": [{"index": item.index, "item": item.body} for item in group],
        }
        answer = self.invoke(self.arn, payload, timeout)
        results = answer.get("results") if isinstance(answer, dict) else None
        if not isinstance(results, list) or len(results) != len(group):
            raise LookupFailed(status=502, reason="The lookup function did not answer one result for each item.")
        told = {item.index: _found(result) for item, result in zip(group, results, strict=True)}
        return {index: found for index, found in told.items() if found is not None}


def _found(result: Any) -> Found | None:
    """Return what one result says, None for what is no result."""
    if not isinstance(result, dict):
        return None
    status = result.get("status")
    if status == 200 and "data" in result and not isinstance(status, bool):
        return Found(200, result["data"])
    error = result.get("error")
    if (
        isinstance(status, bool)
        or not isinstance(status, int)
        or not 400 <= status <= 599
        or not isinstance(error, dict)
    ):
        return None
    code, message, details = error.get("code"), error.get("message"), error.get("details") or {}
    if not isinstance(code, str) or not code or not isinstance(message, str) or not isinstance(details, dict):
        return None
    return Found(status, code=code[:MAX_CODE], message=message[:MAX_MESSAGE], details=details)
