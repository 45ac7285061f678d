"""What DynamoDB's refusals mean."""

from __future__ import annotations

from typing import Any

from botocore.exceptions import ClientError

from batchwork.adapters.dynamodb.attributes import unrow


def condition_failed(exc: ClientError) -> bool:
    """Whether a write's condition was false, alone or as the reason of a cancelled transaction."""
    code = exc.response["Error"]["Code"]
    if code == "ConditionalCheckFailedException":
        return True
    reasons: list[dict[str, Any]] = exc.response.get("CancellationReasons", [])  # type: ignore[assignment] # untyped
    return code == "TransactionCanceledException" and any(r.get("Code") == "ConditionalCheckFailed" for r in reasons)


def row_before(exc: ClientError) -> dict[str, Any]:
    """Return the row that made a condition false (ReturnValuesOnConditionCheckFailure), empty when there was none."""
    found: dict[str, Any] = exc.response.get("Item", {})  # type: ignore[assignment] # untyped
    return unrow(found)
